"""Verifying recorded models: every file is hashed again and compared with what was recorded."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from .digests import Progress
from .errors import VaeregError
from .intake import take_in
from .progress import Watcher
from .values import Model
from .walk import is_gone
from .workers import Stopped, each


@dataclass(frozen=True, slots=True)
class Checked:
    """One place of a model, verified."""

    name: str
    path: str
    outcome: str
    """``ok`` | ``changed`` | ``missing`` | ``unreadable``."""
    message: str


def verify(models: Sequence[Model], jobs: int, watcher: Watcher) -> list[Checked]:
    """Hash every recorded place again, in the order of the models; nothing is written."""
    places = [(model, place.path) for model in models for place in model.locations]
    watcher.planned(len(places), sum(_size(path) for _, path in places))
    stop = threading.Event()

    def advance(size: int) -> None:
        if stop.is_set():
            raise Stopped
        watcher.advanced(size)

    def one(number: int) -> Checked:
        checked = _verify(*places[number], advance)
        watcher.finished(places[number][1])
        return checked

    done = sorted(each(one, range(len(places)), jobs, stop), key=itemgetter(0))
    return [checked for _, checked in done]


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _verify(model: Model, path: str, advance: Progress) -> Checked:
    if is_gone(path):
        return Checked(model.name, path, "missing", "the file is not there any more")
    try:
        found = take_in(path, advance).artifact.digests.sha256
    except VaeregError as failure:
        return Checked(model.name, path, "unreadable", failure.message)
    if found == model.artifact.digests.sha256:
        return Checked(model.name, path, "ok", "the content is as recorded")
    return Checked(
        model.name,
        path,
        "changed",
        f"the content changed: SHA-256 {found[:10]} where {model.artifact.digests.sha256[:10]} "
        "was recorded; run vaereg scan to record it anew, or restore the file",
    )
