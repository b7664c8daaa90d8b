"""Plain addresses as a source: one file, whose name, size and hash its server may state."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..errors import DownloadBroken, UsageError
from ..naming import shown
from ..values import Origin
from .base import Hit, Offer, RemoteFile, Wish
from .ref_values import Ref, UrlRef

if TYPE_CHECKING:
    from ..transfer.client import Client

_TOTAL = re.compile(r"bytes (?:\d+-\d+|\*)/(\d{1,18})")
_SHA256 = re.compile(r'"?(?:sha256:)?([0-9a-fA-F]{64})"?')
_STRUCTURED = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):")
"""``Repr-Digest`` and ``Content-Digest`` (RFC 9530)."""
_OLD = re.compile(r"(?:^|,)\s*sha-256=([A-Za-z0-9+/=]+)", re.IGNORECASE)
"""``Digest`` (RFC 3230)."""
_DIGESTS = (("repr-digest", _STRUCTURED), ("digest", _OLD))
_WHOLE = (("content-digest", _STRUCTURED),)
"""Headers that speak of the body sent, which is the file only where all of it was."""
_EXTENDED = re.compile(
    r"filename\*\s*=\s*(?P<charset>utf-8|iso-8859-1)'[^']*'(?P<name>[^;\s]+)", re.IGNORECASE
)
"""RFC 8187 knows these two character sets."""


class Plain:
    """Files at plain addresses; fulfils ``sources.base.Source``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def offer(self, ref: Ref, wish: Wish) -> Offer:
        """The file at an address, its first byte asked for; raises ``SourceError``, ``NotFound``.

        Without a hash that the server states the file can only be taken unverified: a note says
        so.
        """
        if not isinstance(ref, UrlRef):
            raise UsageError(f"{shown(str(ref))} is no plain address")
        page = ref.url.partition("?")[0]
        with self._client.open(ref.url, span=(0, 0)) as answer:
            # An empty file has no first byte to send: 416 tells its size.
            if answer.status not in (200, 206, 416):
                raise self._client.refusal(answer, page)
            if answer.headers.get("content-type", "").lower().startswith("text/html"):
                raise DownloadBroken(
                    f"{shown(page)} is a web page and no file",
                    "give the address behind its download button",
                )
            headers = {**answer.origin_headers, **answer.headers}
            size, sha256 = _size(answer.status, answer.headers), _sha256(answer.status, headers)
        name = _disposition(headers) or _last_part(ref.url)
        file = RemoteFile(name, size, lambda: ref.url, sha256)
        origin = Origin("url", page, url=page, name=name)
        note = f"the server states no SHA-256 for {shown(name)}: it cannot be verified"
        return Offer(ref, name, (file,), origin, notes=() if sha256 else (note,))

    def search(self, words: str, limit: int, family: str | None) -> list[Hit]:
        """Nothing: addresses have no list."""
        return []


def _size(status: int, headers: Mapping[str, str]) -> int | None:
    if status == 200:
        stated = headers.get("content-length", "")
        return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 19 else None
    found = _TOTAL.fullmatch(headers.get("content-range", "").strip())
    return int(found[1]) if found else None


def _sha256(status: int, headers: Mapping[str, str]) -> str | None:
    """The file's SHA-256, where the server states it in any of the ways there are."""
    if linked := _SHA256.fullmatch(headers.get("x-linked-etag", "").strip()):
        return linked[1].lower()
    for header, form in _DIGESTS + (_WHOLE if status == 200 else ()):
        if stated := form.search(headers.get(header, "")):
            try:
                raw = base64.b64decode(stated[1], validate=True)
            except binascii.Error:
                continue
            if len(raw) == 32:
                return raw.hex()
    return None


def _disposition(headers: Mapping[str, str]) -> str | None:
    """The name in Content-Disposition, ``filename*`` before ``filename`` (RFC 6266)."""
    stated = headers.get("content-disposition")
    if not stated:
        return None
    if extended := _EXTENDED.search(stated):
        return unquote(extended["name"], encoding=extended["charset"], errors="replace")
    message = Message()
    message["content-disposition"] = stated
    name = message.get_param("filename", header="content-disposition")
    return name if isinstance(name, str) and name else None


def _last_part(url: str) -> str:
    """The last part of the address that is not empty; parts hold no slash when decoded."""
    parts = [part for part in urlsplit(url).path.split("/") if part]
    return unquote(parts[-1]).replace("/", "_") if parts else "download"
