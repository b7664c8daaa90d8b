"""``vaereg clip --look``: what clip skip a model's pictures on Civitai were made with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..registry.errors import NotFound, SourceError
from ..registry.sources.refs import is_remote
from ..registry.values import Notice
from .context import Context
from .taking import side_of

if TYPE_CHECKING:
    from ..registry.judging.sides import Side
    from ..registry.ports import Store
    from ..registry.sources.catalog import Sources
    from ..registry.sources.civitai import Civitai
    from ..registry.sources.ref_values import CivitaiRef
    from ..registry.textual.values import SamplePictures


def look_at_pictures(
    settings: Context, store: Store, typed: str, side: Side
) -> tuple[SamplePictures | None, tuple[Notice, ...]]:
    """The pictures counted by clip skip; a warning where Civitai cannot be asked or knows none.

    A file that neither its REF nor the registry leads to a page of is taken in, for its hash.
    """
    from ..registry.sources.civitai import Civitai

    try:
        sources = settings.sources()
        civitai = sources.named("civitai")
        assert isinstance(civitai, Civitai)
        page = _Search(settings, store, sources, civitai).page_of(typed, side)
        if page is None:
            message = "Civitai knows no page of this model, so there are no pictures to count"
            return None, (Notice("not_on_civitai", message),)
        return civitai.pictures(page), ()
    except (SourceError, NotFound) as failure:
        message = f"the pictures on Civitai were not counted: {failure.message}"
        return None, (Notice(failure.code, message),)


@dataclass(frozen=True, slots=True)
class _Search:
    """Looks for a model's page: what costs nothing first."""

    settings: Context
    store: Store
    sources: Sources
    civitai: Civitai

    def page_of(self, typed: str, side: Side) -> CivitaiRef | None:
        """The version that the REF itself names, or that the model was recorded from, or that has
        a file of its content; raises ``SourceError``."""
        named = (side.ref, typed) if is_remote(typed) else (side.ref,)
        sha256 = side.artifact.digests.sha256
        page = self._best(*named, *self._origins(sha256))
        if page or side.artifact.identity.format == "diffusers":
            return page
        if not sha256 and side.path:
            sha256 = self._hashed(side.path)
            page = self._best(*self._origins(sha256))
        return page or (self._by_hash(sha256) if sha256 else None)

    def _best(self, *refs: str | None) -> CivitaiRef | None:
        pages = [page for text in refs if text and (page := self._parsed(text))]
        return next((page for page in pages if page.version), next(iter(pages), None))

    def _origins(self, sha256: str) -> list[str]:
        known = self.store.origins().get(sha256, ()) if sha256 else ()
        return [origin.ref for origin in known if origin.source == "civitai"]

    def _hashed(self, path: str) -> str:
        """Minutes for a large file, so it is recorded: the next time costs nothing."""
        self.settings.output.note("note: hashing the file, by which Civitai is asked for its page")
        return side_of(self.settings, self.store, path, "model").artifact.digests.sha256

    def _by_hash(self, sha256: str) -> CivitaiRef | None:
        found = self.civitai.by_hashes([sha256]).get(sha256)
        return self._parsed(found.origin.ref) if found else None

    def _parsed(self, text: str) -> CivitaiRef | None:
        from ..registry.sources.ref_values import CivitaiRef

        ref = self.sources.parse(text)
        return ref if isinstance(ref, CivitaiRef) else None
