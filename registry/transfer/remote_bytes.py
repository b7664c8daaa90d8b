"""A remote file as a ``ByteSource``: byte ranges over HTTP, read ahead a little."""

from __future__ import annotations

import time
from functools import cached_property

from ..errors import DownloadBroken, Offline, OfflineMode, Unreadable, UnsupportedFormat
from ..formats.local import LocalFile
from ..naming import shown
from ..sources.base import RemoteFile
from .asking import AllThere, Asker, Opening, Refused, StartAgain
from .broken import Interrupted
from .client import Client
from .partial import Version
from .tries import Tries

_AHEAD = 64 * 1024
"""Bytes of the first request: the header of a usual VAE is half as long."""
_TAIL = 64 * 1024
"""Fetched together at a file's end, where archives keep their directory."""
_KEPT = 8 << 20
"""Bytes of fetched ranges that are kept."""
_SKIPPED = 4 << 20
"""Bytes read for nothing where a server knows no ranges."""
_LONGEST = 8 << 20
"""Bytes that one look into a file takes at most: headers of the largest models have 2 MB."""
_TOO_MANY = 429


class RemoteBytes:
    """The byte ranges of one remote file; fulfils ``formats.base.ByteSource``.

    What lies in its source's own cache is read there. Nothing is asked before the first ``read`` or
    ``size``. The address that redirects led to is used again; all answers must be of one version of
    the file.
    """

    distant = True
    """Every read costs a request: readers leave out what they can do without."""

    def __init__(self, client: Client, file: RemoteFile, name: str | None = None) -> None:
        self._name = name or file.path
        self._file = file
        self._client = client
        self._asker = Asker(client, file, self._name)
        self._tries = Tries(client.patience)
        self._version: Version | None = None
        self._size = file.size
        self._kept: list[tuple[int, bytes]] = []
        self.bytes_read = 0
        """Bytes of bodies received."""
        self.requests = 0
        """Ranges asked for; redirects come on top, once."""

    @property
    def name(self) -> str:
        """The name at its source, for messages."""
        return self._name

    @property
    def size(self) -> int:
        """Bytes of the whole file; asked for with its first bytes where no listing told."""
        if self._size is None:
            self._keep(0, self._fetched(0, _AHEAD))
        if self._size is None:
            raise DownloadBroken(
                f"the server does not say how long {shown(self._name)} is",
                "vaereg pull fetches it whole",
            )
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``.

        Raises ``Unreadable`` beyond the file's end, ``SourceError`` where the bytes cannot be had.
        """
        if offset < 0 or length < 0 or offset + length > self.size:
            raise Unreadable(
                f"{shown(self._name)} ends before byte {offset + length:,}: it has {self.size:,}",
                "It is cut short or damaged; look for another copy.",
            )
        if length > _LONGEST or self.bytes_read > 2 * _LONGEST:
            raise UnsupportedFormat(
                f"{length:,} bytes of {shown(self._name)} would have to be read to tell what it is",
                "vaereg pull fetches it whole",
            )
        kept = self._from_kept(offset, length)
        if kept is None:
            start, end = self._span(offset, length)
            self._keep(start, self._fetched(start, end))
            kept = self._from_kept(offset, length)
        assert kept is not None, "what was fetched holds what was asked for"
        return kept

    def close(self) -> None:
        """Forget what was fetched."""
        self._kept.clear()

    def _span(self, offset: int, length: int) -> tuple[int, int]:
        """What to fetch for a read: a little more at both ends of the file."""
        if not offset:
            return 0, min(max(length, _AHEAD), self.size)
        tail = max(0, self.size - _TAIL)
        if offset >= tail:
            return tail, self.size
        start = self._reaching(offset)
        return start, min(self.size, max(offset + length, start + _AHEAD))

    def _reaching(self, offset: int) -> int:
        """Where kept bytes end that lead up to a read, or end shortly before it."""
        ends = [start + len(data) for start, data in self._kept if start <= offset]
        return max((end for end in ends if end + _AHEAD > offset), default=offset)

    def _from_kept(self, offset: int, length: int) -> bytes | None:
        pieces, end = [], offset + length
        for start, data in sorted(self._kept, key=lambda held: held[0]):
            if start <= offset < start + len(data):
                piece = data[offset - start : end - start]
                pieces.append(piece)
                offset += len(piece)
            if offset >= end:
                return b"".join(pieces)
        return b"" if not length else None

    def _keep(self, start: int, data: bytes) -> None:
        self._kept.append((start, data))
        while len(self._kept) > 1 and sum(len(held) for _, held in self._kept) > _KEPT:
            # The first bytes hold a header's beginning, the newest are what is wanted now.
            self._kept.pop(1 if len(self._kept) > 2 else 0)

    def _fetched(self, start: int, end: int) -> bytes:
        """The bytes of a span, asked for again where that may help."""
        if self._cached is not None:
            return self._from_copy(self._cached, start, end)
        while True:
            began = time.monotonic()
            try:
                return self._once(start, end)
            except Refused as refused:
                if not self._asker.renew(refused, resuming=False):
                    self._bear(refused)
            except OfflineMode:
                raise
            except (Offline, Interrupted) as error:
                self._client.rest(0)
                spent = time.monotonic() - began
                self._client.rest(self._tries.failed(error, self.bytes_read, spent))

    @cached_property
    def _cached(self) -> str | None:
        """The copy in the source's own cache, looked for once however many ranges are read."""
        return self._file.fetch_cached() if self._file.fetch_cached else None

    def _from_copy(self, path: str, start: int, end: int) -> bytes:
        with LocalFile(path) as copy:
            self._size = copy.size
            return copy.read(start, min(end, copy.size) - start)

    def _bear(self, refused: Refused) -> None:
        """Wait as long as the server asks; raises its error where that is no use."""
        asked = refused.wait
        # a 429 that names no time is one for hours, or for ever (Civitai's quota and paging)
        hopeless = refused.status == _TOO_MANY and asked is None
        if not refused.passing or hopeless or (asked or 0.0) > self._client.patience.longest_wait:
            raise refused.error from None
        own = self._tries.failed(refused.error, self.bytes_read)
        self._client.rest(own if asked is None else asked)

    def _once(self, start: int, end: int) -> bytes:
        self.requests += 1
        try:
            opening = self._asker.ask(start, end, self._version)
        except AllThere as there:
            self._size = there.total
            return b""
        except StartAgain as again:
            if again.answer is None:
                raise self._changed() from None
            with again.answer:
                return self._body(self._asker.whole(again.answer), start, end)
        with opening.answer:
            return self._body(opening, start, end)

    def _changed(self) -> Unreadable:
        says = f"{shown(self._name)} changed on its server while it was read"
        return Unreadable(says, "Run the command again.")

    def _body(self, opening: Opening, start: int, end: int) -> bytes:
        if self._version and _differ(self._version, opening.version):
            raise self._changed()
        self._version = self._version or opening.version
        if self._size is None:
            self._size = opening.version.total
        if self._size is not None:
            end = min(end, self._size)
        skip = start - opening.start
        if skip > _SKIPPED:
            raise UnsupportedFormat(
                f"the server of {shown(self._name)} gives no byte ranges, so its header cannot be"
                " read from afar",
                "vaereg pull fetches it whole",
            )
        data = bytearray(skip + end - start)
        view, filled = memoryview(data), 0
        while filled < len(data):
            count = opening.answer.readinto(view[filled:])
            if not count:
                raise Interrupted(f"{shown(self._name)}: the answer ended too early")
            filled += count
            self.bytes_read += count
        return bytes(view[skip:])


def _differ(known: Version, found: Version) -> bool:
    """Whether two answers are of different versions, by what both of them say."""
    pairs = ((known.etag, found.etag), (known.total, found.total))
    return any(None not in pair and pair[0] != pair[1] for pair in pairs)
