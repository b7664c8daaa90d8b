"""Servers that misbehave: nothing wrong is published, every error says what happened."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from tests.registry.transfer.fetching import (
    CANARY,
    MIB,
    NAME,
    SOON,
    client_of,
    names,
    pulled,
    remote,
    unhashed,
    weights,
)
from tests.servers.storage import LOGIN_PAGE, Storage
from vaereg.registry.errors import (
    DownloadBroken,
    Forbidden,
    NeedsToken,
    NotFound,
    Offline,
    RateLimited,
    UnsafePickle,
    UnsupportedFormat,
    VaeregError,
)
from vaereg.registry.transfer.client import Client, Endpoint, Patience
from vaereg.registry.transfer.download import fetch

PATH = "/" + NAME
pytestmark = pytest.mark.usefixtures("quick")
CONTENT = weights(2 * MIB + 11)
LARGE = weights(10 * MIB + 11)
PICKLE = b"\x80\x02}q\x00." + bytes(5000)


WRONG = {
    "wrong hash": ({"flip": MIB}, DownloadBroken, "SHA-256"),
    "wrong length": ({"length": 3 * MIB, "ignore_ranges": True}, DownloadBroken, "by its server"),
    "too short a length": ({"length": MIB, "ignore_ranges": True}, DownloadBroken, "by its server"),
    "wrong range": ({"range_start": 7}, DownloadBroken, "asked for bytes 0"),
    "redirect loop": ({"redirect": PATH}, DownloadBroken, "circle"),
    "sign-in page": ({"login_page": True}, NeedsToken, "sign-in page"),
    "page as bytes": ({"headers": {"Content-Type": "text/html"}}, DownloadBroken, "web page"),
    "error text": ({"headers": {"Content-Type": "application/xml"}}, DownloadBroken, "XML text"),
    "gzip bomb": ({"gzipped": True}, DownloadBroken, "packed"),
    "said to be packed": ({"headers": {"Content-Encoding": "br"}}, DownloadBroken, "packed"),
    "forbidden": ({"status": 403}, Forbidden, "does not allow"),
    "gone": ({"status": 410}, NotFound, "archived"),
    "sign-in": ({"status": 401}, NeedsToken, "sign in"),
    "teapot": ({"status": 418}, DownloadBroken, "418"),
    "come back tomorrow": ({"too_many": 99, "retry_after": "86400"}, RateLimited, "24 hours"),
    "always 500": ({"status": 500}, DownloadBroken, "500"),
    "silence": ({"hang": True}, Offline, "does not answer"),
    "drip": ({"drip": 1000.0}, DownloadBroken, "slower than"),
    "multipart": ({"headers": {"Content-Range": ""}}, DownloadBroken, "which bytes"),
}


@pytest.mark.parametrize(("faults", "error", "says"), WRONG.values(), ids=WRONG)
def test_nothing_wrong_is_published(
    storage: Storage, tmp_path: Path, faults: dict, error: type[VaeregError], says: str
) -> None:
    file = remote(storage.put(PATH, CONTENT, **faults), CONTENT)
    began = time.monotonic()
    with pytest.raises(error, match=says) as caught:
        pulled(storage, file, tmp_path)
    assert time.monotonic() - began < 5
    assert NAME not in names(tmp_path)
    assert storage.url not in caught.value.message


@pytest.mark.parametrize(
    ("content", "name", "error", "says"),
    [
        (LOGIN_PAGE * 9000, NAME, DownloadBroken, "web page"),
        (b'{"error": "no"}' + b" " * MIB, NAME, DownloadBroken, "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\n" + b"x" * 100, NAME, DownloadBroken, "lfs"),
        (PICKLE, NAME, UnsafePickle, "is a pickle"),
        (b"PK\x03\x04" + bytes(5000), NAME, UnsafePickle, "is a pickle"),
        (b"\x89PNG\r\n\x1a\n" + bytes(5000), NAME, UnsupportedFormat, "PNG"),
        (bytes(20 * MIB), "vae.ckpt", DownloadBroken, "nothing but zeros"),
        (b"", NAME, DownloadBroken, "empty"),
        (LOGIN_PAGE, "config.json", DownloadBroken, "web page"),
    ],
)
def test_the_first_bytes_tell(
    storage: Storage,
    tmp_path: Path,
    content: bytes,
    name: str,
    error: type[VaeregError],
    says: str,
) -> None:
    """The source itself states the hash of the nonsense: still it is not fetched to its end."""
    for file in (remote(storage.put(PATH, content), content), unhashed("", content)):
        url = storage.url_of(PATH)
        with pytest.raises(error, match=says):
            pulled(storage, remote(url, content, sha256=file.sha256), tmp_path, name=name)
        assert name not in names(tmp_path)
    assert storage.sent[PATH] < 18 * MIB


def test_a_pickle_may_be_called_one(storage: Storage, tmp_path: Path) -> None:
    file = remote(storage.put("/a.ckpt", PICKLE), PICKLE)
    assert pulled(storage, file, tmp_path, name="a.ckpt").verified


PASSING = {
    "500 twice": {"errors": 2},
    "429 with a time": {"too_many": 1, "retry_after": "1"},
    "429 without": {"too_many": 1},
    "cut once": {"cut_once_after": MIB + 1},
    "cut in the first bytes": {"cut_once_after": 100},
    "no ranges": {"ignore_ranges": True},
    "no ranges, cut once": {"ignore_ranges": True, "cut_once_after": MIB + 1},
    "416 to every range": {"unsatisfiable": True},
    "no ETag": {"etag": ""},
    "weak ETag": {"etag": 'W/"1"'},
    "chunked": {"chunked": True, "ignore_ranges": True},
    "another ETag each time": {"etag_changes_after": 1},
}


@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.parametrize("faults", PASSING.values(), ids=PASSING)
def test_what_passes_is_overcome(
    storage: Storage, tmp_path: Path, faults: dict, hashed: bool
) -> None:
    url = storage.put(PATH, LARGE, **faults)
    file = remote(url, LARGE) if hashed else unhashed(url, LARGE, size=None)
    done = pulled(storage, file, tmp_path)
    assert Path(done.path).read_bytes() == LARGE
    assert done.verified == hashed
    assert names(tmp_path) == {NAME}


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_what_cannot_be_put_together_comes_in_one_answer(
    storage: Storage, tmp_path: Path, etag: str
) -> None:
    content = weights(17 * MIB)
    file = unhashed(storage.put(PATH, content, etag=etag), content, size=None)
    assert Path(pulled(storage, file, tmp_path).path).read_bytes() == content
    assert len(storage.log) == 2


@pytest.mark.parametrize("faults", [{}, {"etag": ""}, {"ignore_ranges": True}, {"chunked": True}])
def test_a_body_that_is_always_cut_is_no_file(
    storage: Storage, tmp_path: Path, faults: dict
) -> None:
    url = storage.put(PATH, CONTENT, cut_after=3000, **faults)
    for file in (remote(url, CONTENT), unhashed(url, CONTENT, size=None)):
        with pytest.raises(DownloadBroken):
            pulled(storage, file, tmp_path, patience=Patience(tries=2))
        assert NAME not in names(tmp_path)


def test_a_server_that_cuts_every_body_is_still_of_use(storage: Storage, tmp_path: Path) -> None:
    file = remote(storage.put(PATH, LARGE, cut_after=3 * MIB), LARGE, connections=2)
    assert pulled(storage, file, tmp_path).fetched == len(LARGE)
    assert storage.sent[PATH] <= len(LARGE) + 2 * MIB


def test_more_than_was_announced_is_not_taken(storage: Storage, tmp_path: Path) -> None:
    """Chunks go on behind the size that the source states."""
    url = storage.put(PATH, CONTENT + b"more", chunked=True, ignore_ranges=True)
    with pytest.raises(DownloadBroken, match="more than"):
        pulled(storage, remote(url, CONTENT), tmp_path)
    assert NAME not in names(tmp_path)


def test_a_file_that_changes_again_and_again_is_given_up(storage: Storage, tmp_path: Path) -> None:
    url = storage.put(PATH, LARGE, cut_after=3 * MIB)
    tags = iter(f'"{number}"' for number in range(1000))
    serve = storage.serve

    def changing(*arguments):  # every answer is of another version
        storage.misbehave(PATH, etag=next(tags))
        return serve(arguments[0], arguments[1], storage.faults[PATH])

    storage.serve = changing
    with pytest.raises(DownloadBroken, match=r"begun anew .* changed"):
        pulled(storage, unhashed(url, LARGE, connections=2), tmp_path)
    assert NAME not in names(tmp_path)


@pytest.mark.parametrize("status", [403, 429, 503])
def test_refused_connections_are_done_without(
    storage: Storage, tmp_path: Path, status: int
) -> None:
    """One request at a time is all that this server takes."""
    busy = []
    serve, deliver = storage.serve, storage._deliver

    def delivered(*arguments):
        try:
            deliver(*arguments)
        finally:
            busy.clear()

    def served(request, content, faults):
        until = time.monotonic() + 0.1  # the client is often quicker than this server
        while busy and time.monotonic() < until:
            time.sleep(0.005)
        if busy:
            storage.refused += 1
            return type(serve(request, content, faults))(status, {"Retry-After": "600"})
        busy.append(request)
        return serve(request, content, faults)

    storage.refused, storage.serve, storage._deliver = 0, served, delivered
    file = remote(storage.put(PATH, LARGE, drip=10e6), LARGE, connections=4)
    assert pulled(storage, file, tmp_path).verified
    assert 1 <= storage.refused <= 4


@pytest.mark.parametrize("expires", [1, 2])
def test_an_expired_address_is_asked_for_anew(
    storage: Storage, tmp_path: Path, expires: int
) -> None:
    storage.put(PATH, LARGE, drip=60e6)
    given = []
    serve = storage.serve

    def served(request, content, faults):
        if len(given) <= expires:
            storage.expire(PATH)
        return serve(request, content, faults)

    def locate() -> str:
        given.append(storage.signed(PATH))
        return given[-1]

    storage.signed(PATH)
    storage.serve = served
    done = pulled(storage, remote("", LARGE, locate=locate, connections=4), tmp_path)
    assert (done.verified, done.fetched) == (True, len(LARGE))
    assert 1 + expires <= len(given) <= 1 + 4 * expires


def test_an_address_that_never_works_is_given_up(storage: Storage, tmp_path: Path) -> None:
    addresses = iter([storage.url_of("/no"), storage.url_of("/nor"), storage.put(PATH, CONTENT)])
    file = remote("", CONTENT, locate=lambda: next(addresses))
    assert pulled(storage, file, tmp_path).verified
    with pytest.raises(NotFound):
        pulled(storage, remote(storage.url_of("/no"), LARGE), tmp_path)
    assert len(storage.log) == 4


def test_a_token_stays_with_its_service(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Storage("localhost") as cdn, Storage("127.0.0.1") as hub:
        target = cdn.put(PATH, LARGE, cut_once_after=MIB) + "?signature=s"
        hub.put(PATH, b"", redirect=target)
        hub.serve = lambda request, content, faults: Storage.serve(
            hub, type(request)("GET", request.path, {}, {}), content, faults
        )
        client = client_of(hub, cdn)
        fetch(client, remote(hub.url_of(PATH), LARGE), NAME, str(tmp_path / "a"))
        cdn.misbehave(PATH, flip=9000)
        with pytest.raises(DownloadBroken) as caught:
            fetch(client, remote(hub.url_of(PATH), LARGE), NAME, str(tmp_path / "b"))
    assert all(CANARY in request.headers["authorization"] for request in hub.log)
    assert cdn.log
    assert CANARY not in repr(cdn.log) + caplog.text + repr(caught.value) + repr(client)
    left = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(CANARY.encode() in content for content in left)


def test_a_server_that_dies_and_comes_back(storage: Storage, tmp_path: Path) -> None:
    port = 0
    with Storage("127.0.0.1") as first:
        port = first.port
        file = remote(first.put(PATH, LARGE, drip=20e6), LARGE, connections=2)
        client = Client([Endpoint(first.url, "Storage")], Patience(read=2))
        import threading

        from tests.servers.storage import Storage as Again

        done = []
        worker = threading.Thread(
            target=lambda: done.append(fetch(client, file, NAME, str(tmp_path)))
        )
        worker.start()
        while first.sent[PATH] < 2 * MIB:
            time.sleep(0.02)
        first.misbehave(PATH, status=503)
        _end(first)
    time.sleep(0.7)
    again = Again.__new__(Again)
    _on_port(again, port)
    with again:
        again.put(PATH, LARGE)
        worker.join(30)
    assert done
    assert done[0].verified


def _end(server: Storage) -> None:
    """Nobody is served any more; open connections break."""
    server._closing.set()


def _on_port(server: Storage, port: int) -> None:
    from tests.servers import base

    made = base._Http
    try:
        base._Http = lambda address, handler: made((address[0], port), handler)
        Storage.__init__(server, "127.0.0.1")
    finally:
        base._Http = made


def test_unreachable_is_told_soon(tmp_path: Path) -> None:
    with Storage("127.0.0.1") as gone:
        url = gone.url_of(PATH)
    client = Client([Endpoint(url, "Storage")], SOON)
    began = time.monotonic()
    with pytest.raises(Offline, match="cannot be reached"):
        fetch(client, remote(url, CONTENT), NAME, str(tmp_path))
    assert time.monotonic() - began < 2
