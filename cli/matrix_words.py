"""A survey in words: a grid where it fits on the screen, else counts for each checkpoint."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..registry.naming import shown
from .matrix import VERDICTS, counts
from .page import Page
from .words import distinct_names, size_words

if TYPE_CHECKING:
    from ..registry.surveying.values import Cell, Surveyed
    from ..registry.values import Model

SIGNS = {"compatible": "+", "degraded": "~", "unknown": "?", "incompatible": "x", "failed": "!"}
_OWN = "own VAE"
_NAME = 28
"""Letters of a name in the grid."""
_MOST_ERRORS = 10
_GAP = 3
"""Blanks between columns, at most; see ``Page``."""

Grid = list[tuple[str, list[str]]]
"""For each checkpoint its name and a word a column, empty where there is no such pair."""


def tell(
    page: Page,
    rows: Sequence[Model],
    columns: Sequence[Model],
    surveyed: Surveyed,
    seconds: float,
    path: str | None,
) -> None:
    """Write the answer for a person."""
    names = distinct_names({model.id: model for model in (*rows, *columns)}.values())
    cells = {cell.key: cell for cell in surveyed.cells}
    heads, grid = _grid(rows, columns, cells, names)
    width = shutil.get_terminal_size().columns
    if _fits(heads, grid, width):
        page.table(["Checkpoint", *heads], [[name, *words] for name, words in grid])
    elif _fits([], grid, width - len(heads) * (_GAP + len(str(len(heads))))):
        _tell_signs(page, heads, grid)
    else:
        _tell_counts(page, rows, surveyed, names)
    for failure in surveyed.failures[:_MOST_ERRORS]:
        page.line(f"error: {failure.message}", style="red")
    if len(surveyed.failures) > _MOST_ERRORS:
        page.line(f"{len(surveyed.failures) - _MOST_ERRORS} more errors; --json tells all")
    page.line(_summary(surveyed, seconds))
    if path is not None:
        page.line(f"page: {path}")


def _grid(
    rows: Sequence[Model],
    columns: Sequence[Model],
    cells: Mapping[tuple[str, str], Cell],
    names: Mapping[str, str],
) -> tuple[list[str], Grid]:
    vaes = [model.artifact.digests.sha256 for model in columns]
    with_own = any(cell.baked and cell.key[1] not in vaes for cell in cells.values())
    heads = [*([_OWN] if with_own else []), *(_short(names[sha256]) for sha256 in vaes)]
    grid: Grid = []
    for row in rows:
        sha256 = row.artifact.digests.sha256
        pairs = [*([(sha256, sha256)] if with_own else []), *((sha256, vae) for vae in vaes)]
        grid.append((_short(names[sha256]), [_word(cells.get(key)) for key in pairs]))
    return heads, grid


def _word(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return "failed" if cell.failure else cell.verdict.verdict


def _fits(heads: Sequence[str], grid: Grid, width: int) -> bool:
    """Whether a table of these columns is no wider than the screen."""
    longest = max(len(name) for name in ("Checkpoint", *(name for name, _ in grid)))
    columns = zip(heads, *(words for _, words in grid), strict=False)
    return longest + sum(_GAP + max(map(len, column)) for column in columns) <= width


def _tell_signs(page: Page, heads: Sequence[str], grid: Grid) -> None:
    """The grid with a sign a pair; the VAEs are numbered and named below it."""
    numbers = [str(number) for number in range(1, len(heads) + 1)]
    table = [[name, *(SIGNS.get(word, "") for word in words)] for name, words in grid]
    page.table(["Checkpoint", *numbers], table)
    for number, head in zip(numbers, heads, strict=True):
        page.line(f"{number:>3} {head}")
    page.line("signs: " + ", ".join(f"{sign} {word}" for word, sign in SIGNS.items()))


def _tell_counts(
    page: Page, rows: Sequence[Model], surveyed: Surveyed, names: Mapping[str, str]
) -> None:
    words = (*VERDICTS, "failed")
    found: dict[str, Counter[str]] = {row.artifact.digests.sha256: Counter() for row in rows}
    for cell in surveyed.cells:
        found[cell.key[0]][_word(cell)] += 1
    table = [
        [names[sha256], *(str(count[word] or "") for word in words)]
        for sha256, count in found.items()
    ]
    page.table(["Checkpoint", *(word.capitalize() for word in words)], table)


def _summary(surveyed: Surveyed, seconds: float) -> str:
    found = counts(surveyed.cells)
    told = [f"{found[word]} {word}" for word in (*VERDICTS, "failed") if found[word]]
    before = f" ({found['recalled']} judged before)" if found["recalled"] else ""
    pairs = f"{found['pairs']} pair{'' if found['pairs'] == 1 else 's'}"
    peak = surveyed.peak_memory
    memory = f", {size_words(peak)} of memory" if peak else ""
    said = ", ".join(told) or "nothing to judge"
    return f"done: {pairs}{before} in {seconds:.1f} s{memory}: {said}"


def _short(name: str) -> str:
    """A name that fits and does no harm; its end stays, which often tells more than its middle."""
    name = shown(name)
    return name if len(name) <= _NAME else f"{name[: _NAME - 12]}…{name[-11:]}"
