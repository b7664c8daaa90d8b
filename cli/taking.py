"""From a REF to one side of a pair: as it is recorded, or taken in now."""

from __future__ import annotations

from ..registry.errors import StoreError
from ..registry.intake import take_in
from ..registry.judging.sides import Side
from ..registry.lookup import find, path_of
from ..registry.naming import display_name
from ..registry.ports import Store
from ..registry.walk import Found, walk
from .context import Context


def side_of(settings: Context, store: Store, ref: str) -> Side:
    """A registered model as it is recorded; a path that is new or changed is taken in first.

    Raises ``NotFound``, ``Ambiguous`` and ``FileError``.
    """
    path = path_of(ref)
    if path is None:
        return Side.of(find(store.models(), ref))
    place = store.places().get(path)
    entry = next(walk(path), None)
    if (
        place is not None
        and place.sha256
        and isinstance(entry, Found)
        and entry.path == path
        and entry.stamp == place.stamp
        and (recorded := store.by_sha256(place.sha256))
    ):
        return Side(display_name(path), path, recorded.artifact)
    with settings.output.progress("reading") as watcher:
        watcher.planned(1, entry.stamp.size if isinstance(entry, Found) else 0)
        taken = take_in(path, watcher.advanced)
    try:
        store.remember([(taken.artifact, taken.location)])
        settings.output.detail(f"recorded {path} as {taken.artifact.digests.sha256[:10]}")
    except StoreError as failure:
        settings.output.note(f"note: not recorded. {failure.message}")
    return Side(display_name(path), path, taken.artifact)
