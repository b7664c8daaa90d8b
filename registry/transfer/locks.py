"""One process at a time: a lock that is waited for, but never past Ctrl-C."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_LOOK = 0.2
"""Seconds after which the one who waits looks whether it is still wanted."""


@contextmanager
def locked(path: str, rest: Callable[[float], None]) -> Iterator[None]:
    """Hold a lock file; ``rest(0)`` is called while another process holds it, and may raise.

    Raises ``OSError``.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=_LOOK)
            break
        except Timeout:
            rest(0)
    try:
        yield
    finally:
        # Whoever waits finds that this is no file any more and makes a new one. Where that is not
        # so, or flock does nothing, every content is still verified before it is published.
        with suppress(OSError):
            os.unlink(path)
        lock.release()
