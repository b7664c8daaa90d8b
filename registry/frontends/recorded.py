"""Recorded models by where they lie now: a file that changed since is none of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property

from ..formats.local import stamp_of
from ..judging.sides import has
from ..values import Model, Stamp
from ..walk import folder_stamp


class Recorded:
    """Looks models up by path, over links of every kind too."""

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = tuple(models)
        self._seen: dict[str, Model | None] = {}

    def at(self, path: str) -> Model | None:
        """The recorded model that lies there unchanged; None for any other file."""
        if path not in self._seen:
            self._seen[path] = self._look(path)
        return self._seen[path]

    def places(self, model: Model) -> tuple[str, ...]:
        """Where a model lies unchanged, as it was recorded."""
        return tuple(place.path for place in model.locations if self.holds(place.path, model))

    def holds(self, path: str, model: Model) -> bool:
        """Whether a model lies there unchanged."""
        found = self.at(path)
        return found is not None and found.artifact.digests.sha256 == model.artifact.digests.sha256

    def folder_of(self, vae: Model) -> str | None:
        """A diffusers folder of the same weights, where one is recorded."""
        own = _content(vae)
        alike = [
            one for one in self.models if one is vae or (own is not None and _content(one) == own)
        ]
        paths = (path for one in alike if not has(one, "denoiser") for path in self.places(one))
        return next((path for path in paths if os.path.isdir(path)), None)

    @cached_property
    def _by_mark(self) -> dict[tuple[int, ...], Model]:
        return {
            _mark(place.stamp): model
            for model in self.models
            for place in model.locations
            if place.state == "present"
        }

    def _look(self, path: str) -> Model | None:
        try:
            stamp = folder_stamp(path) if os.path.isdir(path) else stamp_of(os.stat(path))
        except (OSError, ValueError):
            return None
        return self._by_mark.get(_mark(stamp))


def sayable(texts: Iterable[str]) -> bool:
    """Whether UTF-8 can say all of these; a name on the disk may hold bytes that it cannot."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def _mark(stamp: Stamp) -> tuple[int, ...]:
    # Not the time of the last change of the inode: each new hard link moves it.
    return stamp.device, stamp.inode, stamp.size, stamp.mtime_ns


def _content(model: Model) -> str | None:
    vae = model.artifact.identity.component("vae")
    return vae.content if vae else None
