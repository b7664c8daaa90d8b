"""The address of a running frontend, its sign-in taken out of it and kept from sight."""

from __future__ import annotations

import base64
import ipaddress
import os
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from ..errors import SourceError, UsageError
from ..naming import shown
from ..transfer.addresses import checked, host_of, without_secrets

TOKEN = "VAEREG_FRONTEND_TOKEN"
REMEDY = (
    f"Set {TOKEN} to its token, or to user:password for one that was started with --api-auth or "
    "stands behind a proxy."
)
_HIDDEN = "…"
_EXAMPLE = "Give something like http://127.0.0.1:7860."


@dataclass(frozen=True, slots=True)
class Address:
    """Where a frontend answers, and how to sign in to it."""

    base: str
    """Scheme, host, port and path, without a slash at the end and without any sign-in."""
    authorization: str | None = field(default=None, repr=False)
    """The header's value; sent to this scheme, host and port alone."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts that must not be shown, in every spelling that a server may send back."""

    @property
    def local(self) -> bool:
        """Whether it is this machine, so that the paths which it tells can be looked at."""
        return is_loopback(self.base)

    @property
    def place(self) -> str:
        """Host and port, for messages."""
        return shown(urlsplit(self.base).netloc)

    def quoted(self, text: object, limit: int = 200) -> str:
        """A text of the server made fit to be shown: without secrets, harmless for a terminal."""
        words = " ".join(str(text).split())
        for secret in self.secrets:
            words = words.replace(secret, _HIDDEN)
        return shown(words, limit)


def address_of(url: str, token: str | None = None) -> Address:
    """The address that a user gives, ``http://`` added where no scheme stands.

    The sign-in is ``user:password@`` of the address, else ``token``, else what ``TOKEN`` names in
    the environment: a text with a colon is a user and a password, any other is sent as a bearer
    token, in which no colon may stand (RFC 6750, 2.1). Raises ``UsageError``.
    """
    url = url.strip()
    url = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(url)
        place = parts.netloc.rpartition("@")[2]
        base = checked(parts._replace(netloc=place, query="", fragment="").geturl().rstrip("/"))
    except (ValueError, SourceError):
        raise UsageError(f"{without_secrets(url)} is no address of a frontend", _EXAMPLE) from None
    given = parts.netloc.rpartition("@")[0]
    sign_in = unquote(given) or token or os.environ.get(TOKEN, "").strip()
    if given and ":" not in sign_in:
        sign_in += ":"
    return Address(base, _authorization(sign_in), _spellings(sign_in, given))


def is_loopback(url: str) -> bool:
    """Whether an address is of this machine."""
    host = host_of(url)
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _authorization(sign_in: str) -> str | None:
    if not sign_in:
        return None
    if ":" in sign_in:
        return f"Basic {_encoded(sign_in)}"
    if not (sign_in.isascii() and sign_in.isprintable()):
        raise UsageError("the token for the frontend holds characters that no token has", REMEDY)
    return f"Bearer {sign_in}"


def _spellings(sign_in: str, given: str) -> tuple[str, ...]:
    """The longest first, so that no half of a secret is left over."""
    password = sign_in.partition(":")[2] if ":" in sign_in else sign_in
    found = {password, quote(password, safe=""), given.partition(":")[2]}
    if ":" in sign_in:
        found |= {_encoded(sign_in), sign_in}
    return tuple(sorted((text for text in found if text), key=len, reverse=True))


def _encoded(sign_in: str) -> str:
    return base64.b64encode(sign_in.encode("utf-8", "surrogatepass")).decode()
