"""What long steps tell while they run."""

from __future__ import annotations


class Watcher:
    """What a long reading tells while it runs; the command line draws a progress bar from it."""

    def planned(self, files: int, size: int) -> None:
        """The walk is over: so many files of so many bytes are to be read."""

    def advanced(self, size: int) -> None:
        """So many more bytes were read."""

    def finished(self, path: str) -> None:
        """One file is done."""
