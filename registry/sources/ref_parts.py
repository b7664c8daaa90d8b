"""The parts that REFs are made of: addresses, paths and ids, taken apart and checked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from ..errors import UsageError
from ..naming import shown

_SECRET = re.compile(
    r"(\w*_)?token|(\w+[_-])?api[_-]?key|authorization|password|passwd|secret", re.IGNORECASE
)
"""Query names that carry a user's secret. A signed address' ``X-Amz-Security-Token`` is none: it
belongs to the signature, as the hyphens tell."""
_LARGEST_ID = 2**31 - 1
"""Larger ids are refused (civitai/civitai, src/pages/api/v1/models/[id].ts)."""
_FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}
_PORTS = {"http": 80, "https": 443}
_KEPT = "!#$%&'()*+,/:;=?@[]~"
"""Characters of an address that stay as they are; what is quoted already stays quoted."""


@dataclass(frozen=True, slots=True)
class Address:
    """An ``http(s)`` address without user, fragment and secrets."""

    scheme: str
    host: str
    """Lower case, with its port where that is not the scheme's own."""
    path: str
    """Still percent-encoded."""
    query: str
    """Untouched but for the secrets taken out: signatures cover it."""
    had_secret: bool

    @property
    def url(self) -> str:
        """The whole, without fragment."""
        return self.page + (f"?{self.query}" if self.query else "")

    @property
    def page(self) -> str:
        """The address without its query, for messages and records."""
        return f"{self.scheme}://{self.host}{self.path}"

    @property
    def arguments(self) -> dict[str, str]:
        """The query's names and last values, decoded."""
        return dict(parse_qsl(self.query))


def address(text: str) -> Address:
    """Take an ``http(s)`` address apart; raises ``UsageError`` where it is none to fetch from."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError("the address is malformed: its host or port cannot be read") from None
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"the address on {shown(host)} holds a user name or password",
            "remove what stands before the @; tokens belong in HF_TOKEN or CIVITAI_API_TOKEN",
        )
    if not (host + parts.query).isprintable():
        raise UsageError(f"the address on {shown(host)} holds characters that no address may have")
    if not host or any(letter.isspace() for letter in host):
        raise UsageError("the address names no host", "write it as https://host/path/file")
    require_clean(parts.path, parts.path)
    return _address(parts, host, port)


def _address(parts: SplitResult, host: str, port: int | None) -> Address:
    scheme = parts.scheme.lower()
    host = f"[{host}]" if ":" in host else host
    named = host if port in (None, _PORTS.get(scheme)) else f"{host}:{port}"
    kept = without_secrets(parts.query)
    path, query = (quote(part, safe=_KEPT) for part in (parts.path, kept))
    return Address(scheme, named, path, query, kept != parts.query)


def without_secrets(query: str) -> str:
    """An address' query without the pairs that carry a token, a key or a password."""
    pairs = query.split("&")
    return "&".join(
        pair for pair in pairs if not _SECRET.fullmatch(unquote(pair.partition("=")[0]))
    )


def shown_ref(text: str) -> str:
    """A REF as messages may show it: harmless for a terminal, and its query may hold a token."""
    return shown(text.partition("?")[0])


def components(path: str, whole: str) -> list[str]:
    """The components of a decoded path; a slash at the end is dropped.

    Raises ``UsageError`` naming the part that leaves its folder or that no file can be called.
    """
    require_clean(path, whole)
    parts = path.removesuffix("/").split("/") if path.strip("/") else []
    if "" in parts or "." in parts:
        raise UsageError(f"the path in {shown_ref(whole)} has an empty part", "write it as a/b/c")
    return parts


def require_clean(path: str, whole: str) -> None:
    """Raise ``UsageError`` for ``..``, backslashes and control characters, encoded or not."""
    for part in unquote(path).split("/"):
        if part == "..":
            raise UsageError(f"the part '..' of {shown_ref(whole)} leaves its folder")
        if "\\" in part or any(unicodedata.category(letter) in _FORBIDDEN for letter in part):
            raise UsageError(
                f"the part {shown_ref(part)!r} of {shown_ref(whole)} holds a backslash or a "
                "character that no path may have",
                "paths in REFs are separated by forward slashes",
            )


def decoded(parts: Sequence[str]) -> list[str]:
    """Each part with its percent escapes read."""
    return [unquote(part) for part in parts]


def identifier(digits: str, whole: str) -> int:
    """A Civitai id; raises ``UsageError`` outside 1 ... 2147483647."""
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else 0
    if not 0 < number <= _LARGEST_ID:
        raise UsageError(
            f"{shown_ref(digits)} in {shown_ref(whole)} is no id that Civitai gives",
            "ids are whole numbers, as in civitai:296576@333245",
        )
    return number
