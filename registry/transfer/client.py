"""HTTP with bounds: own redirects, tokens for one origin, no private addresses, no surprises."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from ... import __version__
from ..errors import DownloadBroken, Forbidden, NeedsToken, Offline, VaeregError
from .addresses import Origin, checked, host_of, origin_of, redirected, without_secrets
from .answers import Answer
from .broken import Interrupted, Unreached, failure
from .endpoints import Endpoint, Patience
from .pace import STOPPED, Watch
from .peers import is_private
from .refusals import refusal, sign_in
from .waits import growing_wait, stated_wait

if TYPE_CHECKING:
    from .connections import Wire

__all__ = ["NAME", "Answer", "Client", "Endpoint", "Interrupted", "Patience", "without_secrets"]

NAME = "vaereg"
_MOST_HOPS = 8
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_JSON = 64 << 20
_SMALL_BODY = 16 * 1024
_TRIES_UNREACHED = 2


class Client:
    """One for a run; safe to use from several threads."""

    def __init__(
        self, endpoints: Sequence[Endpoint] = (), patience: Patience | None = None
    ) -> None:
        self.patience = patience or Patience.from_environment()
        self._endpoints = {origin_of(endpoint.url): endpoint for endpoint in endpoints}
        self._tokens = [endpoint.token for endpoint in endpoints if endpoint.token]
        self._watch = Watch()
        self._lock = threading.Lock()
        self._wires: dict[bool, Wire] = {}
        self._trusted: set[Origin] = set()

    def open(
        self, url: str, *, span: tuple[int, int | None] | None = None, if_range: str | None = None
    ) -> Answer:
        """GET, once, redirects followed; ``span`` is first and last byte, both included.

        An answer of any status that came from the server; raises ``Offline`` where none came,
        ``DownloadBroken`` for redirect loops, forbidden redirects and encodings, ``NeedsToken``
        for a redirect to a sign-in page.
        """
        headers = {}
        if span is not None:
            headers["Range"] = f"bytes={span[0]}-{'' if span[1] is None else span[1]}"
        if if_range is not None:
            headers["If-Range"] = if_range
        return self._follow(url, headers, None)

    def led_to(self, location: str, by: str) -> None:
        """Another library was led to ``location`` by a configured endpoint's answer.

        Of an endpoint in a private network, the address it names may be a private one as well, as
        where this client follows its redirects. The address of no endpoint changes nothing.
        """
        if origin_of(by) in self._endpoints and is_private(*origin_of(by)[1:]):
            self._trusted.add(origin_of(location))

    def json(
        self,
        url: str,
        query: Sequence[tuple[str, str]] = (),
        body: object | None = None,
    ) -> Any:  # noqa: ANN401
        """A JSON document, retried where a retry may help; POST where there is a body.

        Raises ``SourceError`` and ``NotFound``.
        """
        url += ("&" if "?" in url else "?") + urlencode(query) if query else ""
        tried = 0
        while True:
            tried += 1
            error: VaeregError
            try:
                with self._follow(url, {"Accept": "application/json"}, body) as answer:
                    if 200 <= answer.status < 300 and _is_json(answer):
                        return _document(answer)
                    error = self.refusal(answer, without_secrets(url))
                    pause = self.pause(answer, tried)
            except (Offline, Interrupted) as broken:
                error, pause = broken, growing_wait(tried)
            most = _TRIES_UNREACHED if isinstance(error, Unreached) else self.patience.tries
            if pause is None or tried >= most or isinstance(error, Forbidden):
                raise error
            self.rest(pause)

    def refusal(self, answer: Answer, what: str) -> VaeregError:
        """The registry's error for an answer that is no success; ``what`` names what was asked."""
        return refusal(answer, what, self.patience.longest_wait, self._tokens)

    def pause(self, answer: Answer, tried: int) -> float | None:
        """Seconds to wait before asking again; None where that would not help."""
        stated = stated_wait(answer.headers)
        if stated is not None and answer.status in (429, 503):
            return stated if stated <= self.patience.longest_wait else None
        if answer.status == 408 or answer.status >= 500:
            return growing_wait(tried)
        return None

    def rest(self, seconds: float) -> None:
        """Wait; raises ``Offline`` as soon as the client is stopped."""
        if self._watch.stopped.wait(seconds):
            raise Offline(STOPPED)

    def stop(self) -> None:
        """Have every request in any thread end soon with ``Offline``; for Ctrl-C."""
        self._watch.stop()

    def _follow(self, url: str, headers: Mapping[str, str], body: object | None) -> Answer:
        url = checked(url)
        endpoint = self._endpoints.get(origin_of(url))
        trusted = endpoint is not None or origin_of(url) in self._trusted
        seen = {url}
        # A host that it was led away to must not choose what is asked with the token.
        signed = True
        first: Mapping[str, str] | None = None
        while True:
            signed = signed and origin_of(url) in self._endpoints
            answer = self._ask(url, headers, body, endpoint, trusted, first, signed)
            first = answer.origin_headers
            if answer.status not in _REDIRECTS:
                return _plain(answer)
            trusted = trusted and self._is_private(url)
            url = self._next(answer, url, endpoint)
            if url in seen:
                raise DownloadBroken(f"{host_of(url)} redirects in a circle")
            seen.add(url)
            if len(seen) > _MOST_HOPS + 1:
                raise DownloadBroken(f"{host_of(url)} redirects more than {_MOST_HOPS} times")
            if trusted:
                self._trusted.add(origin_of(url))

    def _ask(
        self,
        url: str,
        headers: Mapping[str, str],
        body: object | None,
        endpoint: Endpoint | None,
        trusted: bool,
        first: Mapping[str, str] | None,
        signed: bool,
    ) -> Answer:
        if self._watch.stopped.is_set():
            raise Offline(STOPPED)
        token = _token(endpoint, url) if signed else None
        try:
            response = self._wire(trusted).send(url, headers, token, body)
        except VaeregError:
            raise
        except Exception as error:  # requests, urllib3, TLS and sockets each have their own
            if self._watch.stopped.is_set():
                raise Offline(STOPPED) from None
            raise failure(error, host_of(url), self.patience) from None
        return Answer(response, url, self.patience, self._watch, endpoint, token is not None, first)

    def _next(self, answer: Answer, here: str, endpoint: Endpoint | None) -> str:
        """Where a redirect leads; its body is taken off the line where that is quick."""
        with answer:
            location = answer.headers.get("location")
            if not location:
                raise DownloadBroken(f"{host_of(here)} redirects, and does not say where to")
            target = redirected(here, location)
            if urlsplit(target).path.rstrip("/") == "/login":
                who = endpoint.service if endpoint else host_of(here)
                raise sign_in(who, without_secrets(here), endpoint.remedy if endpoint else None)
            if answer.headers.get("content-length", "").isdigit():
                with suppress(Interrupted):
                    answer.beginning(_SMALL_BODY)
        return target

    def _is_private(self, url: str) -> bool:
        """Whether a server that the user trusts was found in a private network."""
        origin = origin_of(url)
        return origin in self._trusted or origin[1:] in self._wire(True).private_peers

    def _wire(self, private: bool) -> Wire:
        with self._lock:
            if private not in self._wires:
                from .connections import Wire

                agent = f"{NAME}/{__version__}"
                self._wires[private] = Wire(agent, self.patience, self._watch, private)
            return self._wires[private]


def _plain(answer: Answer) -> Answer:
    """The answer, unless its body is packed; of a refusal the status matters, not the body."""
    if answer.status < 300:
        try:
            answer.require_plain()
        except BaseException:
            answer.close()
            raise
    return answer


def _token(endpoint: Endpoint | None, url: str) -> str | None:
    """What is sent as a bearer token to an address: nothing beyond the endpoint's own origin."""
    token = endpoint.token if endpoint else None
    if not endpoint or not token or origin_of(endpoint.url) != origin_of(url):
        return None
    if not (token.isascii() and token.isprintable()):
        says = f"the token for {endpoint.service} holds characters that no token has"
        raise NeedsToken(says, endpoint.remedy)
    return token


def _is_json(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").lower().startswith("application/json")


def _document(answer: Answer) -> Any:  # noqa: ANN401
    try:
        return json.loads(answer.read(_MOST_JSON))
    except (ValueError, RecursionError):
        says = f"{host_of(answer.url)} sends JSON that cannot be read"
        raise DownloadBroken(says, "Try again later.") from None
