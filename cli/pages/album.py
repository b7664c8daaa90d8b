"""The pictures that a page holds: made small, each once, as long as there is room for them."""

from __future__ import annotations

import base64
import io
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

ROOM = 40_000_000
"""Letters that all pictures of a page may take: browsers open a page of that size in a second."""
_WIDTH = 768
"""Pixels: as wide as pictures are shown at most."""
_TALLEST, _LARGEST = 4096, 64_000_000
"""Pixels of height after shrinking and pixels in all before it; beyond, a file is no probe's."""
_FULL = "the page's room for pictures is used up"
_NO_PILLOW = "pillow is not installed"
_GONE = "it is gone, or no picture"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a page."""

    path: str
    source: str | None
    """A data: address; None where the page only names the path."""
    missing: str = ""
    """Why it is not in the page."""


class Album:
    """Numbers pictures by their paths and holds them, as long as there is room."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._pictures: dict[str, tuple[int, Picture]] = {}
        self._full = False

    def number(self, path: str) -> int:
        """The picture's number in the page; the same for the same path."""
        known = self._pictures.get(path)
        if known is None:
            known = self._pictures[path] = (len(self._pictures), self._taken(path))
        return known[0]

    def pictures(self) -> list[Picture]:
        """All, by number."""
        return [picture for _, picture in self._pictures.values()]

    def blocks(self) -> Iterator[str]:
        """The pictures as blocks of data, which a browser does not decode until one is shown."""
        for number, picture in self._pictures.values():
            if picture.source:
                yield f'<script type="text/plain" id="picture-{number}">{picture.source}</script>'

    def notes(self) -> list[str]:
        """What a reader must know of pictures that are not in the page."""
        missing = [picture.missing for picture in self.pictures() if picture.missing]
        if not missing:
            return []
        why = "; ".join(sorted(set(missing)))
        return [f"{len(missing)} of {len(self._pictures)} pictures are named by their path: {why}."]

    def _taken(self, path: str) -> Picture:
        if self._full:
            return Picture(path, None, _FULL)
        if not _pillow():
            return Picture(path, None, _NO_PILLOW)
        source = _source(path)
        if source is None:
            return Picture(path, None, _GONE)
        if len(source) > self._room:
            # All later ones are left out too: shrinking thousands in vain would take minutes.
            self._full = True
            return Picture(path, None, _FULL)
        self._room -= len(source)
        return Picture(path, source)


def _pillow() -> bool:
    try:
        import PIL  # noqa: F401
    except ImportError:
        return False
    return True


def _source(path: str) -> str | None:
    """The picture, shrunk, as a data: address; None where there is none."""
    from PIL import Image

    if not os.path.isfile(path):
        return None
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=("PNG",)) as image:
            width, height = image.size
            if width * height > _LARGEST:
                return None
            small = image.convert("RGB")
    except Exception:  # Decoders meet damaged files with whatever error is at hand.
        return None
    small.thumbnail((_WIDTH, _TALLEST), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=86, subsampling=0, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.getvalue()).decode()}"
