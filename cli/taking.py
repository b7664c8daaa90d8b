"""From a REF to one side of a pair: as it is recorded, taken in now, or looked into from afar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..registry.errors import FileError, NotFound, StoreError
from ..registry.intake import look, take_in
from ..registry.judging.sides import Side
from ..registry.lookup import path_of, recorded
from ..registry.naming import display_name, shown
from ..registry.ports import Store
from ..registry.values import Artifact, Digests
from ..registry.walk import Found, walk
from .context import Context

if TYPE_CHECKING:
    from ..registry.peek import Peek
    from ..registry.sources.base import Offer
    from ..registry.sources.refs import Ref


@dataclass(frozen=True, slots=True)
class Taken:
    """What a REF stands for, and what was read of it where it is not on this machine."""

    side: Side
    look: Peek | None = None


def side_of(settings: Context, store: Store, ref: str, role: str, to_draw: bool = False) -> Side:
    """A registered model as it is recorded; a path that is new or changed is taken in first.

    A REF of another machine is looked into by its headers alone, unless its content is here; one
    that is ``to_draw`` is taken from Hugging Face's cache where a pipeline lies there. ``role`` is
    ``model`` or ``vae``: what is looked for behind a REF that leaves a choice. Raises ``NotFound``,
    ``Ambiguous``, ``FileError`` and ``SourceError``.
    """
    return _found(settings, store, ref, role, _taken_in, to_draw).side


def glanced(settings: Context, store: Store, ref: str, role: str, to_draw: bool = False) -> Taken:
    """As ``side_of``, but of a path that is new or changed the headers alone are read.

    Nothing is recorded, and the SHA-256 of what is not recorded is empty. Raises as ``side_of``.
    """
    return _found(settings, store, ref, role, _glanced, to_draw)


_Reading = Callable[[Context, Store, str], Artifact]
"""What tells the content of a path that is not recorded as it is."""


def _found(
    settings: Context, store: Store, ref: str, role: str, read: _Reading, to_draw: bool
) -> Taken:
    path = path_of(ref)
    if path is not None:
        return Taken(_at(settings, store, path, read))
    try:
        return Taken(Side.of(recorded(store, ref)))
    except NotFound:
        remote = settings.sources().parse(ref)
        if remote is None:
            raise
    warn_of_secret(settings, ref)
    cached = _cached(settings, remote) if to_draw else None
    if cached is not None:
        return Taken(_at(settings, store, cached, read))
    return _remote_side(settings, store, remote, role)


def _at(settings: Context, store: Store, path: str, read: _Reading) -> Side:
    known = _known_at(store, path) or read(settings, store, path)
    return Side(display_name(path), path, known)


def _cached(settings: Context, remote: Ref) -> str | None:
    """The folder of a pipeline that can draw, in the cache of Hugging Face's library."""
    from ..registry.sources.huggingface.cache import cached_pipeline
    from ..registry.sources.refs import HfRef

    if not isinstance(remote, HfRef) or remote.path is not None:
        return None
    path = cached_pipeline(remote.repo, remote.revision)
    if path is None or not _can_draw(path):
        return None
    settings.output.note(f"note: {shown(str(remote))} is here already: {path}")
    return path


def _can_draw(folder: str) -> bool:
    """Whether a pipeline's files can be read, its denoiser's weights among them."""
    if not isinstance(next(walk(folder), None), Found):
        return False
    try:
        identity, _, _ = look(folder)
    except FileError:
        return False
    denoiser = identity.component("denoiser")
    return denoiser is not None and denoiser.tensors > 0


def _known_at(store: Store, path: str) -> Artifact | None:
    """What is recorded of a path that has not changed since."""
    place = store.places().get(path)
    entry = next(walk(path), None) if place is not None and place.sha256 else None
    if (
        place is not None
        and place.sha256
        and isinstance(entry, Found)
        and entry.path == path
        and entry.stamp == place.stamp
        and (recorded := store.by_sha256(place.sha256))
    ):
        return recorded.artifact
    return None


def _glanced(_settings: Context, _store: Store, path: str) -> Artifact:
    identity, size, _ = look(path)
    return Artifact(Digests(""), size, identity)


def _taken_in(settings: Context, store: Store, path: str) -> Artifact:
    entry = next(walk(path), None)
    with settings.output.progress("reading") as watcher:
        watcher.planned(1, entry.stamp.size if isinstance(entry, Found) else 0)
        taken = take_in(path, watcher.advanced)
    try:
        store.remember([(taken.artifact, taken.location)])
        settings.output.detail(f"recorded {path} as {taken.artifact.digests.sha256[:10]}")
    except StoreError as failure:
        settings.output.note(f"note: not recorded. {failure.message}")
    return taken.artifact


def warn_of_secret(settings: Context, text: str) -> None:
    """Say that a key in a pasted address is not used, and where it belongs."""
    from ..registry.sources.refs import had_secret

    if had_secret(text):
        settings.output.note(
            "note: the key in that address was left out; keys belong in HF_TOKEN or"
            " CIVITAI_API_TOKEN, where no history keeps them"
        )


def _remote_side(settings: Context, store: Store, remote: Ref, role: str) -> Taken:
    from ..registry.peek import peek
    from ..registry.sources.base import Wish

    sources = settings.sources()
    offer = sources.offer(remote, Wish(role))
    for note in offer.notes:
        settings.output.note(f"note: {note}")
    here = _recorded(store, offer)
    if here is not None:
        settings.output.note(f"note: {shown(str(offer.ref))} is here already: {here.path}")
        return Taken(replace(here, declared_vaes=offer.declared_vaes))
    look = peek(sources.client_of(remote), offer)
    settings.output.detail(
        f"read {look.bytes_read:,} bytes of {offer.ref} in {look.requests} requests"
    )
    name = display_name(offer.name)
    declared = offer.origin.declared
    side = Side(name, None, look.artifact, str(offer.ref), declared, offer.declared_vaes)
    return Taken(side, look)


def _recorded(store: Store, offer: Offer) -> Side | None:
    """The recorded model of the content that a source states, where it lies unchanged."""
    from ..registry.pulling.plan import unchanged_path

    sha256 = offer.files[0].sha256 if offer.root is None else None
    found = store.by_sha256(sha256) if sha256 else None
    path = unchanged_path(found) if found else None
    return replace(Side.of(found), path=path) if found and path else None
