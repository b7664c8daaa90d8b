"""Holes of broken downloads: long runs of zero bytes that no training leaves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..formats.base import ByteSource
from ..values import Tensor
from ..weights import itemsize

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHORTEST = 64 << 10
"""Bytes of the shortest hole that is found for certain: downloads come in blocks of this or more
(aria2/aria2 allocates pieces of 1 MiB, huggingface/huggingface_hub writes 10 MiB at a time)."""

_CELL = SHORTEST // 4
"""A hole holds three whole cells wherever it begins."""
_MOST_RUNS = 1000
"""More runs than this are how the model was made; those beyond are not looked at."""
_SLIVER = 4 << 10
"""Bytes of a tensor that must be zero for it to count as cut."""
_NEAR = 4 << 10
"""Bytes beside an edge that tell whether numbers or zeros are usual there."""
_DENSE = 0.9


class Run(NamedTuple):
    """Zero bytes in a row."""

    start: int
    end: int


class ZeroRuns:
    """Finds the long runs of zero bytes in a file that passes by in order."""

    def __init__(self) -> None:
        self._start = self._end = 0
        self._found: list[Run] = []

    def update(self, data: memoryview, offset: int) -> None:
        """The file's bytes from ``offset`` on."""
        import numpy as np

        array = np.frombuffer(data, np.uint8)
        whole = len(array) // _CELL * _CELL
        cells = array[:whole].reshape(-1, _CELL)
        # A look at 8 bytes rules out nearly every cell.
        for index in np.flatnonzero(~cells[:, :8].any(axis=1)):
            self._piece(cells[index], offset + int(index) * _CELL)
        if whole < len(array):
            self._piece(array[whole:], offset + whole)

    def runs(self) -> tuple[Run, ...]:
        """The runs of the bytes seen; each may begin and end up to a cell further out."""
        self._close()
        return tuple(self._found)

    def _piece(self, piece: NDArray[Any], offset: int) -> None:
        if piece.any():
            return
        if offset != self._end:
            self._close()
            self._start = offset
        self._end = offset + len(piece)

    def _close(self) -> None:
        if self._end - self._start >= 3 * _CELL and len(self._found) < _MOST_RUNS:
            self._found.append(Run(self._start, self._end))
        self._start = self._end = 0


def holed(source: ByteSource, runs: Iterable[Run], tensors: Sequence[Tensor]) -> tuple[str, ...]:
    """Names of the tensors that lie in holes, in the order of the file.

    A run is a hole where it breaks off in the middle of a row of numbers, or swallows a whole norm
    weight. Tensors that are zero from end to end, and whole rows of zeros, are how a model was
    made. ``tensors`` are those that lie in the file as they are. Raises ``Unreadable``.
    """
    names: dict[str, None] = {}
    for run in runs:
        exact = _exact(source, run)
        inside = [t for t in tensors if t.offset < exact.end and exact.start < t.offset + t.nbytes]
        if _is_hole(source, exact, inside):
            names |= dict.fromkeys(t.name for t in inside if _overlap(exact, t) >= _least(t))
    return tuple(names)


def _is_hole(source: ByteSource, run: Run, inside: Sequence[Tensor]) -> bool:
    return any(_swallowed_norm(run, t) or _cut(source, run, t) for t in inside)


def _swallowed_norm(run: Run, tensor: Tensor) -> bool:
    """A norm's weights start from one; a run of ``SHORTEST`` bytes is never theirs alone."""
    whole = _overlap(run, tensor) == tensor.nbytes
    return whole and len(tensor.shape) == 1 and tensor.name.endswith("weight")


def _cut(source: ByteSource, run: Run, tensor: Tensor) -> bool:
    """Whether an edge of the run stands inside a row of the tensor, next to numbers."""
    if _overlap(run, tensor) < _SLIVER:
        return False
    width = itemsize(tensor.dtype) or 1
    row = tensor.nbytes // tensor.shape[0] if tensor.shape and tensor.shape[0] else 0
    first, last = tensor.offset, tensor.offset + tensor.nbytes
    for edge, begin, end in _edges(run, tensor, width):
        if first < edge < last and (row < 16 * width or (edge - first) % row):
            begin, end = max(begin, first), min(end, last)
            if _density(source.read(begin, end - begin), width) >= _DENSE:
                return True
    return False


def _edges(run: Run, tensor: Tensor, width: int) -> Iterator[tuple[int, int, int]]:
    """Each end of the run, moved to a number's bounds, and the bytes beyond it."""
    start = tensor.offset + math.ceil((run.start - tensor.offset) / width) * width
    end = tensor.offset + (run.end - tensor.offset) // width * width
    yield start, start - _NEAR, start
    yield end, end, end + _NEAR


def _density(data: bytes, width: int) -> float:
    """Share of numbers that are not zero."""
    import numpy as np

    numbers = np.frombuffer(data[: len(data) // width * width], np.uint8).reshape(-1, width)
    return float(numbers.any(axis=1).mean()) if len(numbers) else 0.0


def _exact(source: ByteSource, run: Run) -> Run:
    """The run with the zeros before and behind it that fill no cell."""
    before = source.read(max(run.start - _CELL, 0), min(run.start, _CELL))
    behind = source.read(run.end, min(source.size - run.end, _CELL))
    return Run(
        run.start - (len(before) - len(before.rstrip(b"\0"))),
        run.end + (len(behind) - len(behind.lstrip(b"\0"))),
    )


def _overlap(run: Run, tensor: Tensor) -> int:
    return min(run.end, tensor.offset + tensor.nbytes) - max(run.start, tensor.offset)


def _least(tensor: Tensor) -> int:
    return min(_SLIVER, tensor.nbytes)
