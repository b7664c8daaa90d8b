"""One picture's worth of latents from a checkpoint: the same seed, the same latents."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ...registry.errors import OutOfMemory, UsageError
from ...registry.naming import shown
from ..device import out_of_memory_told, peak_memory, reset_peak_memory
from .by_unet import UnetEngine
from .engine import Engine, Stepped, Watch, fitting, libraries
from .offloading import Way, ways
from .parts import Checkpoint, has_unet
from .recipes import LARGEST, MOST_STEPS, MULTIPLE, Recipe, drawable
from .whole import WholeEngine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a checkpoint drew."""

    latents: NDArray[np.float32]
    """[1, C, h, w], normalised: what is divided by the scaling factor before a VAE decodes it."""
    recipe: Recipe
    """As it was carried out: smaller than asked where memory was short."""
    seconds: float
    """The first of several recipes has the time of loading too."""
    peak_memory_bytes: int
    device: str
    dtype: str
    finite: bool
    failed_at: int | None = None
    """The first step (from 1) after which a number was not finite; the rest were not run."""
    notes: tuple[str, ...] = ()
    """What was done otherwise than asked, and how the prediction is known."""


def sample(
    checkpoint: Checkpoint,
    recipe: Recipe,
    device: torch.device,
    dtype: torch.dtype,
    watch: Watch | None = None,
) -> Sampled:
    """The latents of one recipe; the checkpoint is loaded and let go again.

    Nothing is fetched and no VAE is run. Raises ``CannotRun`` (parts missing, damaged or not drawn
    with), ``MissingDependency``, ``OutOfMemory`` after every way out was tried, ``UsageError`` for
    a recipe that the checkpoint cannot follow, ``NotFound`` and ``FileError``.
    """
    return sample_all(checkpoint, (recipe,), device, dtype, watch)[0]


def sample_all(
    checkpoint: Checkpoint,
    recipes: tuple[Recipe, ...],
    device: torch.device,
    dtype: torch.dtype,
    watch: Watch | None = None,
) -> tuple[Sampled, ...]:
    """The latents of several recipes, such as every clip skip, with the checkpoint loaded once."""
    for recipe in recipes:
        _require_drawable(recipe)
    reset_peak_memory(device)
    started = time.monotonic()
    made: list[Sampled] = []
    with libraries(), fitting(checkpoint.name), torch.inference_mode():
        build = UnetEngine if has_unet(checkpoint) else WholeEngine
        engine: Engine = build(checkpoint, recipes, device, dtype)
        for recipe in recipes:
            drawing = _Drawing(engine, shown(checkpoint.name), device, dtype, watch)
            made.append(drawing.draw(recipe, started))
            started = time.monotonic()
    return tuple(made)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One recipe on an engine."""

    engine: Engine
    model: str
    device: torch.device
    dtype: torch.dtype
    watch: Watch | None

    def draw(self, recipe: Recipe, started: float) -> Sampled:
        """The latents by the first way that the memory allows."""
        tried = recipe
        for way in ways(recipe, self.device):
            tried = way.recipe
            try:
                with out_of_memory_told(self.device):
                    return self._drawn(recipe, way, started)
            except OutOfMemory:
                continue
        raise OutOfMemory(
            f"{self.device} has too little memory to draw with {self.model}, even at "
            f"{tried.width} x {tried.height} pixels with attention cut into slices",
            "close other programs, use --device cpu, or --probe decode",
        )

    def _drawn(self, asked: Recipe, way: Way, started: float) -> Sampled:
        if way.sliced:
            self.engine.slice()
        if way.offloaded and not self.engine.offloaded:
            self.engine.offload()
        stepped = Stepped(asked.steps, self.watch)
        latents = self.engine.run(way.recipe, stepped).float().cpu()
        failed = stepped.failed_at
        if failed is None and not bool(torch.isfinite(latents).all()):
            failed = asked.steps
        return Sampled(
            latents.numpy(),
            way.recipe,
            round(time.monotonic() - started, 3),
            peak_memory(self.device),
            str(self.device),
            str(self.dtype).removeprefix("torch."),
            failed is None,
            failed,
            (*self.engine.notes, *self._notes(asked, way)),
        )

    def _notes(self, asked: Recipe, way: Way) -> tuple[str, ...]:
        drawn = way.recipe
        told = {
            f"drawn at {drawn.width} x {drawn.height} pixels instead of {asked.width} x "
            f"{asked.height}: {self.device} has too little memory": drawn != asked,
            "attention was cut into slices to save memory": way.sliced,
            "the denoiser's weights were kept in the computer's memory": self.engine.offloaded,
        }
        return tuple(note for note, holds in told.items() if holds)


def _require_drawable(recipe: Recipe) -> None:
    if not 1 <= recipe.steps <= MOST_STEPS:
        raise UsageError(f"a picture takes 1 to {MOST_STEPS} steps", "use 4 to 50 steps")
    if not 0 <= recipe.seed < 1 << 63:
        raise UsageError(f"{shown(str(recipe.seed), 30)} is no seed", "use 0 or a larger number")
    for side in (recipe.width, recipe.height):
        if not drawable(side):
            raise UsageError(
                f"no picture of {recipe.width} x {recipe.height} pixels can be drawn",
                f"use sides that are multiples of {MULTIPLE}, at most {LARGEST}",
            )
