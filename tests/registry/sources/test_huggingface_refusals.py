"""What Hugging Face refuses, and what else may answer in its place: one sentence each."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.base import Reply
from tests.servers.hub import Hub
from vaereg.registry.errors import (
    DownloadBroken,
    Forbidden,
    NeedsToken,
    NotFound,
    Offline,
    RateLimited,
    VaeregError,
)
from vaereg.registry.sources.base import Wish
from vaereg.registry.sources.huggingface.source import HuggingFace
from vaereg.registry.sources.refs import HfRef
from vaereg.registry.transfer.client import Client

from .huggingface_cases import CANARY, FILE, QUICK, VAE, serving, source


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serving(monkeypatch, tmp_path) as server:
        yield server


Spoil = Callable[[Hub], None]
PAGE, HANG = "page", "hang"


def spoilt(**mood: object) -> Spoil:
    return lambda hub: [setattr(hub.mood, name, value) for name, value in mood.items()] and None


def private(hub: Hub) -> None:
    hub.repos[VAE].private = True


def gated(hub: Hub) -> None:
    hub.repos[VAE].gated = "manual"


def disabled(hub: Hub) -> None:
    hub.repos[VAE].disabled = True


def fine(hub: Hub) -> None:
    pass


def says(status: int, **headers: str) -> Spoil:
    answer = Reply(status, {name.replace("_", "-"): text for name, text in headers.items()})
    return spoilt(say=lambda _: answer)


def answers(body: bytes) -> Spoil:
    return spoilt(say=lambda _: Reply(200, {"Content-Type": "application/json"}, body))


REFUSALS: dict[str, tuple[Spoil, HfRef, str | None, type[VaeregError], str, str]] = {
    "no repository": (fine, HfRef("no/body"), None, NotFound, "no repository no/body", "HF_TOKEN"),
    "no repository with a token": (
        fine, HfRef("no/body"), CANARY, NotFound, "hides it from this token", "search",
    ),
    "private": (private, HfRef(VAE), None, NotFound, "or it is a private one", "HF_TOKEN"),
    "no revision": (fine, HfRef(VAE, None, "nope"), None, NotFound, "no revision nope", "tree"),
    "no revision of a file": (
        fine, HfRef(VAE, FILE, "nope"), None, NotFound, "no revision nope", "/tree/main",
    ),
    "no file": (
        fine, HfRef(VAE, "sdxl-vae.safetensors"), None, NotFound, "no sdxl-vae.safetensors",
        "sdxl_vae.safetensors",
    ),
    "gated without a token": (gated, HfRef(VAE, FILE), None, NeedsToken, "licence", "accept"),
    "gated, not let in": (gated, HfRef(VAE, FILE), CANARY, Forbidden, "not been given", "accept"),
    "bad token": (fine, HfRef(VAE), "hf_bad", NeedsToken, "does not accept the token", "HF_TOKEN"),
    "bad token for a file": (
        fine, HfRef(VAE, FILE), "hf_bad", NeedsToken, "does not accept the token", "HF_TOKEN",
    ),
    "taken down": (disabled, HfRef(VAE), CANARY, Forbidden, "taken", "search"),
    "web page": (spoilt(page=True), HfRef(VAE), None, DownloadBroken, "something else", "proxy"),
    "web page for a file": (
        spoilt(page=True), HfRef(VAE, FILE), None, DownloadBroken, "which commit", "proxy",
    ),
    "no commit": (
        spoilt(no_commit=True), HfRef(VAE, FILE), None, DownloadBroken, "which commit", "proxy",
    ),
    "stalls": (spoilt(hang=True), HfRef(VAE), None, Offline, "does not answer", "VAEREG_TIMEOUT"),
    "stalls for a file": (
        spoilt(hang=True), HfRef(VAE, FILE), None, Offline, "does not answer", "VAEREG_TIMEOUT",
    ),
    "down for good": (spoilt(busy=99), HfRef(VAE), None, DownloadBroken, "answers 503", "later"),
    "too many": (
        spoilt(limited=99, seconds=900), HfRef(VAE), None, RateLimited, "left alone", "901 seconds",
    ),
    "too many for a file": (
        spoilt(limited=99, seconds=900), HfRef(VAE, FILE), None, RateLimited, "alone", "901",
    ),
    "unknown route": (says(404), HfRef(VAE), None, NotFound, "does not know", "HF_ENDPOINT"),
    "forbidden": (
        says(403, X_Error_Message=f"No, {CANARY}!"), HfRef(VAE), CANARY, Forbidden, "(token)", "",
    ),
    "redirects for ever": (
        says(302, Location=f"/api/models/{VAE}"), HfRef(VAE), None, DownloadBroken, "8 times", "",
    ),
    "not an object": (answers(b"[]"), HfRef(VAE), None, DownloadBroken, "something else", "proxy"),
    "no id": (answers(b"{}"), HfRef(VAE), None, DownloadBroken, "something else", "proxy"),
    "nested": (answers(b"[" * 99999), HfRef(VAE), None, DownloadBroken, "something else", "proxy"),
    "hostile id": (
        answers(b'{"id": "../\\u001b[31m"}'), HfRef(VAE), None, DownloadBroken, "\\u001b", "HF_",
    ),
    "no commit in a listing": (
        answers(b'{"id": "a/b", "siblings": []}'), HfRef(VAE), None, DownloadBroken, "commit", "",
    ),
    "no such name": (fine, HfRef("a--b/c"), None, NotFound, "no name that a repository", "owner"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_each_refusal_is_one_sentence_with_the_remedy(
    hub: Hub, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil, ref, token, kind, message, hint = REFUSALS[case]
    spoil(hub)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(VaeregError) as caught:
        source(hub, token).offer(ref, Wish())
    problem = caught.value
    assert type(problem) is kind, problem.message
    assert message in problem.message
    assert hint in (problem.hint or "")
    assert "\n" not in problem.message
    assert CANARY not in f"{problem!r} {problem.hint} {problem.__cause__!r} {caplog.text}"


def test_nobody_at_home_is_told_at_once(hub: Hub) -> None:
    nobody = HuggingFace(Client([], QUICK), "http://127.0.0.1:9", None)
    begun = time.monotonic()
    for path in (None, FILE):
        with pytest.raises(Offline, match="cannot be reached"):
            nobody.offer(HfRef(VAE, path), Wish())
    with pytest.raises(Offline):
        nobody.search("vae", 1, None)
    assert time.monotonic() - begun < 10, "the library itself would go on for 23 s"
