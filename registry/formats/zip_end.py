"""The end of a zip archive: where its directory lies, said once and without contradiction."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from .base import ByteSource
from .faults import Damaged

_TAIL = 64 * 1024
_MOST_ENTRIES = 100_000
_END = Struct("<4s4H2LH")
_LOCATOR = Struct("<4sLQL")
_END64 = Struct("<4sQ2H2L4Q")
_END64_BODY = _END64.size - 12
"""What the record says of its own length: all behind that field."""


class End(NamedTuple):
    """Where the directory lies, and the last bytes of the file."""

    start: int
    length: int
    entries: int
    tail: bytes
    tail_start: int

    def directory(self, source: ByteSource) -> bytes:
        """The directory's bytes, from the tail where it holds them."""
        if self.start >= self.tail_start:
            at = self.start - self.tail_start
            return self.tail[at : at + self.length]
        return source.read(self.start, self.length)


def read_end(source: ByteSource) -> End:
    """Find the directory from the last 64 KiB; raises ``Damaged``."""
    tail_start = max(0, source.size - _TAIL)
    tail = source.read(tail_start, source.size - tail_start)
    at = len(tail) - _END.size
    if at < 0 or not tail.startswith(b"PK\x05\x06", at):
        raise Damaged(_what_follows(tail))
    _, disk, first_disk, here, count, length, start, comment = _END.unpack_from(tail, at)
    if comment:
        raise Damaged("has a comment at the end of its zip archive")
    if disk or first_disk or here != count:
        raise Damaged("is one part of a zip archive in several parts")
    wide = _wide_end(tail, at, tail_start)
    if wide:
        at, values = wide
        _require_same((count, length, start), values)
        count, length, start = values
    if start + length != tail_start + at:
        raise Damaged("has bytes between or before the parts of its zip archive")
    if count > _MOST_ENTRIES:
        raise Damaged(f"has {count:,} zip entries, more than any model")
    return End(start, length, count, tail, tail_start)


def _wide_end(tail: bytes, end: int, tail_start: int) -> tuple[int, tuple[int, int, int]] | None:
    """Position and figures of the zip64 record that must stand right before its locator."""
    at = end - _LOCATOR.size
    if at < 0 or not tail.startswith(b"PK\x06\x07", at):
        return None
    _, disk, offset, disks = _LOCATOR.unpack_from(tail, at)
    at -= _END64.size
    if at < 0 or offset != tail_start + at or disk or disks > 1:
        raise Damaged("has a damaged end of its zip archive")
    magic, body, _, _, disk, first_disk, here, count, length, start = _END64.unpack_from(tail, at)
    if magic != b"PK\x06\x06" or body != _END64_BODY or disk or first_disk or here != count:
        raise Damaged("has a damaged end of its zip archive")
    return at, (count, length, start)


def _require_same(short: tuple[int, int, int], wide: tuple[int, int, int]) -> None:
    for narrow, value, full in zip(short, wide, (0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF), strict=True):
        if narrow not in (value, full):
            raise Damaged("describes its zip directory in two ways")


def _what_follows(tail: bytes) -> str:
    if b"PK\x05\x06" in tail:
        return "has a comment or other bytes after the end of its zip archive"
    return "ends before its zip directory"
