"""One connection of a download: span after span, received into pieces and written."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from io import FileIO

from ..errors import DownloadBroken, SourceError
from .asking import Opening
from .broken import Interrupted
from .client import Answer
from .partial import PIECE
from .plan import ENDLESS, Claim, Plan
from .retrying import Retrying, Stopped
from .space import require

_SEGMENT = 16 << 20
"""Bytes of a first request; a connection that takes no time for them asks for more and more."""
_SHORTEST_SEGMENT = 4 << 20
_LONGEST_SEGMENT = 256 << 20
_QUICK = 0.5
"""Seconds within which a segment was too small for its connection."""
_NOTE_AFTER = 0.5
"""Seconds after which a slow connection's bytes are written before they make a whole piece."""
_LOOK_AT_DISK = 64 << 20


class Leave(Exception):
    """This connection ends, others go on."""


def first_segment(total: int | None, connections: int) -> int:
    """Bytes of a first request, fewer for a small file so that it is shared out as well."""
    if connections <= 1:
        return ENDLESS
    share = _SEGMENT if total is None else -(-total // connections)
    return min(_SEGMENT, max(_SHORTEST_SEGMENT, share))


class Lane:
    """``leave(refused)`` raises ``Leave`` where other connections can go on alone."""

    def __init__(
        self,
        file: FileIO,
        plan: Plan,
        retrying: Retrying,
        leave: Callable[[bool], None],
        connections: int,
        durable: bool,
    ) -> None:
        self._file = file
        self._plan = plan
        self._retrying = retrying
        self._leave = leave
        self._durable = durable
        self._segment = first_segment(plan.total, connections)
        self._buffer = memoryview(bytearray(PIECE))

    def follow(self, opening: Opening, head: bytes, claim: Claim) -> None:
        """Receive an answer that is open already, then whatever else there is to do."""
        self._fetch(claim, opening, head)
        self.work()

    def work(self) -> None:
        """Fetch claims until there are no more."""
        while claim := self._plan.take(self._segment):
            began = time.monotonic()
            self._fetch(claim)
            if time.monotonic() - began < _QUICK and self._segment < _LONGEST_SEGMENT:
                self._segment *= 2

    def _fetch(self, claim: Claim, opening: Opening | None = None, head: bytes = b"") -> None:
        """Fetch all of a claim, in as many answers as it takes."""
        try:
            while claim.start < claim.end:
                opening = opening or self._retrying.ask(claim, lambda: self._leave(True))
                began = time.monotonic()
                try:
                    with opening.answer:
                        self._receive(opening, claim, head)
                except Interrupted as error:
                    self._leave(False)
                    self._retrying.failed(error, time.monotonic() - began)
                opening, head = None, b""
        finally:
            self._plan.give_back(claim)

    def _receive(self, opening: Opening, claim: Claim, head: bytes) -> None:
        """Write what an answer delivers of a claim; raises ``Interrupted`` where that is less."""
        buffer, filled = self._buffer, len(head)
        buffer[:filled] = head
        noted = time.monotonic()
        while filled < claim.end - claim.start:
            if filled == PIECE or time.monotonic() - noted > _NOTE_AFTER:
                self._write(claim, filled)
                filled, noted = 0, time.monotonic()
            room = min(PIECE, claim.end - claim.start)
            try:
                count = opening.answer.readinto(buffer[filled:room])
            except SourceError:
                self._write(claim, filled)
                raise
            if not count:
                break
            filled += count
        if filled == claim.end - claim.start and opening.version.total is None:
            _require_end(opening.answer, claim.end)
        self._write(claim, filled)
        if claim.end == ENDLESS:
            claim.end = claim.start
            self._plan.ended(claim.end)
        if claim.start < claim.end:
            raise Interrupted(f"the answer ended {claim.end - claim.start:,} bytes too early")

    def _write(self, claim: Claim, count: int) -> None:
        if self._plan.stopped:
            raise Stopped
        if self._plan.total is None and claim.start // _LOOK_AT_DISK != (
            (claim.start + count) // _LOOK_AT_DISK
        ):
            require(os.path.dirname(str(self._file.name)), count, "The download")
        self._file.seek(claim.start)
        left = self._buffer[:count]
        while left:
            left = left[self._file.write(left) :]
        if self._durable:
            os.fsync(self._file.fileno())
        self._plan.arrived(claim, count)


def _require_end(answer: Answer, end: int) -> None:
    """Raise ``DownloadBroken`` where more comes than the source's listing says."""
    if answer.readinto(memoryview(bytearray(1))):
        raise DownloadBroken(f"the server sends more than the {end:,} bytes that were announced")
