"""The same seed at each clip skip, through a checkpoint's own VAE, in one sheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from ...registry.errors import CannotRun
from ...registry.measures import Scaling, VaeFile
from ...registry.naming import shown
from ...registry.textual.swept import SweepTask, SweptEncoder, SweptPicture
from ...registry.values import Notice
from ..comparison.compared import Column, compare
from ..comparison.sheet import write_sheet
from ..device import out_of_memory_told
from ..measures.normalisation import denormalise
from ..pictures.writing import require_pillow
from ..runners.catalog import load
from ..shapes import prompts as shapes
from .clip_layers import deepest
from .defaults import wished
from .drawn import wider
from .engine import Watch
from .parts import Checkpoint, Parts
from .recipes import Recipe
from .sampling import Sampled, sample_all

if TYPE_CHECKING:
    from ..autoencoder import Autoencoder
    from ..comparison.figures import Picture

MOST = 6
"""The deepest clip skip that is drawn: further up a prompt is hardly followed any more."""
TRAINED_IN = (
    "in this small demo checkpoint the effect is trained in on purpose: at 2 it knows the colour"
    " alone, from 3 on nothing of the prompt"
)
"""See ``shapes.train.OBEDIENCE``."""


@dataclass(frozen=True, slots=True)
class _Skip:
    """One clip skip to draw at."""

    count: int
    """By A1111's count."""
    back: int
    """Layers from the end of those that are there; 1 is the last."""
    recipe: Recipe


def draw_each(
    task: SweepTask,
    checkpoint: Checkpoint,
    parts: Parts,
    encoders: Sequence[SweptEncoder],
    device: torch.device,
    dtype: torch.dtype,
    watch: Watch | None,
) -> tuple[tuple[SweptPicture, ...], tuple[Notice, ...]]:
    """Draw at each clip skip with the checkpoint loaded once, and write the sheet.

    ``encoders`` are those of ``parts``, swept. The first picture is at the usual clip skip.
    Raises ``CannotRun`` before anything is drawn where it could not be shown, else as
    ``sample_all``, ``load`` and ``write_sheet`` do.
    """
    require_pillow("a sheet of pictures")
    vae, scaling = _decodable(task)
    depths = [len(encoder.layers) for encoder in encoders]
    skips = _skips(task, checkpoint, parts, depths, device)
    decoder = load(vae, device, torch.float32, ("decoder",))
    recipes = tuple(skip.recipe for skip in skips)
    counted = _Counted(watch, len(recipes)) if watch else None
    drawn = _drawn(checkpoint, recipes, device, dtype, counted)
    columns = [
        Column(_name(skip, task), _picture(decoder, one, scaling, device), _depths(skip, depths))
        for skip, one in zip(skips, drawn, strict=True)
    ]
    compared = compare(columns)
    write_sheet(task.sheet, compared, list(_captions(task, parts, drawn[0])))
    pictures = tuple(
        SweptPicture(skip.count, seen.words, seen.kind)
        for skip, seen in zip(skips, compared.columns, strict=True)
    )
    return pictures, tuple(_notices(skips, drawn, encoders, parts.xl))


def _decodable(task: SweepTask) -> tuple[VaeFile, Scaling]:
    """What shows the latents; raises ``CannotRun`` saying what is missing."""
    model = shown(task.checkpoint.name)
    if task.vae is None or "decoder" not in task.vae.parts:
        raise CannotRun(f"{model} has no VAE of its own to show them with")
    if task.scaling is None:
        raise CannotRun(f"the scaling of {model}'s latents is not known")
    return task.vae, task.scaling


def _skips(
    task: SweepTask,
    checkpoint: Checkpoint,
    parts: Parts,
    depths: Sequence[int],
    device: torch.device,
) -> list[_Skip]:
    """What can be drawn at, from the usual clip skip on: the one that diffusers counts as 0."""
    recipe = wished(checkpoint, device, task.seed, task.steps, task.size)
    usual_back = 2 if parts.xl else 1
    usual = deepest(parts.texts[0].architecture, depths[0]) - depths[0] + usual_back
    return [
        _Skip(usual + deeper, usual_back + deeper, replace(recipe, clip_skip=deeper))
        for deeper in range(max(MOST - usual, 0) + 1)
        if usual_back + deeper <= min(depths)
    ]


class _Counted:
    """Steps of several pictures as steps of one whole; begun anew where all are drawn again."""

    def __init__(self, watch: Watch, pictures: int) -> None:
        self._watch, self._pictures, self._made = watch, pictures, 0

    def __call__(self, _step: int, of: int) -> None:
        self._made += 1
        self._watch(self._made, max(self._pictures * of, self._made))


def _drawn(
    checkpoint: Checkpoint,
    recipes: tuple[Recipe, ...],
    device: torch.device,
    dtype: torch.dtype,
    watch: Watch | None,
) -> tuple[Sampled, ...]:
    """All of them in one float type: a wider one where one is not finite in that asked for."""
    drawn = sample_all(checkpoint, recipes, device, dtype, watch)
    for other in wider(dtype):
        if not all(one.finite for one in drawn):
            drawn = sample_all(checkpoint, recipes, device, other, watch)
    return drawn


def _picture(
    decoder: Autoencoder, drawn: Sampled, scaling: Scaling, device: torch.device
) -> Picture:
    """Floats [3, H, W], black 0 and white 1."""
    latents = torch.from_numpy(drawn.latents)
    if latents.shape[1] != decoder.channels:
        raise CannotRun(
            f"the denoiser draws {latents.shape[1]} channels, its VAE decodes {decoder.channels}"
        )
    raw = latents if decoder.scaled else denormalise(latents, scaling)
    with out_of_memory_told(device), torch.inference_mode():
        picture: Picture = (decoder.decode(raw)[0] / 2 + 0.5).cpu().numpy()
    return picture


def _name(skip: _Skip, task: SweepTask) -> str:
    return f"clip skip {skip.count}" + (" (advised)" if skip.count == task.advised else "")


def _depths(skip: _Skip, depths: Sequence[int]) -> str:
    """The layer that is read, of each text encoder."""
    return "layer " + " and ".join(f"{depth - skip.back + 1} of {depth}" for depth in depths)


def _captions(task: SweepTask, parts: Parts, drawn: Sampled) -> Iterator[str]:
    recipe = drawn.recipe
    steps = "1 step" if recipe.steps == 1 else f"{recipe.steps} steps"
    yield f"{task.checkpoint.name}: what clip skip does to a prompt"
    yield (
        f'"{recipe.text}", seed {recipe.seed}, {steps}, guidance {recipe.guidance:g},'
        f" {recipe.width} x {recipe.height} px, {drawn.device} in {drawn.dtype}"
    )
    if parts.vocabulary == shapes.VOCABULARY:
        yield TRAINED_IN


def _notices(
    skips: Sequence[_Skip],
    drawn: Sequence[Sampled],
    encoders: Sequence[SweptEncoder],
    xl: bool,
) -> Iterator[Notice]:
    """What was done otherwise than asked, and drawings that failed in every float type."""
    for note in dict.fromkeys(note for one in drawn for note in one.notes):
        yield Notice("drawn_otherwise", note)
    for skip, one in zip(skips, drawn, strict=True):
        if one.failed_at:
            blamed = _unreadable(skip, encoders, xl)
            message = (
                f"at clip skip {skip.count} there is no picture: what {blamed} made of the prompt"
                " is not finite"
                if blamed
                else f"at clip skip {skip.count} the denoiser gave numbers that are not finite from"
                f" step {one.failed_at} on, in {one.dtype}"
            )
            yield Notice("not_finite", message)


def _unreadable(skip: _Skip, encoders: Sequence[SweptEncoder], xl: bool) -> str:
    """The text encoders whose share of the prompt is not finite, by name; empty where all are.

    SDXL's denoiser is given the last encoder's pooled text too, which is of its last layer.
    """
    read = [(one, one.layers[skip.back - 1]) for one in encoders]
    read += [(encoders[-1], encoders[-1].layers[0])] if xl else []
    return " and ".join(dict.fromkeys(one.name for one, layer in read if not layer.finite))
