"""The checksums of a zip archive's entries, taken while the file passes by."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from ..formats.base import ByteSource
from ..formats.faults import named_after
from ..formats.zip_directory import DEFLATED, Entry, locate, read_directory

_MOST_UNPACKED = 8 << 30
"""Bytes that the compressed entries of one archive may unpack to, so that none can stall a scan."""
_WINDOW = 1 << 20


class ArchiveCrc:
    """Checks every entry that carries a checksum; torch leaves it zero when told to compute none
    (pytorch/pytorch torch/serialization.py, ``set_crc32_options``)."""

    def __init__(self, source: ByteSource) -> None:
        """Reads the archive's directory again; raises ``Unreadable``."""
        with named_after(source):
            entries = read_directory(source)
            starts = locate(source, entries.values())
        held = sorted((starts[name], entry) for name, entry in entries.items() if entry.size)
        self._unchecked = any(not entry.crc32 for _, entry in held)
        self._waiting = [_Sum(start, entry) for start, entry in reversed(held) if entry.crc32]
        self._checked = bool(self._waiting)
        self._bad = False
        self._left = _MOST_UNPACKED

    def update(self, data: memoryview, offset: int) -> None:
        """The file's bytes from ``offset`` on."""
        end = offset + len(data)
        while self._waiting and self._waiting[-1].start < end:
            entry = self._waiting[-1]
            entry.update(data[max(entry.start - offset, 0) : entry.end - offset], self._left)
            if entry.end > end:
                return
            self._settle(self._waiting.pop())

    def outcome(self) -> str:
        """``ok`` | ``bad`` | ``n/a``; ok only where every entry's checksum was there and right."""
        if self._bad or self._waiting:
            return "bad"
        return "ok" if self._checked and not self._unchecked else "n/a"

    def _settle(self, entry: _Sum) -> None:
        self._left -= entry.unpacked
        self._unchecked |= entry.given_up
        self._bad |= not entry.given_up and not entry.right()


class _Sum:
    """The running checksum of one entry."""

    def __init__(self, start: int, entry: Entry) -> None:
        from zlib_ng import zlib_ng

        self.start, self.end = start, start + entry.packed
        self.unpacked = 0
        self.given_up = False
        self._entry = entry
        self._crc32 = zlib_ng.crc32
        self._sum = 0
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS) if entry.method == DEFLATED else None

    def update(self, data: memoryview, most: int) -> None:
        if self._inflater is None:
            self._sum = self._crc32(data, self._sum)
            return
        for piece in self._inflated(data, min(most, self._entry.size + 1)):
            self.unpacked += len(piece)
            self._sum = self._crc32(piece, self._sum)

    def _inflated(self, data: memoryview, most: int) -> Iterable[bytes]:
        """What compressed bytes unpack to, a window at a time."""
        assert self._inflater is not None
        rest: bytes | memoryview = data
        try:
            while rest and not self._inflater.eof and not self.given_up:
                yield self._inflater.decompress(rest, _WINDOW)
                rest = self._inflater.unconsumed_tail
                self.given_up = self.unpacked > most
        except zlib.error:
            self._sum = -1

    def right(self) -> bool:
        whole = self._inflater is None or self.unpacked == self._entry.size
        return whole and self._sum == self._entry.crc32
