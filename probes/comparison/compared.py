"""Pictures of the same latents beside the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...registry.errors import CannotRun
from ...registry.naming import shown
from .difference import Difference, difference
from .figures import Field, Figures, Picture, figures, laplacian, luma_of, shown_range
from .words import describe, grade

ZOOM = 4
"""The detail shows this part of the picture's sides."""


@dataclass(frozen=True, slots=True)
class Column:
    """One picture to compare."""

    name: str
    """Whose picture it is: a VAE's name."""
    picture: Picture
    """Floats [3, H, W], black 0 and white 1, or beyond; NaN is told as such."""
    note: str = ""
    """What it is here, in a few words: ``checkpoint's own VAE``, ``no VAE`` ..."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture with its figures and words."""

    column: Column
    figures: Figures
    difference: Difference | None
    """From the first picture; None for that one, and where there is nothing to compare."""
    words: str
    grade: str
    """What the words tell of: ``fault`` | ``same`` | ``look`` | ``alone``."""


@dataclass(frozen=True, slots=True)
class Box:
    """A place in a picture of any size: its corner and its sides, in shares of the picture's."""

    left: float
    top: float
    width: float
    height: float

    def within(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in a picture of that many pixels; never empty."""
        left, top = int(self.left * width), int(self.top * height)
        right = left + max(1, round(self.width * width))
        return left, top, right, top + max(1, round(self.height * height))


@dataclass(frozen=True, slots=True)
class Compared:
    """Pictures with their figures and words; the first is what the others are compared with."""

    columns: tuple[Seen, ...]
    detail: Box
    """The place with the most detail in the first picture that has any."""


def compare(columns: Sequence[Column]) -> Compared:
    """Figures and words of every picture, those of the later ones beside the first.

    Raises ``CannotRun`` where there is no picture, or something that is none.
    """
    if not columns:
        raise CannotRun("there is no picture to compare", "name at least one VAE")
    counted = [_figures(column) for column in columns]
    found: list[Difference | None] = [None]
    found += [
        difference(columns[0].picture, column.picture, counted[0], own)
        for column, own in zip(columns[1:], counted[1:], strict=True)
    ]
    seen = tuple(
        Seen(column, own, beside, describe(own, beside), grade(own, beside))
        for column, own, beside in zip(columns, counted, found, strict=True)
    )
    return Compared(seen, _most_detailed(seen))


def _figures(column: Column) -> Figures:
    try:
        return figures(column.picture)
    except CannotRun as failure:
        raise CannotRun(f"{shown(column.name)}: {failure.message}") from None


def _most_detailed(seen: Sequence[Seen]) -> Box:
    """Where a window of a ``ZOOM``th of the sides holds the most of the Laplacian's energy, an
    eighth within its edges, so that what is there stands in its middle."""
    chosen = next((one for one in seen if one.figures.kind == "fine"), seen[0])
    luma = luma_of(shown_range(chosen.column.picture))
    height, width = luma.shape
    high, wide = max(1, height // ZOOM), max(1, width // ZOOM)
    energy = np.pad(np.square(laplacian(luma)), 1) if min(luma.shape) > 2 else luma * 0
    inset = (high // 8, wide // 8)
    energy = _without_border(energy, *inset)
    sums = _window_sums(energy, high - 2 * inset[0], wide - 2 * inset[1])
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    return Box(float(left) / width, float(top) / height, wide / width, high / height)


def _without_border(field: Field, down: int, across: int) -> Field:
    return field[down : field.shape[0] - down, across : field.shape[1] - across]


def _window_sums(field: Field, high: int, wide: int) -> Field:
    """Sums over every window of that size, from the running sums along both axes."""
    running = np.pad(field.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums: Field = (
        running[high:, wide:] - running[:-high, wide:] - running[high:, :-wide]
        + running[:-high, :-wide]
    )  # fmt: skip
    return sums
