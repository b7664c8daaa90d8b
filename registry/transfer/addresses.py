"""Web addresses: what may be asked, where a redirect may lead, how one is shown."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urljoin, urlsplit

from ..errors import DownloadBroken
from ..naming import shown

Origin = tuple[str, str, int]
"""Scheme, host and port; a token belongs to exactly one."""

_PORTS = {"http": 80, "https": 443}
_PLACE = re.compile(r"[\w.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.%\w]+\](:\d{1,5})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def without_secrets(url: str) -> str:
    """An address for messages: no user, no password, no query, no fragment, nothing hidden."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an unreadable address"
    place = parts.netloc.rpartition("@")[2]
    if not place:
        return shown(parts.path)
    return shown(f"{parts.scheme}://{place}{parts.path}")


def host_of(url: str) -> str:
    """The host of an address, for messages."""
    try:
        return shown(urlsplit(url).hostname or "the server")
    except ValueError:
        return "the server"


def origin_of(url: str) -> Origin:
    """Scheme, host and port of an address; raises ``DownloadBroken`` where it is none."""
    parts = _parts(url)
    # _PLACE lets through ports that no socket has, which urllib refuses
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise DownloadBroken(f"{without_secrets(url)} is no web address") from None
    return parts.scheme, parts.hostname or "", port


def checked(url: str) -> str:
    """The address without its fragment; raises ``DownloadBroken`` for what is never asked."""
    origin_of(url)
    return url.partition("#")[0]


def redirected(here: str, location: str) -> str:
    """Where a redirect leads, its query untouched; raises ``DownloadBroken`` where it may not."""
    # http.client reads headers as Latin-1; servers write them in UTF-8
    location = location.encode("latin-1", "replace").decode("utf-8", "replace").strip()
    if _CONTROL.search(location):
        raise DownloadBroken(f"{host_of(here)} redirects to something that is no address")
    if location.startswith("//"):
        target = f"{urlsplit(here).scheme}:{location}"
    elif re.match(r"https?://", location, re.IGNORECASE):
        target = location
    else:
        target = _joined(here, location)
    target = checked(target)
    if (origin_of(here)[0], origin_of(target)[0]) == ("https", "http"):
        says = f"{host_of(here)} redirects to {without_secrets(target)}, which is not encrypted"
        raise DownloadBroken(says, "Report this to the service; nothing was fetched.")
    return target


def _joined(here: str, location: str) -> str:
    try:
        return urljoin(here, location)
    except ValueError:
        raise DownloadBroken(f"{host_of(here)} redirects to something that is no address") from None


def _parts(url: str) -> SplitResult:
    name = without_secrets(url)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise DownloadBroken(f"{name} is no web address") from None
    if parts.scheme not in _PORTS:
        raise DownloadBroken(f"{name} is no http or https address", "Give an https address.")
    if "@" in parts.netloc:
        says = f"the address {name} holds a user name or password, which is never sent"
        raise DownloadBroken(says, "Leave it out; tokens come from the environment.")
    if not _PLACE.fullmatch(parts.netloc) or _CONTROL.search(url):
        raise DownloadBroken(f"{name} is no web address")
    return parts
