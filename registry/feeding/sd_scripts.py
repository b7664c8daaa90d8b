"""sd-scripts: the VAE by a flag; the scaling factor is the script's own.

Source: kohya-ss/sd-scripts library/model_util.py ``load_vae``, library/train_util.py
(``--pretrained_model_name_or_path``, ``--vae``, ``--no_half_vae``), flux_train_network.py
(``--ae``).
"""

from __future__ import annotations

import os

from ..known import fp16_safe
from ..naming import shown
from ..values import Model
from .base import Choice, Feeder, Refused, Snippet, Wanted
from .choosing import family_of
from .quoting import line
from .shelf import Accepts

FLAGS = {"flux1": "--ae", "flux2": "--ae"}
"""By latent family; ``--vae`` for all others."""


def export(wanted: Wanted) -> tuple[Snippet | Refused, ...]:
    """The flags for each checkpoint."""
    return tuple(_row(choice, wanted) for choice in wanted.choices)


FEEDER = Feeder(export)


def _row(choice: Choice, wanted: Wanted) -> Snippet | Refused:
    name = shown(choice.listed.name)
    words = ["--pretrained_model_name_or_path", choice.listed.path]
    if choice.vae is None:
        return name, line([*words, *_half(choice.checkpoint)], wanted.shell)
    source = _source(choice.vae, wanted)
    if source is None:
        how = f"vaereg convert {shown(choice.vae.name)} --layout diffusers makes one"
        why = f"{shown(choice.vae.name)} is nothing that sd-scripts loads; {how}"
        return Refused(choice.vae.path or choice.vae.name, why)
    flag = FLAGS.get(family_of(choice.vae, wanted.choices) or "", "--vae")
    return name, line([*words, flag, source, *_half(choice.vae)], wanted.shell)


def _source(vae: Model, wanted: Wanted) -> str | None:
    """A folder, or a file of LDM's names: ``load_vae`` reads every single file as such."""
    accepts = Accepts("sd-scripts", folders=True, prefixed=True)
    part = vae.artifact.identity.component("vae")
    for path in wanted.recorded.places(vae):
        as_file = part is not None and part.layout == "ldm" and not os.path.isdir(path)
        if accepts.trouble(vae, path) is None and (as_file or os.path.isdir(path)):
            return path
    return wanted.recorded.folder_of(vae)


def _half(model: Model) -> list[str]:
    """In half precision it gives ``NaN detected in latents`` (kohya-ss/sd-scripts issue 653)."""
    return ["--no_half_vae"] if fp16_safe(model.artifact.digests.sha256) is False else []
