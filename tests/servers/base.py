"""A threaded HTTP server on loopback that keeps a log of what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as it came in; header names in lower case."""

    method: str
    path: str
    """Decoded, without the query."""
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = b""
    target: str = ""
    """As it stood in the request line."""


@dataclass(frozen=True)
class Reply:
    """One answer; ``write`` takes over where an answer must be written by hand."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    write: Callable[[BaseHTTPRequestHandler], None] | None = None

    @classmethod
    def of_json(cls, document: Any, status: int = 200, **headers: str) -> Reply:
        """A JSON answer; underscores in header names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps(document).encode()
        return cls(status, {"Content-Type": "application/json; charset=utf-8", **named}, body)


class Server:
    """Subclasses answer in ``reply``; a context manager that runs it on a free port.

    ``log`` holds every request in order; ``host`` is ``127.0.0.1`` or ``localhost``, so that two
    servers are two hosts for a client.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.log: list[Request] = []
        self._lock = threading.Lock()
        self._http = _Http((("127.0.0.1"), 0), _handler_for(self))
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """``http://host:port``."""
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def reply(self, request: Request) -> Reply:
        """The answer to a request."""
        raise NotImplementedError

    def note(self, request: Request) -> None:
        """Keep a request in the log."""
        with self._lock:
            self.log.append(request)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is what these tests are about."""


def _handler_for(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version: ClassVar[str] = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            request = Request(
                self.command,
                unquote(parts.path),
                parse_qs(parts.query, keep_blank_values=True),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length) if length else b"",
                self.path,
            )
            server.note(request)
            reply = server.reply(request)
            if reply.write is not None:
                reply.write(self)
                return
            self.send_response(reply.status)
            headers = {"Content-Length": str(len(reply.body))} | reply.headers
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_GET = do_HEAD = do_POST = do_OPTIONS = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: the log is ``Server.log``."""

    return Handler
