"""Hugging Face as a source: what a REF stands for there, and which VAEs a search finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ...errors import NotFound
from ...naming import MODEL_SUFFIXES
from ...transfer.client import Client
from ...values import Origin
from ..base import Hit, Offer, RemoteFile, Wish
from ..refs import HfRef, Ref
from . import cache, choosing, search
from .hub import Hub
from .names import file_name, folder_name
from .records import Head, Repository, Stored
from .refusals import offline_mode
from .weights import Choice, is_weights, single

_ONLY_BY_LIBRARY = 50_000_000_000
"""Bytes above which files are given out by Xet alone (huggingface_hub, file_download.py)."""


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """Fulfils ``sources.base.Source``."""

    client: Client = field(repr=False)
    """Fetches the bytes of what is offered; the library tells what there is."""
    endpoint: str
    token: str | None = field(default=None, repr=False)
    only_by_library: int = _ONLY_BY_LIBRARY

    def offer(self, ref: Ref, wish: Wish) -> Offer:
        """The files that a repository, or a path in it, stands for, pinned to a commit.

        Raises ``SourceError``, ``NotFound``, ``Ambiguous``, ``UnsupportedFormat``.
        """
        assert isinstance(ref, HfRef)
        ref = replace(ref, revision=wish.revision or ref.revision)
        hub = self._hub
        if hub.offline():
            return self._from_cache(hub, ref, wish)
        path = _named_file(ref, wish)
        try:
            if path is not None:
                return self._one_file(hub, ref, hub.head(ref.repo, path, ref.revision), path)
        except NotFound as error:
            found = hub.repository(ref.repo, ref.revision)
            if path in (found.files or {}):
                raise error from None
            return self._listed(hub, ref, wish, found)
        return self._listed(hub, ref, wish, hub.repository(ref.repo, ref.revision))

    def search(self, words: str, limit: int, family: str | None) -> list[Hit]:
        """VAEs whose repositories the words find, most downloads first."""
        hub = self._hub
        if hub.offline():
            raise offline_mode(hub.asked())
        return search.search(hub, words, limit, family)

    @property
    def _hub(self) -> Hub:
        return Hub(self.endpoint, self.token, self.client.patience)

    def _one_file(self, hub: Hub, ref: HfRef, head: Head, path: str) -> Offer:
        """A file whose address is known already: no listing, and no request to locate it."""
        file = self._remote(hub, (head.repo, ref.repo), head.commit, path, head.stored)
        self.client.led_to(head.location, by=hub.endpoint)
        # An iterator, since several threads may ask at once.
        first, again = iter([head.location]), file.locate
        file = replace(file, locate=lambda: next(first, None) or again())
        return _offer(hub, head.repo, head.commit, single(path), (file,))

    def _listed(self, hub: Hub, ref: HfRef, wish: Wish, found: Repository) -> Offer:
        commit, files = found.commit or "", found.files or {}
        sizes = {path: stored.size for path, stored in files.items()}
        choice = choosing.choose(sizes, replace(ref, repo=found.id), wish)
        names = (found.id, ref.repo)
        remote = tuple(self._remote(hub, names, commit, p, files[p]) for p in choice.paths)
        licence = f"{found.id} is behind a licence: accept it at {hub.endpoint}/{found.id}"
        notes = (*choice.notes, *((licence,) if found.gated and not self.token else ()))
        return _offer(hub, found.id, commit, replace(choice, notes=notes), remote)

    def _from_cache(self, hub: Hub, ref: HfRef, wish: Wish) -> Offer:
        found = cache.cached_repository(ref.repo, ref.revision)
        if found is None:
            raise offline_mode(hub.asked(ref.repo, ref.revision))
        try:
            offer = self._listed(hub, ref, wish, found)
        except NotFound:
            raise offline_mode(hub.asked(ref.repo, ref.revision, wish.file or ref.path)) from None
        note = "HF_HUB_OFFLINE is set: this is what the cache holds, and the hub may have more"
        return replace(offer, notes=(*offer.notes, note))

    def _remote(
        self, hub: Hub, repos: tuple[str, str], commit: str, path: str, stored: Stored
    ) -> RemoteFile:
        repo = repos[0]
        etag = stored.sha256 or stored.git_sha1

        def locate() -> str:
            if hub.offline():
                raise offline_mode(hub.asked(repo, commit, path))
            return hub.resolve_url(repo, path, commit)

        by_library: Callable[[], str] | None = None
        if (stored.size or 0) > self.only_by_library:
            by_library = lambda: hub.download(repo, path, commit)  # noqa: E731
        return RemoteFile(
            path,
            stored.size,
            locate,
            stored.sha256,
            stored.git_sha1,
            fetch_cached=lambda: cache.cached_file(repos, path, commit, etag),
            fetch_by_library=by_library,
        )


def _named_file(ref: HfRef, wish: Wish) -> str | None:
    """The file that REF or wish name by its whole path, as far as its name tells."""
    name = wish.file or ref.path
    if wish.file and ref.path and not is_weights(ref.path):
        name = f"{ref.path}/{wish.file}"
    return name if name and name.lower().endswith(MODEL_SUFFIXES) else None


def _offer(
    hub: Hub, repo: str, commit: str, choice: Choice, files: tuple[RemoteFile, ...]
) -> Offer:
    path = choice.paths[0] if choice.root is None else choice.root.rstrip("/") or None
    ref = HfRef(repo, path)
    page = hub.page(repo, path, commit, folder=choice.root is not None)
    name = file_name(repo, choice.paths[0]) if choice.root is None else folder_name(repo, path)
    return Offer(
        ref=replace(ref, revision=commit),
        name=name,
        files=files,
        origin=Origin("huggingface", str(ref), commit, page),
        root=choice.root,
        notes=choice.notes,
    )
