"""What each model draws unless asked otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ...registry.errors import CannotRun
from ...registry.naming import shown
from ..device import choose_dtype
from ..shapes import prompts as shapes
from .parts import INSTEAD, Checkpoint, has_unet, parts_of
from .recipes import MULTIPLE, SMALLEST, WORDS, Recipe, drawable, framed
from .whole import whole_of


@dataclass(frozen=True, slots=True)
class Style:
    """How a kind of model is drawn with by default."""

    guidance: float
    steps: int = 8
    cpu_steps: int = 4


STYLES = {
    # Steps: 8 of DDIM are enough to see the prompt, 4 to see its colours (measured on the small
    # checkpoint of ``shapes``). Guidance: huggingface/diffusers
    # src/diffusers/pipelines/stable_diffusion*/pipeline_*.py, defaults of __call__.
    "plain": Style(guidance=7.5),
    "xl": Style(guidance=5.0),
    "shapes": Style(guidance=3.0, cpu_steps=8),
}


def recipe_for(checkpoint: Checkpoint, device: torch.device, seed: int = 0) -> Recipe:
    """The default recipe of a checkpoint: its own size and 8 steps, on the CPU smaller with 4.

    Raises ``CannotRun`` naming what is missing to draw with it, ``NotFound`` and ``FileError``.
    """
    if not has_unet(checkpoint):
        _, row = whole_of(checkpoint)
        return _recipe(Style(row.guidance), row.side, device, seed)
    parts = parts_of(checkpoint)
    if parts.vocabulary == shapes.VOCABULARY:
        recipe = _recipe(STYLES["shapes"], parts.side, device, seed)
        ids, none = shapes.ids("red", "circle"), shapes.empty_ids()
        return replace(recipe, ids=ids, negative_ids=none, text="a red circle")
    return _recipe(STYLES["xl" if parts.xl else "plain"], parts.side, device, seed)


def wished(
    checkpoint: Checkpoint,
    device: torch.device,
    seed: int,
    steps: int | None,
    size: int | None,
    clip_skip: int | None = None,
) -> Recipe:
    """The default recipe with a user's wishes over it; None leaves a figure as it is.

    Raises as ``recipe_for``, and ``CannotRun`` where the checkpoint's own size cannot be drawn:
    nobody asked for that one.
    """
    recipe = recipe_for(checkpoint, device, seed)
    side = recipe.width if size is None else size
    if size is None and not drawable(side):
        raise CannotRun(
            f"the config of {shown(checkpoint.name)} speaks of pictures of {side} x {side} pixels, "
            "which cannot be drawn",
            f"use --size with a multiple of {MULTIPLE}; {INSTEAD}",
        )
    steps = recipe.steps if steps is None else steps
    clip_skip = recipe.clip_skip if clip_skip is None else clip_skip
    return replace(recipe, steps=steps, width=side, height=side, clip_skip=clip_skip)


def _recipe(style: Style, side: int, device: torch.device, seed: int) -> Recipe:
    slow = device.type == "cpu"
    side = min(side, SMALLEST) if slow else side
    return Recipe(
        ids=framed(*WORDS),
        negative_ids=framed(),
        seed=seed,
        steps=style.cpu_steps if slow else style.steps,
        guidance=style.guidance,
        width=side,
        height=side,
    )


def sampling_dtype(asked: str, device: torch.device) -> torch.dtype:
    """The float type for ``auto`` | ``fp32`` | ``fp16`` | ``bf16``; raises ``UsageError``.

    ``auto`` is what people draw in: fp16 on a card, fp32 on the CPU, which has no fast half.
    """
    if asked == "auto" and device.type != "cpu":
        return torch.float16
    return choose_dtype(asked, device)
