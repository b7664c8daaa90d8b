"""A file server such as a CDN or an object storage: ranges, ETags, and switches to misbehave."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from .base import Reply, Request, Server

Content = bytes | Path
_PIECE = 1 << 20
LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>...</body></html>"


@dataclass(frozen=True)
class Faults:
    """How a path misbehaves; the switches combine. Without any it is a good server."""

    ignore_ranges: bool = False
    """200 with everything, whatever range was asked for."""
    cut_after: int | None = None
    """Every body ends after so many bytes and the connection closes."""
    cut_once_after: int | None = None
    """The same, for the first body only."""
    length: int | None = None
    """States this Content-Length."""
    range_start: int | None = None
    """States this first byte in Content-Range, and sends what was asked."""
    flip: int | None = None
    """One bit of the byte at this offset is wrong."""
    etag_changes_after: int | None = None
    """So many requests get the first ETag, later ones another."""
    etag: str | None = None
    """This ETag, quotes included; empty for none."""
    unsatisfiable: bool = False
    """416 to every request with a range."""
    redirect: str | None = None
    """302 to this address, with or without a token; to the path itself for a loop."""
    too_many: int = 0
    """429 to so many requests, then well."""
    retry_after: str | None = None
    """Stated with the 429s and 500s."""
    errors: int = 0
    """500 to so many requests, then well."""
    status: int | None = None
    """An empty answer of this status to every request."""
    drip: float | None = None
    """Bytes a second."""
    login_page: bool = False
    """200 with a web page."""
    gzipped: bool = False
    """The body packed, whether or not it was asked for."""
    hang: bool = False
    """Takes the request and never answers."""
    hang_after: int | None = None
    """Sends so many bytes of the body and then nothing, without closing."""
    expired: bool = False
    """403 as for a signature out of date."""
    chunked: bool = False
    """No Content-Length; ``cut_after`` then leaves out the last chunk."""
    disposition: str | None = None
    """This Content-Disposition."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """More headers, or others in place of the usual ones."""


GOOD = Faults()


class Storage(Server):
    """Files by path; ``url_of`` gives an address, ``signed`` one that can expire.

    ``sent`` counts the body bytes that went out by path, ``asked`` the requests.
    """

    def __init__(self, host: str = "localhost") -> None:
        super().__init__(host)
        self.files: dict[str, Content] = {}
        self.faults: dict[str, Faults] = {}
        self.sent: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self._signatures: dict[str, int] = {}
        self._closing = threading.Event()

    def __enter__(self) -> Storage:
        super().__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        super().__exit__(*exception)

    def put(self, path: str, content: Content, **faults: Any) -> str:
        """Keep a file under a path that begins with a slash, and say its address."""
        self.files[path] = content
        self.faults[path] = Faults(**faults)
        return self.url_of(path)

    def url_of(self, path: str) -> str:
        """The address of a path."""
        return self.url + path

    def misbehave(self, path: str, **faults: Any) -> None:
        """Add switches to a path that has some already."""
        self.faults[path] = replace(self.faults.get(path, GOOD), **faults)

    def signed(self, path: str) -> str:
        """An address that works until ``expire``; the bare one no longer does."""
        number = self._signatures.setdefault(path, 1)
        return f"{self.url_of(path)}?X-Amz-Expires=86400&X-Amz-Signature=s%2F{number}"

    def expire(self, path: str) -> None:
        """End all addresses that were signed so far."""
        self._signatures[path] = self._signatures.get(path, 0) + 1

    def reply(self, request: Request) -> Reply:
        """The file, or how its switches say to misbehave."""
        content = self.files.get(request.path)
        if content is None:
            return xml_error(404, "NoSuchKey", "The specified key does not exist.")
        number = self._signatures.get(request.path)
        if number and request.query.get("X-Amz-Signature") != [f"s/{number}"]:
            return xml_error(403, "AccessDenied", "Request has expired")
        return self.serve(request, content, self.faults.get(request.path, GOOD))

    def serve(
        self,
        request: Request,
        content: Content,
        faults: Faults = GOOD,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A file as the answer to a request, for servers that find their files another way."""
        with self._lock:
            self.asked[request.path] += 1
            nth = self.asked[request.path]
        if faults.redirect:
            return Reply(302, {"Location": faults.redirect})
        if "authorization" in request.headers:
            says = "Missing x-amz-content-sha256"
            return xml_error(400, "InvalidRequest", says)
        wrong = _refusal(request, faults, nth, self._closing)
        if wrong:
            return wrong
        delivery = _Delivery.of(request, content, faults, nth, headers or {})
        if delivery.count < 0:
            nothing = xml_error(416, "InvalidRange", "The requested range is not satisfiable")
            nothing.headers["Content-Range"] = f"bytes */{size_of(content)}"
            return nothing
        return Reply(write=lambda handler: self._deliver(handler, request, delivery))

    def _deliver(
        self, handler: BaseHTTPRequestHandler, request: Request, delivery: _Delivery
    ) -> None:
        handler.send_response(delivery.status)
        for name, value in delivery.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if request.method == "HEAD":
            return
        for count in delivery.write(handler, self._closing):
            with self._lock:
                self.sent[request.path] += count
        if delivery.broken:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class _Delivery:
    """One answer with a body: what stands above it, which bytes, and how they go out."""

    status: int
    headers: dict[str, str]
    content: Content
    first: int
    count: int
    faults: Faults
    broken: bool

    @classmethod
    def of(
        cls,
        request: Request,
        content: Content,
        faults: Faults,
        nth: int,
        headers: Mapping[str, str],
    ) -> _Delivery:
        packed = gzip.compress(content) if faults.gzipped and isinstance(content, bytes) else None
        content = packed or content
        size = size_of(content)
        etag = _etag(content, faults, nth)
        span = None if faults.ignore_ranges or packed else _span(request, etag, size)
        first, last = span or (0, size - 1)
        cut = faults.cut_once_after if nth == 1 else None
        cut = faults.cut_after if cut is None else cut
        count = last - first + 1 if first < size or not span else -1
        stated = {
            "Content-Type": "binary/octet-stream",
            "Accept-Ranges": "bytes",
            "Content-Length": str(count if faults.length is None else faults.length),
        }
        stated |= {"ETag": etag} if etag else {}
        if span:
            begin = first if faults.range_start is None else faults.range_start
            stated["Content-Range"] = f"bytes {begin}-{last}/{size}"
        if faults.chunked:
            stated["Transfer-Encoding"] = "chunked"
            del stated["Content-Length"]
        stated |= {"Content-Encoding": "gzip"} if packed else {}
        stated |= {"Content-Disposition": faults.disposition} if faults.disposition else {}
        stated |= {**headers, **faults.headers}
        sent = count if cut is None else min(count, cut)
        short = sent < count or (faults.length is not None and faults.length != count)
        return cls(206 if span else 200, stated, content, first, sent, faults, short)

    def write(self, handler: BaseHTTPRequestHandler, closing: threading.Event) -> Iterator[int]:
        """Send the body; gives the number of bytes of each piece once it is out.

        The last one is told before it goes out: whoever has a whole body finds all of it counted.
        """
        faults = self.faults
        if isinstance(self.content, Path) and faults == GOOD:
            yield from self._send_file(handler, self.content)
            return
        size = max(1, int(faults.drip / 20)) if faults.drip else _PIECE
        left = self.count if faults.hang_after is None else min(self.count, faults.hang_after)
        end = self.first + left
        for at, piece in _pieces(self.content, self.first, end, size, faults.flip):
            is_last = at + len(piece) == end
            if is_last:
                yield len(piece)
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if faults.chunked else piece)
            if not is_last:
                yield len(piece)
            if faults.drip and closing.wait(len(piece) / faults.drip):
                return
        if left < self.count:
            closing.wait()
        elif faults.chunked and not self.broken:
            handler.wfile.write(b"0\r\n\r\n")

    def _send_file(self, handler: BaseHTTPRequestHandler, path: Path) -> Iterator[int]:
        """The same at full speed, without the bytes passing through here."""
        last = min(self.count, 1)
        with path.open("rb") as file:
            if self.count > last:
                yield handler.connection.sendfile(file, self.first, self.count - last)
            if last:
                yield last
                handler.connection.sendfile(file, self.first + self.count - last, last)


def size_of(content: Content) -> int:
    """Bytes of a file in memory or on disk."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def xml_error(status: int, code: str, says: str) -> Reply:
    """An error as S3 words it."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
    body += f"<Message>{says}</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"
    return Reply(status, {"Content-Type": "application/xml"}, body.encode())


def _refusal(request: Request, faults: Faults, nth: int, closing: threading.Event) -> Reply | None:
    """The answer of a path that does not send its file this time."""
    wait = {"Retry-After": faults.retry_after} if faults.retry_after else {}
    if faults.hang:
        closing.wait()
        return Reply(500)
    if faults.login_page:
        return Reply(200, {"Content-Type": "text/html; charset=utf-8"}, LOGIN_PAGE)
    if faults.expired:
        return xml_error(403, "AccessDenied", "Request has expired")
    if faults.status:
        return Reply(faults.status)
    if nth <= faults.too_many:
        return Reply(429, {"Content-Type": "text/html", **wait}, b"<html>Too many</html>")
    if nth <= faults.too_many + faults.errors:
        return Reply(500, wait, b"Internal Server Error")
    if faults.unsatisfiable and "range" in request.headers:
        return xml_error(416, "InvalidRange", "The requested range is not satisfiable")
    return None


def _etag(content: Content, faults: Faults, nth: int) -> str:
    if faults.etag is not None:
        return faults.etag
    if faults.etag_changes_after is not None and nth > faults.etag_changes_after:
        return '"another"'
    if isinstance(content, bytes):
        return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
    status = content.stat()
    return f'"{status.st_size:x}-{status.st_mtime_ns:x}"'


def _span(request: Request, etag: str, size: int) -> tuple[int, int] | None:
    """First and last byte asked for, the first perhaps past the end; None for all of it."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    condition = request.headers.get("if-range")
    if not found or found[0] == "bytes=-" or condition not in (None, etag):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last) if last else size - 1, size - 1)


def _pieces(
    content: Content, first: int, end: int, size: int, flip: int | None
) -> Iterator[tuple[int, bytes]]:
    """The bytes from ``first`` up to ``end``, each piece with its offset."""
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
        file.seek(first)
        for at in range(first, end, size):
            piece = bytearray(file.read(min(size, end - at)))
            if flip is not None and at <= flip < at + len(piece):
                piece[flip - at] ^= 1
            yield at, bytes(piece)
