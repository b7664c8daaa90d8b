"""Tensors' values, read by byte ranges of the file and never by running what is in it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from .errors import Unreadable, UnsupportedFormat
from .formats import strict_json
from .formats.base import ByteSource
from .formats.catalog import read_header, read_path
from .formats.local import LocalFile
from .formats.shards import weight_map
from .formats.weight_files import choose
from .naming import shown
from .values import Folder, Header, Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Buffer: TypeAlias = bytes | memoryview
    Floats: TypeAlias = NDArray[np.float32]

BLOCK = 4 << 20
"""Bytes of a tensor that ``blocks`` gives at a time."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One tensor and the open file that holds its bytes."""

    source: ByteSource
    tensor: Tensor


@dataclass(frozen=True, slots=True)
class Weights:
    """The tensors of one component, names without its prefix, and what is said beside them."""

    name: str
    """Path of the file or folder, for messages."""
    pieces: Mapping[str, Piece]
    config: Mapping[str, object] = field(default_factory=dict)
    """``config.json`` of a diffusers folder; empty for a single file."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Texts in the file's own header."""

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors' descriptions by name."""
        return {name: piece.tensor for name, piece in self.pieces.items()}

    def read(self, name: str) -> Floats:
        """A tensor's values as float32, in its shape.

        Raises ``UnsupportedFormat`` for quantised and packed tensors, ``Unreadable`` where the
        file ends early, ``KeyError`` for a name that is not there.
        """
        piece = self.pieces[name]
        tensor = piece.tensor
        decode = decoder_of(tensor, self.name)
        values = decode(piece.source.read(tensor.offset, tensor.nbytes))
        if tensor.strides is None:
            return values.reshape(tensor.shape)
        return _strided(values, tensor, self.name)


@contextmanager
def open_weights(path: str, prefix: str = "") -> Iterator[Weights]:
    """The tensors below a prefix of a file, or of a diffusers folder's part (``vae/``), opened.

    ``prefix`` is ``Component.prefix``. Raises ``NotFound`` and ``FileError``.
    """
    with ExitStack() as stack:
        if os.path.isdir(path):
            yield _of_folder(path, prefix, stack)
        else:
            source = stack.enter_context(LocalFile(path))
            yield below(source, read_header(source), prefix)


def below(source: ByteSource, header: Header, prefix: str = "") -> Weights:
    """The tensors below a prefix of one open file, local or remote."""
    cut = len(prefix)
    pieces = {
        name[cut:]: Piece(source, tensor)
        for name, tensor in header.tensors.items()
        if name.startswith(prefix)
    }
    return Weights(source.name, pieces, metadata=header.metadata)


def decoder_of(tensor: Tensor, file: str) -> Callable[[Buffer], Floats]:
    """What turns a contiguous tensor's bytes, or a part of them, into float32 values.

    Raises ``UnsupportedFormat`` for quantised types and for storages compressed in their archive.
    """
    decode = _decoders().get(tensor.dtype)
    if decode is None:
        raise UnsupportedFormat(
            f"{shown(file)} keeps {shown(tensor.name)} as {tensor.dtype}, which vaereg does not "
            "turn into numbers",
            "use a copy of the model in float32, float16, bfloat16 or float8",
        )
    if tensor.offset == 0 and tensor.nbytes:
        raise UnsupportedFormat(
            f"{shown(file)} keeps {shown(tensor.name)} compressed inside its archive",
            "save the model anew, best as safetensors",
        )
    return decode


def itemsize(dtype: str) -> int | None:
    """Bytes of one number of a float or integer type; None for quantised types."""
    return _ITEMSIZES.get(dtype)


_ITEMSIZES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip


@cache
def _decoders() -> dict[str, Callable[[Buffer], Floats]]:
    import numpy as np

    def plain(code: str) -> Callable[[Buffer], Floats]:
        return lambda data: np.frombuffer(data, code).astype(np.float32, copy=False)

    def bfloat16(data: Buffer) -> Floats:
        # A bfloat16 is the upper half of a float32.
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)

    def table(exponent: int, mantissa: int, infinite: bool) -> Callable[[Buffer], Floats]:
        values = np.array(_float8(exponent, mantissa, infinite), np.float32)
        return lambda data: values[np.frombuffer(data, np.uint8)]

    codes = {
        "float64": "<f8", "float32": "<f4", "float16": "<f2", "int64": "<i8", "int32": "<i4",
        "int16": "<i2", "int8": "i1", "uint8": "u1", "bool": "?",
    }  # fmt: skip
    return {name: plain(code) for name, code in codes.items()} | {
        "bfloat16": bfloat16,
        "float8_e4m3fn": table(4, 3, infinite=False),
        "float8_e5m2": table(5, 2, infinite=True),
    }


def _float8(exponent: int, mantissa: int, infinite: bool) -> list[float]:
    """The 256 values of an 8-bit float: arXiv 2209.05433, table 1 (E4M3 has no infinities)."""
    bias = 2 ** (exponent - 1) - 1
    values = []
    for code in range(256):
        sign = -1.0 if code & 0x80 else 1.0
        power, fraction = code >> mantissa & (2**exponent - 1), code & (2**mantissa - 1)
        if power == 2**exponent - 1 and infinite:
            size = math.nan if fraction else math.inf
        elif power == 2**exponent - 1 and fraction == 2**mantissa - 1:
            size = math.nan
        elif power == 0:
            size = fraction * 2.0 ** (1 - bias - mantissa)
        else:
            size = (1 + fraction / 2**mantissa) * 2.0 ** (power - bias)
        values.append(sign * size)
    return values


def _strided(values: Floats, tensor: Tensor, file: str) -> Floats:
    """The elements of a view in order; the span is read, so none lies outside it."""
    import numpy as np

    assert tensor.strides is not None
    if tensor.parameters > values.size:
        raise UnsupportedFormat(
            f"{shown(file)} keeps {shown(tensor.name)} as a view that repeats its numbers",
            "save the model anew with contiguous tensors",
        )
    steps = tuple(step * values.itemsize for step in tensor.strides)
    return np.ascontiguousarray(
        np.lib.stride_tricks.as_strided(values, tensor.shape, steps, writeable=False)
    )


def _of_folder(path: str, prefix: str, stack: ExitStack) -> Weights:
    """A part's tensors, each with the shard that holds it."""
    folder = read_path(path)
    assert isinstance(folder, Folder)
    name, _, inner = prefix.rpartition("/")
    part = next((part for part in folder.parts if part.name == name), None)
    base = os.path.join(path, name)
    chosen = choose(sorted(os.listdir(base))) if part else None
    if part is None or chosen is None:
        raise Unreadable(f"{shown(path)} has no weights in {shown(name) or 'itself'}")
    files = [chosen.name]
    places: Mapping[str, str] = {}
    if chosen.sharded:
        with LocalFile(os.path.join(base, chosen.name)) as index:
            content = strict_json.parse(index.read(0, index.size).decode())
        places = weight_map(content if isinstance(content, dict) else {})
        files = sorted(set(places.values()))
    pieces: dict[str, Piece] = {}
    metadata: dict[str, str] = {}
    for file in files:
        source = stack.enter_context(LocalFile(os.path.join(base, file)))
        found = below(source, read_header(source), inner)
        pieces |= {
            own: it for own, it in found.pieces.items() if places.get(inner + own, file) == file
        }
        metadata |= found.metadata
    return Weights(path, pieces, part.config, metadata)
