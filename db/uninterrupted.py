"""Holding Ctrl-C back while a transaction runs, so that it ends as a whole and is then obeyed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Raises ``KeyboardInterrupt`` after the block where SIGINT came inside it.

    An interrupt in the middle would leave a connection open that keeps the write lock, and the last
    results of a scan would wait for it in vain. Only the main thread is ever interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
