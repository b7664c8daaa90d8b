"""What goes wrong on the way, told from the exceptions of the libraries underneath.

Their texts hold whole addresses with signatures in them, so they are never quoted.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from ..errors import DownloadBroken, Offline, SourceError
from ..naming import shown
from .endpoints import Patience

_CHECK = "Check the connection; everything recorded works without one."
_CLOCK = "Check the clock of this machine, and whether a proxy stands in between."
_PROXY = "Check the proxy that the environment names (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY)."


class Interrupted(DownloadBroken):
    """The connection broke or stalled midway: asking again may help."""


class Unreached(Offline):
    """No connection came about, or no answer on it; asking again at once seldom helps."""


def failure(error: BaseException, host: str, patience: Patience) -> SourceError:
    """The registry's error for a request that got no answer."""
    import http.client

    import urllib3.exceptions as urllib3

    causes = list(_causes(error))

    def due_to(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if due_to(urllib3.ProxyError):
        return Unreached(f"the proxy does not lead to {host}", _PROXY)
    if due_to(ssl.SSLCertVerificationError):
        return Unreached(f"{host} cannot be trusted: {_certificate(causes)}", _CLOCK)
    if due_to(ssl.SSLError, urllib3.SSLError):
        return Unreached(f"the encrypted connection to {host} does not come about", _CHECK)
    if due_to(urllib3.NameResolutionError, socket.gaierror):
        return Unreached(f"{host} cannot be found: its name leads to no address", _CHECK)
    if due_to(urllib3.ConnectTimeoutError) and not due_to(urllib3.NewConnectionError):
        return Unreached(f"{host} cannot be reached within {patience.connect:g} s", _CHECK)
    if due_to(urllib3.NewConnectionError):
        return Unreached(f"{host} cannot be reached: {_system(causes)}", _CHECK)
    if due_to(urllib3.ReadTimeoutError, TimeoutError):
        return Unreached(f"{host} does not answer within {patience.read:g} s", "Try again later.")
    if due_to(ConnectionError, http.client.HTTPException):
        return Offline(f"{host} closed the connection without an answer", "Try again later.")
    return DownloadBroken(f"{host} cannot be asked: the address or the proxy is unusable", _PROXY)


def interruption(error: BaseException, host: str, patience: Patience) -> Interrupted:
    """The registry's error for a body that stopped arriving."""
    if any(isinstance(cause, TimeoutError) for cause in _causes(error)):
        return Interrupted(f"{host} sent nothing more for {patience.read:g} s")
    return Interrupted(f"the connection to {host} broke before everything had arrived")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all it stems from, however the libraries carry it along."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]


def _certificate(causes: list[BaseException]) -> str:
    told = (c.verify_message for c in causes if isinstance(c, ssl.SSLCertVerificationError))
    return shown(next(told, None) or "its certificate is not valid")


def _system(causes: list[BaseException]) -> str:
    told = (c.strerror for c in causes if isinstance(c, OSError) and c.strerror)
    return shown(next(told, None) or "the connection failed").lower()
