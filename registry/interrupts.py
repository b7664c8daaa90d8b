"""Ctrl-C at a moment that does no harm."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_back() -> Iterator[list[int]]:
    """Keeps Ctrl-C back inside the block and raises ``KeyboardInterrupt`` after it.

    An interrupt at any other moment could leave a lock taken or a transaction open, and whoever
    waits for those would wait for ever. Yields the list of signals that came, for loops that want
    to end early. Only the main thread is ever interrupted, and no program in a shell's background:
    there nothing is done.
    """
    with _noting(lambda number, frame: None) as came:
        yield came
    if came:
        raise KeyboardInterrupt


@contextmanager
def remembered() -> Iterator[Callable[[], None]]:
    """Lets Ctrl-C interrupt the block as ever, and yields what raises it again if it got lost.

    Python drops an exception that comes while it runs a destructor or a weak reference's callback,
    as each import does: https://docs.python.org/3/reference/datamodel.html#object.__del__. To be
    called between the steps of something long.
    """

    def again() -> None:
        if came:
            raise KeyboardInterrupt

    with _noting(signal.default_int_handler) as came:
        yield again


@contextmanager
def _noting(handle: Callable[[int, FrameType | None], object]) -> Iterator[list[int]]:
    came: list[int] = []
    ignored = signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None)
    if ignored or threading.current_thread() is not threading.main_thread():
        yield came
        return

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        handle(number, frame)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)
