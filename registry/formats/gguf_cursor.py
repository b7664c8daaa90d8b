"""A place in a GGUF file that moves forward and fetches ahead in growing pieces."""

from __future__ import annotations

from struct import Struct

from .base import ByteSource
from .faults import Cut, Damaged

_FIRST_PIECE = 64 * 1024
_LARGEST_PIECE = 4 * 1024 * 1024
_LONGEST_HEADER = 64 * 1024 * 1024
"""The vocabulary of a text encoder takes some 10 MB."""


class Cursor:
    """Reads numbers and texts in a row; each length is held against the file's size first."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._ahead = b""
        self._at = 0
        """Place within ``_ahead``."""
        self._begin = 0
        """Place of ``_ahead`` within the file."""
        self._piece = _FIRST_PIECE

    @property
    def position(self) -> int:
        """Bytes from the start of the file."""
        return self._begin + self._at

    @property
    def remaining(self) -> int:
        """Bytes from here to the end of the file."""
        return self._source.size - self.position

    def take(self, length: int) -> bytes:
        """The next bytes; raises ``Damaged`` beyond the file or the longest sensible header."""
        end = self._at + length
        if end > len(self._ahead):
            self._fetch(length)
            end = length
        taken = self._ahead[self._at : end]
        self._at = end
        return taken

    def skip(self, length: int) -> None:
        """Move on without reading what lies between."""
        if length > self.remaining:
            raise Cut("is cut short: it ends inside its header")
        self._at += length

    def number(self, layout: Struct) -> int | float | bool:
        """One number of that layout."""
        value: int | float | bool
        (value,) = layout.unpack(self.take(layout.size))
        return value

    def u32(self) -> int:
        """An unsigned number of 4 bytes."""
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        """An unsigned number of 8 bytes."""
        return int.from_bytes(self.take(8), "little")

    def count(self, width: int) -> int:
        """A number of things of at least ``width`` bytes each, as many as the file can hold."""
        count = self.u64()
        if count > self.remaining // width:
            raise Cut(f"is cut short: it has no room for the {count:,} entries it claims")
        return count

    def text(self) -> str:
        """A text with its length before it."""
        try:
            return self.take(self.count(1)).decode()
        except UnicodeDecodeError:
            raise Damaged("holds a name that is not UTF-8 text") from None

    def _fetch(self, length: int) -> None:
        begin = self.position
        rest = self._ahead[self._at :]
        if length > self.remaining:
            raise Cut("is cut short: it ends inside its header")
        if begin + length > _LONGEST_HEADER:
            raise Damaged("has a header that is longer than any model needs")
        wanted = min(max(length, self._piece), self.remaining)
        self._ahead = rest + self._source.read(begin + len(rest), wanted - len(rest))
        self._begin, self._at = begin, 0
        self._piece = min(2 * self._piece, _LARGEST_PIECE)
