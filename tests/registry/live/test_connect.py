"""Which frontend runs at an address, and what is said of those that do not."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

import pytest

from tests.registry.live.conftest import QUICK
from tests.registry.transfer.scripted import hold, raw, redirect
from tests.servers.base import Reply
from tests.servers.frontends import PING, FakeA1111, FakeComfy, FakeForge, FakeInvoke, Frontend
from vaereg.registry.errors import (
    DownloadBroken,
    Forbidden,
    NeedsToken,
    NotFound,
    Offline,
    SourceError,
    UsageError,
)
from vaereg.registry.live.address import TOKEN, address_of
from vaereg.registry.live.catalog import connect
from vaereg.registry.live.client import Client

CANARY = "canary-9b1f"
PAGE = Reply(200, {"Content-Type": "text/html"}, b"<html>router</html>")


class Anything(Frontend):
    """A server that is no frontend; one answer for every path."""

    def __init__(self, answer: Reply, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self.one = answer

    def reply(self, request):
        return self.one


def test_each_is_recognised(
    a1111: FakeA1111, forge: FakeForge, comfy: FakeComfy, invoke: FakeInvoke
) -> None:
    servers = (a1111, forge, comfy, invoke)
    found = [connect(server.url, patience=QUICK) for server in servers]
    assert [live.name for live in found] == ["a1111", "forge", "comfyui", "invokeai"]
    assert [live.url for live in found] == [server.url for server in servers]


def test_variants_are_told_by_their_flags(a1111: FakeA1111, forge: FakeForge) -> None:
    forge.flags["vae_dirs"] = []
    a1111.flags["vae_in_fp32"] = False
    assert connect(forge.url).name == "neo"
    assert connect(a1111.url).name == "reforge"


def test_a_name_that_is_told_is_believed(forge: FakeForge) -> None:
    assert connect(forge.url, "neo").title == "Forge Neo"
    assert not forge.log
    with pytest.raises(UsageError, match="fooocus cannot be asked"):
        connect(forge.url, "fooocus")


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("127.0.0.1:7860", "http://127.0.0.1:7860"),
        (" http://host:1/?__theme=dark#x ", "http://host:1"),
        ("https://user:pa%40ss@host/sub/", "https://host/sub"),
        ("http://[::1]:8188/", "http://[::1]:8188"),
    ],
)
def test_addresses_as_people_give_them(given: str, base: str) -> None:
    assert address_of(given).base == base


@pytest.mark.parametrize(
    "given", ["ftp://host", "http://", "file:///etc/passwd", "http://a b/", "http://h:99999"]
)
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(UsageError, match="is no address of a frontend"):
        connect(given)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (PAGE, DownloadBroken, "is none of"),
        (Reply.of_json({"ok": True}), Forbidden, "without its API"),
        (Reply.of_json({}, 503), DownloadBroken, "is none of"),
        (Reply.of_json([1]), DownloadBroken, "list of its models"),
        (Reply.of_json({}, 403), NeedsToken, "wants a sign-in"),
        (redirect("/login"), NeedsToken, "wants a sign-in"),
        (redirect("http://other.example/"), DownloadBroken, "is none of"),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), Offline, "closed the connection"),
        (hold(b"", lambda: None), Offline, "closed the connection"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), DownloadBroken, "is none of"),
        (Reply(200, {}, b"[" * 100_000), DownloadBroken, "is none of"),
    ],
)
def test_servers_of_other_kinds(answer: Reply, error: type[SourceError], says: str) -> None:
    with Anything(answer) as server, pytest.raises(error, match=says):
        connect(server.url, patience=QUICK).models("checkpoint")


def test_nothing_runs_there() -> None:
    with pytest.raises(Offline, match="connection refused") as caught:
        connect("http://127.0.0.1:9")
    assert caught.value.hint == "Is it running, and is this its address?"


def test_a_web_ui_without_its_api_is_told_so(a1111: FakeA1111) -> None:
    a1111.api = False
    with pytest.raises(Forbidden, match="runs without its API") as caught:
        connect(a1111.url)
    assert "--api" in (caught.value.hint or "")
    assert a1111.log[-1].path == PING


def test_a_long_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaereg.registry.live.client.MOST", 1000)
    with (
        Anything(Reply.of_json(["x" * 2000])) as server,
        pytest.raises(DownloadBroken, match="more than 1,000 bytes"),
    ):
        Client(server.url).get("/")


def test_a_proxy_is_not_asked_for_this_machine(
    a1111: FakeA1111, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert connect(a1111.url).name == "a1111"


Given = Callable[[str, pytest.MonkeyPatch], str]


def in_address(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    return url.replace("://", f"://me:{CANARY}@")


def in_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(TOKEN, f"me:{CANARY}")
    return url


@pytest.mark.parametrize("given", [in_address, in_environment])
def test_a_user_and_password_sign_in(
    a1111: FakeA1111, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    a1111.basic("me", CANARY)
    live = connect(given(a1111.url, monkeypatch))
    plan = live.plan_vae("good.safetensors")
    done = live.set_vae("good.safetensors")
    assert done.took
    assert CANARY not in repr((live, vars(live), plan, done, live.url))


def test_a_token_is_sent_as_a_bearer(invoke: FakeInvoke, monkeypatch: pytest.MonkeyPatch) -> None:
    invoke.sign_in = f"Bearer {CANARY}"
    with pytest.raises(NeedsToken, match="wants a sign-in") as caught:
        connect(invoke.url)
    assert TOKEN in (caught.value.hint or "")
    monkeypatch.setenv(TOKEN, CANARY)
    assert connect(invoke.url).name == "invokeai"


@pytest.mark.parametrize("place", ["header", "body", "page"])
def test_a_secret_is_never_shown(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(TOKEN, CANARY)
    answers = {
        "header": redirect(f"http://localhost:1/{CANARY}?token={CANARY}"),
        "body": Reply.of_json({"detail": f"no such token {CANARY}"}, 401),
        "page": Reply(500, {}, CANARY.encode()),
    }
    with caplog.at_level(logging.DEBUG), Anything(answers[place]) as server:
        client = Client(server.url)
        with pytest.raises(SourceError) as caught:
            client.get("/x")
    told = "".join(traceback.format_exception(caught.value)) + (caught.value.hint or "")
    assert CANARY not in told + caplog.text + repr(client) + repr(client.address)
    assert server.log[0].headers["authorization"] == f"Bearer {CANARY}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_nowhere(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, CANARY)
    with Frontend("localhost") as other, Anything(redirect(other.url, status)) as server:
        with pytest.raises(DownloadBroken, match="redirects to http://localhost"):
            Client(server.url).get("/x")
        with pytest.raises(DownloadBroken, match="redirects to"):
            Client(server.url).send("POST", f"{server.url}/x", {"a": 1})
        assert not other.log


def test_netrc_adds_nothing(a1111: FakeA1111, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"default login someone password {CANARY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    connect(a1111.url)
    assert all("authorization" not in request.headers for request in a1111.log)


def test_a_request_for_another_host_is_not_sent(a1111: FakeA1111, forge: FakeForge) -> None:
    with pytest.raises(Forbidden, match="nothing was sent"):
        connect(a1111.url).send("POST", f"{forge.url}/sdapi/v1/options", {})
    assert not forge.log


def test_words_of_a_server_are_made_harmless() -> None:
    evil = Reply.of_json({"errors": "\x1b[31mred\u202e" + "x" * 5000}, 500)
    with Anything(evil) as server, pytest.raises(DownloadBroken) as caught:
        Client(server.url).get("/x")
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 500


def test_what_it_does_not_have_is_not_found(a1111: FakeA1111) -> None:
    with pytest.raises(NotFound, match="has no GET"):
        Client(a1111.url).get("/sdapi/v1/sd-modules")
