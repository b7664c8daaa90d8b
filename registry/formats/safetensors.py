"""safetensors headers, read with bounds: whatever the reference library refuses is refused here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from ..naming import shown
from ..values import Header, Notice, Tensor
from . import strict_json
from .base import ByteSource
from .faults import Damaged, named_after

FORMAT = "safetensors"
LONGEST_HEADER = 100_000_000
"""safetensors/src/tensor.rs, ``MAX_HEADER_SIZE``."""
_READ_AHEAD = 64 * 1024
_METADATA = "__metadata__"
_FIELDS = ("dtype", "shape", "data_offsets")
_MOST_DIMENSIONS = 64
_U64 = 2**64
_position = itemgetter(3, 4)


DTYPES: Mapping[str, tuple[str, int]] = {
    "BOOL": ("bool", 8),
    "F4": ("float4_e2m1fn", 4),
    "F6_E2M3": ("float6_e2m3fn", 6),
    "F6_E3M2": ("float6_e3m2fn", 6),
    "U8": ("uint8", 8),
    "I8": ("int8", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8),
    "I16": ("int16", 16),
    "U16": ("uint16", 16),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "I32": ("int32", 32),
    "U32": ("uint32", 32),
    "F32": ("float32", 32),
    "C64": ("complex64", 64),
    "F64": ("float64", 64),
    "I64": ("int64", 64),
    "U64": ("uint64", 64),
}
"""torch's spelling and bits an element, after safetensors/src/tensor.rs, ``Dtype``."""


def read_safetensors(source: ByteSource) -> Header:
    """Names, dtypes, shapes and absolute offsets of a safetensors file, from its header alone.

    Costs one read of 64 KiB, and a second one for a longer header. Raises ``Unreadable``.
    """
    with named_after(source):
        text, start = _header_text(source)
        entries = _entries(text)
        metadata, notices = _metadata(entries)
        tensors = _tensors(entries, start)
        _require_gapless(tensors, start, source.size)
    return Header(FORMAT, source.size, tensors, metadata, (*notices, *_extra_fields(entries)))


def _header_text(source: ByteSource) -> tuple[str, int]:
    """The header as text, and the file offset where the data begins."""
    if source.size < 8:
        raise Damaged(f"is cut short: it has only {source.size} bytes")
    head = source.read(0, min(source.size, _READ_AHEAD))
    length = int.from_bytes(head[:8], "little")
    start = 8 + length
    if not 0 < length <= LONGEST_HEADER:
        raise Damaged(f"is no safetensors file: it claims a header of {length:,} bytes")
    if start > source.size:
        raise Damaged(
            f"is cut short: its header alone takes {start:,} bytes and it has {source.size:,}"
        )
    if start > len(head):
        head += source.read(len(head), start - len(head))
    if not head.startswith(b"{", 8):
        raise Damaged("has a header that does not begin with a brace")
    try:
        return head[8:start].decode(), start
    except UnicodeDecodeError:
        raise Damaged("has a header that is not UTF-8 text") from None


def _entries(text: str) -> dict[str, Any]:
    """The header's JSON object, with the certainty that no key in it was dropped.

    Noticing a repeated key or ``-0`` takes hooks that cost more than the parsing itself, so the
    common header is parsed without them and then proven innocent.
    """
    try:
        entries = strict_json.parse_quickly(text)
        if "\\" in text or not _accounted_for(text, entries):
            entries = strict_json.parse(text)
    except strict_json.BadJson as error:
        raise Damaged(f"has a header that {error}") from None
    if type(entries) is not dict:
        raise Damaged("names a tensor twice in its header")
    return entries


def _accounted_for(text: str, entries: Any) -> bool:  # noqa: ANN401
    """Whether every colon and every minus sign of the text is seen in what was parsed.

    Without escapes a colon stands behind a key or inside a text, and a minus sign inside a text;
    a dropped key or ``-0`` leaves one over. Each tensor has its three fields and no more.
    """
    if type(entries) is not dict:
        return False
    metadata = entries.get(_METADATA, {})
    tensors = len(entries) - (_METADATA in entries)
    fields = len(_FIELDS) * tensors + len(metadata) if type(metadata) is dict else -1
    try:
        if sum(map(len, entries.values())) != fields:
            return False
        words = "".join((*entries, *metadata, *metadata.values()))
    except TypeError:
        return False
    colons = len(entries) + fields + words.count(":")
    return text.count(":") == colons and text.count("-") == words.count("-")


def _metadata(entries: dict[str, Any]) -> tuple[Mapping[str, str], tuple[Notice, ...]]:
    """Takes ``__metadata__`` out of the entries."""
    if _METADATA not in entries:
        return {}, ()
    metadata = entries.pop(_METADATA)
    if metadata is None:
        return {}, (Notice("metadata_null", "its __metadata__ is null instead of left out"),)
    if not isinstance(metadata, dict):
        raise Damaged("has __metadata__ that is no JSON object")
    if not all(type(value) is str for value in metadata.values()):
        raise Damaged("has __metadata__ that holds something other than text")
    if isinstance(metadata, strict_json.Repeated):
        return metadata, (Notice("metadata_repeated", "its __metadata__ has a key twice"),)
    return metadata, ()


def _tensors(entries: Mapping[str, Any], start: int) -> dict[str, Tensor]:
    """The entries as tensors: the common ones without a call, any other through ``_fault``.

    A header holds thousands of tensors, and calls would double the time it takes.
    """
    tensors: dict[str, Tensor] = {}
    new = tuple.__new__
    for name, entry in entries.items():
        try:
            dtype, bits = DTYPES[entry["dtype"]]
            begin, end = entry["data_offsets"]
            shape = entry["shape"]
            if not 0 < len(shape) <= _MOST_DIMENSIONS:
                raise ValueError
            for extent in shape:
                bits = bits * extent if type(extent) is int and extent > 0 else 0
            sound = bits == (end - begin) * 8 != 0 and type(begin) is type(end) is int
        except (KeyError, TypeError, ValueError):
            sound = False
        if not sound or type(entry) is not dict:
            fault = _fault(entry)
            if fault:
                raise Damaged(f"describes tensor {shown(name)} wrongly: {fault}")
        tensors[name] = new(Tensor, (name, dtype, tuple(shape), start + begin, end - begin, None))
    return tensors


def _fault(entry: object) -> str | None:
    """What is wrong with the description of one tensor, by every rule of the format."""
    if isinstance(entry, strict_json.Repeated):
        return "one of its fields stands there twice"
    if not isinstance(entry, dict):
        return "it is no JSON object"
    missing = [field for field in _FIELDS if field not in entry]
    if missing:
        return f"it has no {missing[0]}"
    code, shape, offsets = (entry[field] for field in _FIELDS)
    if type(code) is not str:
        return "its dtype is no text"
    if code not in DTYPES:
        return f"its dtype {shown(code, 40)} is unknown"
    if not _are_sizes(shape) or len(shape) > _MOST_DIMENSIONS:
        return f"its shape is no list of at most {_MOST_DIMENSIONS} whole numbers"
    if not _are_sizes(offsets) or len(offsets) != 2:
        return "its data_offsets are no pair of whole numbers"
    needed, span = DTYPES[code][1] * _elements(shape), offsets[1] - offsets[0]
    if needed >= _U64:
        return "its shape is larger than any file"
    if needed != 8 * span:
        return f"its shape needs {needed / 8:,} bytes, its data_offsets span {span:,}"
    return None


def _are_sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(x) is int and 0 <= x < _U64 for x in value)


def _elements(shape: Iterable[int]) -> int:
    """The product from left to right; a step that leaves 64 bits counts, even if a 0 follows."""
    count = 1
    for extent in shape:
        count *= extent
        if count >= _U64:
            break
    return count


def _require_gapless(tensors: Mapping[str, Tensor], start: int, size: int) -> None:
    """The data must be filled from first to last byte, without a hole or an overlap."""
    end = _end_of(tensors.values(), start)
    if end is None:
        end = _end_of(sorted(tensors.values(), key=_position), start)
    if end is None:
        raise Damaged("has a header in which the data of the tensors overlap or leave a hole")
    if end > size:
        raise Damaged(f"is cut short: its header promises {end:,} bytes and it has {size:,}")
    if end < size:
        raise Damaged(f"has {size - end:,} bytes more than its header describes")


def _end_of(tensors: Iterable[Tensor], end: int) -> int | None:
    """Where the last tensor ends; None unless each begins where the one before ended."""
    for _, _, _, offset, nbytes, _ in tensors:
        if offset != end:
            return None
        end += nbytes
    return end


def _extra_fields(entries: Mapping[str, Any]) -> Iterator[Notice]:
    extra = [name for name, entry in entries.items() if len(entry) > len(_FIELDS)]
    if extra:
        says = f"fields that the format does not know stand beside {shown(extra[0])}"
        yield Notice("extra_fields", says + (f" and {len(extra) - 1} more" if extra[1:] else ""))
