"""Who fetches which bytes: what connections and the one who hashes know of each other."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from .partial import Partial
from .spans import Spans

ENDLESS = 1 << 62
"""The end of a file whose server does not say how long it is."""


@dataclass(slots=True)
class Claim:
    """Bytes that one connection fetches; ``start`` moves on as they are written."""

    start: int
    end: int


class Plan:
    """The bytes of one file that are there, on their way, or still to be asked for.

    Connections ``take`` claims, tell what ``arrived`` and ``give_back`` the rest; one other thread
    ``wait``s for the bytes in order. The first failure of a connection is raised there.
    """

    def __init__(self, partial: Partial, total: int | None) -> None:
        self.total = total
        self.received = 0
        """Bytes that came over the network."""
        self._partial = partial
        self._taken = Spans(partial.there)
        self._change = threading.Condition()
        self._failure: BaseException | None = None
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether the connections are to end."""
        return self._stopped

    @property
    def open_ends(self) -> bool:
        """Whether there are bytes that nobody has claimed."""
        with self._change:
            return self._gap() is not None

    def take(self, limit: int) -> Claim | None:
        """The first bytes that nobody has claimed, at most so many; None where all are."""
        with self._change:
            gap = None if self._stopped else self._gap()
            if gap is None:
                return None
            claim = Claim(gap[0], min(gap[1], gap[0] + limit))
            self._taken.add(claim.start, claim.end)
            return claim

    def take_rest(self, claim: Claim) -> None:
        """Make a claim go on to the end of the file."""
        with self._change:
            claim.end = ENDLESS if self.total is None else self.total
            self._taken.add(claim.start, claim.end)

    def give_back(self, claim: Claim) -> None:
        """Leave what is not there of a claim to others."""
        with self._change:
            self._taken.remove(claim.start, claim.end)
            self._change.notify_all()

    def arrived(self, claim: Claim, count: int) -> None:
        """So many bytes at the claim's start are written. Raises ``OSError``."""
        with self._change:
            if self._stopped:
                return
            self._partial.note(claim.start, claim.start + count)
            claim.start += count
            self.received += count
            self._change.notify_all()

    def ended(self, total: int) -> None:
        """The file turned out to have so many bytes."""
        with self._change:
            self.total = total
            self._change.notify_all()

    def fail(self, failure: BaseException) -> bool:
        """End the connections; ``wait`` raises the first failure. Whether this was the first."""
        with self._change:
            first = self._failure is None and not self._stopped
            self._failure = self._failure or failure
            self._stopped = True
            self._change.notify_all()
            return first

    def stop(self) -> None:
        """Have the connections end; nothing is noted any more."""
        with self._change:
            self._stopped = True
            self._change.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the connections are to end."""
        with self._change:
            self._change.wait_for(lambda: self._stopped, seconds)

    def wait(self, start: int, seconds: float) -> int:
        """The end of the bytes that are there from ``start`` on, more than none if in time."""
        with self._change:
            self._change.wait_for(lambda: self._failure or self._settled(start), seconds)
            if self._failure is not None:
                raise self._failure
            return self._partial.there.reach(start)

    def _settled(self, start: int) -> bool:
        return start == self.total or self._partial.there.reach(start) > start

    def _gap(self) -> tuple[int, int] | None:
        return self._taken.gap(ENDLESS if self.total is None else self.total)
