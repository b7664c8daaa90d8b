"""Every refusal that the services know becomes one sentence with what to do next."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.registry.transfer.scripted import REMEDY, TOKEN, Scripted
from tests.servers.base import Reply
from tests.servers.storage import xml_error
from vaereg.registry.errors import (
    DownloadBroken,
    Forbidden,
    NeedsToken,
    NotFound,
    RateLimited,
    VaeregError,
)

JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html"}


def hub(status: int, code: str, says: str = "") -> Reply:
    """A refusal as Hugging Face words it."""
    extra = {"X-Error-Message": says} if says else {}
    return Reply(status, {"X-Error-Code": code, **extra})


def said(document: object, status: int) -> Reply:
    return Reply(status, JSON, json.dumps(document).encode())


@pytest.fixture
def service() -> Iterator[Scripted]:
    with Scripted() as server:
        yield server


def refusal(service: Scripted, answer: Reply, token: str | None = None) -> VaeregError:
    client = service.client(token=token)
    with client.open(service.put("/f", answer)) as given:
        return client.refusal(given, "the VAE x")


ZOD = json.dumps([{"code": "invalid", "path": ["limit"], "message": "Too big"}, {"message": "No"}])
LOGIN = "The creator of this asset requires you to be logged in to download it"
CASES = [
    (said({"error": {"name": "ZodError", "message": ZOD}}, 400), DownloadBroken, "limit: Too big"),
    (said({"error": "Invalid cursor"}, 400), DownloadBroken, "(HTTP 400): Invalid cursor"),
    (said({"error": "Unauthorized", "message": LOGIN}, 401), NeedsToken, LOGIN),
    (said({"error": "Forbidden"}, 403), Forbidden, "does not allow the VAE x: Forbidden"),
    (
        said({"error": "Early Access", "deadline": "2026-12-01T00:00:00Z", "message": "Buy"}, 403),
        Forbidden,
        "before its early access ends (2026-12-01T00:00:00Z): Early Access",
    ),
    (said({"error": "File not found"}, 404), NotFound, "Service has no the VAE x: File not found"),
    (said({"message": "User not found"}, 404), NotFound, "User not found"),
    (said({"error": "Method not allowed"}, 405), DownloadBroken, "Method not allowed"),
    (said({"error": "Model archived"}, 410), NotFound, "no longer offers the VAE x"),
    (said({"error": "an unusual amount of downloading"}, 429), RateLimited, "unusual amount"),
    (said({"message": "An unexpected error", "error": "x"}, 500), DownloadBroken, "unexpected"),
    (said([1, 2], 500), DownloadBroken, "(HTTP 500)"),
    (said({"error": ["x"], "message": {"a": 1}}, 500), DownloadBroken, "(HTTP 500)"),
    (Reply(499), DownloadBroken, "HTTP 499"),
    (Reply(416), DownloadBroken, "no such part of the VAE x"),
    (Reply(451), Forbidden, "legal reasons"),
    (Reply(403, HTML, b"<title>Just a moment...</title>"), Forbidden, "robot"),
    (Reply(522, HTML, b"<html>/cdn-cgi/challenge-platform"), Forbidden, "robot"),
    (Reply(502, HTML, b"<html>Bad gateway</html>"), DownloadBroken, "HTTP 502"),
    (
        Reply(500, {"Content-Type": "text/plain"}, b"out of\n cheese"),
        DownloadBroken,
        "out of cheese",
    ),
    (Reply(403, {**JSON, "Content-Encoding": "gzip"}, b"\x1f\x8b"), Forbidden, "the VAE x"),
    (Reply(403, {**JSON, "Content-Length": "99"}, b"{"), Forbidden, "the VAE x"),
    (xml_error(403, "AccessDenied", "Request has expired"), Forbidden, "Request has expired"),
    (hub(401, "GatedRepo"), NeedsToken, "accept its licence"),
    (hub(401, "RepoNotFound", "Repository not found"), NotFound, "or it is private"),
    (hub(404, "RevisionNotFound", "Invalid rev id: nope"), NotFound, "Invalid rev id: nope"),
    (hub(404, "EntryNotFound", "Entry not found"), NotFound, "has no file the VAE x"),
    (Reply(403, {"X-Error-Message": "Access is disabled."}), Forbidden, "Access is disabled."),
]


@pytest.mark.parametrize(("answer", "error", "says"), CASES)
def test_the_servers_own_words_are_passed_on(
    service: Scripted, answer: Reply, error: type[VaeregError], says: str
) -> None:
    found = refusal(service, answer)
    assert type(found) is error
    assert says in found.message
    assert "Service" in found.message
    if error is NeedsToken:
        assert found.hint == REMEDY


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (said({"error": "Unauthorized"}, 401), NeedsToken, "does not accept the token"),
        (hub(403, "GatedRepo"), Forbidden, "those who have accepted its licence"),
        (hub(404, "RepoNotFound"), NotFound, "your token may not see it"),
    ],
)
def test_with_a_token_a_refusal_means_something_else(
    service: Scripted, answer: Reply, error: type[VaeregError], says: str
) -> None:
    found = refusal(service, answer, TOKEN)
    assert type(found) is error
    assert says in found.message


def test_words_are_made_harmless(service: Scripted) -> None:
    text = "\x1b[31mred\u202e " + "long " * 300
    for answer in (said({"error": text}, 500), Reply(500, {"X-Error-Message": "a\x9bb\x1b[2J"})):
        message = refusal(service, answer).message
        assert message.isprintable()
        assert len(message) < 500


@pytest.mark.parametrize(
    "words",
    [
        f"bad {TOKEN}",
        f"GET /f?token={TOKEN}&x=1",
        "Authorization: Bearer canary-other-token",
        "https://s3/f?X-Amz-Signature=canary0123456789&a=b",
        '{"api_key": "canary-key-0123"} token="canary-key-0123"',
        "secret=canary-key-0123",
    ],
)
def test_secrets_are_taken_out_of_words(service: Scripted, words: str) -> None:
    for answer in (said({"error": words}, 400), Reply(400, {"X-Error-Message": words})):
        assert "canary" not in refusal(service, answer, TOKEN).message


def test_a_storage_without_a_name_goes_by_its_host(service: Scripted) -> None:
    with Scripted("localhost") as storage:
        where = storage.put("/blob", xml_error(403, "AccessDenied", "Request has expired"))
        found = refusal(service, Reply(302, {"Location": where}))
    assert found.message == "localhost does not allow the VAE x: Request has expired"
