"""The matrix page: one HTML file that shows every checkpoint against every VAE."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...probes.pictures.paper import LONGEST, framed, safe
from ...probes.pictures.writing import write_whole
from ...registry.naming import shown
from ...registry.values import Evidence
from .album import Album

_PARTS = Path(__file__).parent / "matrix"
_ROOMY = 6
"""With no more columns than these, cells hold verdict and reason in words, not a sign alone."""
_SIGNS = {
    "compatible": ("c", "✓"),
    "degraded": ("d", "≈"),
    "incompatible": ("i", "✗"),
    "unknown": ("u", "?"),
    "failed": ("f", "!"),
}
"""Each verdict's class in the page and its sign: one need not see colours to read the grid.

``failed`` is a pair that could not be judged, for a reason that may be gone tomorrow."""
_ALWAYS = ("compatible", "degraded", "incompatible", "unknown")
"""Verdicts to choose among even where no pair has them."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The verdict on one pair, and what it rests on."""

    verdict: str
    """Or ``failed``, where it could not be judged."""
    reason: str
    """One sentence."""
    confidence: float
    level: str
    """The deepest probe that ran: ``none`` | ``weights`` | ``decode`` | ``generate``."""
    device: str | None = None
    dtype: str | None = None
    seconds: float | None = None
    evidence: tuple[Evidence, ...] = ()
    advice: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    """Absolute paths of PNGs."""
    decided_at: str | None = None
    """RFC 3339, UTC."""
    baked: bool = False
    """Whether this VAE is the one inside this checkpoint."""


@dataclass(frozen=True, slots=True)
class Row:
    """A checkpoint."""

    name: str
    family: str | None
    path: str | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Column:
    """A VAE."""

    name: str
    family: str | None
    path: str | None
    sha256: str


@dataclass(frozen=True, slots=True)
class MatrixPage:
    """All that the page shows."""

    title: str
    captions: tuple[str, ...]
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    cells: Mapping[tuple[int, int], Cell]
    """By row and column; a pair that is not in it is shown as not judged."""


def write_matrix_page(path: str, page: MatrixPage) -> None:
    """Write the page, whole or not at all, making its folder.

    Raises ``NoSpace`` and ``Unreadable`` where it cannot be written.
    """
    write_whole(path, matrix_page(page).encode(), "page")


def matrix_page(page: MatrixPage) -> str:
    """The page's text; every text in it is made harmless first.

    Its policy lets a browser load nothing that the page does not hold itself: style, script, and
    the pictures as far as there is room for them. Without scripts the grid and its reasons stay.
    """
    album = Album()
    data = _data(page, album)
    down, across = _fits(page)
    counts = Counter(_known(cell.verdict) for cell in page.cells.values())
    return framed(
        _PARTS,
        page.title,
        (*page.captions, *album.notes()),
        density="roomy" if len(page.columns) <= _ROOMY else "dense",
        chips="\n      ".join(
            _chip(verdict, counts[verdict])
            for verdict in _SIGNS
            if verdict in _ALWAYS or counts[verdict]
        ),
        row_families=_families(page.rows),
        column_families=_families(page.columns),
        heads="".join(_head("col", *head) for head in zip(page.columns, across, strict=True)),
        rows="\n".join(_row(page, at, down[at]) for at in range(len(page.rows))),
        data=data,
        pictures="\n".join(album.blocks()),
    )


def _chip(verdict: str, count: int) -> str:
    letter, sign = _SIGNS[verdict]
    return (
        f'<label class="chip"><input type="checkbox" value="{letter}" disabled>'
        f'<b class="{letter}" aria-hidden="true">{sign}</b> {verdict} <span>{count}</span>'
        "</label>"
    )


def _families(models: Iterable[Row | Column]) -> str:
    """The choices of a filter: each family there is, with how many models are of it."""
    found = sorted(Counter(model.family or "" for model in models).items())
    return "".join(
        f'<option value="{safe(family)}">{safe(family) or "not known"} ({count})</option>'
        for family, count in found
    )


def _fits(page: MatrixPage) -> tuple[list[int], list[int]]:
    """How many VAEs fit each checkpoint, and how many checkpoints each VAE."""
    fits = [pair for pair, cell in page.cells.items() if cell.verdict == "compatible"]
    down, across = (Counter(places) for places in zip(*fits, strict=True)) if fits else ({}, {})
    return (
        [down.get(at, 0) for at in range(len(page.rows))],
        [across.get(to, 0) for to in range(len(page.columns))],
    )


def _head(scope: str, model: Row | Column, fits: int) -> str:
    family = f"{model.family}, " if model.family else ""
    return (
        f'<th scope="{scope}" title="{safe(model.path or "", LONGEST)}">'
        f"<span>{safe(model.name)}</span> <small>{safe(family)}{fits or 'none'} fit</small></th>"
    )


def _row(page: MatrixPage, at: int, fits: int) -> str:
    cells = (_cell(page.cells.get((at, to))) for to in range(len(page.columns)))
    return f"<tr>{_head('row', page.rows[at], fits)}{''.join(cells)}</tr>"


def _cell(cell: Cell | None) -> str:
    """A cell of the grid: a sign, its word, and the reason when pointed at."""
    if cell is None:
        return '<td class="n">·<span> not judged</span></td>'
    verdict = _known(cell.verdict)
    letter, sign = _SIGNS[verdict]
    kind, baked = (f"{letter} b", ", baked in") if cell.baked else (letter, "")
    reason = safe(cell.reason, LONGEST)
    return f'<td class="{kind}" title="{reason}">{sign}<span> {verdict}{baked}</span></td>'


def _known(verdict: str) -> str:
    return verdict if verdict in _SIGNS else "unknown"


class _Numbers:
    """Equal values are written once and named by a number: evidence repeats from pair to pair."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def of(self, value: Hashable) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def values(self) -> list[Hashable]:
        return list(self._numbers)


def _data(page: MatrixPage, album: Album) -> str:
    """What cells show when opened, as JSON that ends no script element."""
    evidence, advice, runs = _Numbers(), _Numbers(), _Numbers()

    def opened(cell: Cell | None) -> object:
        if cell is None:
            return 0
        run = (cell.level, cell.device, cell.dtype, cell.decided_at)
        return [
            runs.of(tuple(_plain(word) for word in run)),
            _figure(cell.confidence),
            _figure(cell.seconds),
            [evidence.of(_check(one)) for one in cell.evidence],
            [advice.of(_plain(one)) for one in cell.advice],
            [album.number(one) for one in cell.images],
        ]

    places = range(len(page.columns))
    cells = [[opened(page.cells.get((at, to))) for to in places] for at in range(len(page.rows))]
    document = {
        "rows": [_facts(row) for row in page.rows],
        "columns": [_facts(column) for column in page.columns],
        "cells": cells,
        "runs": runs.values(),
        "evidence": evidence.values(),
        "advice": advice.values(),
        "pictures": [(_plain(one.path), one.missing) for one in album.pictures()],
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _check(one: Evidence) -> tuple[str | None, ...]:
    return tuple(
        _plain(text) for text in (one.outcome, one.check, one.message, one.expected, one.found)
    )


def _facts(model: Row | Column) -> tuple[str | None, ...]:
    return shown(model.family or ""), _plain(model.path), _plain(model.sha256)


def _figure(number: float | None) -> float | None:
    """JSON knows no NaN and no infinity."""
    return round(number, 3) if number is not None and math.isfinite(number) else None


def _plain(text: str | None) -> str | None:
    return None if text is None else shown(text, LONGEST)
