"""What readers read from: the byte ranges of a file, the files of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class ByteSource(Protocol):
    """One file, read by byte ranges: a local file, or a remote one by HTTP ranges.

    A source with an attribute ``distant`` that is true costs a request for each read.
    """

    @property
    def name(self) -> str:
        """Path or URL, for messages only; never decides what the file is."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        ...

    @property
    def bytes_read(self) -> int:
        """Bytes fetched so far."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``.

        Raises ``Unreadable`` where the range leaves the file or the file changed meanwhile.
        """
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class FolderSource(Protocol):
    """A folder of files, local or remote."""

    @property
    def name(self) -> str:
        """Path or URL, for messages only."""
        ...

    def files(self) -> Mapping[str, int]:
        """Relative path with forward slashes -> size in bytes, at most two folders deep."""
        ...

    def open(self, path: str) -> ByteSource:
        """Open one of ``files()``; raises ``Unreadable``."""
        ...
