"""From what a user types to a model: a path, a name, a published name or the start of a hash."""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence

from .errors import Ambiguous, NotFound
from .naming import display_name, shown
from .ports import Store
from .values import Model, Origin
from .walk import is_gone

_HASH = re.compile(r"[0-9a-fA-F]{4,64}")


def path_of(ref: str) -> str | None:
    """The absolute path a REF names, where there is something, be it unreadable."""
    return None if not ref or is_gone(os.path.abspath(ref)) else os.path.abspath(ref)


def find(models: Sequence[Model], ref: str) -> Model:
    """The one registered model that a REF names.

    A path wins over a name, a whole name over the start of a hash. Raises ``NotFound`` with the
    nearest names, ``Ambiguous`` with all that fit.
    """
    for matches in (_by_path(models, ref), _by_name(models, ref), _by_hash(models, ref)):
        if len(matches) > 1:
            raise _ambiguous(ref, matches)
        if matches:
            return matches[0]
    raise _not_found(models, ref)


def recorded(store: Store, ref: str, models: Sequence[Model] | None = None) -> Model:
    """As ``find`` in a registry, where a REF also names what was pulled from there.

    Raises ``NotFound``, ``Ambiguous`` and, for a malformed REF, ``UsageError``.
    """
    known = store.models() if models is None else models
    try:
        return find(known, ref)
    except NotFound:
        found = _by_origin(known, store.origins(), ref)
        if len(found) != 1:
            if found:
                raise _ambiguous(ref, found) from None
            raise
        return found[0]


def path_on_disk(model: Model) -> str:
    """Where a registered model lies; raises ``NotFound`` where it is not there now."""
    if model.path is None or not os.path.lexists(model.path):
        raise NotFound(
            f"{shown(model.name)} was recorded at {shown(str(model.path))} and is not there now",
            "plug its drive in, or run vaereg scan on the folder it moved to",
        )
    return model.path


def _by_path(models: Sequence[Model], ref: str) -> list[Model]:
    path = os.path.abspath(ref)
    return [model for model in models if any(place.path == path for place in model.locations)]


def _by_name(models: Sequence[Model], ref: str) -> list[Model]:
    folded = _folded(ref)
    return [model for model in models if folded in _names(model)]


def _names(model: Model) -> set[str]:
    names = {model.name, model.artifact.known_as or model.name}
    for place in model.locations:
        names |= {os.path.basename(place.path), display_name(place.path)}
    # What a list prints can be typed, also where control characters stand spelt out in it.
    return {_folded(name) for name in names} | {_folded(shown(name)) for name in names}


def _folded(name: str) -> str:
    """A name without case, its accents composed: macOS keeps them apart."""
    return unicodedata.normalize("NFC", name).casefold()


def _by_hash(models: Sequence[Model], ref: str) -> list[Model]:
    if not _HASH.fullmatch(ref):
        return []
    start = ref.casefold()
    found = [model for model in models if model.artifact.digests.sha256.startswith(start)]
    if found:
        return found
    return [
        model
        for model in models
        if start in (model.artifact.digests.autov1, model.artifact.digests.autov3)
        or (model.artifact.digests.blake3 or "").startswith(start)
    ]


def _by_origin(
    models: Sequence[Model], origins: Mapping[str, tuple[Origin, ...]], ref: str
) -> list[Model]:
    from .sources.refs import parse, same_place

    wanted = parse(ref)
    if wanted is None:
        return []
    return [
        model
        for model in models
        if any(same_place(wanted, o) for o in origins.get(model.artifact.digests.sha256, ()))
    ]


def _ambiguous(ref: str, matches: Sequence[Model]) -> Ambiguous:
    return Ambiguous(
        f"{shown(ref)} names {len(matches)} models: {_listed(matches)}",
        "give the start of the SHA-256 or the path instead",
    )


def _listed(models: Sequence[Model]) -> str:
    named = [f"{shown(model.name)} ({model.artifact.digests.sha256[:10]})" for model in models[:5]]
    more = f" and {len(models) - 5} more" if len(models) > 5 else ""
    return ", ".join(named) + more


def _not_found(models: Sequence[Model], ref: str) -> NotFound:
    from .sources.refs import is_remote

    if is_remote(ref):
        return NotFound(f"{shown(ref)} is not recorded on this machine", "vaereg pull fetches it")
    names = sorted({model.name for model in models})
    near = difflib.get_close_matches(ref, names, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(shown(name) for name in near)}?" if near else None
    return NotFound(
        f"there is no file and no registered model called {shown(ref)}",
        hint or "give a path, or record a folder of models with vaereg scan DIR",
    )
