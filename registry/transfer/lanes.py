"""The connections of one download: begun with one, joined by others where they help."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .asking import Opening, StartAgain
from .lane import Lane, Leave
from .partial import Partial
from .plan import Claim, Plan
from .retrying import Retrying, Stopped
from .space import disk_error

_LOOK = 0.25
"""Seconds between looks at the rate."""
_FAST = 200e6
"""Bytes a second that another connection would not raise: a line of 1 Gbit/s carries 125e6."""


class Lanes:
    """Up to ``limit`` threads, each of them one ``Lane``."""

    def __init__(
        self, retrying: Retrying, plan: Plan, partial: Partial, limit: int, durable: bool
    ) -> None:
        self._retrying = retrying
        self._plan = plan
        self._partial = partial
        self._limit = self._most = limit
        self._renewals = retrying.renewals
        self._durable = durable
        self._lock = threading.Lock()
        self._busy = 0
        self._threads: list[threading.Thread] = []
        self._looked, self._seen = time.monotonic(), plan.received

    def start(self, opening: Opening, head: bytes, claim: Claim) -> None:
        """Begin with an answer that is open already and its first bytes."""
        self._spawn(lambda lane: lane.follow(opening, head, claim))

    def look(self) -> None:
        """To be called often: opens one more connection, now and then, where it may help."""
        now = time.monotonic()
        if now - self._looked < _LOOK or not self._plan.open_ends:
            return
        received = self._plan.received - self._seen
        rate, self._looked = received / (now - self._looked), now
        self._seen += received
        # At a rate of nothing the server is in trouble, and whoever is there tries again.
        if self._retrying.renewals != self._renewals:
            # Those that left may have met nothing but an address out of date.
            self._renewals, self._limit = self._retrying.renewals, self._most
        if not self._busy or (0 < rate < _FAST and self._busy < self._limit):
            self._spawn(Lane.work)

    def join(self, seconds: float) -> None:
        """Wait for the connections to end, all of them together not longer than that."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def leave(self, refused: bool) -> None:
        """One connection has failed: raises ``Leave`` where others go on.

        Where it was refused, so many as those are never exceeded again.
        """
        with self._lock:
            if self._busy > 1:
                if refused:
                    self._limit = self._busy - 1
                raise Leave

    def _spawn(self, task: Callable[[Lane], None]) -> None:
        with self._lock:
            self._busy += 1
        thread = threading.Thread(target=self._run, args=(task,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, task: Callable[[Lane], None]) -> None:
        try:
            with self._partial.writer() as file:
                task(Lane(file, self._plan, self._retrying, self.leave, self._limit, self._durable))
        except (Leave, Stopped):
            pass
        except StartAgain as again:
            if not self._plan.fail(again) and again.answer is not None:
                again.answer.close()
        except OSError as failure:
            self._plan.fail(disk_error(failure, self._partial.path))
        except BaseException as failure:
            self._plan.fail(failure)
        finally:
            with self._lock:
                self._busy -= 1
