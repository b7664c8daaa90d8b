"""The bounds of one call of the library: how long it waits, how much it reads, where it is led."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from ipaddress import ip_address
from time import monotonic
from typing import Any

from ...errors import DownloadBroken
from ...transfer.addresses import host_of, origin_of, redirected
from ...transfer.endpoints import Patience
from ...transfer.peers import is_private, require_allowed

_MOST_HOPS = 8
_MOST_BYTES = 64 << 20
"""Of all answers of one call; nobody reads lists as long as that."""


class Slow(Exception):
    """The hub takes longer over its answers than the user wants to wait."""


class TooMuch(Exception):
    """The hub's answers do not end."""


@dataclass(slots=True)
class Call:
    """One call of the library while it lasts, with all the requests that it makes."""

    endpoint: str
    patience: Patience
    patient: bool = False
    """Whether it fetches a file: the library's own repetitions are welcome, though it sleeps as
    long as a server asks, and how long it lasts depends on the file."""
    url: str = ""
    """What was asked for last."""
    unanswered: bool = field(default=False, repr=False)
    _hops: int = field(default=0, repr=False)
    _waited: float = field(default=0.0, repr=False)
    _arrived: int = field(default=0, repr=False)

    def go(self, url: str) -> None:
        """Note the next request; raises ``DownloadBroken`` where a redirect may not lead there."""
        if self._hops:
            redirected(self.url, url)
        self.url, self.unanswered = url, True

    def answered(self, redirects: bool) -> None:
        """Note that an answer has begun; raises ``DownloadBroken`` after too many redirects."""
        self.unanswered = False
        self._hops = self._hops + 1 if redirects else 0
        if self._hops > _MOST_HOPS:
            says = f"{host_of(self.url)} redirects more than {_MOST_HOPS} times"
            raise DownloadBroken(says, "Report this to the service; nothing was fetched.")

    def may_wait(self, limit: float | None) -> float:
        """Seconds that the next read may take."""
        limit = self.patience.read if limit is None else limit
        return limit if self.patient else max(0.0, min(limit, self._longest - self._waited))

    def took(self, seconds: float, count: int) -> None:
        """Count a read; raises ``Slow`` and ``TooMuch``."""
        self._waited += seconds
        self._arrived += count
        if not self.patient and self._arrived > _MOST_BYTES:
            raise TooMuch
        if self._waited < self._longest:
            return
        if not self.patient or self._arrived < self.patience.slowest * self._waited:
            raise Slow
        self._waited, self._arrived = 0.0, 0

    def require_peer(self, host: str, port: int, peer: str) -> None:
        """Raises ``DownloadBroken`` for a private address, unless the user configured one."""
        own = origin_of(self.endpoint)[1:]
        require_allowed(host, peer, (host, port) == own or is_private(*own))

    @property
    def _longest(self) -> float:
        """Seconds of waiting: for an answer to begin, and then for all the rest."""
        return self.patience.read + self.patience.window


CALL: ContextVar[Call | None] = ContextVar("call", default=None)
"""The call that this thread makes just now."""


class Bounded:
    """A backend of httpcore whose connections keep to the bounds of the call that uses them.

    ``direct`` are those to the servers themselves: only the user's proxy sees where its own lead.
    """

    def __init__(self, backend: Any, direct: bool) -> None:  # noqa: ANN401
        self._backend = backend
        self._direct = direct

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._backend, name)

    def connect_tcp(self, host: str, port: int, **limits: Any) -> Stream:  # noqa: ANN401
        """A connection to an allowed peer, to which nothing has been sent."""
        call = CALL.get() if self._direct else None
        if call and _is_address(host):
            call.require_peer(host, port, host)
        stream = self._backend.connect_tcp(host=host, port=port, **limits)
        try:
            if call:
                call.require_peer(host, port, stream.get_extra_info("server_addr")[0])
        except BaseException:
            stream.close()
            raise
        return Stream(stream)


class Stream:
    """A connection whose reads are counted, in bytes and in seconds."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401
        self._stream = stream

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._stream, name)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What arrives; raises ``Slow`` and ``TooMuch``."""
        call = CALL.get()
        if call is None:
            return bytes(self._stream.read(max_bytes, timeout))
        data, begun = b"", monotonic()
        try:
            data = self._stream.read(max_bytes, call.may_wait(timeout))
        finally:
            call.took(monotonic() - begun, len(data))
        return bytes(data)

    def start_tls(self, *settings: Any, **named: Any) -> Stream:  # noqa: ANN401
        """The same connection, encrypted."""
        return Stream(self._stream.start_tls(*settings, **named))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
