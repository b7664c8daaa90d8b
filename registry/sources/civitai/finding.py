"""VAEs found by words: the list's pages walked by their cursors, one hit a version."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from ...errors import DownloadBroken, VaeregError
from ...families import families, serves
from ...known import known_files
from ..base import Hit
from .base_models import base_models, declared_families
from .choice import best_of
from .records import File, Version, is_record, versions_of
from .routes import Routes

if TYPE_CHECKING:
    from ...transfer.client import Client

_LARGEST_PAGE = 100
_SMALLEST_PAGE = 20
_MOST_PAGES = 50
_MOST_EMPTY = 10
"""Pages in a row without a model that had not come yet."""
_MOST_UNFILTERED = 3
"""Pages of all base models, walked for what its author files under none of a family's."""
_VERSIONS_A_MODEL = 3
Query = list[tuple[str, str]]


def find_vaes(
    client: Client, routes: Routes, words: str, limit: int, family: str | None
) -> list[Hit]:
    """At most ``limit`` VAEs that the words find; what came before a page failed is kept.

    With a family those that may serve it by what is published of them, and those of which nothing
    tells a family: their headers may. Raises ``SourceError`` where nothing came.
    """
    found: dict[str, Hit] = {}
    queries = _queries(words, limit, family) if limit > 0 else iter(())
    listings = (_wanted(client, routes, query, pages, family) for query, pages in queries)
    try:
        for hit in chain.from_iterable(listings):
            found.setdefault(hit.ref, hit)
            if len(found) == limit:
                break
    except VaeregError:
        if not found:
            raise
    return list(found.values())


def _queries(words: str, limit: int, family: str | None) -> Iterator[tuple[Query, int]]:
    """What to ask for, and how many pages of it; the next where the one before gives too few.

    A filter by base model leaves out whatever has none, or one that is filed under another name.
    """
    size = min(_LARGEST_PAGE, max(_SMALLEST_PAGE, limit))
    query: Query = [("types", "VAE"), ("nsfw", "true"), ("sort", "Most Downloaded")]
    if words.strip():
        query.append(("query", words.strip()))
    if family is None:
        yield [*query, ("limit", str(size))], _MOST_PAGES
        return
    serving = [each for each in families() if serves((each,), family)]
    names = dict.fromkeys(name for each in serving for name in base_models(each))
    if names:
        filtered = [("baseModels", name) for name in names]
        yield [*query, ("limit", str(size)), *filtered], _MOST_PAGES
    yield [*query, ("limit", str(_LARGEST_PAGE))], _MOST_UNFILTERED


def _wanted(
    client: Client, routes: Routes, query: Query, pages: int, family: str | None
) -> Iterator[Hit]:
    hits = (hit for model in _models(client, routes, query, pages) for hit in _hits(model, routes))
    return (
        hit for hit in hits if family is None or not hit.families or serves(hit.families, family)
    )


def _models(client: Client, routes: Routes, query: Query, pages: int) -> Iterator[dict[str, Any]]:
    """Each model of the list once; a page may be empty and yet not the last."""
    seen: set[int] = set()
    cursors: set[str] = set()
    cursor: Query = []
    empty = 0
    for _ in range(pages):
        page = client.json(routes.models, [*query, *cursor])
        if not isinstance(page, dict) or not isinstance(page.get("items"), list):
            raise DownloadBroken("Civitai's answer is no list of models", "try again later")
        fresh = {model["id"]: model for model in page["items"] if is_record(model)}
        yield from (model for number, model in fresh.items() if number not in seen)
        empty = 0 if fresh.keys() - seen else empty + 1
        seen |= fresh.keys()
        following = _next_cursor(page.get("metadata"))
        if not following or following in cursors or empty == _MOST_EMPTY:
            return
        cursors.add(following)
        cursor = [("cursor", following)]


def _next_cursor(metadata: object) -> str | None:
    """A text or a number; None behind the last page. ``nextPage`` may hold the token: unread."""
    cursor = metadata.get("nextCursor") if isinstance(metadata, dict) else None
    return str(cursor) if isinstance(cursor, str | int) else None


def _hits(model: dict[str, Any], routes: Routes) -> Iterator[Hit]:
    offered = ((version, best_of(version)) for version in versions_of(model))
    found = (_hit(version, file, routes) for version, file in offered if file and not file.danger)
    return islice(found, _VERSIONS_A_MODEL)


def _hit(version: Version, file: File, routes: Routes) -> Hit:
    allowed, determined_by = _families(version, file)
    return Hit(
        source="civitai",
        ref=version.ref,
        name=version.title,
        author=version.author,
        file=file.name,
        size=file.size,
        sha256=file.sha256,
        declared=version.base_model,
        families=allowed,
        determined_by=determined_by,
        downloads=version.downloads,
        likes=version.likes,
        updated_at=version.published_at,
        pickle=file.pickle,
        gated=version.private or version.early is not None,
        url=routes.page(version),
    )


def _families(version: Version, file: File) -> tuple[tuple[str, ...], str | None]:
    """A published hash before the author's word; never the file's name."""
    known = known_files().get(file.sha256 or "")
    if known and known.kind == "vae" and known.family:
        return (known.family,), "known-hash"
    declared = declared_families(version.base_model)
    return declared, "declared" if declared else None
