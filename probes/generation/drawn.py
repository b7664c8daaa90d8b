"""Draws with a checkpoint once: what was drawn before is looked up, half precision is made good."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import torch

from ...registry.drawing import Drawing, DrawTask
from ...registry.errors import OutOfMemory, UsageError
from ...registry.naming import shown
from ..pictures.writing import require_place
from .defaults import STYLES, sampling_dtype, wished
from .engine import Watch
from .kept import KEPT, keep, recalled
from .parts import Checkpoint, has_unet
from .recipes import SMALLEST, WORDS, Recipe
from .sampling import Sampled, sample

VERSION = 1
"""Raised whenever the same task draws otherwise: drawings of older versions are made again."""
_FULL = torch.float32


def draw(task: DrawTask, device: torch.device, asked: str, watch: Watch | None = None) -> Drawing:
    """The task's latents: looked up in its folder, else drawn and kept there.

    ``asked`` is the float type, ``auto`` | ``fp32`` | ``fp16`` | ``bf16``. Where latents drawn in
    half precision are not finite, they are drawn again in a wider type, and ``overflowed`` says
    so; latents that no type keeps finite are kept as they are, ``finite`` False. A drawing that is
    looked up needs neither diffusers nor the checkpoint's file. Raises as ``sample`` does,
    ``NoSpace`` and ``Unreadable`` where it cannot be kept, as far as possible before it is drawn.
    """
    dtype = sampling_dtype(asked, device)
    path = place_of(task, device, dtype)
    known = None if task.again else recalled(path)
    return known or _drawn(task, path, device, dtype, watch)


def place_of(task: DrawTask, device: torch.device, dtype: torch.dtype) -> str:
    """Where the task's latents are kept, by all that they depend on."""
    wishes = (task.seed, task.steps, task.size, task.clip_skip or None)
    defaults = (VERSION, STYLES, WORDS, SMALLEST)
    told = repr((task.checkpoint.sha256, wishes, defaults, str(dtype), device.type))
    digest = hashlib.sha256(told.encode()).hexdigest()
    return os.path.join(task.folder, f"{task.checkpoint.sha256[:16]}-{digest[:16]}.safetensors")


def wider(
    dtype: torch.dtype, free: int | None = None, parameters: int = 0
) -> tuple[torch.dtype, ...]:
    """The types to draw in, in order, where one gave numbers that are not finite.

    ``free`` are the device's bytes for that many parameters; None where they are no question.
    """
    if dtype is _FULL:
        return ()
    if free is None or dtype is torch.bfloat16:
        return (_FULL,)
    # bfloat16 has the range of float32 and half its size.
    return (torch.bfloat16, _FULL) if free < 4 * parameters else (_FULL, torch.bfloat16)


def _drawn(
    task: DrawTask, path: str, device: torch.device, dtype: torch.dtype, watch: Watch | None
) -> Drawing:
    told = task.checkpoint
    checkpoint = Checkpoint(told.name, told.path, told.identity)
    recipe = _recipe(task, checkpoint, device)
    require_place(path, *KEPT)
    tried = tuple(_attempts(checkpoint, recipe, device, dtype, watch))
    drawing = _drawing(path, tried)
    keep(path, tried[-1].latents, drawing)
    return drawing


def _recipe(task: DrawTask, checkpoint: Checkpoint, device: torch.device) -> Recipe:
    """The checkpoint's default recipe with the task's wishes over it."""
    if task.clip_skip and not has_unet(checkpoint):
        raise UsageError(
            f"{shown(checkpoint.name)} reads prompts in another way than by one of CLIP's layers",
            "leave the clip skip away",
        )
    return wished(checkpoint, device, task.seed, task.steps, task.size, task.clip_skip)


def _attempts(
    checkpoint: Checkpoint,
    recipe: Recipe,
    device: torch.device,
    dtype: torch.dtype,
    watch: Watch | None,
) -> Iterator[Sampled]:
    """What was drawn in each type until one was finite, or the widest was not."""
    made = sample(checkpoint, recipe, device, dtype, watch)
    yield made
    if made.finite or dtype is _FULL:
        return
    denoiser = checkpoint.identity.component("denoiser")
    for other in wider(dtype, _free(device), denoiser.parameters if denoiser else 0):
        try:
            again = sample(checkpoint, recipe, device, other, watch)
        except OutOfMemory:
            continue
        yield again
        if again.finite or other is _FULL:
            return
    raise OutOfMemory(
        f"{shown(checkpoint.name)} drew no finite latents in {made.dtype}, and {device} has too "
        "little memory to draw in float32",
        "close other programs, use --device cpu, or --probe decode",
    )


def _free(device: torch.device) -> int | None:
    """Bytes that the device can still give; None where they are the computer's own."""
    if device.type != "cuda":
        return None
    torch.cuda.empty_cache()
    free: int = torch.cuda.mem_get_info(device)[0]
    return free


def _drawing(path: str, tried: tuple[Sampled, ...]) -> Drawing:
    """The last attempt as a drawing, with what came of those before."""
    last, failed = tried[-1], tried[:-1]
    recipe = last.recipe
    return Drawing(
        path=path,
        channels=last.latents.shape[1],
        width=recipe.width,
        height=recipe.height,
        device=last.device,
        dtype=last.dtype,
        seconds=round(sum(it.seconds for it in tried), 3),
        steps=recipe.steps,
        seed=recipe.seed,
        guidance=recipe.guidance,
        text=recipe.text,
        finite=last.finite,
        failed_at=last.failed_at,
        overflowed=failed[0].dtype if failed and last.finite else None,
        notes=(*last.notes, *map(_failure, failed)),
    )


def _failure(made: Sampled) -> str:
    return f"in {made.dtype} the latents were no longer finite after step {made.failed_at}"
