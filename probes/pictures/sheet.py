"""The picture strip: pictures of several decodes side by side, so that one sees what is wrong."""

from __future__ import annotations

import errno
import io
import os
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from ...registry.errors import INSTALL_PROBES, MissingDependency, NoSpace, Unreadable
from ...registry.naming import shown
from .pixels import unit_range

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

_WIDTH, _GAP, _MARGIN = 224, 14, 28
"""Of a column, between columns and rows, and around the whole, in pixels."""
_GROUND, _INK, _FAINT, _RULE = (24, 25, 28), (236, 236, 238), (152, 154, 162), (58, 60, 66)
_GOOD, _LOOK, _FAULT, _BAD = (96, 201, 120), (90, 184, 230), (240, 178, 74), (240, 92, 92)
_COLOURS = {
    "match": _GOOD, "vivid": _LOOK,
    "duller": _FAULT, "blurry": _FAULT, "cast": _FAULT, "washed": _FAULT, "burnt": _FAULT,
    "degraded": _FAULT, "broken": _BAD, "nan": _BAD, "not trusted": _BAD, "own decode": _FAINT,
}  # fmt: skip
_SIZES = {"headline": 24, "name": 16, "word": 22, "small": 14}
_LINE = 1.4
"""Distance of lines in font sizes."""


@dataclass(frozen=True, slots=True)
class Column:
    """One decode of the pictures and what is written above and below it."""

    role: str
    """``test card`` | ``reference`` ...: stands small above the name."""
    name: str
    pictures: Tensor
    """[N, 3, H, W] in [-1, 1] or beyond; the same shape in every column."""
    word: str = ""
    """Outcome of the cross-decode, written in its colour."""
    notes: tuple[str, ...] = ()
    """Short lines of figures."""


def write_sheet(path: str, captions: Sequence[str], columns: Sequence[Column]) -> None:
    """Write the strip as a PNG, whole or not at all, making its folder; one row for each picture.

    The first caption is the headline. Names are shortened to their column, and letters that
    Pillow's own font lacks are shown as ``?``. The same input gives the same bytes. Raises
    ``MissingDependency`` without pillow, ``NoSpace`` and ``Unreadable`` where it cannot be written.
    """
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise MissingDependency(
            "a picture strip needs pillow, which is not installed",
            f"install it with: {INSTALL_PROBES}",
        ) from None
    encoded = io.BytesIO()
    _Sheet(captions, columns).drawn().save(encoded, "PNG", optimize=False, compress_level=6)
    _write_whole(path, encoded.getvalue())


def _write_whole(path: str, content: bytes) -> None:
    partial = f"{path}.{os.getpid()}.part"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(partial, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    except OSError as failure:
        with suppress(OSError):
            os.unlink(partial)
        if failure.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(
                f"the disk of {shown(path)} is full: the picture strip was not written",
                "make room, or name another folder with --out",
            ) from None
        raise Unreadable(
            f"the picture strip {shown(path)} cannot be written: {failure.strerror or failure}",
            "name a folder that you may write to with --out",
        ) from None


class _Sheet:
    """One strip being laid out: columns of equal width below a headline."""

    def __init__(self, captions: Sequence[str], columns: Sequence[Column]) -> None:
        self._captions, self._columns = captions, columns
        self._fonts = {name: _font(size) for name, size in _SIZES.items()}
        self._rows = [_thumbnails(column.pictures) for column in columns]

    def drawn(self) -> Image:
        from PIL import Image, ImageDraw

        top, below = self._heights()
        width = 2 * _MARGIN + len(self._columns) * (_WIDTH + _GAP) - _GAP
        pictures = sum(thumbnail.height + _GAP for thumbnail in self._rows[0])
        sheet = Image.new("RGB", (width, top + pictures + below), _GROUND)
        pen = ImageDraw.Draw(sheet)
        self._head(pen, width)
        for place, column in enumerate(self._columns):
            left = _MARGIN + place * (_WIDTH + _GAP)
            self._titles(pen, left, top, column)
            y = top
            for thumbnail in self._rows[place]:
                sheet.paste(thumbnail, (left, y))
                y += thumbnail.height + _GAP
            self._figures(pen, left, y, column)
        return sheet

    def _heights(self) -> tuple[int, int]:
        """What stands above the pictures and below them, in pixels."""
        lines = [_step("headline"), *[_step("small")] * (len(self._captions) - 1)]
        head = sum(lines[: len(self._captions)]) + (_GAP if self._captions else 0)
        notes = max(len(column.notes) for column in self._columns)
        worded = any(column.word for column in self._columns)
        below = worded * _step("word") + notes * _step("small")
        return _MARGIN + head + _step("small") + _step("name") + 6, below + _MARGIN

    def _head(self, pen: ImageDraw, width: int) -> None:
        y = _MARGIN
        for number, caption in enumerate(self._captions):
            kind = "small" if number else "headline"
            self._write(pen, (_MARGIN, y), caption, kind, _FAINT if number else _INK, width)
            y += _step(kind)

    def _titles(self, pen: ImageDraw, left: int, top: int, column: Column) -> None:
        y = top - 6 - _step("name")
        self._write(pen, (left, y - _step("small")), column.role, "small", _FAINT)
        self._write(pen, (left, y), column.name, "name", _INK)

    def _figures(self, pen: ImageDraw, left: int, y: int, column: Column) -> None:
        if column.word:
            colour = _COLOURS.get(column.word, _INK)
            self._write(pen, (left, y - 4), column.word, "word", colour)
        y += _step("word")
        for note in column.notes:
            self._write(pen, (left, y), note, "small", _FAINT)
            y += _step("small")

    def _write(
        self,
        pen: ImageDraw,
        place: tuple[int, int],
        text: str,
        kind: str,
        colour: tuple[int, int, int],
        width: int = _WIDTH,
    ) -> None:
        font = self._fonts[kind]
        room = width - (2 * _MARGIN if width != _WIDTH else 0)
        pen.text(place, _shortened(_plain(text), font, room), fill=colour, font=font)


def _step(kind: str) -> int:
    return round(_SIZES[kind] * _LINE)


def _font(size: int) -> Font:
    from PIL import ImageFont

    try:
        return ImageFont.load_default(size)
    except ImportError:  # Pillow built without FreeType has one small bitmap font.
        return ImageFont.load_default()


def _plain(text: str) -> str:
    """Letters that Pillow's font can draw: accents dropped, other scripts as ``?``."""
    folded = unicodedata.normalize("NFKD", shown(text))
    bare = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return bare.encode("ascii", "replace").decode()


def _shortened(text: str, font: Font, room: int) -> str:
    """Cut in the middle: both ends of a model's name tell it from its neighbours."""
    if font.getlength(text) <= room:
        return text
    for kept in range(len(text) - 1, 1, -1):
        cut = text[: (kept + 1) // 2] + "..." + text[len(text) - kept // 2 :]
        if font.getlength(cut) <= room:
            return cut
    return "..."


def _thumbnails(pictures: Tensor) -> list[Image]:
    """Pictures as wide as a column."""
    from PIL import Image

    pixels = (unit_range(pictures) * 255).round().byte().permute(0, 2, 3, 1).contiguous()
    height = round(_WIDTH * pixels.shape[1] / pixels.shape[2])
    size = (pixels.shape[2], pixels.shape[1])
    return [
        Image.frombytes("RGB", size, bytes(one.flatten().tolist())).resize(
            (_WIDTH, height), Image.Resampling.BICUBIC
        )
        for one in pixels
    ]
