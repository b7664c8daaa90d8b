"""The picture strip: pictures of several decodes side by side, so that one sees what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from .lettering import LINE, drawable, font, shortened
from .pixels import unit_range
from .writing import png, require_pillow, write_whole

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

COLUMN = 224
"""The usual width of a column, in pixels."""
_GAP, _MARGIN = 14, 28
"""Between columns and rows, and around the whole, in pixels."""
_GROUND, _INK, _FAINT, _RULE = (24, 25, 28), (236, 236, 238), (152, 154, 162), (58, 60, 66)
_GOOD, _LOOK, _FAULT, _BAD = (96, 201, 120), (90, 184, 230), (240, 178, 74), (240, 92, 92)
_COLOURS = {
    "match": _GOOD, "vivid": _LOOK,
    "duller": _FAULT, "blurry": _FAULT, "cast": _FAULT, "washed": _FAULT, "burnt": _FAULT,
    "degraded": _FAULT, "broken": _BAD, "nan": _BAD, "not trusted": _BAD, "own decode": _FAINT,
}  # fmt: skip
_SIZES = {"headline": 24, "name": 16, "word": 22, "small": 14}


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


def write_sheet(
    path: str, captions: Sequence[str], columns: Sequence[Column], width: int = COLUMN
) -> None:
    """Write the strip as a PNG, whole or not at all, making its folder; one row for each picture.

    The first caption is the headline. Names are shortened to their column, and letters that
    Pillow's own font lacks are shown as ``?``. The same input gives the same bytes. Raises
    ``MissingDependency`` without pillow, ``NoSpace`` and ``Unreadable`` where it cannot be written.
    """
    require_pillow("a picture strip")
    write_whole(path, png(_Sheet(captions, columns, width).drawn()), "picture strip")


class _Sheet:
    """One strip being laid out: columns of equal width below a headline."""

    def __init__(self, captions: Sequence[str], columns: Sequence[Column], width: int) -> None:
        self._captions, self._columns, self._width = captions, columns, width
        self._fonts = {name: font(size) for name, size in _SIZES.items()}
        self._rows = [_thumbnails(column.pictures, width) for column in columns]

    def drawn(self) -> Image:
        from PIL import Image, ImageDraw

        top, below = self._heights()
        width = 2 * _MARGIN + len(self._columns) * (self._width + _GAP) - _GAP
        pictures = sum(thumbnail.height + _GAP for thumbnail in self._rows[0])
        sheet = Image.new("RGB", (width, top + pictures + below), _GROUND)
        pen = ImageDraw.Draw(sheet)
        self._head(pen, width)
        for place, column in enumerate(self._columns):
            left = _MARGIN + place * (self._width + _GAP)
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
        y, room = _MARGIN, width - 2 * _MARGIN
        for number, caption in enumerate(self._captions):
            kind = "small" if number else "headline"
            self._write(pen, (_MARGIN, y), caption, kind, _FAINT if number else _INK, room)
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
        room: int | None = None,
    ) -> None:
        letters = self._fonts[kind]
        line = shortened(drawable(text), letters, room or self._width)
        pen.text(place, line, fill=colour, font=letters)


def _step(kind: str) -> int:
    return round(_SIZES[kind] * LINE)


def _thumbnails(pictures: Tensor, width: int) -> list[Image]:
    """Pictures as wide as a column."""
    from PIL import Image

    pixels = (unit_range(pictures) * 255).round().byte().permute(0, 2, 3, 1).contiguous()
    height = round(width * pixels.shape[1] / pixels.shape[2])
    size = (pixels.shape[2], pixels.shape[1])
    return [
        Image.frombytes("RGB", size, bytes(one.flatten().tolist())).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        for one in pixels
    ]
