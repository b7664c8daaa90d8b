"""What the hub and its library refuse, as one sentence each with the remedy."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ...errors import (
    DownloadBroken,
    Forbidden,
    NeedsToken,
    NoSpace,
    NotFound,
    Offline,
    OfflineMode,
    RateLimited,
    Unreadable,
    VaeregError,
)
from ...naming import shown
from ...transfer.waits import stated_wait
from .bounds import Slow
from .session import Busy, Silent

_BAD_TOKEN = "Invalid credentials in Authorization header"
"""huggingface/huggingface_hub, utils/_http.py, ``hf_raise_for_status``."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call was about, for sentences."""

    endpoint: str
    repo: str | None = None
    revision: str | None = None
    path: str | None = None
    token: str | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Host and port of the endpoint."""
        return self.endpoint.partition("://")[2].rpartition("@")[2].rstrip("/")

    @property
    def what(self) -> str:
        """What was asked for."""
        where = "" if self.path is None else f"{shown(self.path)} of "
        return where + (shown(self.repo) if self.repo else "a search")

    @property
    def page(self) -> str:
        """The repository's page."""
        return f"{self.endpoint}/{shown(self.repo or '')}"

    @property
    def sign_in(self) -> str:
        """How to come by a token."""
        return f"set HF_TOKEN to a token from {self.endpoint}/settings/tokens"


def refusal(error: Exception, asked: Asked) -> VaeregError:
    """The registry's error for whatever the library raised; its own texts are never quoted raw."""
    if isinstance(error, VaeregError):
        return error
    cause = error.__cause__
    for kind, say in _rows():
        if isinstance(error, kind):
            if say is _missing_in_cache and isinstance(cause, Exception):
                return refusal(cause, asked)
            return say(error, asked)
    return _no_hub(error, asked)


def offline_mode(asked: Asked) -> OfflineMode:
    """The library's offline mode is on and its cache does not answer."""
    missing = f"{asked.what} is not in its cache" if asked.repo else "its cache is not searched"
    return OfflineMode(
        f"HF_HUB_OFFLINE is set, so Hugging Face is not asked, and {missing}",
        "Unset HF_HUB_OFFLINE to ask the hub.",
    )


def no_commit(asked: Asked) -> DownloadBroken:
    """An answer without a commit: no hub gave it."""
    return DownloadBroken(
        f"{asked.host} answers without saying which commit {asked.what} is of",
        "A proxy or a sign-in page may stand between; open the address in a browser.",
    )


Say = Callable[[Exception, Asked], VaeregError]


def _rows() -> tuple[tuple[type[BaseException], Say], ...]:
    """Subclasses before their bases: GatedRepoError is a RepositoryNotFoundError."""
    from huggingface_hub import errors

    http = _http_errors(errors.HfHubHTTPError)
    return (
        (Busy, _busy),
        (Silent, _no_answer),
        (Slow, _too_slow),
        (errors.GatedRepoError, _gated),
        (errors.RepositoryNotFoundError, _no_repository),
        (errors.RevisionNotFoundError, _no_revision),
        (errors.OfflineModeIsEnabled, lambda _, asked: offline_mode(asked)),
        (errors.LocalEntryNotFoundError, _missing_in_cache),
        (errors.EntryNotFoundError, _no_file),
        (errors.DisabledRepoError, _disabled),
        (errors.HFValidationError, _no_name),
        (errors.HfHubHTTPError, _by_status),
        (http["TimeoutException"], _no_answer),
        (http["TooManyRedirects"], _no_hub),
        (http["DecodingError"], _no_hub),
        (http["HTTPError"], _unreachable),
        (ConnectionError, _unreachable),
        (OSError, _local),
    )


def _http_errors(known: type[BaseException]) -> Mapping[str, type[BaseException]]:
    """The errors of the HTTP library below: httpx2 today, httpx before huggingface_hub 2."""
    import sys

    base = next(kind for kind in known.__mro__ if kind.__module__.startswith("httpx"))
    return vars(sys.modules[base.__module__.partition(".")[0]])


def _gated(error: Exception, asked: Asked) -> VaeregError:
    if _status(error) == 401 or not asked.token:
        return NeedsToken(
            f"{asked.what} is behind a licence that Hugging Face wants accepted first",
            f"Open {asked.page}, accept the licence, and {asked.sign_in}.",
        )
    return Forbidden(
        f"the account of this token has not been given access to {asked.what}",
        f"Open {asked.page} with that account and accept the licence; some authors answer by hand.",
    )


def _no_repository(_: Exception, asked: Asked) -> VaeregError:
    hint = "Check the spelling with vaereg search"
    if asked.token:
        return NotFound(
            f"Hugging Face knows no repository {asked.what}, or hides it from this token",
            f"{hint}.",
        )
    return NotFound(
        f"Hugging Face knows no repository {asked.what}, or it is a private one",
        f"{hint}; for a private one {asked.sign_in}.",
    )


def _no_revision(_: Exception, asked: Asked) -> VaeregError:
    return NotFound(
        f"{shown(asked.repo or '')} has no revision {shown(asked.revision or 'main')}",
        f"Its branches and tags are listed at {asked.page}/tree/main.",
    )


def _no_file(_: Exception, asked: Asked) -> VaeregError:
    return NotFound(f"there is no {asked.what}", f"Its files are listed at {asked.page}/tree/main.")


def _missing_in_cache(_: Exception, asked: Asked) -> VaeregError:
    return Offline(
        f"{asked.what} cannot be fetched by Hugging Face's library",
        "Check the connection and try again.",
    )


def _disabled(_: Exception, asked: Asked) -> VaeregError:
    return Forbidden(
        f"Hugging Face has taken {asked.what} down", "Look for another copy with vaereg search."
    )


def _no_name(_: Exception, asked: Asked) -> VaeregError:
    return NotFound(
        f"{asked.what} is no name that a repository can have", "Write it as owner/name."
    )


def _by_status(error: Exception, asked: Asked) -> VaeregError:
    status, said = _status(error), _server_words(error)
    words = f": {shown(_without(said, asked.token), 160)}" if said else ""
    if said == _BAD_TOKEN:
        return NeedsToken(
            "Hugging Face does not accept the token it was given",
            f"Sign in again with hf auth login, or {asked.sign_in}.",
        )
    if status == 401:
        return NeedsToken(f"{asked.host} wants a token for {asked.what}", f"{asked.sign_in}.")
    if status == 403:
        return Forbidden(f"{asked.host} refuses {asked.what}{words}", f"See {asked.page}.")
    if status in (404, 410):
        return NotFound(
            f"{asked.host} does not know {asked.what}", "Check HF_ENDPOINT and the name."
        )
    return DownloadBroken(
        f"{asked.host} answers {status} when asked for {asked.what}{words}", "Try again later."
    )


def _busy(error: Exception, asked: Asked) -> VaeregError:
    assert isinstance(error, Busy)
    wait = stated_wait(error.headers)
    if error.status == 429:
        when = "later" if wait is None else f"in {wait:,.0f} seconds"
        mend = "" if asked.token else f"; with a token more is allowed: {asked.sign_in}"
        return RateLimited(
            f"{asked.host} asks to be left alone for now", f"Try again {when}{mend}."
        )
    return DownloadBroken(
        f"{asked.host} answers {error.status} when asked for {asked.what}",
        "The fault is on its side; try again later.",
    )


def _no_answer(_: Exception, asked: Asked) -> VaeregError:
    return Offline(
        f"{asked.host} does not answer when asked for {asked.what}",
        "Check the connection, or HF_ENDPOINT; VAEREG_TIMEOUT sets how long to wait.",
    )


def _too_slow(_: Exception, asked: Asked) -> VaeregError:
    return Offline(
        f"{asked.host} is too slow to answer when asked for {asked.what}",
        "Try again later; VAEREG_TIMEOUT sets how long to wait.",
    )


def _unreachable(_: Exception, asked: Asked) -> VaeregError:
    return Offline(
        f"{asked.host} cannot be reached",
        "Check the connection, a proxy, or HF_ENDPOINT; with HF_HUB_OFFLINE=1 the cache answers.",
    )


def _local(error: Exception, asked: Asked) -> VaeregError:
    """The library's cache cannot be written; an error without a number is about the answer."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        return _no_hub(error, asked)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(
            f"the cache of Hugging Face has no room for {asked.what}",
            "Set HF_HUB_CACHE to a folder on a larger disk.",
        )
    return Unreadable(
        f"the cache of Hugging Face cannot be used for {asked.what}: {os.strerror(number)}",
        "Set HF_HUB_CACHE to a folder that can be written.",
    )


def _no_hub(_: Exception, asked: Asked) -> VaeregError:
    return DownloadBroken(
        f"{asked.host} gives something else than a hub's answer for {asked.what}",
        "A proxy or a sign-in page may stand between; open the address in a browser.",
    )


def _status(error: Exception) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0) or 0)


def _server_words(error: Exception) -> str:
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", {})
    return headers.get("x-error-message", "")


def _without(text: str, token: str | None) -> str:
    return text.replace(token, "(token)") if token else text
