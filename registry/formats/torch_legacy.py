"""torch files before 1.6: five pickles in a row, then the storages, each behind its length."""

from __future__ import annotations

from collections.abc import Mapping

from ..values import Header
from .base import ByteSource
from .faults import Cut, Damaged, Unsupported, named_after
from .pickle_machine import Unpickled, unpickle
from .pickle_values import Entries, Storage
from .spots import Spot, read_spots
from .torch_header import torch_header
from .torch_names import collect

FORMAT = "torch-legacy"
LARGEST_PICKLE = 64 * 1024 * 1024
_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
"""pytorch torch/serialization.py, ``MAGIC_NUMBER`` and ``PROTOCOL_VERSION``."""
_REFERENCE_MEMBERS = 6
"""pytorch torch/serialization.py, ``_legacy_save``: those of the zip format, and a view."""
_FIRST_WINDOW = 64 * 1024
_GROWTH = 16
_COUNT = 8


def read_torch_legacy(source: ByteSource) -> Header:
    """Names, dtypes, shapes and absolute offsets; reads the pickles and the storages' lengths.

    Raises ``UnsafePickle`` where one of the pickles asks for more than tensors,
    ``UnsupportedFormat`` for big-endian files, ``Unreadable`` for everything damaged.
    """
    with named_after(source):
        return _header(source)


def _header(source: ByteSource) -> Header:
    head = _Head(source)
    _require(head.next().value, _MAGIC, "has no magic number of torch")
    _require(head.next().value, _VERSION, "is of an unknown version of torch's old format")
    _require_little_endian(head.next().value)
    found = head.next(_REFERENCE_MEMBERS)
    keys = head.next()
    contents = collect(found.value)
    places = _places(source, _in_order(keys.value, found.storages), keys.end)
    return torch_header(FORMAT, source, found, contents, places)


class _Head:
    """The pickles at the beginning of a file, read in windows that grow until the last one fits."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._data = source.read(0, min(source.size, _FIRST_WINDOW))
        self._pos = 0

    def next(self, members: int = 0) -> Unpickled:
        """The next pickle; a cut one is begun again with more bytes."""
        while True:
            try:
                found = unpickle(self._data, self._pos, self._source.size, members)
            except Cut:
                self._grow()
            else:
                self._pos = found.end
                return found

    def _grow(self) -> None:
        have = len(self._data)
        want = min(self._source.size, have * _GROWTH)
        if want == have:
            raise Cut("ends in the middle of its pickle")
        if have >= LARGEST_PICKLE:
            raise Damaged(f"has a pickle of more than {LARGEST_PICKLE:,} bytes")
        self._data += self._source.read(have, want - have)


def _require(value: object, expected: int, otherwise: str) -> None:
    if type(value) is not int or value != expected:
        raise Damaged(otherwise)


def _require_little_endian(value: object) -> None:
    pairs = value.pairs if type(value) is Entries else []
    facts = {key: fact for key, fact in pairs if type(key) is str}
    if facts.get("little_endian") is False:
        raise Unsupported("was written on a big-endian machine, which vaereg does not read")
    if facts.get("little_endian") is not True:
        raise Damaged("does not say in which order its bytes stand")


def _in_order(keys: object, storages: Mapping[str, Storage]) -> list[Storage]:
    """The storages as the key list orders them; it must name each exactly once."""
    if type(keys) is not list or len(keys) != len(storages):
        raise Damaged("lists other storages than its tensors use")
    ordered = [storages[key] for key in keys if type(key) is str and key in storages]
    if len({storage.key for storage in ordered}) != len(storages):
        raise Damaged("lists other storages than its tensors use")
    return ordered


def _places(source: ByteSource, storages: list[Storage], start: int) -> dict[str, int]:
    """Where each storage's bytes begin; the lengths must agree and fill the file exactly."""
    places: dict[str, int] = {}
    for storage in storages:
        places[storage.key] = start + _COUNT
        start += _COUNT + storage.nbytes
    if start != source.size:
        raise Damaged(f"needs {start:,} bytes for its tensors but has {source.size:,}")
    if getattr(source, "distant", False):
        # The counts lie scattered over the whole file; from afar each of them is a request.
        return places
    counts = read_spots(source, [Spot(place - _COUNT, _COUNT) for place in places.values()])
    for storage in storages:
        count = counts[places[storage.key] - _COUNT]
        if int.from_bytes(count, "little") != storage.elements:
            raise Damaged(f"gives its storage {storage.key} another length than its tensors need")
    return places
