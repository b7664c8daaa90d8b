"""diffusers: lines of Python that give the VAE the scaling factor of its family.

Source: huggingface/diffusers src/diffusers/loaders/single_file_model.py and
single_file_utils.py: a bare VAE file is taken for Stable Diffusion 1's, and a ``scaling_factor``
given to ``from_single_file`` is ignored (measured with diffusers 0.42); issue 6923.
"""

from __future__ import annotations

from ..families import families, family
from ..frontends.recorded import sayable
from ..naming import shown
from ..values import Model
from .base import Choice, Feeder, Refused, Snippet, Wanted
from .choosing import family_of
from .shelf import Accepts

CONFIGS = {
    "sd1": ("stable-diffusion-v1-5/stable-diffusion-v1-5", "vae"),
    "sdxl": ("stabilityai/stable-diffusion-xl-base-1.0", "vae"),
    "sd3": ("stabilityai/stable-diffusion-3-medium-diffusers", "vae"),
    "flux1": ("black-forest-labs/FLUX.1-schnell", "vae"),
}
"""Repository and sub-folder on huggingface.co whose config is of that latent family."""
_AUTOMATIC = "AutoencoderKL"


def export(wanted: Wanted) -> tuple[Snippet | Refused, ...]:
    """Lines that load each VAE; for a checkpoint with its own none are needed."""
    chosen = {
        choice.vae.artifact.digests.sha256: choice.vae for choice in wanted.choices if choice.vae
    }
    chosen |= {vae.artifact.digests.sha256: vae for vae in wanted.vaes}
    rows = [_row(vae, wanted) for vae in chosen.values()]
    return (*rows, *(_own(choice) for choice in wanted.choices if choice.vae is None))


FEEDER = Feeder(export)


def _own(choice: Choice) -> Snippet:
    name = shown(choice.listed.name)
    return name, "# its own VAE fits: give the pipeline no other"


def _row(vae: Model, wanted: Wanted) -> Snippet | Refused:
    name, known = shown(vae.name), family_of(vae, wanted.choices)
    folder = wanted.recorded.folder_of(vae)
    kind = (families()[known].diffusers_class if known in families() else None) or _AUTOMATIC
    head = f"from diffusers import {kind}\n\n"
    if folder is not None and sayable((folder,)):
        return name, f"{head}vae = {kind}.from_pretrained({folder!r})"
    accepts = Accepts("diffusers")
    sound = [
        path
        for path in wanted.recorded.places(vae)
        if sayable((path,)) and accepts.trouble(vae, path) is None
    ]
    if known not in CONFIGS or not sound:
        named = f" --family {known}" if known else ""
        how = f"vaereg convert {name} --layout diffusers{named}"
        why = f"{name} is nothing that diffusers loads rightly; {how}"
        return Refused(vae.path or vae.name, f"{why} makes a folder for {kind}.from_pretrained")
    return name, head + _single(kind, sound[0], str(known))


def _single(kind: str, path: str, known: str) -> str:
    repository, folder = CONFIGS[known]
    row = family(known)
    keys = {"scaling_factor": row.scaling_factor, "shift_factor": row.shift_factor}
    said = ", ".join(f"{key}={value}" for key, value in keys.items() if value is not None)
    return (
        f"vae = {kind}.from_single_file(\n"
        f"    {path!r},\n"
        f"    config={repository!r},\n"
        f"    subfolder={folder!r},\n"
        ")\n"
        f"vae.register_to_config({said})"
    )
