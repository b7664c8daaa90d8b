"""The largest activation is found with its block, whatever the numbers are."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from vaereg.probes.measures.ranges import Watch, count_not_finite  # noqa: E402


@pytest.mark.parametrize(
    ("outputs", "block", "largest"),
    [
        ([("a", [1.0, -7.0]), ("b", [6.0])], "a", 7.0),
        ([("a", [1.0]), ("b", [3.0]), ("a", [-9.0])], "a", 9.0),
        ([("a", [math.inf]), ("b", [5.0])], "a", math.inf),
        ([("a", [5.0]), ("b", [1.0, math.nan]), ("c", [math.inf])], "b", math.inf),
        ([("a", [-math.inf])], "a", math.inf),
        ([("a", []), ("b", [0.5])], "b", 0.5),
    ],
)
def test_the_block_with_the_largest_output(outputs, block: str, largest: float) -> None:
    watch = Watch()
    for name, values in outputs:
        watch.tell(name, torch.tensor(values))
    half = watch.half_range(overflowing=None)
    assert half is not None
    assert (half.block, half.largest, half.overflowing) == (block, largest, None)


def test_half_precision_outputs_do_not_round_the_figure_away() -> None:
    watch = Watch()
    watch.tell("a", torch.tensor([60000.0], dtype=torch.bfloat16))
    assert watch.half_range(3).largest == pytest.approx(60000, rel=0.01)
    assert watch.half_range(3).overflowing == 3


def test_a_watch_that_saw_nothing_says_nothing() -> None:
    watch = Watch()
    watch.tell("indices", torch.tensor([1, 2]))
    assert watch.half_range(None) is None


def test_numbers_that_are_not_finite_are_counted() -> None:
    assert count_not_finite(torch.tensor([1.0, math.nan, math.inf, -math.inf])) == 3
