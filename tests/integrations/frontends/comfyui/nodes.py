"""ComfyUI's own loaders (nodes.py, comfy/sd.py): channels from the weights, no word on a misfit."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import folder_paths


def shapes(path):
    data = Path(path).read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    return {name: row["shape"] for name, row in header.items() if name != "__metadata__"}


@dataclass
class VAE:
    file: str
    latent_channels: int
    first_stage_model: object

    @classmethod
    def of(cls, path, prefix=""):
        shape = shapes(path).get(f"{prefix}decoder.conv_in.weight")
        return cls(path, shape[1] if shape else 4, object() if shape else None)


class CheckpointLoaderSimple:
    def load_checkpoint(self, ckpt_name):
        path = folder_paths.get_full_path_or_raise("checkpoints", ckpt_name)
        channels = shapes(path)["model.diffusion_model.out.2.weight"][0]
        latent_format = SimpleNamespace(latent_channels=channels)
        model = SimpleNamespace(model=SimpleNamespace(latent_format=latent_format))
        return model, f"clip of {ckpt_name}", VAE.of(path, "first_stage_model.")


class VAELoader:
    def load_vae(self, vae_name):
        vae = VAE.of(folder_paths.get_full_path_or_raise("vae", vae_name))
        if vae.first_stage_model is None:
            raise RuntimeError("ERROR: VAE is invalid: None")
        return (vae,)
