"""A safetensors file written front to back, one block of one tensor in memory at a time."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from ..errors import UnsupportedFormat
from ..naming import shown
from ..soundness.content import Measure
from ..soundness.tally import tally_of
from ..weights import Weights, itemsize
from .numbers import CODES, blocks, dtype_of, encoded
from .spelling import Entry

Progress = Callable[[int], None]
"""Told how many more bytes of the source were read."""

_ALIGNED = 8
"""Bytes; the data begins at a multiple (huggingface/safetensors safetensors/src/tensor.rs)."""


def size_of(weights: Weights, entries: Sequence[Entry], dtype: str | None) -> int:
    """Bytes of the tensors in the result."""
    return sum(_bytes(weights, entry, dtype) for entry in entries)


def write(
    path: str,
    weights: Weights,
    entries: Sequence[Entry],
    dtype: str | None,
    metadata: Mapping[str, str],
    progress: Progress | None = None,
) -> dict[str, Measure]:
    """Write the file, anew, and say what the source's numbers came to, by their names there.

    Equal sources make equal bytes. Raises ``UnsupportedFormat`` where a finite number would become
    infinite, ``FileError`` from reading and ``OSError`` from writing.
    """
    # The widest first and then by name, as the library does: every tensor lies aligned.
    ordered = sorted(entries, key=lambda entry: (-_width(weights, entry, dtype), entry.name))
    measures: dict[str, Measure] = {}
    with open(path, "wb") as file:
        file.write(_header(weights, ordered, dtype, metadata))
        for entry in ordered:
            measures[entry.source] = _copy(file, weights, entry, dtype, progress)
        file.flush()
        os.fsync(file.fileno())
    return measures


def _header(
    weights: Weights, ordered: Sequence[Entry], dtype: str | None, metadata: Mapping[str, str]
) -> bytes:
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for entry in ordered:
        begin, end = end, end + _bytes(weights, entry, dtype)
        code = CODES[dtype_of(weights.pieces[entry.source].tensor, dtype)]
        header[entry.name] = {"dtype": code, "shape": entry.shape, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)
    return struct.pack("<Q", len(text)) + text


def _copy(
    file: BinaryIO, weights: Weights, entry: Entry, dtype: str | None, progress: Progress | None
) -> Measure:
    piece = weights.pieces[entry.source]
    tally = tally_of(piece.tensor)
    wanted = dtype_of(piece.tensor, dtype)
    lost = 0
    for block in blocks(piece, weights.name):
        tally.feed(memoryview(block))
        data, more = encoded(block, piece.tensor, wanted, weights.name)
        lost += more
        file.write(data)
        if progress:
            progress(len(block))
    if lost:
        raise UnsupportedFormat(
            f"{shown(weights.name)} holds {lost:,} numbers in {shown(entry.source)} that {wanted} "
            f"cannot hold: {_ENDS[wanted]}; nothing was written",
            f"{WIDER[wanted]} holds them",
        )
    return Measure(piece, tally.figures())


_ENDS = {
    "float16": "it ends at 65,504",
    "bfloat16": "it ends at 3.39e38",
    "float32": "it ends at 3.40e38",
}
WIDER = {
    "float16": "--dtype bf16 or --dtype fp32",
    "bfloat16": "--dtype keep",
    "float32": "--dtype keep",
}
"""What holds the numbers that a type does not."""


def _width(weights: Weights, entry: Entry, dtype: str | None) -> int:
    return itemsize(dtype_of(weights.pieces[entry.source].tensor, dtype)) or 1


def _bytes(weights: Weights, entry: Entry, dtype: str | None) -> int:
    tensor = weights.pieces[entry.source].tensor
    return tensor.parameters * _width(weights, entry, dtype)
