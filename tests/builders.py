"""Writers of small model files for the tests: real formats, weights zero or given."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from vaereg.registry.values import Header, Tensor

Shapes = Mapping[str, Sequence[int]]

_CODES = {
    "float64": ("F64", 8),
    "float32": ("F32", 4),
    "float16": ("F16", 2),
    "bfloat16": ("BF16", 2),
    "int64": ("I64", 8),
    "int32": ("I32", 4),
    "uint8": ("U8", 1),
    "float8_e4m3fn": ("F8_E4M3", 1),
}


def safetensors_header(
    shapes: Shapes, dtype: str = "float16", metadata: Mapping[str, str] | None = None
) -> tuple[bytes, int]:
    """The length-prefixed header of a safetensors file, and the bytes of data that belong to it."""
    code, width = _CODES[dtype]
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, shape in shapes.items():
        begin, count = end, width
        for extent in shape:
            count *= extent
        end += count
        entries[name] = {"dtype": code, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text, end


def write_safetensors(
    path: Path,
    shapes: Shapes,
    dtype: str = "float16",
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A header-true file: names, shapes and size real, weights zero and sparse on disk."""
    head, data = safetensors_header(shapes, dtype, metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + data)
    return path


def header_of(
    shapes: Shapes,
    dtype: str = "float16",
    metadata: Mapping[str, str] | None = None,
    format: str = "safetensors",
) -> Header:
    """A header as a reader would give it, without a file."""
    width = _CODES[dtype][1]
    tensors: dict[str, Tensor] = {}
    offset = 0
    for name, shape in shapes.items():
        nbytes = width
        for extent in shape:
            nbytes *= extent
        tensors[name] = Tensor(name, dtype, tuple(shape), offset, nbytes)
        offset += nbytes
    return Header(format, offset, tensors, dict(metadata or {}))
