"""A hub that drips, never ends, or leads astray: every call has an end, and stays where it may."""

from __future__ import annotations

import gzip
import json
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.servers.base import Reply, Request
from tests.servers.hub import Hub
from vaereg.registry.errors import DownloadBroken, Offline
from vaereg.registry.sources.base import Wish
from vaereg.registry.sources.huggingface.source import HuggingFace
from vaereg.registry.sources.refs import HfRef
from vaereg.registry.transfer.client import Client, Patience

from .huggingface_cases import CANARY, CONFIG, FILE, QUICK, SINGLE, VAE, WEIGHTS, serving, source

HURRIED = Patience(connect=1.0, read=0.5, window=0.5, tries=2, longest_wait=1.0)
BODY = b"Content-Length: 100000\r\n\r\n"
ROW = {"id": VAE, "siblings": [{"rfilename": FILE}]}
Ask = Callable[[HuggingFace], object]
ASKS: dict[str, Ask] = {
    "search": lambda one: one.search("vae", 5, None),
    "listing": lambda one: one.offer(HfRef(VAE), Wish()),
    "file": lambda one: one.offer(HfRef(VAE, FILE), Wish()),
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serving(monkeypatch, tmp_path) as server:
        yield server


def dripping(head: bytes, piece: bytes, pause: float, times: int) -> Reply:
    """A head, then the same piece again and again."""

    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + head)
        for _ in range(times):
            handler.wfile.write(piece)
            time.sleep(pause)

    return Reply(write=write)


@pytest.mark.parametrize(
    ("ask", "head", "piece"),
    [
        ("search", BODY, b" "),
        ("listing", BODY, b" "),
        ("search", b"", b"X-More: 1\r\n"),
        ("listing", b"", b"X-More: 1\r\n"),
        ("file", b"", b"X-More: 1\r\n"),
    ],
)
def test_a_drip_has_an_end(hub: Hub, ask: str, head: bytes, piece: bytes) -> None:
    drip = dripping(head, piece, 0.05, 300)
    hub.mood.say = lambda _: drip
    begun = time.monotonic()
    with pytest.raises(Offline, match=r"127\.0\.0\.1:\d+ is too slow to answer") as caught:
        ASKS[ask](source(hub, None, HURRIED))
    assert "VAEREG_TIMEOUT" in (caught.value.hint or "")
    assert time.monotonic() - begun < 6


@pytest.mark.parametrize("ask", ["search", "listing"])
def test_a_body_without_end_has_one(hub: Hub, ask: str) -> None:
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
        while True:
            sent.append(handler.wfile.write(b" " * (1 << 20)))

    hub.mood.say = lambda _: Reply(write=endless)
    with pytest.raises(DownloadBroken, match="something else than a hub's answer"):
        ASKS[ask](source(hub))
    assert sum(sent) < 80 << 20


def test_a_packed_answer_is_not_unpacked(hub: Hub) -> None:
    bomb = gzip.compress(json.dumps([ROW]).encode() + b" " * (32 << 20))
    hub.mood.say = lambda _: Reply(200, {"Content-Encoding": "gzip"}, bomb)
    with pytest.raises(DownloadBroken, match="something else than a hub's answer"):
        source(hub).search("vae", 5, None)
    assert hub.log[0].headers["accept-encoding"] == "identity"


def paged(hub: Hub, rows: list[object], link: Callable[[int], str]) -> None:
    """Every page of a search has these rows and leads on by the link to the n-th question."""

    def say(request: Request) -> Reply | None:
        if request.path != "/api/models":
            return None
        count = sum(one.path == "/api/models" for one in hub.log)
        return Reply.of_json(rows, Link=f'<{link(count)}>; rel="next"')

    hub.mood.say = say


LINKS: dict[str, tuple[str, int]] = {
    "itself": ("/api/models?cursor=1", 2),
    "another host": ("http://localhost:{port}/api/models?x=1", 1),
    "another port": ("http://127.0.0.1:9/api/models", 1),
    "no address": ("file:///etc/passwd", 1),
}


@pytest.mark.parametrize("case", LINKS)
def test_pages_lead_on_and_stay_at_the_hub(hub: Hub, case: str) -> None:
    link, questions = LINKS[case]
    link = link.format(port=hub.storage.port)
    paged(hub, [], lambda _: link)
    with pytest.raises(DownloadBroken):
        source(hub, CANARY).search("vae", 5, None)
    assert len(hub.log) == questions
    assert not hub.storage.log
    paged(hub, [ROW], lambda _: link)
    (hit,) = source(hub, CANARY).search("vae", 5, None)
    assert hit.size == len(WEIGHTS) + len(CONFIG), "what the first page found is kept"
    assert not hub.storage.log


def test_pages_have_an_end(hub: Hub) -> None:
    paged(hub, [], lambda count: f"/api/models?cursor={count}")
    with pytest.raises(DownloadBroken, match="lead in a circle"):
        source(hub).search("vae", 5, None)
    assert len(hub.log) == 20


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize(
    "address", ["169.254.169.254", "[fe80::1]", "0.0.0.0", "[::ffff:169.254.169.254]"]
)
def test_no_redirect_leads_to_where_clouds_keep_credentials(
    hub: Hub, ask: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub.utils import _http

    monkeypatch.setattr(_http, "_is_same_or_hub_host", lambda *_: True, raising=False)
    target = f"http://{address}/latest/meta-data"
    hub.mood.say = lambda _: Reply(307, {"Location": target})
    with pytest.raises(DownloadBroken, match="where no model is published"):
        ASKS[ask](source(hub))


def test_a_public_hub_does_not_lead_into_the_private_network(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    huggingface_hub.close_session()
    monkeypatch.setenv("HTTP_PROXY", hub.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    inside = Reply(307, {"Location": f"{hub.storage.url}/admin"})
    hub.mood.say = lambda _: inside
    far = HuggingFace(Client([], QUICK), "http://hub.example", CANARY)
    for ask in ("search", "listing"):
        with pytest.raises(DownloadBroken, match="localhost leads to the private address"):
            ASKS[ask](far)
    assert hub.log
    assert not hub.storage.log


def test_redirects_have_an_end(hub: Hub) -> None:
    hub.mood.say = lambda _: Reply(307, {"Location": f"/api/models/{len(hub.log)}"})
    for ask in ASKS:
        hub.log.clear()
        with pytest.raises(DownloadBroken, match="redirects more than 8 times"):
            ASKS[ask](source(hub))
        assert len(hub.log) == 9


class Encrypted(Hub):
    """A hub behind TLS."""

    def __init__(self, certificate: Path) -> None:
        super().__init__("localhost", CANARY)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    @property
    def url(self) -> str:
        return super().url.replace("http:", "https:")


@pytest.fixture
def encrypted(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    import huggingface_hub

    if not shutil.which("openssl"):
        pytest.skip("needs openssl to sign with")
    file = tmp_path / "both.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext"
    names = "subjectAltName=DNS:localhost"
    made = subprocess.run(
        [*command.split(), names, "-keyout", "-"], capture_output=True, check=True
    )
    file.write_bytes(made.stdout)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    huggingface_hub.close_session()
    with Encrypted(file) as server:
        server.put(VAE, {FILE: SINGLE})
        yield server


@pytest.mark.parametrize("ask", ["search", "listing"])
def test_what_was_encrypted_stays_so(encrypted: Hub, hub: Hub, ask: str) -> None:
    assert ASKS["listing"](source(encrypted, CANARY))
    moved = f"{hub.url}/api/models/{VAE}"
    encrypted.mood.say = lambda _: Reply(307, {"Location": moved})
    with pytest.raises(DownloadBroken, match="which is not encrypted"):
        ASKS[ask](source(encrypted, CANARY))
    assert not hub.log
