"""How alike the numbers of two tensors are: equal up to rounding, their angle, their lengths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..formats.base import ByteSource
from ..values import Tensor
from ..weights import Piece, Weights, decoder_of, itemsize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_STEP = {
    "float64": 2.0**-23, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7,
    "float8_e4m3fn": 2.0**-3, "float8_e5m2": 2.0**-2,
}  # fmt: skip
"""Relative spacing of each float type (IEEE 754, arXiv 2209.05433); float64 is read as float32."""
_TINY = {"float16": 2.0**-24, "float8_e4m3fn": 2.0**-9, "float8_e5m2": 2.0**-16}
"""Absolute spacing of the smallest numbers; the other types reach further than weights do."""

_AT_ONCE = 1 << 15
"""Numbers compared at a time: arrays of 128 KiB stay in the cache and are not mapped anew."""
_WHOLE = 64 << 20
"""Bytes up to which a strided tensor is read: it cannot be read in parts."""
_GAP = 64 << 10
"""Bytes between two tensors that are rather read than a second range asked for."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """One tensor beside its counterpart."""

    name: str
    dimensions: int
    """Those of more than one element: 2 and more for weights, 1 for gains and biases."""
    elements: int
    equal: bool
    """Number by number, up to the rounding of the narrower float type."""
    own: float
    """Sum of squares."""
    other: float
    product: float
    """Sum of products."""

    @property
    def finite(self) -> bool:
        """Whether no number is NaN, infinite, or too large to be squared in float32."""
        return math.isfinite(self.own + self.other + self.product)


def squeezed(tensor: Tensor) -> tuple[int, ...]:
    """The shape without ones: attention weights have 2, 3 or 4 dimensions by layout."""
    return tuple(extent for extent in tensor.shape if extent != 1)


def comparable(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold plain float numbers in one shape, ones aside."""
    return (
        squeezed(one) == squeezed(other)
        and one.parameters > 0
        and all(
            tensor.dtype in _STEP
            and tensor.offset > 0
            and (tensor.strides is None or tensor.nbytes <= _WHOLE)
            for tensor in (one, other)
        )
    )


def compared(name: str, one: tuple[Weights, str], other: tuple[Weights, str]) -> Likeness:
    """Two ``comparable`` tensors, each given by its weights and its name there.

    Read in blocks, so that memory does not grow with their size. Raises ``Unreadable``.
    """
    first, second = (weights.pieces[own] for weights, own in (one, other))
    if first.tensor.strides is None and second.tensor.strides is None:
        return likeness(name, first.tensor, second.tensor, _blocks(first, second))
    whole = one[0].read(one[1]).ravel(), other[0].read(other[1]).ravel()
    return likeness(name, first.tensor, second.tensor, [whole])


def likeness(
    name: str, first: Tensor, second: Tensor, blocks: Iterable[tuple[Floats, Floats]]
) -> Likeness:
    """Two tensors by pairs of their blocks; an array beside itself stands for equal bytes."""
    import numpy as np

    step = tiny = 0.0
    if first.dtype != second.dtype:
        step = max(_STEP[first.dtype], _STEP[second.dtype])
        tiny = max(_TINY.get(first.dtype, 0.0), _TINY.get(second.dtype, 0.0))
    own = other = product = 0.0
    equal = True
    with np.errstate(all="ignore"):
        for mine, theirs in blocks:
            square = float(np.dot(mine, mine))
            same = theirs is mine
            own += square
            other += square if same else float(np.dot(theirs, theirs))
            product += square if same else float(np.dot(mine, theirs))
            equal = equal and (same or _equal(mine, theirs, step, tiny))
    return Likeness(name, len(squeezed(first)), first.parameters, equal, own, other, product)


def read_small(weights: Weights, names: Iterable[str]) -> Mapping[str, Floats]:
    """The values of small tensors by name, with one read for all that lie close together."""
    values: dict[str, Floats] = {}
    plain: dict[ByteSource, dict[str, Tensor]] = {}
    for name in names:
        piece = weights.pieces[name]
        if piece.tensor.strides is None:
            plain.setdefault(piece.source, {})[name] = piece.tensor
        else:
            values[name] = weights.read(name)
    for source, tensors in plain.items():
        for run in _runs(tensors):
            start = min(tensors[name].offset for name in run)
            data = memoryview(source.read(start, max(_end(tensors[name]) for name in run) - start))
            for name in run:
                part = data[tensors[name].offset - start : _end(tensors[name]) - start]
                read = decoder_of(tensors[name], weights.name)(part)
                values[name] = read.reshape(tensors[name].shape)
    return values


def _equal(mine: Floats, theirs: Floats, step: float, tiny: float) -> bool:
    import numpy as np

    if not step:
        return bool(np.array_equal(mine, theirs))
    gap, room = np.abs(mine - theirs), np.abs(mine)
    room *= step
    room += tiny
    return bool((gap <= room).all())


def _blocks(one: Piece, other: Piece) -> Iterator[tuple[Floats, Floats]]:
    """The numbers of two contiguous tensors, some at a time."""
    first, second = one.tensor, other.tensor
    mine, theirs = decoder_of(first, one.source.name), decoder_of(second, other.source.name)
    width, wide = itemsize(first.dtype) or 0, itemsize(second.dtype) or 0
    for start in range(0, first.parameters, _AT_ONCE):
        count = min(_AT_ONCE, first.parameters - start)
        left = one.source.read(first.offset + start * width, count * width)
        right = other.source.read(second.offset + start * wide, count * wide)
        values = mine(left)
        yield values, values if first.dtype == second.dtype and left == right else theirs(right)


def _runs(tensors: Mapping[str, Tensor]) -> list[list[str]]:
    """Names in the order of the file, together where the gap between the tensors is small."""
    runs: list[list[str]] = []
    end = 0
    for name in sorted(tensors, key=lambda name: tensors[name].offset):
        if runs and tensors[name].offset - end <= _GAP:
            runs[-1].append(name)
        else:
            runs.append([name])
        end = max(end, _end(tensors[name]))
    return runs


def _end(tensor: Tensor) -> int:
    return tensor.offset + tensor.nbytes
