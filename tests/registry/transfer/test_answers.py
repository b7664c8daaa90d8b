"""Bodies: whole, cut, chunked, dripping, stalled, packed, longer than wanted."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest

from tests.registry.transfer.scripted import QUICK, Scripted, hold, raw
from tests.servers.base import Reply
from tests.servers.storage import Storage
from vaereg.registry.errors import DownloadBroken
from vaereg.registry.transfer.client import Client, Endpoint, Interrupted, Patience

BODY = random.Random(4).randbytes(3_000_017)


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as server:
        yield server


@pytest.fixture
def service() -> Iterator[Scripted]:
    with Scripted() as server:
        yield server


def client_of(storage: Storage, patience: Patience = QUICK) -> Client:
    return Client([Endpoint(storage.url, "Storage")], patience)


def drained(client: Client, url: str, step: int = 1 << 20, **how: object) -> bytes:
    """The body as ``readinto`` gives it, also what came before it broke (on the exception)."""
    body, buffer = bytearray(), memoryview(bytearray(step))
    with client.open(url, **how) as answer:
        while True:
            try:
                count = answer.readinto(buffer)
            except DownloadBroken as error:
                error.add_note(str(len(body)))
                raise
            if not count:
                return bytes(body)
            body += buffer[:count]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("step", [1, 700, 70_000, 1 << 20, 1 << 23])
def test_a_body_arrives_byte_by_byte(storage: Storage, chunked: bool, step: int) -> None:
    content = BODY[:3000] if step == 1 else BODY
    url = storage.put("/f", content, chunked=chunked)
    client = client_of(storage)
    assert drained(client, url, step) == content
    assert drained(client, url, step, span=(10, 2999)) == content[10:3000]


def test_a_body_without_a_length_ends_with_the_connection(service: Scripted) -> None:
    url = service.put("/f", raw(b"HTTP/1.1 200 OK\r\n\r\n" + BODY))
    assert drained(service.client(), url) == BODY


@pytest.mark.parametrize("status", [200, 204, 304])
def test_an_empty_body_leaves_the_connection_in_use(service: Scripted, status: int) -> None:
    url = service.put("/f", Reply(status))
    with service.client().open(url) as answer:
        assert (answer.status, answer.readinto(memoryview(bytearray(9)))) == (status, 0)


@pytest.mark.parametrize(
    "faults",
    [
        {"cut_after": 1_000_000},
        {"cut_after": 0},
        {"cut_after": 1_000_000, "chunked": True},
        {"length": len(BODY) + 5},
    ],
)
def test_a_cut_body_is_no_whole_one(storage: Storage, faults: dict) -> None:
    url = storage.put("/f", BODY, **faults)
    with pytest.raises(Interrupted, match=r"too early|broke") as caught:
        drained(client_of(storage), url)
    if not faults.get("chunked"):
        # what did arrive was handed on
        assert int(caught.value.__notes__[0]) == faults.get("cut_after", len(BODY))


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhello\r\n",
        b"5\r\nhel",
        b"zz\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"f" * 70_000,
        b"",
    ],
)
def test_damaged_chunks_are_no_end(service: Scripted, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(Interrupted):
        drained(service.client(), service.put("/f", raw(head + body)))


def test_bytes_beyond_the_length_belong_to_no_body(service: Scripted) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    url = service.put("/f", raw(head + b"hello and more"), Reply(200, {}, b"next"))
    client = service.client()
    assert drained(client, url) == b"hello"
    time.sleep(0.1)  # until the end of the connection has arrived
    assert drained(client, url) == b"next"


def test_what_arrived_is_not_held_back(service: Scripted) -> None:
    release = threading.Event()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
    url = service.put("/f", hold(head + b"first", lambda: release.wait(5)))
    with service.client(Patience(read=5)).open(url) as answer:
        began = time.monotonic()
        assert answer.readinto(memoryview(bytearray(100))) == 5
        assert time.monotonic() - began < 1
        release.set()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_drip_is_given_up(storage: Storage, chunked: bool) -> None:
    url = storage.put("/f", BODY, drip=400, chunked=chunked)
    began = time.monotonic()
    with pytest.raises(Interrupted, match="slower than 2,000 bytes a second"):
        drained(client_of(storage), url)
    assert time.monotonic() - began < 1.5


def test_a_slow_server_that_is_quick_enough_is_waited_for(storage: Storage) -> None:
    url = storage.put("/f", BODY[:8000], drip=8000)
    assert drained(client_of(storage), url) == BODY[:8000]


def test_a_slow_reader_is_no_slow_server(storage: Storage) -> None:
    url = storage.put("/f", BODY[:200_000])
    with client_of(storage).open(url) as answer:
        buffer, count = memoryview(bytearray(50_000)), 0
        while got := answer.readinto(buffer):
            count += got
            time.sleep(0.15)
    assert count == 200_000


def test_a_stalled_body_is_given_up(storage: Storage) -> None:
    url = storage.put("/f", BODY, hang_after=1000)
    with pytest.raises(Interrupted, match=r"nothing more for 0\.5 s") as caught:
        drained(client_of(storage), url)
    assert caught.value.__notes__ == ["1000"]


def test_read_has_a_limit(storage: Storage) -> None:
    url = storage.put("/f", BODY)
    client = client_of(storage)
    with client.open(url) as answer:
        assert answer.read(len(BODY)) == BODY
    with client.open(url) as answer, pytest.raises(DownloadBroken, match="more than 1,000 bytes"):
        answer.read(1000)
    with client.open(url) as answer:
        assert answer.beginning(1000) == BODY[:1000]


def test_a_gzip_bomb_is_not_unpacked(storage: Storage) -> None:
    url = storage.put("/f", bytes(10_000_000), gzipped=True)
    with pytest.raises(DownloadBroken, match="packed"):
        client_of(storage, Patience()).open(url)
    assert sum(storage.sent.values()) < 100_000


def test_an_answer_left_early_does_not_spoil_the_next(storage: Storage) -> None:
    url = storage.put("/f", BODY)
    client = client_of(storage)
    with client.open(url) as answer:
        answer.readinto(memoryview(bytearray(10)))
    assert drained(client, url, span=(3, 8)) == BODY[3:9]
