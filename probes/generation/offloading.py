"""Ways to draw with less memory than a recipe wants, the harmless ones first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from .recipes import MULTIPLE, SMALLEST, Recipe

if TYPE_CHECKING:
    import torch

_SHARES = (1.0, 0.75, 0.5)
"""Of the sides that were asked for."""


@dataclass(frozen=True, slots=True)
class Way:
    """How to get by."""

    recipe: Recipe
    """What was asked for, or smaller."""
    sliced: bool = False
    offloaded: bool = False


def ways(recipe: Recipe, device: torch.device) -> Iterator[Way]:
    """Every way for a recipe on a device: smaller, then sliced attention, then offloaded weights.

    No side gets smaller than ``SMALLEST``, where models draw nothing any more.
    """
    smaller = [
        _shrunk(recipe, share)
        for share in _SHARES
        if share == 1 or min(recipe.width, recipe.height) * share >= SMALLEST
    ]
    yield from (Way(it) for it in dict.fromkeys(smaller))
    yield Way(smaller[-1], sliced=True)
    if can_offload(device):
        yield Way(smaller[-1], sliced=True, offloaded=True)


def can_offload(device: torch.device) -> bool:
    """Whether weights can be kept off the device: accelerate does that, and not for the CPU."""
    return device.type != "cpu" and find_spec("accelerate") is not None


def _shrunk(recipe: Recipe, share: float) -> Recipe:
    width, height = (
        round(side * share / MULTIPLE) * MULTIPLE for side in (recipe.width, recipe.height)
    )
    return replace(recipe, width=width, height=height)
