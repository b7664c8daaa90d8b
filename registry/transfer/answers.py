"""An HTTP answer whose body is read bit by bit, never longer and never shorter than it says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from ..errors import DownloadBroken, Offline, SourceError
from .addresses import host_of
from .broken import Interrupted, interruption
from .pace import STOPPED

if TYPE_CHECKING:
    import requests

    from .endpoints import Endpoint, Patience
    from .pace import Watch

_PIECE = 64 * 1024
_BODILESS = (204, 304)
_LENGTH = re.compile(r"[0-9]{1,18}")


class Answer:
    """One answer whose body is read bit by bit; a context manager that gives the connection back.

    Attributes: ``status``, ``headers`` (names in lower case), ``url`` (final, after redirects),
    ``origin_headers`` (of the first hop: where a hub says what a redirect leads to), ``endpoint``
    (the service that was asked, if it is one), ``signed_in`` (whether its token was sent here).
    """

    status: int
    headers: Mapping[str, str]
    url: str
    origin_headers: Mapping[str, str]

    def __init__(
        self,
        response: requests.Response,
        url: str,
        patience: Patience,
        watch: Watch,
        endpoint: Endpoint | None = None,
        signed_in: bool = False,
        origin_headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.url = url
        self.origin_headers = self.headers if origin_headers is None else origin_headers
        self.endpoint = endpoint
        self.signed_in = signed_in
        self._raw = response.raw
        # http.client's answer below urllib3's: urllib3 copies each byte twice more
        self._line = response.raw._original_response
        self._patience = patience
        self._watch = watch
        self._drained = False
        self._left = self._length()
        if self._left == 0:
            self._finish()

    @property
    def is_page(self) -> bool:
        """Whether it is a web page, for people."""
        return self.headers.get("content-type", "").lower().startswith("text/html")

    def require_plain(self) -> None:
        """Raises ``DownloadBroken`` where the body is packed or its length is nonsense."""
        packed = self.headers.get("content-encoding", "identity").strip().lower()
        carried = self.headers.get("transfer-encoding", "chunked").strip().lower()
        if packed not in ("identity", "") or carried not in ("chunked", "identity"):
            says = f"{host_of(self.url)} sends its answer packed, although it was asked not to"
            raise DownloadBroken(says, "A proxy in between may do so; try without it.")
        if not _LENGTH.fullmatch(self.headers.get("content-length", "0")):
            raise DownloadBroken(f"{host_of(self.url)} states no sensible length of its answer")

    def readinto(self, buffer: memoryview) -> int:
        """As many bytes as have arrived, at least one; 0 at the end.

        Raises ``DownloadBroken`` (``Interrupted`` where asking again may help).
        """
        if self._left is not None:
            buffer = buffer[: self._left]
        if not len(buffer) or self._line.isclosed():
            return 0
        count = self._received(buffer)
        if self._left is not None:
            self._left -= count
            if not count:
                self.close()
                host = host_of(self.url)
                raise Interrupted(f"{host} closed the connection {self._left:,} bytes too early")
        if not count or self._left == 0:
            self._finish()
        return count

    def read(self, limit: int) -> bytes:
        """The whole body; raises ``DownloadBroken`` where it is longer than ``limit``."""
        body = self.beginning(limit + 1)
        if len(body) > limit:
            self.close()
            raise DownloadBroken(f"{host_of(self.url)} sends more than {limit:,} bytes")
        return body

    def beginning(self, limit: int) -> bytes:
        """The first bytes of the body, fewer than ``limit`` only where it is shorter."""
        body = bytearray()
        piece = memoryview(bytearray(min(_PIECE, limit)))
        while len(body) < limit:
            count = self.readinto(piece[: limit - len(body)])
            if not count:
                break
            body += piece[:count]
        return bytes(body)

    def close(self) -> None:
        """Give the connection back; one with a body still on it is closed."""
        if not self._line.isclosed():
            self._raw.close()
        self._raw.release_conn()

    def __enter__(self) -> Answer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _length(self) -> int | None:
        """Bytes of the body; None where only its end tells."""
        stated = self.headers.get("content-length", "")
        if self.status in _BODILESS:
            return 0
        if "transfer-encoding" in self.headers or not _LENGTH.fullmatch(stated):
            return None
        return int(stated)

    def _received(self, view: memoryview) -> int:
        """``_arrived``, its failures told in the registry's words."""
        try:
            count = self._arrived(view)
        except SourceError:
            self.close()
            raise
        except Exception as error:  # sockets, TLS and http.client each have errors of their own
            self.close()
            self._require_running()
            raise interruption(error, host_of(self.url), self._patience) from None
        if not count:
            self._require_running()
        return count

    def _require_running(self) -> None:
        if self._watch.stopped.is_set():
            raise Offline(STOPPED)

    def _arrived(self, view: memoryview) -> int:
        """One receive at most, straight into the view where the size is known."""
        stream = self._line.fp
        if self._left is not None and self._drained:
            return int(stream.readinto1(view))
        # what came with the headers lies in the stream's buffer, where readinto1 would wait for
        # more; chunks need their frames taken off
        source = self._line if self._left is None else stream
        data = source.read1(len(view))
        view[: len(data)] = data
        self._drained = len(data) < len(view)
        return len(data)

    def _finish(self) -> None:
        """The body is whole: the connection serves the next request."""
        self._line.close()
        self._raw.release_conn()
