"""A server that gives prepared answers, and a patience that fits into a test."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from tests.servers.base import Reply, Request, Server
from vaereg.registry.transfer.client import Client, Endpoint, Patience

QUICK = Patience(connect=2, read=0.5, slowest=2000, window=0.4, tries=3, longest_wait=2)
TOKEN = "canary-5f0c1d"
REMEDY = "Put a token into SERVICE_TOKEN."


class Scripted(Server):
    """The answers of a path in order, the last one again and again."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self.answers: dict[str, list[Reply]] = {}

    def put(self, path: str, *answers: Reply) -> str:
        """Set the answers of a path, and say its address."""
        self.answers[path] = list(answers)
        return self.url + path

    def reply(self, request: Request) -> Reply:
        """The next answer."""
        left = self.answers.get(request.path, [Reply(404)])
        return left.pop(0) if len(left) > 1 else left[0]

    def client(self, patience: Patience = QUICK, token: str | None = TOKEN) -> Client:
        """A client for which this server is a service that it has a token for."""
        return Client([Endpoint(self.url, "Service", token, REMEDY)], patience)


def raw(data: bytes) -> Reply:
    """Bytes on the line as they are, after which the connection closes."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return Reply(write=write)


def hold(data: bytes, wait: Callable[[], object]) -> Reply:
    """Bytes on the line, and then nothing until ``wait`` returns."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)
        wait()
        handler.close_connection = True

    return Reply(write=write)


def redirect(location: str, status: int = 302) -> Reply:
    """A redirect."""
    return Reply(status, {"Location": location})
