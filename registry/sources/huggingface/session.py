"""The library's HTTP session under our rules: bounds, a token for one origin, no long sleeps."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...transfer.addresses import origin_of
from .bounds import CALL, Bounded, Call

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_VERBOSITY": "error",
}
"""Read by the library when it is imported, and never again."""
_TALKATIVE = ("httpcore", "httpcore2", "httpx", "httpx2")
"""Loggers of the HTTP libraries below, which show whole headers and signed addresses."""
_AGAIN_LATER = {408, 429, 500, 502, 503, 504}
_TIME_OUTS = {"connect": "connect", "read": "read", "write": "read", "pool": "read"}


class Busy(Exception):
    """The hub answered that it should be asked again later."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


class Silent(Exception):
    """The hub did not answer, and the library is about to ask it again."""


_factory_set = False


@contextmanager
def under(call: Call) -> Iterator[Call]:
    """Has every request of this thread follow our rules within the block."""
    token = CALL.set(call)
    try:
        yield call
    finally:
        CALL.reset(token)


def library() -> ModuleType:
    """``huggingface_hub``, imported with telemetry and progress bars off and using our session."""
    global _factory_set
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import huggingface_hub

    if not _factory_set:
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        huggingface_hub.set_client_factory(_client)
        _factory_set = True
    return huggingface_hub


def api(endpoint: str, token: str | None) -> HfApi:
    """The library's entrance to one hub."""
    entrance: HfApi = library().HfApi(endpoint=endpoint, token=token or False)
    return entrance


def _client() -> Any:  # noqa: ANN401
    """The library's default client, bounded, so that its proxies and its offline mode stay."""
    from huggingface_hub.utils._http import default_client_factory

    client = default_client_factory()
    hooks = client.event_hooks
    client.event_hooks = {
        "request": [*hooks["request"], _before],
        "response": [*hooks["response"], _after],
    }
    _bind(client._transport, direct=True)
    for transport in filter(None, client._mounts.values()):
        _bind(transport, direct=False)
    return client


def _bind(transport: Any, direct: bool) -> None:  # noqa: ANN401
    """httpcore takes another backend, but httpx has no way to hand it one."""
    pool = transport._pool
    pool._network_backend = Bounded(pool._network_backend, direct)


def _before(request: Any) -> None:  # noqa: ANN401
    call = CALL.get()
    if call is None:
        return
    url = str(request.url)
    if call.unanswered and url == call.url and not call.patient:
        raise Silent
    call.go(url)
    if origin_of(url) != origin_of(call.endpoint):
        request.headers.pop("authorization", None)
    if not call.patient:
        request.headers["accept-encoding"] = "identity"
    limits = request.extensions.get("timeout") or {}
    request.extensions["timeout"] = {
        name: getattr(call.patience, ours) if limits.get(name) is None else limits[name]
        for name, ours in _TIME_OUTS.items()
    }


def _after(response: Any) -> None:  # noqa: ANN401
    call = CALL.get()
    if call is None:
        return
    call.answered(response.has_redirect_location)
    if call.patient:
        return
    # A packed answer may be a thousand times larger than what arrives of it.
    response.headers.pop("content-encoding", None)
    if response.status_code in _AGAIN_LATER:
        raise Busy(response.status_code, response.headers)
