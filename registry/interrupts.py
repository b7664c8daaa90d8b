"""Ctrl-C at a moment that does no harm."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[list[int]]:
    """Keeps Ctrl-C back inside the block and raises ``KeyboardInterrupt`` after it.

    An interrupt at any other moment could leave a lock taken or a transaction open, and whoever
    waits for those would wait for ever. Yields the list of signals that came, for loops that want
    to end early. Only the main thread is ever interrupted; elsewhere nothing is done.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
