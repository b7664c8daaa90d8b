"""Pictures of the same latents beside the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...registry.errors import CannotRun
from ...registry.measures import Scores
from ...registry.naming import shown
from ..pictures.planes import Planes
from .difference import Difference, difference, scores
from .figures import Figures, Picture, figures_of, planes_of
from .words import describe, grade, kind_beside

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
    kind: str
    """``Figures.kind``, weighed beside the first picture."""
    difference: Difference | None
    """From the first picture; None for that one, and where there is nothing to compare."""
    words: str
    grade: str
    """What the words tell of: ``fault`` | ``same`` | ``look`` | ``alone``."""
    scores: Scores | None = None
    """What the verdict rule looks at; None as for ``difference``, but there, not ``finite``, for a
    picture that is not finite itself."""


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
    first = _Counted.of(columns[0])
    others = (_Counted.of(column).beside(first) for column in columns[1:])
    seen = (_seen(columns[0], first.figures, first.figures.kind), *others)
    return Compared(seen, _most_detailed(seen))


@dataclass(frozen=True, slots=True)
class _Counted:
    """A picture while it is compared: its planes are let go before the next one's are made."""

    column: Column
    planes: Planes
    figures: Figures

    @classmethod
    def of(cls, column: Column) -> _Counted:
        try:
            planes = planes_of(column.picture)
        except CannotRun as failure:
            raise CannotRun(f"{shown(column.name)}: {failure.message}") from None
        return cls(column, planes, figures_of(column.picture, planes))

    def beside(self, first: _Counted) -> Seen:
        pair = (first.planes, self.planes, first.figures, self.figures)
        told = scores(*pair)
        change = difference(*pair, told)
        kind = kind_beside(self.figures, change, first.figures.kind)
        return _seen(self.column, self.figures, kind, change, told)


def _seen(
    column: Column,
    own: Figures,
    kind: str,
    beside: Difference | None = None,
    told: Scores | None = None,
) -> Seen:
    words = describe(own, beside, kind)
    return Seen(column, own, kind, beside, words, grade(own, beside, kind), told)


def _most_detailed(seen: Sequence[Seen]) -> Box:
    """Where a window of a ``ZOOM``th of the sides holds the most of the Laplacian's energy, an
    eighth within its edges, so that what is there stands in its middle."""
    chosen = next((one for one in seen if one.kind == "fine"), seen[0])
    edges = planes_of(chosen.column.picture).edges[0]
    height, width = chosen.figures.height, chosen.figures.width
    high, wide = max(1, height // ZOOM), max(1, width // ZOOM)
    energy = torch.zeros(height, width, dtype=torch.float64)
    if edges.numel():
        energy[1:-1, 1:-1] = edges.double().square_()
    down, across = high // 8, wide // 8
    inner = energy[down : height - down, across : width - across]
    sums = _window_sums(inner, high - 2 * down, wide - 2 * across)
    top, left = divmod(int(sums.argmax()), sums.shape[1])
    return Box(left / width, top / height, wide / width, high / height)


def _window_sums(field: Tensor, high: int, wide: int) -> Tensor:
    """Sums over every window of that size, from the running sums along both axes."""
    running = pad(field.cumsum(0).cumsum(1), (1, 0, 1, 0))
    return (
        running[high:, wide:] - running[:-high, wide:] - running[high:, :-wide]
        + running[:-high, :-wide]
    )  # fmt: skip
