"""The small checkpoint in its forms, as sampling is told of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from safetensors.torch import load_file, save_file  # noqa: E402

from vaereg.probes.generation.defaults import recipe_for  # noqa: E402
from vaereg.probes.generation.parts import Checkpoint  # noqa: E402
from vaereg.probes.generation.sampling import sample  # noqa: E402
from vaereg.registry.formats.catalog import read_path  # noqa: E402
from vaereg.registry.identify.identify import identify, identify_folder  # noqa: E402
from vaereg.registry.values import Folder  # noqa: E402

torch.set_num_threads(1)

CPU = torch.device("cpu")
DENOISER, TEXT = "model.diffusion_model.", "cond_stage_model."


def described(path: Path, configs: Path | None = None) -> Checkpoint:
    """What sampling is told of a file or folder, by identification alone."""
    found = read_path(str(path))
    identity = identify_folder(found) if isinstance(found, Folder) else identify(found)
    return Checkpoint(path.name, str(path), identity, str(configs) if configs else None)


def drawn(path: Path, dtype=torch.float32, watch=None, **changes: object):
    """The default recipe, or one that differs from it in some fields, carried out on the CPU."""
    checkpoint = described(path)
    recipe = replace(recipe_for(checkpoint, CPU), **changes)
    return sample(checkpoint, recipe, CPU, dtype, watch)


def rewritten(source: Path, target: Path, change) -> Path:
    """A copy of a safetensors file with its tensors changed by ``change``, in place or anew."""
    tensors = load_file(source)
    kept = change(tensors)
    save_file(tensors if kept is None else kept, target)
    return target


def copied(source: Path, target: Path) -> Path:
    """A copy of a folder, to be damaged."""
    shutil.copytree(source, target)
    return target
