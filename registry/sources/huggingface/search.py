"""Searching the hub for VAEs: repositories by their words, then what of them would be pulled."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, zip_longest

from ...errors import Forbidden, NeedsToken, NotFound, Offline, RateLimited, VaeregError
from ...families import serves
from ...known import known_files
from ..base import Hit
from ..refs import HfRef
from . import choosing
from .hub import Hub
from .names import folder_name
from .records import Repository
from .weights import Choice, is_pickle

_AT_ONCE = 8
_FEWEST = 40
_MOST = 100
"""Repositories that one question asks for."""
_TRIES_FOR_DETAILS = 2
_MOST_OF_ONE = 5
"""Hits of one repository, so that a collection does not fill the page."""


def search(hub: Hub, words: str, limit: int, family: str | None) -> list[Hit]:
    """VAEs in the repositories that the words find, most downloads first.

    One question, two where the words do not say ``vae``, and one for each repository that looks
    like a hit; one that does not answer just now stays a hit without size and hash. Raises what
    the hub refuses where that leaves nothing.
    """
    found = _candidates(hub, words, limit, family)
    brief = replace(hub, patience=replace(hub.patience, tries=_TRIES_FOR_DETAILS))
    refused: list[VaeregError] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(lambda one: _listed(brief, one, refused), found))
    listed = [answer for answer in answers if answer is not None]
    if refused and not listed:
        raise refused[0]
    hits = [hit for one in listed for hit in _hits(hub, one) if _fits(hit, family)]
    return sorted(hits, key=lambda hit: -(hit.downloads or 0))[:limit]


def _candidates(hub: Hub, words: str, limit: int, family: str | None) -> list[Repository]:
    """Repositories that hold a VAE as far as the names of their files tell."""
    words = " ".join(words.split())
    asked = [words] if "vae" in words.lower() else [f"{words or family or ''} vae".strip(), words]
    count = min(max(_FEWEST, 2 * limit), _MOST)
    lists = [hub.search(question, count) for question in asked if question]
    mixed = chain.from_iterable(zip_longest(*lists))
    found = {one.id: one for one in mixed if one is not None and _may_hold(one)}
    return list(found.values())[: max(2 * limit, _AT_ONCE)]


def _may_hold(repository: Repository) -> bool:
    if repository.files is None:
        return True
    return bool(_vaes(repository))


def _listed(hub: Hub, one: Repository, refused: list[VaeregError]) -> Repository | None:
    """The repository with sizes and hashes, without where the hub is in trouble; None if refused.

    A hub that has fallen silent, or wants to be left alone, is not asked for the others.
    """
    if any(isinstance(error, Offline | RateLimited) for error in refused):
        return one
    try:
        return hub.repository(one.id, None)
    except (NotFound, NeedsToken, Forbidden) as error:
        refused.append(error)
        return None
    except VaeregError as error:
        refused.append(error)
        return one


def _vaes(repository: Repository) -> list[Choice]:
    """The VAEs of a repository; a folder at the root counts where the names say it is one."""
    sizes = {path: stored.size for path, stored in (repository.files or {}).items()}
    found = choosing.vaes(sizes, HfRef(repository.id))
    name = f"{repository.id}.safetensors"
    return [one for one in found if one.root != "" or choosing.is_vae_name(name, None)]


def _hits(hub: Hub, repository: Repository) -> Iterable[Hit]:
    for choice in _vaes(repository)[:_MOST_OF_ONE]:
        yield _hit(hub, repository, choice)


def _hit(hub: Hub, repository: Repository, choice: Choice) -> Hit:
    files = repository.files or {}
    sizes = [files[path].size for path in choice.paths]
    weights = choice.paths[0]
    path = weights if choice.root is None else choice.root.rstrip("/") or None
    sha256 = files[weights].sha256
    known = known_files().get(sha256 or "")
    settled = (known.family,) if known and known.family else ()
    return Hit(
        source="huggingface",
        ref=str(HfRef(repository.id, path)),
        name=weights.rpartition("/")[2]
        if choice.root is None
        else folder_name(repository.id, path),
        author=repository.author,
        file=weights if choice.root is None else choice.root or None,
        size=None if None in sizes else sum(size or 0 for size in sizes),
        sha256=sha256,
        families=settled,
        determined_by="known-hash" if settled else None,
        downloads=repository.downloads,
        likes=repository.likes,
        updated_at=repository.updated_at,
        pickle=is_pickle(weights),
        gated=repository.gated,
        url=f"{hub.endpoint}/{repository.id}",
    )


def _fits(hit: Hit, family: str | None) -> bool:
    """Whether a hit may serve a family; no name is evidence, so what nothing tells stays open."""
    return family is None or not hit.families or serves(hit.families, family)
