"""The directory of a zip archive, read so strictly that every program must see the same entries."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

from ..naming import shown
from .base import ByteSource
from .faults import Damaged
from .spots import Spot, read_spots
from .zip_end import read_end

STORED, DEFLATED = 0, 8
_LONGEST_DIRECTORY = 64 * 1024 * 1024
_CENTRAL = Struct("<4s6H3L5H2L")
_LOCAL = Struct("<4s5H3L2H")
_SCRAMBLED = 0x0001 | 0x0020 | 0x0040 | 0x2000
"""General purpose bits 0, 5, 6, 13 of PKWARE APPNOTE.TXT 4.4.4: encrypted, patched, masked."""
_FULL = 0xFFFFFFFF
_ZIP64 = 1
_UNSAFE_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\\]|^[A-Za-z]:|(^|/)\.{0,2}(/|$)")
"""Control characters, backslashes, drives, absolute names, ``.`` and ``..``."""


class Entry(NamedTuple):
    """One entry as the directory describes it."""

    name: str
    raw: bytes
    flags: int
    method: int
    crc32: int
    packed: int
    """Bytes in the archive."""
    size: int
    """Bytes once unpacked."""
    start: int
    """Offset of the local header."""
    limit: int = 0
    """Where the next entry or the directory begins."""


def read_directory(source: ByteSource) -> dict[str, Entry]:
    """Every entry by name; costs one or two reads, none of them of content.

    Raises ``Damaged`` for anything that two programs could understand differently: repeated or
    unsafe names, encrypted or special entries, overlaps, bytes before or after the archive.
    """
    if source.size < 4 or source.read(0, 4) != b"PK\x03\x04":
        raise Damaged("does not begin with a zip entry")
    end = read_end(source)
    if end.length > _LONGEST_DIRECTORY:
        raise Damaged(f"has a zip directory of {end.length:,} bytes")
    entries = list(_parsed(end.directory(source), end.entries))
    _require_distinct(entries)
    ordered = sorted(entries, key=lambda entry: entry.start)
    if ordered and ordered[0].start:
        raise Damaged("has bytes before its first zip entry")
    return {entry.name: entry for entry in _limited(ordered, end.start)}


def locate(source: ByteSource, entries: Iterable[Entry]) -> dict[str, int]:
    """Where the content of each entry begins, after its local header was compared.

    Raises ``Damaged`` where header and directory disagree or the content runs into the next entry.
    """
    entries = list(entries)
    heads = read_spots(source, [Spot(e.start, _LOCAL.size + len(e.raw)) for e in entries])
    return {entry.name: _content_start(entry, heads[entry.start]) for entry in entries}


def assumed(entries: Iterable[Entry]) -> dict[str, int]:
    """About where the content of each entry begins, by the directory alone: nothing is read.

    Off by what a local header holds beyond its name; good for telling what is there, not for
    reading it.
    """
    return {entry.name: entry.start + _LOCAL.size + len(entry.raw) for entry in entries}


def _content_start(entry: Entry, head: bytes) -> int:
    magic, _, flags, method, *_, name_length, extra_length = _LOCAL.unpack_from(head)
    same = (magic, flags, method, name_length, head[_LOCAL.size :]) == (
        b"PK\x03\x04",
        entry.flags,
        entry.method,
        len(entry.raw),
        entry.raw,
    )
    if not same:
        raise _odd(entry, "is described in two ways")
    start = entry.start + len(head) + int(extra_length)
    if start + entry.packed > entry.limit:
        raise _odd(entry, "overlaps the next one")
    return start


def _parsed(directory: bytes, count: int) -> Iterator[Entry]:
    pos = 0
    try:
        for _ in range(count):
            entry, pos = _entry(directory, pos)
            yield entry
    except StructError:
        raise Damaged("has a damaged zip directory") from None
    if pos != len(directory):
        raise Damaged("has more in its zip directory than it counts")


def _entry(directory: bytes, pos: int) -> tuple[Entry, int]:
    fields = _CENTRAL.unpack_from(directory, pos)
    magic, _, _, flags, method, _, _, crc32, packed, size = fields[:10]
    name_length, extra_length, comment_length, disk, _, mode, start = fields[10:]
    middle = pos + _CENTRAL.size + name_length
    end = middle + extra_length + comment_length
    if magic != b"PK\x01\x02" or end > len(directory):
        raise Damaged("has a damaged zip directory")
    raw = directory[pos + _CENTRAL.size : middle]
    extra = directory[middle : middle + extra_length]
    size, packed, start = _wide(extra, size, packed, start)
    entry = Entry(_name(raw), raw, flags, method, crc32, packed, size, start)
    if disk not in (0, 0xFFFF):
        raise Damaged("is one part of a zip archive in several parts")
    _require_plain(entry, mode >> 16)
    return entry, end


def _wide(extra: bytes, *values: int) -> tuple[int, int, int]:
    """The values, those that did not fit 32 bits taken from the zip64 field."""
    field = None
    pos = 0
    while pos < len(extra):
        kind, length = _EXTRA.unpack_from(extra, pos)
        pos += _EXTRA.size + length
        if pos > len(extra) or (kind == _ZIP64 and field is not None):
            raise Damaged("has a damaged zip directory")
        if kind == _ZIP64:
            field = extra[pos - length : pos]
    at = 0
    full = []
    for value in values:
        if value == _FULL and field is not None:
            (value,) = _U64.unpack_from(field, at)
            at += _U64.size
        full.append(value)
    return full[0], full[1], full[2]


_EXTRA = Struct("<2H")
_U64 = Struct("<Q")


def _name(raw: bytes) -> str:
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise Damaged("has a zip entry whose name is not UTF-8") from None
    if _UNSAFE_NAME.search(name.removesuffix("/")):
        raise Damaged(f"has a zip entry with the unsafe name {shown(name)}")
    return name


def _require_plain(entry: Entry, mode: int) -> None:
    """Refuse what is no ordinary file or folder, and sizes that cannot be."""
    folder = entry.name.endswith("/")
    kinds = (0, stat.S_IFDIR if folder else stat.S_IFREG)
    if entry.flags & _SCRAMBLED:
        raise _odd(entry, "is encrypted")
    if stat.S_IFMT(mode) not in kinds:
        raise _odd(entry, "is a link or a special file")
    if entry.method not in (STORED, DEFLATED):
        raise _odd(entry, f"is packed with the unknown method {entry.method}")
    if entry.method == STORED and entry.packed != entry.size:
        raise _odd(entry, "has two sizes")
    if folder and entry.size:
        raise _odd(entry, "is a folder with content")


def _odd(entry: Entry, says: str) -> Damaged:
    return Damaged(f"has a zip entry {shown(entry.name)} that {says}")


def _require_distinct(entries: list[Entry]) -> None:
    # torch ignores case when it looks an entry up, and other programs take the last of two
    seen: set[str] = set()
    for entry in entries:
        name = entry.name.casefold()
        if name in seen:
            raise Damaged(f"has two zip entries named {shown(entry.name)}")
        seen.add(name)


def _limited(ordered: list[Entry], end: int) -> Iterator[Entry]:
    starts = [entry.start for entry in ordered[1:]]
    for entry, limit in zip(ordered, [*starts, end], strict=True):
        if entry.start + _LOCAL.size + len(entry.raw) + entry.packed > limit:
            raise _odd(entry, "overlaps the next one")
        yield entry._replace(limit=limit)
