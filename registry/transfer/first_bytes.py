"""Whether what begins to arrive can be the file that was asked for, before the rest is fetched."""

from __future__ import annotations

import os

from ..errors import DownloadBroken, Unreadable, UnsafePickle
from ..formats.sniff import sniff
from ..naming import MODEL_SUFFIXES, shown
from .client import Answer, Client

HEAD = 512
"""Bytes that are looked at."""
_TEXTS = {
    "application/json": "JSON text",
    "application/xml": "XML text",
    "text/xml": "XML text",
}
_SIGN_IN = (
    "Often the download needs a sign-in or an accepted licence: open its page in a browser, set "
    "the service's token, then run the command again."
)
_PICKLES = {"torch-zip", "torch-legacy"}
_SAFE = (".safetensors", ".sft")


class _Head:
    """The first bytes of a file as a source to sniff at."""

    def __init__(self, name: str, head: bytes, size: int) -> None:
        self.name = name
        self.size = size
        self.bytes_read = len(head)
        self._head = head

    def read(self, offset: int, length: int) -> bytes:
        return self._head[offset : offset + length]

    def close(self) -> None:
        """Nothing is open."""


def check_type(client: Client, answer: Answer, name: str) -> None:
    """Raise a ``SourceError`` where a server announces a page or an error text for a model."""
    kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    suffix = os.path.splitext(name)[1].lower()
    if answer.is_page:
        raise client.refusal(answer, shown(name))
    if kind in _TEXTS and not (suffix == ".json" and kind == "application/json"):
        raise DownloadBroken(f"{shown(name)}: the server sent {_TEXTS[kind]} instead", _SIGN_IN)


def check_head(name: str, head: bytes, total: int | None) -> None:
    """Judge the first ``HEAD`` bytes, or all of a shorter file.

    Raises ``DownloadBroken`` for web pages, error texts and pointers, ``UnsafePickle`` for a
    pickle under a safetensors name, ``UnsupportedFormat`` for whole files of another kind.
    """
    suffix = os.path.splitext(name)[1].lower()
    if suffix and suffix not in MODEL_SUFFIXES:
        _check_text(name, head)
        return
    try:
        found = sniff(_Head(name, head, len(head) if total is None else total))
    except Unreadable as refused:
        raise DownloadBroken(refused.message, refused.hint) from None
    if found in _PICKLES and suffix in _SAFE:
        raise UnsafePickle(
            f"{shown(name)} is called {suffix}, but what the server sends is a pickle",
            "Its uploader named it wrongly or means harm; look for the model elsewhere.",
        )


def _check_text(name: str, head: bytes) -> None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype", b"<html")):
        raise DownloadBroken(f"{shown(name)}: the server sent a web page instead", _SIGN_IN)
    if text.startswith(b"version https://git-lfs"):
        raise DownloadBroken(
            f"{shown(name)}: the server sent a git-lfs pointer instead of the file",
            "Fetch it from the repository's own page.",
        )
