"""Stamps of files that got another name or lost one: a hard link moves the time of change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from .formats.local import stamp_of
from .ports import Store
from .values import Location, Stamp


@contextmanager
def only_names_change(store: Store) -> Iterator[None]:
    """Within it files get names or lose them, and what is recorded of them stays in force.

    Only files that were as recorded before are taken as unchanged afterwards; a scan would
    otherwise read hundreds of gigabytes again because of a link.
    """
    current = {
        path: place.stamp
        for path, place in store.places().items()
        if place.sha256 is not None and _now(path) == place.stamp
    }
    try:
        yield
    finally:
        moves = [
            (path, Location(path, now))
            for path, stamp in current.items()
            if (now := _now(path)) is not None and now != stamp and _content(now) == _content(stamp)
        ]
        if moves:
            store.relocate(moves)


def _now(path: str) -> Stamp | None:
    """Of a file; None for a folder, whose stamp no link of ours moves, and for what is gone."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return None if os.path.isdir(path) else stamp_of(status)


def _content(stamp: Stamp) -> tuple[int, int, int, int]:
    return stamp.device, stamp.inode, stamp.size, stamp.mtime_ns
