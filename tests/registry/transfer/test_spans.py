"""Spans against a plain set of numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vaereg.registry.transfer.spans import Spans

END = 24
STEPS = st.lists(
    st.tuples(st.booleans(), st.integers(0, END), st.integers(0, END)), min_size=1, max_size=12
)


@given(STEPS)
def test_spans_are_a_set_of_bytes(steps: list[tuple[bool, int, int]]) -> None:
    spans, there = Spans(), set[int]()
    for add, start, end in steps:
        (spans.add if add else spans.remove)(start, end)
        change = set(range(start, end))
        there = there | change if add else there - change
        assert {byte for one, two in spans for byte in range(one, two)} == there
        assert spans.size == len(there)
        missing = [byte for byte in range(END) if byte not in there]
        gap = spans.gap(END)
        assert (gap[0] if gap else None) == (missing[0] if missing else None)
        if gap:
            assert there.isdisjoint(range(*gap))
            assert gap[1] == END or gap[1] in there
        assert spans.reach(start) == next(
            byte for byte in range(start, END + 2) if byte not in there
        )
