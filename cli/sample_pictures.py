"""``vaereg clip --look``: what clip skip a model's pictures on Civitai were made with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry.errors import NotFound, SourceError
from ..registry.sources.refs import is_remote
from ..registry.values import Notice
from .context import Context

if TYPE_CHECKING:
    from ..registry.judging.sides import Side
    from ..registry.ports import Store
    from ..registry.sources.civitai import Civitai
    from ..registry.sources.ref_values import CivitaiRef
    from ..registry.textual.values import SamplePictures


def look_at_pictures(
    settings: Context, store: Store, typed: str, side: Side
) -> tuple[SamplePictures | None, tuple[Notice, ...]]:
    """The pictures counted by clip skip; a warning where Civitai cannot be asked or knows none."""
    from ..registry.sources.civitai import Civitai

    try:
        civitai = settings.sources().named("civitai")
        assert isinstance(civitai, Civitai)
        page = _page(settings, store, typed, side) or _by_hash(settings, civitai, side)
        if page is None:
            message = "Civitai knows no page of this model, so there are no pictures to count"
            return None, (Notice("not_on_civitai", message),)
        return civitai.pictures(page), ()
    except (SourceError, NotFound) as failure:
        message = f"the pictures on Civitai were not counted: {failure.message}"
        return None, (Notice(failure.code, message),)


def _page(settings: Context, store: Store, typed: str, side: Side) -> CivitaiRef | None:
    """The version that the REF itself names, else the one that the model was recorded from."""
    known = store.origins().get(side.artifact.digests.sha256, ())
    named = [side.ref, typed] if is_remote(typed) else [side.ref]
    named += [origin.ref for origin in known if origin.source == "civitai"]
    pages = [page for text in named if text and (page := _civitai(settings, text))]
    return next((page for page in pages if page.version), next(iter(pages), None))


def _by_hash(settings: Context, civitai: Civitai, side: Side) -> CivitaiRef | None:
    """The version that has a file of this content; raises ``SourceError``."""
    sha256 = side.artifact.digests.sha256
    if not sha256 or side.artifact.identity.format == "diffusers":
        return None
    found = civitai.by_hashes([sha256]).get(sha256)
    return _civitai(settings, found.origin.ref) if found else None


def _civitai(settings: Context, text: str) -> CivitaiRef | None:
    from ..registry.sources.ref_values import CivitaiRef

    ref = settings.sources().parse(text)
    return ref if isinstance(ref, CivitaiRef) else None
