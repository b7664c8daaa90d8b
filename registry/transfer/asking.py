"""One remote file asked for by ranges: a fresh address, and the same content every time."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import DownloadBroken
from ..naming import shown
from ..sources.base import RemoteFile
from .client import Answer, Client
from .first_bytes import check_type
from .partial import Version
from .waits import stated_wait

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_NO_RANGE = re.compile(r"bytes \*/(\d{1,18})")
_EXPIRED = {403, 404, 410}
_SUCCESS = {200, 206}
_GONE = {404, 410}
_PASSING = {408, 429}
"""Besides all 5xx: refusals that may pass."""


class Refused(Exception):
    """A status that is no success; ``error`` is what to tell when nothing else helps."""

    def __init__(
        self, status: int, error: Exception, wait: float | None, explained: bool = False
    ) -> None:
        super().__init__(status)
        self.status = status
        self.error = error
        self.wait = wait
        """Seconds that the server asks to wait."""
        self.spent = status == 429 and wait is None and explained
        """A service's own words, without a time to come back: a quota of hours (civitai/civitai,
        src/pages/api/download/models/[modelVersionId].ts)."""

    @property
    def passing(self) -> bool:
        """Whether the same request may do later."""
        return (self.status in _PASSING or self.status >= 500) and not self.spent


class StartAgain(Exception):
    """What is there belongs to another content, or cannot be built upon."""

    def __init__(self, reason: str, answer: Answer | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer
        """An answer that begins at the file's start, to be used at once."""


class AllThere(Exception):
    """What was asked for begins where the file ends, after so many bytes."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.total = total


@dataclass(frozen=True, slots=True)
class Opening:
    """An answer that delivers the bytes from ``start`` on."""

    answer: Answer
    start: int
    version: Version
    ranged: bool
    """Whether the server keeps to ranges."""


class Asker:
    """Asks for the ranges of one file; several connections may share it.

    The address that redirects led to is kept and asked at once; ``renew`` goes back to the source
    where it has expired.
    """

    def __init__(self, client: Client, file: RemoteFile, name: str) -> None:
        self.client = client
        self._file = file
        self._name = name
        self._what = shown(name)
        self._located: str | None = None
        self._direct: str | None = None
        self._tried: set[str] = set()
        self._worked = False
        self._ranges = True
        self.renewals = 0
        """Times that another address was found."""

    def ask(self, start: int, end: int | None, known: Version | None) -> Opening:
        """The bytes from ``start`` up to, not with, ``end``, of the version that is known.

        Raises ``Refused``, ``StartAgain``, ``AllThere``, ``Offline`` and, where no second try
        could help, other ``SourceError``s.
        """
        span = (start, None if end is None else end - 1) if start or self._ranges else None
        etag = known.etag if known and start else None
        answer = self.client.open(self._address(), span=span, if_range=etag)
        if answer.status == 416 and span and not start and not _is_empty(answer):
            # A server that has no byte 0 in a file that is not empty knows no ranges at all.
            answer.close()
            self._ranges = False
            return self.ask(start, end, known)
        try:
            opening = self._opened(answer, start, end, known)
        except StartAgain as again:
            if again.answer is None:
                answer.close()
            raise
        except BaseException:
            answer.close()
            raise
        self._worked, self._direct = True, answer.url
        return opening

    def renew(self, refused: Refused, resuming: bool) -> bool:
        """Get another address after a refusal; False where that is no use.

        A missing file may lie elsewhere; one that is forbidden is asked for anew only where it was
        given before.
        """
        may_help = refused.status in _GONE or self._worked or resuming
        if refused.status not in _EXPIRED or not may_help:
            return False
        if self._worked:
            self._tried.clear()
        self._tried.add(self._address())
        self._worked, self._direct = False, None
        if self._located in self._tried:
            self._located = self._file.locate()
        found = self._located not in self._tried
        self.renewals += found
        return found

    def _address(self) -> str:
        if self._located is None:
            self._located = self._file.locate()
        return self._direct or self._located

    def _opened(
        self, answer: Answer, start: int, end: int | None, known: Version | None
    ) -> Opening:
        if answer.status in _SUCCESS:
            check_type(self.client, answer, self._name)
        if answer.status == 206:
            return self._partial(answer, start, end, known)
        if answer.status == 200:
            return self._whole(answer, start)
        if answer.status == 416:
            self._require_all(answer, start, known)
            raise AllThere(start)
        error = self.client.refusal(answer, self._what)
        explained = answer.headers.get("content-type", "").startswith("application/json")
        raise Refused(answer.status, error, stated_wait(answer.headers), explained)

    def whole(self, answer: Answer) -> Opening:
        """An answer of status 200 as what begins a file. Raises ``DownloadBroken``."""
        return self._whole(answer, 0)

    def _require_all(self, answer: Answer, start: int, known: Version | None) -> None:
        """Whether a 416 says that the file ends just where it should go on."""
        found = _NO_RANGE.fullmatch(answer.headers.get("content-range", ""))
        total = int(found[1]) if found else None
        if total != start or (known and known.total not in (None, total)):
            raise StartAgain("the server has no bytes where the file should go on")
        self._expect(total)

    def _partial(
        self, answer: Answer, start: int, end: int | None, known: Version | None
    ) -> Opening:
        found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
        if not found:
            raise DownloadBroken(f"{self._what}: the server does not say which bytes it sends")
        first, last, total = (int(digits) for digits in found.groups())
        version = Version(strong_etag(answer), total)
        if known and _other(known, version):
            raise StartAgain("the file changed on the server")
        self._expect(total)
        asked = total if end is None else min(end, total)
        if first != start or last + 1 != asked:
            raise DownloadBroken(
                f"{self._what}: asked for bytes {start:,} to {asked - 1:,}, "
                f"the server sends {first:,} to {last:,}"
            )
        return Opening(answer, start, version, ranged=True)

    def _whole(self, answer: Answer, start: int) -> Opening:
        length = answer.headers.get("content-length", "")
        total = int(length) if length.isdecimal() and len(length) < 19 else None
        self._expect(total)
        if start:
            raise StartAgain("the file changed, or its server cannot resume", answer)
        chunked = "chunked" in answer.headers.get("transfer-encoding", "").lower()
        if total is None and self._file.size is None and not chunked:
            raise DownloadBroken(
                f"{self._what}: the server does not say how long the file is, so a cut could not "
                "be told from its end"
            )
        return Opening(answer, 0, Version(strong_etag(answer), total), ranged=False)

    def _expect(self, total: int | None) -> None:
        promised = self._file.size
        if total is not None and promised is not None and total != promised:
            raise DownloadBroken(
                f"{self._what} has {promised:,} bytes by its listing, but {total:,} by its server",
                "Run the command again: the file may have changed in between.",
            )


def _is_empty(answer: Answer) -> bool:
    return answer.headers.get("content-range") == "bytes */0"


def strong_etag(answer: Answer) -> str | None:
    """The answer's ETag where it stands for every single byte (RFC 9110, 8.8.1)."""
    etag = answer.headers.get("etag", "")
    return etag if len(etag) > 2 and etag.isascii() and etag[0] == etag[-1] == '"' else None


def _other(known: Version, found: Version) -> bool:
    """Whether two versions differ in what both of them say."""
    etags = known.etag is not None and found.etag is not None and known.etag != found.etag
    return etags or (known.total is not None and known.total != found.total)
