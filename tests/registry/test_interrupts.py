"""Ctrl-C waits where it would do harm, and is obeyed even where Python drops it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from vaereg.registry.interrupts import held_back, remembered


@pytest.fixture(autouse=True)
def handled() -> Iterator[None]:
    """As in a program of its own; a suite in a shell's background ignores interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Dying:
    """Whoever presses Ctrl-C while this is thrown away presses in vain."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_what_is_held_back_comes_after_the_block() -> None:
    done = []

    def work() -> None:
        with held_back() as came:
            signal.raise_signal(signal.SIGINT)
            done.append(list(came))

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [[signal.SIGINT]]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_is_raised_again() -> None:
    with remembered() as again:
        again()
        dying = Dying()
        del dying
        with pytest.raises(KeyboardInterrupt):
            again()


def test_one_that_is_remembered_interrupts_at_once() -> None:
    def work() -> None:
        with remembered():
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the block went on")

    with pytest.raises(KeyboardInterrupt):
        work()


@pytest.mark.parametrize("block", [held_back, remembered])
def test_who_ignores_interrupts_goes_on_ignoring_them(block) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with block():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
