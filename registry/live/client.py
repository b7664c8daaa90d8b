"""HTTP to one running frontend: this host alone, no redirects, bounded, its words made harmless."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from ... import __version__
from ..errors import (
    DownloadBroken,
    Forbidden,
    NeedsToken,
    NotFound,
    RateLimited,
    SourceError,
    VaeregError,
)
from ..transfer.addresses import origin_of, without_secrets
from ..transfer.answers import Answer
from ..transfer.broken import Unreached, failure
from ..transfer.connections import Wire
from ..transfer.endpoints import Patience
from ..transfer.pace import Watch
from .address import REMEDY, Address, address_of, is_loopback

if TYPE_CHECKING:
    import requests

MOST = 16 << 20
"""Bytes of an answer: ComfyUI's list of every node, the longest there is, has some 3 MB."""
LOADING = 300.0
"""Seconds to wait for an answer that loads a checkpoint."""
_ARRIVING = 60.0
"""Seconds for an answer to arrive once it began."""
_PIECE = 64 * 1024


class _Refusal(NamedTuple):
    error: type[VaeregError]
    says: str
    hint: str | None = None


_BY_STATUS: Mapping[int, _Refusal] = {
    401: _Refusal(NeedsToken, "{who} wants a sign-in for {what}", REMEDY),
    403: _Refusal(Forbidden, "{who} does not allow {what}", REMEDY),
    404: _Refusal(NotFound, "{who} has no {what}"),
    405: _Refusal(NotFound, "{who} does not take {what}"),
    429: _Refusal(RateLimited, "{who} asks to come back later for {what}", "Try again later."),
}
_BAD_SIGN_IN = _Refusal(NeedsToken, "{who} does not accept the sign-in that was sent", REMEDY)
_FAULT = _Refusal(
    DownloadBroken, "{who} failed over {what} (HTTP {status})", "Its console says more."
)
_OTHER = _Refusal(DownloadBroken, "{who} refuses {what} (HTTP {status})")


@dataclass(frozen=True, slots=True)
class Answered:
    """A status and the JSON that came with it; None where the body is empty or no JSON."""

    status: int
    document: object


class Client:
    """Asks one frontend; redirects are followed nowhere, so a sign-in stays where it belongs."""

    def __init__(self, url: str | Address, patience: Patience | None = None) -> None:
        self.address = url if isinstance(url, Address) else address_of(url)
        self.patience = patience or Patience.from_environment()
        self.title = "the server"
        self._watch = Watch()
        self._line = _Line(f"vaereg/{__version__}", self.patience, self._watch, private=True)

    @property
    def who(self) -> str:
        """The frontend and its place, for messages."""
        return f"{self.title} at {self.address.place}"

    def url(self, path: str, query: Sequence[tuple[str, str]] = ()) -> str:
        """The address of a path, without any sign-in."""
        return self.address.base + path + (f"?{urlencode(query)}" if query else "")

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> object:
        """The JSON at a path; raises ``SourceError`` and ``NotFound``."""
        return self.ask("GET", self.url(path, query)).document

    def ask(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        loads: bool = False,
        handled: Sequence[int] = (),
    ) -> Answered:
        """One request, made once.

        ``loads``: the answer comes when a model is loaded, so wait longer. Statuses in ``handled``
        are answers, all others beyond 2xx are errors: ``SourceError`` or ``NotFound``.
        """
        if origin_of(url) != origin_of(self.address.base):
            raise Forbidden(f"{without_secrets(url)} is not of {self.who}; nothing was sent")
        with self._opened(method, url, body, loads) as answer:
            self._require_no_redirect(answer)
            data = self._body(answer)
        what = f"{method} {without_secrets(url)}"
        if answer.status in handled:
            return Answered(answer.status, _parsed(data))
        if answer.status >= 300:
            raise self._refused(answer.status, _parsed(data), what)
        document = _parsed(data)
        if data.strip() not in (b"", b"null") and document is None:
            says = f"{self.who} answers {what} with {_kind(answer)}, which no frontend does"
            raise DownloadBroken(says, "Check the address; a proxy may stand in between.")
        return Answered(answer.status, document)

    def send(self, method: str, url: str, body: object) -> None:
        """A request of a plan, or one that takes it back; raises ``SourceError``, ``NotFound``."""
        self.ask(method, url, body, loads=True)

    def _opened(self, method: str, url: str, body: object, loads: bool) -> Answer:
        headers = {"Accept": "application/json"}
        if self.address.authorization:
            headers["Authorization"] = self.address.authorization
        read = max(self.patience.read, LOADING) if loads else self.patience.read
        try:
            response = self._line.ask(method, url, headers, body, read)
        except SourceError:
            raise
        except Exception as error:  # requests, urllib3, TLS and sockets each have their own
            raise self._unreached(error, loads) from None
        return Answer(response, url, self.patience, self._watch)

    def _unreached(self, error: Exception, loads: bool) -> SourceError:
        found = failure(error, self.address.place, self.patience)
        if loads and not isinstance(found, Unreached):
            hint = "It may have stopped while it loaded the model: look at its console."
            return type(found)(found.message, hint)
        if loads and "does not answer" in found.message:
            says = f"{self.who} did not answer within {max(self.patience.read, LOADING):.0f} s"
            return Unreached(says, "It may still be loading; ask again what it is set to.")
        return type(found)(found.message, "Is it running, and is this its address?")

    def _require_no_redirect(self, answer: Answer) -> None:
        if not 300 <= answer.status < 400:
            return
        where = without_secrets(answer.headers.get("location", "somewhere else"))
        if where.rstrip("/").endswith("/login"):
            raise NeedsToken(f"{self.who} wants a sign-in", REMEDY)
        says = f"{self.who} redirects to {self.address.quoted(where)}, where nothing was sent"
        raise DownloadBroken(says, "If that is the frontend's address, give it instead.")

    def _body(self, answer: Answer) -> bytes:
        answer.require_plain()
        until = time.monotonic() + _ARRIVING
        body, piece = bytearray(), memoryview(bytearray(_PIECE))
        while count := answer.readinto(piece):
            body += piece[:count]
            if len(body) > MOST:
                raise DownloadBroken(f"{self.who} sends more than {MOST:,} bytes, which none does")
            if time.monotonic() > until:
                raise DownloadBroken(f"{self.who} takes more than {_ARRIVING:.0f} s to answer")
        return bytes(body)

    def _refused(self, status: int, document: object, what: str) -> VaeregError:
        row = _BY_STATUS.get(status) or (_FAULT if status >= 500 else _OTHER)
        if status == 401 and self.address.authorization:
            row = _BAD_SIGN_IN
        says = row.says.format(who=self.who, what=what, status=status)
        words = self.address.quoted(words_of(document))
        return row.error(f"{says}: {words}" if words else says, row.hint)


class _Line(Wire):
    """The connections; a proxy of the environment is not asked for this machine itself."""

    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Any,  # noqa: ANN401
        read: float,
    ) -> requests.Response:
        """One request with any method; the body of the answer is left on the line."""
        import requests

        # an auth of its own keeps ~/.netrc out
        wanted = requests.Request(method, url, headers=headers, json=body, auth=lambda made: made)
        request = self._session.prepare_request(wanted)
        settings = self._session.merge_environment_settings(url, {}, True, None, None)
        if is_loopback(url):
            settings["proxies"] = {}
        adapter = self._session.get_adapter(url)
        return adapter.send(request, timeout=(self._timeout[0], read), **settings)


def words_of(document: object) -> str:
    """What an error's JSON says for people.

    FastAPI sends ``detail``, a text or a list of ``{loc, msg}``; AUTOMATIC1111 ``errors``
    (modules/api/api.py, ``handle_exception``); ComfyUI ``error.message`` (server.py).
    """
    if not isinstance(document, dict):
        return ""
    error = document.get("error")
    inner = error if isinstance(error, dict) else {}
    found = [document.get("errors"), document.get("detail"), inner.get("message"), error]
    for entry in found:
        if isinstance(entry, str) and entry:
            return entry
        if isinstance(entry, list):
            return "; ".join(str(row.get("msg", "")) for row in entry[:3] if isinstance(row, dict))
    return ""


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _kind(answer: Answer) -> str:
    return "a web page" if answer.is_page else "something that is no JSON"
