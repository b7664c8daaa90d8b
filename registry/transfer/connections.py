"""The connections under ``requests``: peers checked, sockets watched, drips noticed, no cookies."""

from __future__ import annotations

import http.client
import io
import logging
import socket
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..naming import shown
from .pace import Paced, Watch
from .peers import require_allowed

if TYPE_CHECKING:
    import requests
    from requests.adapters import HTTPAdapter

    from .endpoints import Patience

CONNECTIONS = 16
"""Kept open to one host."""


class Wire:
    """A pool of connections of one kind: to public peers alone, or to private ones too.

    ``private_peers`` are the hosts and ports that were found at a private address.
    """

    def __init__(self, agent: str, patience: Patience, watch: Watch, private: bool) -> None:
        import requests

        self.private_peers: set[tuple[str, int]] = set()
        self._timeout = (patience.connect, patience.read)
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": agent, "Accept-Encoding": "identity"})
        adapter = _adapter(_pools(self, patience, watch, private))
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        # its messages carry addresses with their signatures
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)

    def send(
        self,
        url: str,
        headers: Mapping[str, str],
        token: str | None,
        body: Any,  # noqa: ANN401
    ) -> requests.Response:
        """One request without its redirects; the body of the answer is left on the line.

        Goes past ``Session.send``, which keeps cookies, reads ``~/.netrc`` for the target of a
        redirect and reads a redirect's body to its end, however long.
        """
        import requests

        def bearer(request: requests.PreparedRequest) -> requests.PreparedRequest:
            if token:
                request.headers["Authorization"] = f"Bearer {token}"
            return request

        method = "GET" if body is None else "POST"
        wanted = requests.Request(method, url, headers=headers, json=body, auth=bearer)
        request = self._session.prepare_request(wanted)
        request.url = _untouched(url, request.url or url)
        settings = self._session.merge_environment_settings(url, {}, True, None, None)
        adapter = self._session.get_adapter(url)
        return adapter.send(request, timeout=self._timeout, **settings)


def _untouched(url: str, prepared: str) -> str:
    """The address with its path and query as they came: a signature covers their very bytes."""
    parts = urlsplit(url)
    return urlsplit(prepared)._replace(path=parts.path or "/", query=parts.query).geturl()


def _adapter(pools: dict[str, Any]) -> HTTPAdapter:
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            manager = super().proxy_manager_for(*args, **kwargs)
            manager.pool_classes_by_scheme = pools
            return manager

    return Adapter(CONNECTIONS, CONNECTIONS)


def _pools(wire: Wire, patience: Patience, watch: Watch, private: bool) -> dict[str, Any]:
    """urllib3's pools, whose connections look at the peer before anything is sent to it."""
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class Checked(HTTPConnection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
            super().__init__(*args, **kwargs)
            paced = partial(PacedResponse, host=shown(self.host), patience=patience, watch=watch)
            self.response_class = paced  # type: ignore[assignment]  # called, never subclassed

        def _new_conn(self) -> socket.socket:
            sock = super()._new_conn()
            try:
                public = bool(self.proxy) or require_allowed(
                    self.host, sock.getpeername()[0], private
                )
            except BaseException:
                sock.close()
                raise
            if not public:
                wire.private_peers.add((self.host, self.port))
            return sock

    class CheckedTls(Checked, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Checked

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = CheckedTls

    return {"http": Pool, "https": TlsPool}


class PacedResponse(http.client.HTTPResponse):
    """An answer whose socket is watched, for drips and for ``Watch.stop``."""

    def __init__(
        self,
        sock: socket.socket,
        *args: Any,  # noqa: ANN401
        host: str,
        patience: Patience,
        watch: Watch,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(Paced(sock, patience, host))
        watch.add(sock)
