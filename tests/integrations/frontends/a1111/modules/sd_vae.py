"""Which VAE is used for a checkpoint (modules/sd_vae.py)."""

import os
from dataclasses import dataclass

from modules import shared

vae_dict = {}
loaded_vae_file = None
user_metadata = {}


@dataclass
class VaeResolution:
    vae: str = None
    source: str = None
    resolved: bool = True


def resolve_vae(checkpoint_file):
    stem = os.path.splitext(os.path.basename(checkpoint_file))[0]
    if user_metadata.get(stem) == "None":
        return VaeResolution()
    if shared.opts.sd_vae == "None":
        return VaeResolution()
    if shared.opts.sd_vae in vae_dict:
        return VaeResolution(vae_dict[shared.opts.sd_vae], "specified in settings")
    for path in vae_dict.values():
        if os.path.basename(path).startswith(stem):
            return VaeResolution(path, "found near the checkpoint")
    return VaeResolution(resolved=False)


def reload_vae_weights(sd_model):
    global loaded_vae_file
    loaded_vae_file = resolve_vae(sd_model.sd_checkpoint_info.filename).vae
