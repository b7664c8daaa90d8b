"""JSON documents: what is tried again and for how long, what is not, and what is no JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.registry.transfer.scripted import QUICK, REMEDY, TOKEN, Scripted, raw
from tests.servers.base import Reply
from tests.servers.storage import LOGIN_PAGE
from vaereg.registry.errors import (
    DownloadBroken,
    Forbidden,
    NeedsToken,
    NotFound,
    Offline,
    RateLimited,
)
from vaereg.registry.transfer.waits import growing_wait, stated_wait

DOCUMENT = {"items": [1, 2.5, None, "ä"], "metadata": {}}
WELL = Reply.of_json(DOCUMENT)
BUSY = Reply.of_json({"error": "Server busy, please retry shortly."}, 503, Retry_After="0")
FAULT = Reply.of_json({"message": "An unexpected error occurred", "error": "boom"}, 500)
HTML = {"Content-Type": "text/html; charset=utf-8"}


def in_seconds(count: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=count), usegmt=True)


@pytest.fixture
def service() -> Iterator[Scripted]:
    with Scripted() as server:
        yield server


def test_a_query_and_a_body_are_sent(service: Scripted) -> None:
    url, client = service.put("/api", WELL), service.client()
    query = [("types", "VAE"), ("types", "Checkpoint"), ("cursor", "75363|9"), ("q", "a b")]
    assert client.json(url, query) == DOCUMENT
    assert client.json(url + "?a=1", [("b", "2")], body=["AB"]) == DOCUMENT
    first, second = service.log
    assert first.query == {
        "types": ["VAE", "Checkpoint"],
        "cursor": ["75363|9"],
        "q": ["a b"],
    }
    assert first.headers["accept"] == "application/json"
    assert (second.method, second.body, second.target) == ("POST", b'["AB"]', "/api?a=1&b=2")


@pytest.mark.parametrize(
    "before",
    [
        [FAULT],
        [Reply(408)],
        [BUSY, BUSY],
        [Reply.of_json({}, 429, Retry_After="0")],
        [Reply.of_json({}, 429, Retry_After=in_seconds(-5))],
        [raw(b"")],
        [raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")],
    ],
)
def test_what_may_pass_is_asked_again(service: Scripted, before: list[Reply]) -> None:
    assert service.client().json(service.put("/api", *before, WELL)) == DOCUMENT
    assert len(service.log) == len(before) + 1


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Reply.of_json({"error": "No model with id 7"}, 404), NotFound, "No model with id 7"),
        (Reply.of_json({"error": "Unauthorized"}, 401), NeedsToken, "Unauthorized"),
        (Reply.of_json({"error": "Forbidden"}, 403), Forbidden, "Forbidden"),
        (
            Reply.of_json(
                {"error": "You've requested too many pages, please use cursors instead"}, 429
            ),
            RateLimited,
            "too many pages",
        ),
        (Reply.of_json({}, 429, Retry_After="86400"), RateLimited, "in 24 hours"),
        (Reply.of_json({}, 429, Retry_After="600"), RateLimited, "in 10 minutes"),
        (Reply.of_json({}, 503, Retry_After="90"), RateLimited, "in 90 seconds"),
        (Reply(200, HTML, b"<html>Welcome to the hotel"), DownloadBroken, "web page in place of"),
        (Reply(200, HTML, LOGIN_PAGE), NeedsToken, "sign-in page"),
        (Reply(503, HTML, b"<title>Just a moment...</title>"), Forbidden, "robot"),
        (Reply(200, {"Content-Type": "application/json"}, b'{"a": '), DownloadBroken, "JSON"),
        (Reply(200, {"Content-Type": "application/json"}, b"\xff\xfe"), DownloadBroken, "JSON"),
        (Reply(200, {"Content-Type": "application/json"}, b"[" * 99999), DownloadBroken, "JSON"),
        (Reply(200, {"Content-Type": "application/json"}, b"9" * 9999), DownloadBroken, "JSON"),
        (Reply(204), DownloadBroken, "HTTP 204"),
    ],
)
def test_what_will_not_pass_is_asked_once(
    service: Scripted, answer: Reply, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        service.client().json(service.put("/api", answer) + "?token=canary-5f0c1d&sig=canary")
    assert type(caught.value) is error
    assert len(service.log) == 1
    assert "canary" not in caught.value.message


def test_patience_ends(service: Scripted) -> None:
    with pytest.raises(DownloadBroken, match=r"fault of its own .*An unexpected error occurred"):
        service.client(replace(QUICK, tries=2)).json(service.put("/api", FAULT))
    assert len(service.log) == 2


def test_where_nobody_listens_one_is_told_soon(service: Scripted) -> None:
    began = time.monotonic()
    with pytest.raises(Offline, match="connection refused"):
        service.client().json("http://127.0.0.1:9/api")
    assert time.monotonic() - began < 2


def test_a_document_has_a_limit(service: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaereg.registry.transfer.client._MOST_JSON", 1000)
    answer = Reply(200, {"Content-Type": "application/json"}, b'"' + b"a" * 2000 + b'"')
    with pytest.raises(DownloadBroken, match="more than 1,000 bytes"):
        service.client().json(service.put("/api", answer))


def test_stop_ends_a_wait(service: Scripted) -> None:
    client = service.client()
    client.stop()
    with pytest.raises(Offline, match="stopped"):
        client.rest(60)


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"retry-after": "7"}, 7, 7),
        ({"retry-after": in_seconds(9000)}, 8000, 9000),
        ({"retry-after": in_seconds(-100)}, 0, 0),
        ({"ratelimit": '"api";r=0;t=41'}, 42, 42),
        ({"retry-after": "9" * 9}, 1e8, 1e9),
    ],
)
def test_a_stated_wait(headers: dict[str, str], least: float, most: float) -> None:
    stated = stated_wait(headers)
    assert stated is not None
    assert least <= stated <= most


@pytest.mark.parametrize(
    "headers",
    [{}, {"retry-after": "soon"}, {"retry-after": "-1"}, {"ratelimit": '"api";r=5;t=41'}]
    + [{"retry-after": text} for text in ("9" * 5000, "Mon, 99 Foo 99999", "1e9", "٣", "\x00")],
)
def test_no_wait_is_stated(headers: dict[str, str]) -> None:
    assert stated_wait(headers) is None


def test_waits_grow() -> None:
    for tried, middle in ((1, 0.5), (2, 1), (3, 2), (4, 4), (9, 8)):
        assert middle * 0.8 <= growing_wait(tried) <= middle * 1.2


def test_the_token_is_nowhere_in_an_error(service: Scripted) -> None:
    echo = Reply.of_json({"error": f"bad header Bearer {TOKEN} in /x?token=abcdefgh&a=1"}, 401)
    with pytest.raises(NeedsToken) as caught:
        service.client().json(service.put("/api", echo))
    assert TOKEN not in caught.value.message
    assert "abcdefgh" not in caught.value.message
    assert caught.value.hint == REMEDY
