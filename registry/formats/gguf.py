"""GGUF headers of version 2 and 3, every count in them held against the size of the file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from operator import mul
from struct import Struct
from typing import NamedTuple

from ..naming import shown
from ..values import Header, Tensor
from .base import ByteSource
from .faults import Damaged, Unsupported, named_after
from .gguf_cursor import Cursor

FORMAT = "gguf"
_VERSIONS = (2, 3)
_LEAST_PAIR = 8 + 4 + 1
_LEAST_TENSOR = 8 + 4 + 8 + 4 + 8
_MOST_DIMENSIONS = 4
_MOST_ORIGINAL_DIMENSIONS = 64
_MOST_METADATA = 4096
_ALIGNMENT_KEY = "general.alignment"
_ALIGNMENT = 32
_LARGEST_ALIGNMENT = 1024 * 1024
_SHAPE_KEY = "comfy.gguf.orig_shape."
"""city96/ComfyUI-GGUF loader.py: shapes that ggml's four dimensions could not hold."""


class _Type(NamedTuple):
    name: str
    block: int
    """Elements a block."""
    width: int
    """Bytes a block."""


TYPES: Mapping[int, _Type] = {
    0: _Type("float32", 1, 4),
    1: _Type("float16", 1, 2),
    2: _Type("q4_0", 32, 18),
    3: _Type("q4_1", 32, 20),
    6: _Type("q5_0", 32, 22),
    7: _Type("q5_1", 32, 24),
    8: _Type("q8_0", 32, 34),
    9: _Type("q8_1", 32, 40),
    10: _Type("q2_k", 256, 84),
    11: _Type("q3_k", 256, 110),
    12: _Type("q4_k", 256, 144),
    13: _Type("q5_k", 256, 176),
    14: _Type("q6_k", 256, 210),
    15: _Type("q8_k", 256, 292),
    16: _Type("iq2_xxs", 256, 66),
    17: _Type("iq2_xs", 256, 74),
    18: _Type("iq3_xxs", 256, 98),
    19: _Type("iq1_s", 256, 50),
    20: _Type("iq4_nl", 32, 18),
    21: _Type("iq3_s", 256, 110),
    22: _Type("iq2_s", 256, 82),
    23: _Type("iq4_xs", 256, 136),
    24: _Type("int8", 1, 1),
    25: _Type("int16", 1, 2),
    26: _Type("int32", 1, 4),
    27: _Type("int64", 1, 8),
    28: _Type("float64", 1, 8),
    29: _Type("iq1_m", 256, 56),
    30: _Type("bfloat16", 1, 2),
    34: _Type("tq1_0", 256, 54),
    35: _Type("tq2_0", 256, 66),
    39: _Type("mxfp4", 32, 17),
    40: _Type("nvfp4", 64, 36),
    41: _Type("q1_0", 128, 18),
}
"""ggml-org/llama.cpp gguf-py/gguf/constants.py, ``GGML_QUANT_SIZES``."""

_TEXT, _ARRAY = 8, 9
_UINT32, _FLOAT32 = 4, 6
_NUMBERS: Mapping[int, Struct] = {
    0: Struct("<B"),
    1: Struct("<b"),
    2: Struct("<H"),
    3: Struct("<h"),
    _UINT32: Struct("<I"),
    5: Struct("<i"),
    _FLOAT32: Struct("<f"),
    7: Struct("<?"),
    10: Struct("<Q"),
    11: Struct("<q"),
    12: Struct("<d"),
}
_WHOLE = {0, 1, 2, 3, 4, 5, 10, 11}
"""ggml-org/llama.cpp gguf-py/gguf/constants.py, ``GGUFValueType``."""


@dataclass(slots=True)
class _Pairs:
    """What the key-value part of the file says."""

    metadata: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    alignment: int = _ALIGNMENT


def read_gguf(source: ByteSource) -> Header:
    """Names, types, shapes in torch's order and offsets of a GGUF file; scalars as metadata.

    Raises ``Unreadable`` for a damaged file, ``UnsupportedFormat`` for other versions, big-endian
    files and unknown tensor types.
    """
    with named_after(source):
        cursor = Cursor(source)
        _require_version(cursor)
        tensors = cursor.count(_LEAST_TENSOR)
        pairs = _pairs(cursor, cursor.count(_LEAST_PAIR))
        found = _tensors(cursor, tensors, pairs)
        start = -(-cursor.position // pairs.alignment) * pairs.alignment
        placed = {
            tensor.name: tensor._replace(offset=start + tensor.offset) for tensor in found.values()
        }
        _require_room(placed, source.size)
    return Header(FORMAT, source.size, placed, pairs.metadata)


def _require_version(cursor: Cursor) -> None:
    if cursor.take(4) != b"GGUF":
        raise Damaged("does not begin as a GGUF file does")
    version = cursor.u32()
    if version and not version & 0xFFFF:
        raise Unsupported("is a GGUF file for big-endian machines")
    if version not in _VERSIONS:
        raise Unsupported(f"is a GGUF file of version {version}; vaereg reads 2 and 3")


def _pairs(cursor: Cursor, count: int) -> _Pairs:
    pairs = _Pairs()
    seen = set()
    for _ in range(count):
        key = cursor.text()
        if key in seen:
            raise Damaged(f"has the metadata key {shown(key)} twice")
        seen.add(key)
        kind = cursor.u32()
        if kind == _ARRAY:
            shape = _array(cursor, key.startswith(_SHAPE_KEY))
            if shape is not None:
                pairs.shapes[key.removeprefix(_SHAPE_KEY)] = shape
            continue
        value = _value(cursor, kind)
        if key == _ALIGNMENT_KEY:
            pairs.alignment = _alignment(kind, value)
        if len(pairs.metadata) < _MOST_METADATA:
            pairs.metadata[key] = _in_words(kind, value)
    return pairs


def _value(cursor: Cursor, kind: int) -> int | float | str:
    if kind == _TEXT:
        return cursor.take(cursor.count(1)).decode(errors="replace")
    if kind not in _NUMBERS:
        raise Damaged(f"has metadata of the unknown kind {kind}")
    return cursor.number(_NUMBERS[kind])


def _in_words(kind: int, value: float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # 4-byte numbers carry seven digits; more would only show how they were rounded.
    return f"{value:.7g}" if kind == _FLOAT32 else str(value)


def _array(cursor: Cursor, is_shape: bool) -> tuple[int, ...] | None:
    """Passes an array by; the numbers themselves only where they are a tensor's shape."""
    kind = cursor.u32()
    if kind == _TEXT:
        for _ in range(cursor.count(8)):
            cursor.skip(cursor.count(1))
        return None
    if kind not in _NUMBERS:
        raise Damaged("has an array of arrays in its metadata")
    width = _NUMBERS[kind].size
    count = cursor.count(width)
    if is_shape and kind in _WHOLE and count <= _MOST_ORIGINAL_DIMENSIONS:
        return tuple(int(cursor.number(_NUMBERS[kind])) for _ in range(count))
    cursor.skip(count * width)
    return None


def _alignment(kind: int, value: object) -> int:
    if kind != _UINT32 or not isinstance(value, int):
        raise Damaged("gives its alignment as something other than a whole number")
    if value.bit_count() != 1 or value > _LARGEST_ALIGNMENT:
        raise Damaged(f"aligns its data to {value:,} bytes, which is no power of two up to 1 MiB")
    return value


def _tensors(cursor: Cursor, count: int, pairs: _Pairs) -> dict[str, Tensor]:
    """Descriptions with offsets counted from the start of the data."""
    tensors: dict[str, Tensor] = {}
    for _ in range(count):
        tensor = _tensor(cursor, pairs)
        if tensor.name in tensors:
            raise Damaged(f"names tensor {shown(tensor.name)} twice")
        tensors[tensor.name] = tensor
    return tensors


def _tensor(cursor: Cursor, pairs: _Pairs) -> Tensor:
    name = cursor.text()
    rank = cursor.u32()
    if not 1 <= rank <= _MOST_DIMENSIONS:
        raise Damaged(f"gives tensor {shown(name)} {rank:,} dimensions instead of 1 to 4")
    extents = [cursor.u64() for _ in range(rank)]
    kind, offset = cursor.u32(), cursor.u64()
    if kind not in TYPES:
        raise Unsupported(f"holds tensor {shown(name)} in the unknown ggml type {kind}")
    dtype, block, width = TYPES[kind]
    elements = math.prod(extents)
    if max(*extents, *accumulate(extents, mul)) >= 2**63:
        raise Damaged(f"makes tensor {shown(name)} larger than any file")
    if extents[0] % block:
        raise Damaged(f"cuts a row of tensor {shown(name)} inside a block of {dtype}")
    if offset % pairs.alignment:
        raise Damaged(f"places tensor {shown(name)} off its alignment of {pairs.alignment} bytes")
    shape = pairs.shapes.get(name, tuple(reversed(extents)))
    if min(shape, default=1) < 0 or math.prod(shape) != elements:
        raise Damaged(f"says that tensor {shown(name)} had a shape of another size before")
    return Tensor(name, dtype, shape, offset, elements // block * width)


def _require_room(tensors: Mapping[str, Tensor], size: int) -> None:
    """No tensor may lie on another one or reach beyond the file."""
    end = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: tensor[3:]):
        if tensor.offset < end:
            raise Damaged(f"places tensor {shown(tensor.name)} on top of another one")
        end = tensor.offset + tensor.nbytes
    if end > size:
        raise Damaged(f"is cut short: its header promises {end:,} bytes and it has {size:,}")
