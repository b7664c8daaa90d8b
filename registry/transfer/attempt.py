"""One attempt at a file: what is missing fetched, and all of it seen by the sink in order."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from io import FileIO

from ..errors import Unreadable
from ..naming import shown
from ..sources.base import RemoteFile
from .asking import AllThere, Asker, Opening
from .broken import Interrupted
from .client import Answer, Client
from .first_bytes import HEAD, check_head
from .lane import first_segment
from .lanes import Lanes
from .partial import Partial, Version
from .plan import Claim, Plan
from .retrying import Retrying
from .sink import MakeSink, Sink
from .space import require
from .stated import can_verify
from .tries import Tries

_LOOK = 0.25
"""Seconds after which the one who waits for bytes looks around."""
_STRETCH = 16 << 20
"""Bytes that go to the sink between two looks."""
_PARTING = 2.0
"""Seconds that connections get to end; later ones find nothing to write to."""


class Attempt:
    """Fetches one content into one partial file.

    ``fetched`` are the bytes that came over the network. A ``StartAgain`` says that the partial
    file is of no use, and may carry an answer for the next attempt.
    """

    def __init__(
        self,
        client: Client,
        asker: Asker,
        file: RemoteFile,
        name: str,
        partial: Partial,
        tries: Tries,
    ) -> None:
        self._client = client
        self._asker = asker
        self._file = file
        self._name = name
        self._partial = partial
        version = partial.version
        total = version.total if version and version.total is not None else file.size
        self._plan = Plan(partial, total)
        self._left = partial.there.size
        self._retrying = Retrying(asker, tries, self._plan, version, can_verify(file))

    @property
    def fetched(self) -> int:
        """Bytes received and written."""
        return self._plan.received

    def run(
        self, make_sink: MakeSink, tell: Callable[[int], None], answer: Answer | None = None
    ) -> str:
        """The SHA-256 of the whole file, once all of it is there.

        ``tell`` is called with the number of bytes that are there; ``answer`` begins at the
        file's start, where there is one already. Raises ``StartAgain``, ``SourceError``,
        ``NoSpace``, ``OSError`` and what the sink raises.
        """
        sink = None
        tell(self._left)
        lanes = self._begin(answer)
        try:
            sink = make_sink(self._partial.path, self._plan.total)
            self._feed(sink, lanes, tell)
            return sink.finish()
        except KeyboardInterrupt:
            self._client.stop()
            raise
        finally:
            self._plan.stop()
            lanes.join(_PARTING)
            if sink is not None:
                sink.close()

    def _begin(self, answer: Answer | None) -> Lanes:
        """Open the first connection, if there is anything to fetch."""
        connections = max(1, self._file.connections)
        claim = self._claim(first_segment(self._plan.total, connections))
        try:
            if claim is None:
                raise AllThere(self._plan.total or 0)
            opening, head = self._open(claim, answer)
        except AllThere as there:
            self._finish_at(there.total)
            return self._lanes(0)
        single = not opening.ranged or not self._retrying.resumable
        lanes = self._lanes(1 if single else connections)
        if opening.ranged:
            claim.end = min(claim.end, self._plan.total or claim.end)
        else:
            self._plan.take_rest(claim)
        lanes.start(opening, head, claim)
        return lanes

    def _claim(self, limit: int) -> Claim | None:
        """What to ask for first; None where all is there, and known to be of this very content."""
        if self._file.size is not None:
            self._require_room(self._file.size)
        claim = self._plan.take(limit)
        if claim is None and not can_verify(self._file):
            # Nothing but the server can tell whether this is still its file.
            total = self._plan.total or 0
            return Claim(total, total + 1)
        return claim

    def _open(self, claim: Claim, answer: Answer | None) -> tuple[Opening, bytes]:
        """The first answer that delivers, its version recorded, its beginning looked at."""
        while True:
            began = time.monotonic()
            opening = self._asker.whole(answer) if answer else self._retrying.ask(claim, _alone)
            try:
                self._record(opening)
                if opening.ranged and not self._whole_of(claim):
                    opening.answer.close()
                    continue
                head = b"" if claim.start else opening.answer.beginning(HEAD)
                if not claim.start:
                    check_head(self._name, head, self._plan.total)
                return opening, head
            except Interrupted as error:
                opening.answer.close()
                self._retrying.failed(error, time.monotonic() - began)
                answer = None
            except BaseException:
                opening.answer.close()
                raise

    def _whole_of(self, claim: Claim) -> bool:
        """Whether a claim needs no second answer where none may follow; else it is made so."""
        total = self._plan.total
        if self._retrying.resumable or total is None or claim.end >= total:
            return True
        self._plan.take_rest(claim)
        return False

    def _record(self, opening: Opening) -> None:
        """Take the first answer's version for the file's, on disk too."""
        total = opening.version.total
        if total is not None:
            self._plan.ended(total)
            self._require_room(total)
        if self._partial.version is None or not self._retrying.known:
            self._partial.begin(opening.version)
        self._retrying.known = self._partial.version

    def _finish_at(self, total: int) -> None:
        self._plan.ended(total)
        if not total:
            check_head(self._name, b"", 0)
        if self._partial.version is None:
            self._partial.begin(Version(None, total))

    def _lanes(self, limit: int) -> Lanes:
        durable = not can_verify(self._file)
        return Lanes(self._retrying, self._plan, self._partial, limit, durable)

    def _require_room(self, total: int) -> None:
        missing = total - self._partial.there.size
        require(os.path.dirname(self._partial.path), missing, self._name)

    def _feed(self, sink: Sink, lanes: Lanes, tell: Callable[[int], None]) -> None:
        """Give the sink all bytes in order, as soon as they are written."""
        offset = 0
        with FileIO(self._partial.path) as file:
            while offset != self._plan.total:
                end = self._plan.wait(offset, _LOOK)
                lanes.look()
                tell(self._left + self._plan.received)
                until = min(end, offset + _STRETCH)
                while offset < until:
                    offset += self._hand_on(file, sink, until - offset)
        tell(self._left + self._plan.received)

    def _hand_on(self, file: FileIO, sink: Sink, most: int) -> int:
        count = file.readinto(sink.buffer()[:most])
        if not count:
            raise Unreadable(
                f"{shown(self._partial.path)} became shorter while it was written",
                "Something else writes in that folder; run the command again.",
            )
        sink.commit(count)
        return count


def _alone() -> None:
    """No other connection can go on in its place."""
