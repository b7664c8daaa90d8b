"""Answers that are no success, turned into the registry's errors with the server's own words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, NamedTuple

from ..errors import (
    DownloadBroken,
    Forbidden,
    NeedsToken,
    NotFound,
    RateLimited,
    SourceError,
    VaeregError,
)
from ..naming import shown
from .addresses import host_of, origin_of
from .waits import stated_wait

if TYPE_CHECKING:
    from .answers import Answer

_MOST_READ = 64 * 1024
_MOST_SHOWN = 300
_SECRET = re.compile(
    r"(?i)((?:token|key|secret|signature|authorization|bearer)\b)[\"']?(?:\s*[=:]\s*|\s+)[\"']?"
    r"(?:bearer\s+)?[^\s&\"',;<>]{6,}"
)
_SIGN_IN = re.compile(r"(?i)<title>[^<]*\b(log|sign)[ -]?in\b|type=[\"']?password")
_CHALLENGE = re.compile(r"(?i)just a moment|/cdn-cgi/challenge-platform|attention required")
_XML_WORDS = re.compile(r"<Message>([^<]*)</Message>")
_LATER = "Try again later."
_SIGN_IN_HINT = "Sign in there and give a token."


class _Row(NamedTuple):
    error: type[VaeregError]
    says: str
    """With ``{who}`` and ``{what}``."""
    hint: str | None = None


_BY_STATUS: Mapping[int, _Row] = {
    401: _Row(NeedsToken, "{who} gives {what} only to those who sign in"),
    403: _Row(Forbidden, "{who} does not allow {what}"),
    404: _Row(NotFound, "{who} has no {what}", "Check its name."),
    408: _Row(DownloadBroken, "{who} waited too long for the request for {what}", _LATER),
    410: _Row(NotFound, "{who} no longer offers {what}: it is archived"),
    416: _Row(DownloadBroken, "{who} has no such part of {what}", "Start the download anew."),
    429: _Row(RateLimited, "{who} asks to come back later for {what}", _LATER),
    451: _Row(Forbidden, "{who} may not offer {what} here for legal reasons"),
}
_FAULT = _Row(DownloadBroken, "{who} has a fault of its own over {what} (HTTP {status})", _LATER)
_OTHER = _Row(DownloadBroken, "{who} refuses {what} (HTTP {status})")
_PAGE = _Row(
    DownloadBroken,
    "{who} sends a web page in place of {what}",
    "A proxy or a network's sign-in page may stand in between; open the address in a browser.",
)
_SIGN_IN_PAGE = _Row(NeedsToken, "{who} sends its sign-in page in place of {what}")
_CHALLENGED = _Row(
    Forbidden,
    "{who} takes this for a robot and sends a page to prove otherwise in place of {what}",
    "Wait some minutes, or come from another network; a VPN or a proxy often causes this.",
)
_BAD_TOKEN = _Row(NeedsToken, "{who} does not accept the token that was sent for {what}")

_HUB_CODES: Mapping[str, tuple[_Row, _Row]] = {
    "GatedRepo": (
        _Row(NeedsToken, "{who} gives {what} only to those who sign in and accept its licence"),
        _Row(
            Forbidden,
            "{who} gives {what} only to those who have accepted its licence",
            "Open the model's page in a browser, accept the licence, then try again.",
        ),
    ),
    "RepoNotFound": (
        _Row(NotFound, "{who} has no {what}, or it is private", "Check its name; or sign in."),
        _Row(NotFound, "{who} has no {what}, or your token may not see it", "Check its name."),
    ),
    "RevisionNotFound": (
        _Row(NotFound, "{who} has no such revision of {what}", "Check the revision."),
    )
    * 2,
    "EntryNotFound": (_Row(NotFound, "{who} has no file {what}", "Check the file's name."),) * 2,
}
"""X-Error-Code of the hub (huggingface_hub utils/_http.py, ``hf_raise_for_status``), without and
with a token sent."""


def refusal(answer: Answer, what: str, longest_wait: float, tokens: Sequence[str]) -> VaeregError:
    """The error for an answer; ``tokens`` are kept out of the server's words."""
    text = _text(answer)
    row = _row(answer, text)
    says = row.says.format(who=_who(answer), what=what, status=answer.status)
    words, facts = _words(answer, text)
    words = _without_tokens(words, tokens)
    wait = stated_wait(answer.headers)
    if wait is not None and (row.error is RateLimited or wait > longest_wait):
        row = _Row(RateLimited, row.says, _LATER)
        says += f", in {_duration(wait)} ({_moment(wait)})"
    deadline = facts.get("deadline")
    if isinstance(deadline, str):
        says += f" before its early access ends ({shown(deadline, 40)})"
    hint = row.hint
    if row.error is NeedsToken:
        hint = answer.endpoint.remedy if answer.endpoint else None
        hint = hint or _SIGN_IN_HINT
    return row.error(f"{says}: {shown(words, _MOST_SHOWN)}" if words else says, hint)


def sign_in(who: str, what: str, remedy: str | None) -> NeedsToken:
    """The error for a redirect to a sign-in page."""
    row = _BY_STATUS[401]
    return NeedsToken(row.says.format(who=who, what=what), remedy or _SIGN_IN_HINT)


def _who(answer: Answer) -> str:
    """The service, or the host of a storage that it redirected to."""
    endpoint = answer.endpoint
    at_home = endpoint and origin_of(endpoint.url) == origin_of(answer.url)
    return endpoint.service if endpoint and at_home else host_of(answer.url)


def _row(answer: Answer, text: str) -> _Row:
    if answer.is_page and _CHALLENGE.search(text):
        return _CHALLENGED
    if answer.status < 400:
        return _success_row(answer, text)
    by_code = _HUB_CODES.get(answer.headers.get("x-error-code", ""))
    if by_code:
        return by_code[answer.signed_in]
    if answer.status == 401 and answer.signed_in:
        return _BAD_TOKEN
    row = _BY_STATUS.get(answer.status)
    return row or (_FAULT if answer.status >= 500 else _OTHER)


def _success_row(answer: Answer, text: str) -> _Row:
    if answer.is_page:
        return _SIGN_IN_PAGE if _SIGN_IN.search(text) else _PAGE
    return _OTHER


def _text(answer: Answer) -> str:
    """The beginning of the body; empty where it is packed or does not arrive."""
    try:
        answer.require_plain()
        return answer.beginning(_MOST_READ).decode("utf-8", "replace")
    except SourceError:
        return ""


def _words(answer: Answer, text: str) -> tuple[str, Mapping[str, object]]:
    """What the server says for people, and the fields of its JSON."""
    kind = answer.headers.get("content-type", "").lower()
    if "x-error-message" in answer.headers:
        return answer.headers["x-error-message"], {}
    if answer.status < 400 or answer.is_page:
        return "", {}
    if "json" in kind:
        return _json_words(text)
    if "xml" in kind:
        found = _XML_WORDS.search(text)
        return unescape(found[1]) if found else "", {}
    return (text if kind.startswith("text/plain") else ""), {}


def _json_words(text: str) -> tuple[str, Mapping[str, object]]:
    """The longest of what stands under ``message`` and ``error``, wherever they nest."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return "", {}
    if not isinstance(document, dict):
        return "", {}
    error = document.get("error")
    inner = error if isinstance(error, dict) else {}
    found = (error, document.get("message"), inner.get("message"))
    texts = [_issues(entry) for entry in found if isinstance(entry, str)]
    return max(texts, key=len, default=""), document


def _issues(text: str) -> str:
    """A list of faulty parameters, which Civitai sends as JSON inside a text, as a sentence."""
    if not text.lstrip().startswith("["):
        return text
    try:
        issues = json.loads(text)
    except (ValueError, RecursionError):
        return text
    found = [entry for entry in issues if isinstance(entry, dict)]
    return "; ".join(f"{_path(entry)}{entry.get('message', '')}" for entry in found[:5]) or text


def _path(issue: Mapping[str, object]) -> str:
    path = issue.get("path")
    return ".".join(map(str, path)) + ": " if isinstance(path, list) and path else ""


def _without_tokens(words: str, tokens: Sequence[str]) -> str:
    for token in tokens:
        words = words.replace(token, "…")
    return _SECRET.sub(r"\1=…", " ".join(words.split()))


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"


def _moment(seconds: float) -> str:
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%d %H:%M} UTC"
