"""The progress of a survey: a bar with the pair at hand and the time left, or notes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..registry.naming import shown
from ..registry.surveying.values import Cell, Watcher
from .output import Output

if TYPE_CHECKING:
    from rich.progress import Progress

WHOLE_RUN = 7 * 24 * 3600.0
"""Seconds that the time left is estimated over: a pair may take longer than rich's usual 30."""
_NAME = 24


@contextmanager
def watching(output: Output) -> Iterator[Watcher]:
    """A bar on a terminal; elsewhere, with ``--verbose``, a note a pair."""
    if output.quiet or output.as_json or not sys.stderr.isatty():
        yield _Notes(output) if output.verbose else Watcher()
        return
    with _progress() as progress:
        yield _Bar(progress)


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=WHOLE_RUN,
    )


class _Bar(Watcher):
    """One line for the drawings, then one for the pairs."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._drawings = progress.add_task("drawing", total=None, visible=False)
        self._pairs = progress.add_task("judging", total=None, visible=False)
        self._drawn = 0

    def drawing(self, name: str, number: int, of: int) -> None:
        self._drawn = number - 1
        words = f"drawing with {shown(name, _NAME)}"
        self._progress.update(
            self._drawings, description=words, completed=self._drawn, total=of, visible=True
        )

    def step(self, step: int, of: int) -> None:
        self._progress.update(self._drawings, completed=round(self._drawn + step / of, 2))

    def planned(self, pairs: int) -> None:
        self._progress.update(self._drawings, visible=False)
        self._progress.update(self._pairs, total=pairs, visible=pairs > 0)

    def begun(self, model: str, vae: str) -> None:
        words = f"{shown(vae, _NAME)} for {shown(model, _NAME)}"
        self._progress.update(self._pairs, description=words)

    def judged(self, cell: Cell) -> None:
        del cell
        self._progress.advance(self._pairs)


class _Notes(Watcher):
    """A note a pair, and one a drawing."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._pair = ""

    def drawing(self, name: str, number: int, of: int) -> None:
        self._output.detail(f"drawing with {shown(name)} ({number} of {of})")

    def begun(self, model: str, vae: str) -> None:
        self._pair = f"{shown(vae)} for {shown(model)}"

    def judged(self, cell: Cell) -> None:
        self._output.detail(f"{cell.verdict.verdict}: {self._pair}: {cell.reason}")
