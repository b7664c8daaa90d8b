"""Which bytes of a file: half-open spans, sorted and apart."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Spans:
    """A set of bytes as spans of first byte and first byte behind; not safe between threads."""

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in spans:
            self.add(start, end)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    @property
    def size(self) -> int:
        """Bytes in all spans."""
        return sum(self._ends) - sum(self._starts)

    def add(self, start: int, end: int) -> None:
        """Add the bytes from ``start`` up to, not with, ``end``."""
        if start >= end:
            return
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last], self._ends[first:last] = [start], [end]

    def remove(self, start: int, end: int) -> None:
        """Take the bytes from ``start`` up to, not with, ``end`` out again."""
        if start >= end:
            return
        kept = []
        for begin, finish in self:
            kept += [(begin, min(finish, start)), (max(begin, end), finish)]
        spans = [span for span in kept if span[0] < span[1]]
        self._starts, self._ends = [one for one, _ in spans], [end for _, end in spans]

    def reach(self, start: int) -> int:
        """The first byte from ``start`` on that is not in the set."""
        place = bisect_right(self._starts, start) - 1
        return max(start, self._ends[place]) if place >= 0 else start

    def gap(self, end: int) -> tuple[int, int] | None:
        """The first span below ``end`` that is not in the set; None where there is none."""
        start = self.reach(0)
        if start >= end:
            return None
        place = bisect_right(self._starts, start)
        return start, min(end, self._starts[place]) if place < len(self._starts) else end
