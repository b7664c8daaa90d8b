"""Several workers on one list of things, stopped cleanly by Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from .interrupts import held_back

Item = TypeVar("Item")
Result = TypeVar("Result")

HEARTBEAT = 0.2
"""Seconds after which Ctrl-C is obeyed at the latest."""


class Stopped(Exception):
    """Raised inside a worker whose work is not wanted any more."""


def each(
    work: Callable[[Item], Result], items: Iterable[Item], jobs: int, stop: threading.Event
) -> Iterator[tuple[Item, Result]]:
    """The items with what ``work`` makes of them, as they are done; ``jobs`` at once.

    Ctrl-C, and a consumer that ends early, set ``stop``, which the work has to look at; then the
    workers are waited for.
    """
    waiting = iter(items)
    running: dict[Future[Result], Item] = {}
    with held_back() as interrupts, ThreadPoolExecutor(jobs) as pool:
        try:
            while True:
                for item in islice(waiting, 2 * jobs - len(running)):
                    running[pool.submit(work, item)] = item
                if not running:
                    return
                done, _ = wait(running, timeout=HEARTBEAT, return_when=FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future.result()
                if interrupts:
                    raise KeyboardInterrupt
        except BaseException:
            stop.set()
            raise


@contextmanager
def stoppable(jobs: int, stop: Callable[[], None]) -> Iterator[ThreadPoolExecutor]:
    """A pool whose work ``stop`` ends; after an error or Ctrl-C nobody waits for what is left."""
    pool = ThreadPoolExecutor(jobs)
    try:
        yield pool
    except BaseException:
        stop()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
