"""REFs: every way to name a model on another machine, parsed in one place."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ..errors import UsageError
from ..naming import shown
from ..values import Origin
from . import ref_civitai, ref_huggingface
from .ref_parts import Address, address, shown_ref, without_secrets
from .ref_values import CivitaiRef, HfRef, Ref, UrlRef

__all__ = ["CivitaiRef", "HfRef", "Ref", "UrlRef", "had_secret", "is_remote", "parse", "same_place"]

_HTTP = re.compile(r"https?://", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_BARE = re.compile(
    "(?:" + "|".join(map(re.escape, (*ref_huggingface.HOSTS, *ref_civitai.HOSTS))) + ")/",
    re.IGNORECASE,
)
_IN_REPOSITORY = re.compile(r"hf:|[\w.-]+/[\w.-]+::", re.IGNORECASE)
_REMOTE = re.compile(
    rf"hf:|civitai:|huggingface:|(?:urn:)?air:|https?://|[\w.:-]+:(?:civitai|huggingface):|{_BARE.pattern}"
    r"|[\w.-]+/[\w.-]+::",
    re.IGNORECASE,
)


def is_remote(text: str) -> bool:
    """Whether a text can only name a model on another machine; ``owner/repo`` can be a path too."""
    return _REMOTE.match(text.strip()) is not None


def had_secret(text: str) -> bool:
    """Whether ``parse`` takes a token or key out of this text's query.

    With ``https://`` before it or without, whatever the host; paths in repositories have no query.
    """
    place, _, query = text.strip().partition("#")[0].partition("?")
    return not _IN_REPOSITORY.match(place) and without_secrets(query) != query


def parse(text: str, hosts: tuple[str, ...] = ()) -> Ref | None:
    """The REF that a text is; None where it names nothing on another machine.

    ``hosts`` are further endpoints that are asked in place of Hugging Face or Civitai: a host, a
    host with its port, or a whole address. ``owner/repo`` can be a local path just as well, so
    callers look there first. ``parse(str(ref)) == ref``. Raises ``UsageError`` for what clearly
    means a service and is malformed, and for addresses that hold a password.
    """
    text = text.strip()
    if whole := _with_scheme(text, hosts):
        return _from_address(whole, hosts)
    ref = ref_huggingface.from_prefix(text) or ref_civitai.from_prefix(text)
    if ref is None and (scheme := _SCHEME.match(text)):
        raise UsageError(
            f"{shown(scheme[0])} addresses cannot be read",
            "give an http or https address, a REF of Hugging Face or Civitai, or a path",
        )
    return ref or ref_huggingface.from_short(text)


def _with_scheme(text: str, hosts: tuple[str, ...]) -> str | None:
    """The address that a text is, or means without its ``https://``; None for everything else."""
    if _HTTP.match(text):
        return text
    if _BARE.match(text):
        return f"https://{text}"
    for host in hosts:
        scheme, _, place = host.rpartition("://")
        place = place.rstrip("/")
        # A name without a dot or port may as well be an owner on Hugging Face.
        if re.match("[^/]*[.:]", place) and text.lower().startswith(f"{place.lower()}/"):
            return f"{scheme or 'https'}://{text}"
    return None


def _from_address(text: str, hosts: tuple[str, ...]) -> Ref:
    page = address(text)
    if page.host in ref_civitai.HOSTS and (model := ref_civitai.from_page(page)):
        return model
    if page.host in ref_huggingface.HOSTS and (repo := ref_huggingface.from_page(page)):
        return repo
    below = next((path for host in hosts if (path := _below(page, host)) is not None), None)
    return (below is not None and _on_own_host(page, below)) or _plain(page)


def _below(page: Address, host: str) -> str | None:
    """The page's path below an endpoint of the user's; None where it lies elsewhere."""
    try:
        parts = urlsplit(host if "://" in host else f"//{host}")
        own = parts.netloc.lower().removesuffix(":80" if page.scheme == "http" else ":443")
    except ValueError:
        return None
    base = parts.path.rstrip("/")
    return page.path[len(base) :] if page.host == own and page.path.startswith(base) else None


def _on_own_host(page: Address, path: str) -> Ref | None:
    """What the page is there: ids make it Civitai's, a repository Hugging Face's."""
    moved = Address(page.scheme, page.host, path, page.query, page.had_secret)
    return ref_civitai.from_page(moved, strict=False) or ref_huggingface.from_page(
        moved, strict=False
    )


def _plain(page: Address) -> UrlRef:
    if not page.path.strip("/"):
        raise UsageError(
            f"{shown_ref(page.page)} names a site and no file", "give the address of a file"
        )
    return UrlRef(page.url)


def same_place(wanted: Ref, origin: Origin) -> bool:
    """Whether a REF names what an origin speaks of; a REF that says less fits more."""
    if isinstance(wanted, UrlRef):
        return origin.ref == wanted.url.partition("?")[0]
    known = parse(origin.ref) if origin.source != "url" else None
    if isinstance(wanted, HfRef) and isinstance(known, HfRef):
        revision = wanted.revision in (None, origin.revision)
        return revision and wanted.repo == known.repo and wanted.path in (None, known.path)
    if isinstance(wanted, CivitaiRef) and isinstance(known, CivitaiRef):
        if wanted.version is None:
            return wanted.model == known.model
        return wanted.version == known.version
    return False
