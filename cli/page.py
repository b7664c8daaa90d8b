"""The answer in words: lines and tables, laid out by rich on a terminal, plain in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..registry.naming import shown

if TYPE_CHECKING:
    from rich.console import Console

    from ..registry.values import Evidence, Finding

STYLES = {
    "compatible": "green",
    "degraded": "yellow",
    "unknown": "yellow",
    "incompatible": "red",
    "pass": "green",
    "warn": "yellow",
    "fail": "red",
}
"""Colours of the words that a person looks for."""

LONGEST = 2000
MANY_ROWS = 300
"""Tables beyond this are written plain on a terminal too: rich takes half a second for a thousand
rows, and nobody reads that many without a pager."""


class Page:
    """Writes to stdout; every text is made harmless first, whatever file it came from."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty()

    def line(self, text: str = "", style: str = "") -> None:
        """One line of words; the style counts on a terminal only."""
        safe = shown(text, LONGEST)
        if self.terminal and style:
            self._console.print(safe, style=style, soft_wrap=True)
        else:
            sys.stdout.write(safe + "\n")

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], stretch: str = ""
    ) -> None:
        """A table; ``stretch`` names the column that takes what width is left.

        In a pipe a row is one line, never wrapped or cut, its columns at least two blanks apart.
        """
        safe = [[shown(cell, LONGEST) for cell in row] for row in rows]
        if self.terminal and len(safe) <= MANY_ROWS:
            self._rich_table(columns, safe, stretch)
        else:
            sys.stdout.write(_plain(columns, safe))

    def checks(self, found: Iterable[Evidence | Finding]) -> None:
        """What was checked, of a pair or of the registry, one a row."""
        rows = [[row.outcome, row.check.replace("-", " "), row.message] for row in found]
        self.table(["", "Check", "What was found"], rows, stretch="What was found")

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console

        return Console(markup=False, emoji=False, highlight=False)

    def _rich_table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], stretch: str
    ) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        made = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for column in columns:
            made.add_column(column, overflow="fold", ratio=1 if column == stretch else None)
        for row in rows:
            made.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
        self._console.print(made)


def _plain(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [[column.upper() for column in columns], *rows]
    widths = [max(_width(line[at]) for line in lines) for at in range(len(columns))]
    return "".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        + "\n"
        for line in lines
    )


def _width(text: str) -> int:
    """Cells on a screen; East Asian letters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
