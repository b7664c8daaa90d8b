"""The progress bar of long readings: files, bytes, speed and time left."""

from __future__ import annotations

import os
import threading
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ..registry.naming import shown
from ..registry.progress import Watcher


class Bar(Watcher):
    """A bar on stderr that advances by bytes; safe to call from several workers."""

    def __init__(self, what: str) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(what, total=None)
        self._what = what
        self._lock = threading.Lock()
        self._files = 0
        self._done = 0

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def planned(self, files: int, size: int) -> None:
        self._files = files
        self._progress.update(self._task, total=size)

    def advanced(self, size: int) -> None:
        self._progress.advance(self._task, size)

    def finished(self, path: str) -> None:
        with self._lock:
            self._done += 1
        name = shown(os.path.basename(path), 30)
        self._progress.update(
            self._task, description=f"{self._what} {self._done}/{self._files} {name}"
        )


class Steps:
    """A bar on stderr that counts steps; it shows once the first one is made."""

    def __init__(self, what: str) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(what, total=None, visible=False)

    def __enter__(self) -> Steps:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def __call__(self, step: int, of: int) -> None:
        self._progress.update(self._task, completed=step, total=of, visible=True)
