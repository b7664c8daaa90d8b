"""Civitai as a source: what a REF stands for, VAEs by words, files by their hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import UsageError
from ...naming import shown
from ..base import Hit, Offer, Wish
from ..ref_parts import identifier
from ..ref_values import CivitaiRef, Ref
from .by_hash import Found, find_by_hashes
from .finding import find_vaes
from .offering import offer_of, version_behind
from .pictures import pictures_of
from .routes import Routes

if TYPE_CHECKING:
    from ...textual.values import SamplePictures
    from ...transfer.client import Client

SOURCE = "civitai"
ENDPOINT = "https://civitai.com"


class Civitai:
    """One Civitai endpoint, asked through one client; fulfils ``sources.base.Source``."""

    def __init__(self, client: Client, endpoint: str = ENDPOINT) -> None:
        self._client = client
        self._routes = Routes(endpoint.rstrip("/"))

    def offer(self, ref: Ref, wish: Wish) -> Offer:
        """The file that a REF stands for; raises ``SourceError``, ``NotFound``, ``UsageError``."""
        if not isinstance(ref, CivitaiRef):
            raise UsageError(f"{shown(str(ref))} is no REF of Civitai")
        ref = _with_revision(ref, wish.revision)
        version = version_behind(self._client, self._routes, ref)
        return offer_of(self._client, self._routes, version, ref, wish)

    def search(self, words: str, limit: int, family: str | None = None) -> list[Hit]:
        """VAEs that the words find, best first; raises ``SourceError``."""
        return find_vaes(self._client, self._routes, words, limit, family)

    def by_hashes(self, sha256s: Iterable[str]) -> Mapping[str, Found]:
        """What is known of files by their SHA-256, lower case; unknown ones are missing."""
        return find_by_hashes(self._client, self._routes, sha256s)

    def pictures(self, ref: CivitaiRef) -> SamplePictures:
        """What the pictures made with a version say of clip skip; raises ``SourceError``."""
        if ref.version is None:
            ref = replace(ref, version=version_behind(self._client, self._routes, ref).id)
        return pictures_of(self._client, self._routes, ref)


def _with_revision(ref: CivitaiRef, revision: str | None) -> CivitaiRef:
    """A model version is what comes nearest to a revision here."""
    if revision is None:
        return ref
    version = identifier(revision, f"the revision {revision}")
    if ref.version not in (None, version):
        raise UsageError(
            f"{ref} names version {ref.version}, and the revision {version}",
            "leave one of them out",
        )
    return replace(ref, version=version)
