"""How often a download's failed requests are made again."""

from __future__ import annotations

import threading

from .broken import Unreached
from .client import Patience
from .waits import growing_wait

PROGRESS = 1 << 20
"""Bytes that make the count start anew."""
_SLOW_TRIES = 2
"""Waits to the end of patience; a third would be no quicker."""
_UNREACHED_TRIES = 2
"""Before anything has arrived: without a network, nobody wants to wait to be told so."""


class Tries:
    """The failures of one download in a row without progress; safe between threads."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self._lock = threading.Lock()
        self._failures = 0
        self._slow = 0
        self._mark = 0

    def begin(self) -> None:
        """A new attempt counts its bytes from nothing; the failures stay."""
        with self._lock:
            self._mark = 0

    def failed(self, error: Exception, received: int, seconds: float = 0.0) -> float:
        """Seconds to wait before the next try; raises ``error`` where there is none.

        ``received`` are the bytes that this attempt got so far, ``seconds`` is how long the
        failed request took.
        """
        with self._lock:
            if received - self._mark >= PROGRESS:
                self._failures, self._slow, self._mark = 0, 0, received
            self._failures += 1
            self._slow += seconds >= min(self.patience.window, self.patience.read)
            if self._failures >= self._most(error, received) or self._slow >= _SLOW_TRIES:
                raise error
            return growing_wait(self._failures)

    def _most(self, error: Exception, received: int) -> int:
        hopeless = isinstance(error, Unreached) and not received
        return min(self.patience.tries, _UNREACHED_TRIES) if hopeless else self.patience.tries
