"""A registry with a VAE that surely fits, beside a web UI that shows the checkpoint."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cli.conftest import Vaereg
from tests.registry.frontends import trees


def ready(vaereg: Vaereg, library: Path, root: Path, **more) -> Path:
    """``forest_v1.ldm``, extracted from the checkpoint and so proved to fit."""
    ui = trees.a1111(root, **more)
    os.link(library / "checkpoints/forest_v1.safetensors", checkpoint(ui))
    forest = library / "checkpoints/forest_v1.safetensors"
    made = vaereg("convert", forest, "--layout", "ldm")
    words = ("--model", forest, "--vae", made.out.strip(), "--probe", "none")
    assert vaereg("check", *words).code == 0
    return ui


def checkpoint(ui: Path) -> Path:
    return ui / "models/Stable-diffusion/forest_v1.safetensors"
