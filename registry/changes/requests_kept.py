"""Requests to a running frontend, each written down before it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..errors import VaeregError
from ..transfer.addresses import without_secrets
from .base import Call
from .journal import Journal
from .records import Sent
from .reports import FAILED, MADE, Send, Step


class NotSent(Exception):
    """A request was not taken; the text is a sentence that says why."""


class Refused(Exception):
    """A frontend surely did not do what it was asked for; the text is a sentence that says why."""


@dataclass(slots=True)
class Underway:
    """A request that is being made."""

    call: Call
    """With what takes it back, as soon as that is known better."""


Keep = Callable[[Call], AbstractContextManager[Underway]]
"""Around the sending of a request: keeps what takes it back before and, told anew, after."""


@contextmanager
def unkept(call: Call) -> Iterator[Underway]:
    """``Keep`` for one who takes the requests back himself."""
    yield Underway(call)


class Requests:
    """Requests of one run of which each is known only after the one before it."""

    def __init__(self, journal: Journal) -> None:
        self.steps: list[Step] = []
        self._journal = journal

    @contextmanager
    def keep(self, call: Call) -> Iterator[Underway]:
        """``Keep`` in the journal; what ends the request in between leaves it to be undone."""
        number, underway = self._journal.begin(_kept(call)), Underway(call)
        step = Step("call", without_secrets(call.url), MADE, call.why)
        try:
            yield underway
        except Refused as refusal:
            self._journal.undone(number)
            self.steps.append(step.became(FAILED, str(refusal)))
            raise
        except VaeregError as failure:
            self.steps.append(step.became(FAILED, failure.message))
            raise
        if underway.call != call:
            self._journal.begin(_kept(underway.call), number)
        self._journal.done(number)
        self.steps.append(step)


def call(change: Call, journal: Journal, send: Send | None) -> None:
    """Send a request. Raises ``NotSent`` where it was not taken."""
    if send is None:
        raise NotSent("no running frontend is known to send this to")
    number = journal.begin(_kept(change))
    try:
        send(change.method, change.url, change.body)
    except VaeregError as failure:
        raise NotSent(failure.message) from failure
    journal.done(number)


def _kept(change: Call) -> Sent:
    """What the journal keeps: what was sent and what takes it back, without any password."""
    sent = Sent(without_secrets(change.url), sets=change.body)
    if change.undo is None:
        return sent
    method, url, body = change.undo
    return replace(sent, method=method, url=_without_passwords(url), body=body)


_SECRET = ("token", "password", "secret", "auth", "api_key", "apikey")


def _without_passwords(url: str) -> str:
    parts = urlsplit(url)
    query = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not any(word in name.lower() for word in _SECRET)
    ]
    return urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, urlencode(query), "")
    )
