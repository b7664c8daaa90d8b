"""One pass over a file's bytes that measures its tensors, its zeros and its checksums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..formats import torch_zip
from ..formats.base import ByteSource
from ..values import Header, Tensor
from ..weights import itemsize
from .archive_crc import ArchiveCrc
from .holes import Run, ZeroRuns
from .tally import Figures, Tally, tally_of

_MOST_COPIES = 4
"""Tensors may share bytes; together they may be so many times as long as the file."""
_LARGEST_VIEW = 64 << 20
"""Bytes of the largest view with strides that is gathered in memory."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a pass saw of one file."""

    figures: Mapping[str, Figures]
    """By the tensor's name in the file."""
    unread: tuple[str, ...]
    """Tensors whose numbers cannot be taken from the file: compressed in their archive, views that
    repeat numbers."""
    runs: tuple[Run, ...]
    """Long runs of zero bytes, see ``holes``."""
    archive_crc: str
    """As in ``Health``."""


@dataclass(slots=True)
class _Walk:
    """One tensor's way through the file, for all names that share its bytes."""

    tensor: Tensor
    names: list[str] = field(default_factory=list)
    tally: Tally | None = None

    @property
    def end(self) -> int:
        return self.tensor.offset + self.tensor.nbytes


class WeightPass:
    """Fed a file's bytes in order, it measures the tensors it was given; a ``digests`` part.

    Memory does not grow with the file: a tensor leaves its figures only. ``names`` are those of the
    header's tensors that are measured; a name that the header lacks is passed by.
    """

    def __init__(self, source: ByteSource, header: Header, names: Iterable[str]) -> None:
        """Raises ``Unreadable`` where an archive's directory cannot be read."""
        self._source = source
        self._figures: dict[str, Figures] = {}
        self._unread: list[str] = []
        self._views: list[_Walk] = []
        self._zeros = ZeroRuns()
        self._crc = ArchiveCrc(source) if header.format == torch_zip.FORMAT else None
        given = [header.tensors[name] for name in names if name in header.tensors]
        self._waiting = self._planned(given, _MOST_COPIES * header.size)
        self._open: list[_Walk] = []
        self._first = self._waiting[-1].tensor.offset if self._waiting else 0
        self._last = max((walk.end for walk in self._waiting), default=0)

    def update(self, data: memoryview, offset: int) -> None:
        """The file's bytes from ``offset`` on."""
        end = offset + len(data)
        if self._crc:
            self._crc.update(data, offset)
        if end <= self._first or offset >= self._last:
            return
        self._zeros.update(data, offset)
        while self._waiting and self._waiting[-1].tensor.offset < end:
            self._open.append(self._waiting.pop())
        for walk in self._open:
            if walk.tally is None:
                walk.tally = tally_of(walk.tensor)
            walk.tally.feed(data[max(walk.tensor.offset - offset, 0) : walk.end - offset])
            if walk.end <= end:
                self._settle(walk, walk.tally)
        self._open = [walk for walk in self._open if walk.end > end]

    def measured(self) -> Measured:
        """What all bytes came to; views with strides are read once more. Raises ``Unreadable``."""
        for walk in self._views:
            tally = tally_of(walk.tensor)
            tally.feed(_gathered(self._source, walk.tensor))
            self._settle(walk, tally)
        crc = self._crc.outcome() if self._crc else "n/a"
        return Measured(self._figures, tuple(self._unread), self._zeros.runs(), crc)

    def _planned(self, tensors: Iterable[Tensor], budget: int) -> list[_Walk]:
        """The tensors that can be read, last in the file first; each range of bytes once."""
        walks: dict[Tensor, _Walk] = {}
        for tensor in tensors:
            place = tensor._replace(name="")
            if place not in walks:
                budget -= tensor.nbytes
                if not _readable(tensor) or budget < 0:
                    self._unread.append(tensor.name)
                    continue
                walks[place] = _Walk(tensor)
            walks[place].names.append(tensor.name)
        for walk in walks.values():
            if walk.tensor.nbytes == 0:
                self._settle(walk, tally_of(walk.tensor))
        held = [walk for walk in walks.values() if walk.tensor.nbytes]
        self._views = [walk for walk in held if walk.tensor.strides is not None]
        plain = [walk for walk in held if walk.tensor.strides is None]
        return sorted(plain, key=lambda walk: walk.tensor.offset, reverse=True)

    def _settle(self, walk: _Walk, tally: Tally) -> None:
        figures = tally.figures()
        self._figures |= dict.fromkeys(walk.names, figures)


def _readable(tensor: Tensor) -> bool:
    if tensor.nbytes == 0:
        return True
    if tensor.strides is None:
        return tensor.offset > 0
    width = itemsize(tensor.dtype)
    return (
        tensor.offset > 0
        and width is not None
        and tensor.parameters * width <= tensor.nbytes <= _LARGEST_VIEW
    )


def _gathered(source: ByteSource, tensor: Tensor) -> memoryview:
    """The bytes of a view with strides, its numbers in order."""
    import numpy as np

    width = itemsize(tensor.dtype)
    assert width is not None
    assert tensor.strides is not None
    span = np.frombuffer(source.read(tensor.offset, tensor.nbytes), f"V{width}")
    steps = tuple(step * width for step in tensor.strides)
    view = np.lib.stride_tricks.as_strided(span, tensor.shape, steps, writeable=False)
    return np.ascontiguousarray(view).reshape(-1).view(np.uint8).data
