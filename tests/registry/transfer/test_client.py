"""One request: redirects, tokens, peers, connections, and what no answer comes from."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from tests.registry.transfer.scripted import QUICK, REMEDY, TOKEN, Scripted, hold, raw, redirect
from tests.servers.base import Reply
from tests.servers.storage import Storage
from vaereg.registry.errors import DownloadBroken, NeedsToken, Offline, UsageError
from vaereg.registry.transfer.client import Client, Endpoint, Interrupted, Patience

BODY = bytes(range(256)) * 40
SECRET = "?sig=canary"
FOUND = Reply(200, {"Content-Type": "application/octet-stream"}, BODY)


@pytest.fixture
def service() -> Iterator[Scripted]:
    with Scripted() as server:
        yield server


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as server:
        yield server


def read(client: Client, url: str, **how: object) -> bytes:
    with client.open(url, **how) as answer:
        assert answer.status in (200, 206)
        return answer.read(1 << 20)


def test_a_request_names_itself_and_asks_for_plain_bytes(service: Scripted) -> None:
    assert read(service.client(), service.put("/f", FOUND)) == BODY
    sent = service.log[0].headers
    assert sent["user-agent"].startswith("vaereg/")
    assert sent["accept-encoding"] == "identity"
    assert sent["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_stays_with_its_service(service: Scripted, storage: Storage, status: int) -> None:
    where = storage.put("/blob", BODY)
    url = service.put("/f", redirect(where, status))
    how = {"span": (5, 9), "if_range": '"e"'}
    storage.misbehave("/blob", etag='"e"')
    with service.client().open(url, **how) as answer:
        assert (answer.status, answer.read(10)) == (206, BODY[5:10])
        assert (answer.url, answer.origin_headers["location"]) == (where, where)
    first, second = service.log[0].headers, storage.log[0].headers
    assert "authorization" in first
    assert "authorization" not in second
    assert (first["range"], second["range"]) == ("bytes=5-9", "bytes=5-9")
    assert (first["if-range"], second["if-range"]) == ('"e"', '"e"')


def test_another_port_is_another_service(service: Scripted) -> None:
    with Scripted() as other:
        read(service.client(), service.put("/f", redirect(other.put("/g", FOUND))))
        assert "authorization" not in other.log[0].headers


def test_a_token_comes_back_with_the_way_back(service: Scripted) -> None:
    service.put("/b", FOUND)
    read(service.client(), service.put("/a", redirect("/b?x=1")))
    assert service.log[1].target == "/b?x=1"
    assert "authorization" in service.log[1].headers


def test_the_token_of_one_service_is_not_for_another_that_leads_to_it(service: Scripted) -> None:
    with Scripted("localhost") as other:
        both = [
            Endpoint(service.url, "Service", TOKEN),
            Endpoint(other.url, "Other", "other-token"),
        ]
        read(Client(both, QUICK), service.put("/f", redirect(other.put("/g", FOUND))))
        assert "authorization" not in other.log[0].headers


def test_netrc_adds_nothing(
    service: Scripted, storage: Storage, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password canary-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    url = service.put("/f", redirect(storage.put("/blob", BODY)))
    assert read(service.client(token=None), url) == BODY
    assert all("authorization" not in request.headers for request in service.log + storage.log)


def test_cookies_are_neither_kept_nor_sent(service: Scripted) -> None:
    service.put("/b", FOUND)
    url = service.put("/a", Reply(302, {"Location": "/b", "Set-Cookie": "id=1; Path=/"}))
    client = service.client()
    read(client, url)
    read(client, url)
    assert all("cookie" not in request.headers for request in service.log)


@pytest.mark.parametrize(
    "target",
    [
        "/f?X-Amz-Signature=s%2F1%3D&e=&d=attachment;%20filename=%22a%20b%22",
        "/f?Policy=eyJ~-_&x=%7E%2D&y=a+b",
        "/a//b/c?x=/?:@",
    ],
)
def test_a_signed_address_is_sent_as_it_came(service: Scripted, target: str) -> None:
    with service.client().open(service.put("/a", redirect(target))):
        assert service.log[1].target == target


def test_connections_are_kept(service: Scripted) -> None:
    ports = set()
    service.put("/b", FOUND)
    url = service.put("/a", Reply(302, {"Location": "/b"}, b"Found. Redirecting"))
    reply = service.reply

    def noting(request):
        ports.add(threading.get_ident())  # the server keeps one thread a connection
        return reply(request)

    service.reply = noting
    client = service.client()
    for _ in range(3):
        read(client, url)
    assert len(ports) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (redirect("/f"), "in a circle"),
        (redirect("ftp://host/f"), "no http or https"),
        (redirect("http://user:canary-5f0c1d@127.0.0.1/f"), "user name or password"),
        (redirect("http://[::1/f"), "no web address"),
        (Reply(302), "does not say where"),
        (Reply(200, {"Content-Encoding": "gzip"}, BODY), "packed"),
        (Reply(206, {"Content-Encoding": "br"}, BODY), "packed"),
        (Reply(200, {"Content-Length": "-1"}), "no sensible length"),
        (Reply(200, {"Content-Length": "9" * 5000}), "no sensible length"),
    ],
)
def test_answers_that_are_refused(service: Scripted, answer: Reply, says: str) -> None:
    with pytest.raises(DownloadBroken, match=says) as caught:
        service.client().open(service.put("/f", answer))
    assert TOKEN not in caught.value.message


def test_redirects_end_after_eight(service: Scripted) -> None:
    for number in range(12):
        service.put(f"/{number}", redirect(f"/{number + 1}"))
    service.put("/8", FOUND)
    assert read(service.client(), service.url + "/0") == BODY
    service.put("/8", redirect("/9"))
    with pytest.raises(DownloadBroken, match="more than 8 times"):
        service.client().open(service.url + "/0")


def test_a_redirect_to_the_sign_in_page_asks_for_a_token(service: Scripted) -> None:
    url = service.put("/f", redirect("/login?returnUrl=%2Ff&reason=download-auth", 307))
    with pytest.raises(NeedsToken) as caught:
        service.client().open(url)
    assert caught.value.hint == REMEDY
    assert len(service.log) == 1


def test_private_addresses_are_for_those_whom_the_user_named(
    service: Scripted, storage: Storage
) -> None:
    where = storage.put("/blob", BODY)
    with pytest.raises(DownloadBroken, match=r"localhost leads to the private address 127\.0\.0"):
        Client([], QUICK).open(where)
    assert not storage.log
    client = service.client()
    with pytest.raises(DownloadBroken, match="private address"):
        client.open(where)
    assert read(client, service.put("/f", redirect(where))) == BODY
    # once led there, its ranges may be asked for one by one
    assert read(client, where, span=(0, 3)) == BODY[:4]


def test_a_proxy_is_used_and_its_peer_not_judged(
    service: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.put("http://model.example/f", FOUND)
    monkeypatch.setenv("http_proxy", service.url)
    reply = service.reply
    service.reply = lambda request: FOUND if "model.example" in request.target else reply(request)
    assert read(Client([], QUICK), "http://model.example/f") == BODY


def test_a_public_service_leads_to_no_private_address(
    service: Scripted, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = storage.put("/blob", BODY)
    monkeypatch.setenv("http_proxy", service.url)
    monkeypatch.setenv("no_proxy", "localhost")
    service.reply = lambda request: redirect(where)
    client = Client([Endpoint("http://hub.example", "Hub")], QUICK)
    with pytest.raises(DownloadBroken, match="localhost leads to the private address"):
        client.open("http://hub.example/f")
    assert not storage.log


@pytest.mark.parametrize("token", ["two\nlines", "żółw", "\x00"])
def test_a_token_that_is_none_is_not_shown(service: Scripted, token: str) -> None:
    with pytest.raises(NeedsToken) as caught:
        service.client(token=token).open(service.put("/f", FOUND))
    assert token not in caught.value.message
    assert not service.log


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:9/f", "127.0.0.1 cannot be reached: connection refused"),
        ("http://nowhere.invalid/f", "cannot be found"),
        ("http://" + "a" * 70 + ".example/", "cannot be"),
    ],
)
def test_where_nothing_answers(url: str, says: str) -> None:
    with pytest.raises((Offline, DownloadBroken), match=says) as caught:
        Client([Endpoint(url, "Service")], QUICK).open(url + SECRET)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (raw(b""), "closed the connection"),
        (raw(b"HTTP/1.1 2"), "closed the connection"),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "closed the connection"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), "closed the connection"),
        (hold(b"", lambda: time.sleep(0.8)), "does not answer within 0.5 s"),
    ],
)
def test_servers_that_do_not_speak(service: Scripted, answer: Reply, says: str) -> None:
    with pytest.raises(Offline, match=says) as caught:
        service.client().open(service.put("/f", answer) + SECRET)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_headers_that_drip_are_given_up(service: Scripted) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        for _ in range(60):
            handler.wfile.write(b"X")
            time.sleep(0.05)

    began = time.monotonic()
    with pytest.raises(Interrupted, match="slower than"):
        service.client().open(service.put("/f", Reply(write=drip)))
    assert time.monotonic() - began < 2


def test_stop_ends_what_waits_in_other_threads(service: Scripted) -> None:
    release = threading.Event()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun"
    service.put("/silent", hold(b"", lambda: release.wait(10)))
    service.put("/stalled", hold(head, lambda: release.wait(10)))
    client = service.client(Patience())
    errors = []

    def ask(path: str) -> None:
        try:
            read(client, service.url + path)
        except Offline as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(path,)) for path in ("/silent", "/stalled")]
    for thread in threads:
        thread.start()
    while len(service.log) < 2:
        time.sleep(0.01)
    time.sleep(0.05)
    client.stop()
    for thread in threads:
        thread.join(2)
    release.set()
    assert [error.message for error in errors] == ["stopped before everything had arrived"] * 2
    with pytest.raises(Offline, match="stopped"):
        client.open(service.url + "/f")


def test_threads_share_a_client(service: Scripted) -> None:
    client, url, found = service.client(), service.put("/f", FOUND), []
    threads = [
        threading.Thread(target=lambda: found.extend(read(client, url) for _ in range(10)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [BODY] * 80


def test_nothing_secret_is_logged(
    service: Scripted, storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    where = storage.put("/blob", BODY) + "?sig=canary-signature"
    with caplog.at_level(logging.DEBUG):
        client = service.client()
        read(client, service.put("/f", redirect(where)))
    assert "canary" not in caplog.text
    assert TOKEN not in repr(client) + repr(Endpoint(service.url, "Service", TOKEN))


@pytest.mark.parametrize(("text", "seconds"), [("", 30.0), ("2.5", 2.5), ("120", 120.0)])
def test_patience_can_be_set(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    monkeypatch.setenv("VAEREG_TIMEOUT", text)
    assert Patience.from_environment().read == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan", "inf"])
def test_a_nonsensical_patience_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("VAEREG_TIMEOUT", text)
    with pytest.raises(UsageError, match="VAEREG_TIMEOUT"):
        Patience.from_environment()
