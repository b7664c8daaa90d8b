"""torch files since 1.6: a zip archive of one pickle and one record for each storage."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from ..values import Header, Notice
from .base import ByteSource
from .faults import Damaged, Unsupported, named_after
from .pickle_machine import unpickle
from .pickle_values import Storage
from .torch_header import torch_header
from .torch_names import collect
from .zip_directory import DEFLATED, Entry, assumed, locate, read_directory

FORMAT = "torch-zip"
LARGEST_PICKLE = 64 * 1024 * 1024
_REFERENCE_MEMBERS = 5
"""pytorch torch/serialization.py, ``_save``: storage, type, key, location, elements."""

Directory = Mapping[str, Entry]


def read_torch_zip(source: ByteSource) -> Header:
    """Names, dtypes, shapes and absolute offsets; reads the directory, the pickle, local headers.

    Raises ``UnsafePickle`` where the pickle asks for more than tensors, ``UnsupportedFormat`` for
    TorchScript, big-endian files and other archives, ``Unreadable`` for everything damaged.
    """
    with named_after(source):
        return _header(source)


def _header(source: ByteSource) -> Header:
    entries = read_directory(source)
    root = _root(entries)
    _require_little_endian(source, entries.get(f"{root}/byteorder"))
    pickle = _content(source, entries[f"{root}/data.pkl"], LARGEST_PICKLE)
    found = unpickle(pickle, members=_REFERENCE_MEMBERS)
    if found.end != len(pickle):
        raise Damaged("has bytes after the end of its pickle")
    contents = collect(found.value)
    records = {key: _record(entries, root, storage) for key, storage in found.storages.items()}
    used = {view.storage.key for view in contents.tensors.values()}
    places, notices = _places(source, {key: records[key] for key in used})
    return torch_header(FORMAT, source, found, contents, places, notices)


def _root(entries: Directory) -> str:
    """The one top folder that every entry lies in."""
    pickles = [name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if not pickles:
        raise Unsupported("is a zip archive without weights that torch could load")
    root = pickles[0].partition("/")[0]
    if any(not name.startswith(f"{root}/") for name in entries):
        raise Damaged("has more than one top folder in its zip archive")
    if f"{root}/constants.pkl".casefold() in map(str.casefold, entries):
        raise Unsupported("is a TorchScript program, which vaereg does not read")
    return root


def _require_little_endian(source: ByteSource, entry: Entry | None) -> None:
    order = _content(source, entry, 16) if entry else b"little"
    if order == b"big":
        raise Unsupported("was written on a big-endian machine, which vaereg does not read")
    if order != b"little":
        raise Damaged("does not say in which order its bytes stand")


def _content(source: ByteSource, entry: Entry, most: int) -> bytes:
    """An entry's bytes, unpacked up to its declared size and checked against its checksum."""
    if max(entry.size, entry.packed) > most:
        raise Damaged(f"has a record {entry.name.rpartition('/')[2]} of {entry.size:,} bytes")
    data = source.read(locate(source, [entry])[entry.name], entry.packed)
    if entry.method == DEFLATED:
        data = _inflated(data, entry.size)
    # torch leaves the field zero when told not to compute checksums
    if entry.crc32 and zlib.crc32(data) != entry.crc32:
        raise Damaged(f"has a record {entry.name.rpartition('/')[2]} that fails its checksum")
    return data


def _inflated(packed: bytes, size: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(packed, size + 1)
    except zlib.error:
        raise Damaged("has a compressed record that does not unpack") from None
    if len(data) != size or not inflater.eof or inflater.unused_data:
        raise Damaged("has a compressed record of another size than it declares")
    return data


def _record(entries: Directory, root: str, storage: Storage) -> Entry:
    entry = entries.get(f"{root}/data/{storage.key}")
    if entry is None:
        raise Damaged(f"has no record for its storage {storage.key}")
    if entry.size != storage.nbytes:
        have, need = f"{entry.size:,}", f"{storage.nbytes:,}"
        raise Damaged(f"has {have} bytes for its storage {storage.key}, which needs {need}")
    return entry


def _places(
    source: ByteSource, records: Mapping[str, Entry]
) -> tuple[dict[str, int | None], list[Notice]]:
    # Local headers lie scattered over the whole file; from afar each of them is a request.
    distant = getattr(source, "distant", False)
    starts = assumed(records.values()) if distant else locate(source, records.values())
    packed = any(entry.method == DEFLATED for entry in records.values())
    says = "its weights are compressed inside the archive, so they cannot be read in place"
    return (
        {
            key: None if entry.method == DEFLATED else starts[entry.name]
            for key, entry in records.items()
        },
        [Notice("compressed_storage", says)] if packed else [],
    )
