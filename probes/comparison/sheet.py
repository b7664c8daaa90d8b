"""The comparison sheet: one PNG with every picture, its detail enlarged, its words and figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..pictures.lettering import LINE, drawable, font, shortened
from ..pictures.writing import png, require_pillow, write_whole
from .captions import lines
from .compared import Compared, Seen
from .figures import Picture, shown_range

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from ..pictures.lettering import Font

    Colour = tuple[int, int, int]

_WIDTH, _GAP, _MARGIN, _INSET = 272, 24, 36, 8
"""Of a cell, between cells, around the whole, and between the parts of a cell, in pixels."""
_MOST_ABREAST = 5
_TABS = (104, 190)
"""From a figure's name to the figure, and to what it is beside the first."""
_GROUND, _INK, _FAINT = (24, 25, 28), (236, 236, 238), (152, 154, 162)
_GRADES = {
    "alone": _INK, "same": (96, 201, 120), "look": (90, 184, 230), "fault": (240, 92, 92),
}  # fmt: skip
_SIZES = {"headline": 26, "name": 18, "words": 16, "small": 14}
_TIED = "\0%"
"""A percent sign that stays with its number."""
_MOST_LINES = 5
"""Of words below a picture."""


def write_sheet(path: str, compared: Compared, captions: Sequence[str] = ()) -> None:
    """Write the sheet as a PNG, whole or not at all, making its folder.

    The first caption is the headline. Pictures of another shape than the first are fitted into its
    frame. The same input gives the same bytes. Raises ``MissingDependency`` without pillow,
    ``NoSpace`` and ``Unreadable`` where it cannot be written.
    """
    require_pillow("a comparison sheet")
    write_whole(path, png(_Sheet(compared, captions).drawn()), "comparison sheet")


def image_of(picture: Picture) -> Image:
    """The picture as 8-bit RGB, rounded; NaN as black."""
    from PIL import Image

    pixels = np.rint(shown_range(picture) * 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


class _Place(NamedTuple):
    """Where the next thing is drawn."""

    left: int
    top: int

    def below(self, pixels: int) -> _Place:
        return _Place(self.left, self.top + pixels)


class _Sheet:
    """One sheet being laid out: cells of equal size in as many rows as it takes."""

    def __init__(self, compared: Compared, captions: Sequence[str]) -> None:
        self._cells, self._box, self._captions = compared.columns, compared.detail, captions
        self._fonts: dict[str, Font] = {name: font(size) for name, size in _SIZES.items()}
        first = compared.columns[0].figures
        shape = min(max(first.height / first.width, 0.25), 2)
        self._frame = (_WIDTH, round(_WIDTH * shape))
        self._words = [self._wrapped(cell.words) for cell in self._cells]
        rows = math.ceil(len(self._cells) / _MOST_ABREAST)
        self._abreast = math.ceil(len(self._cells) / rows)

    def drawn(self) -> Image:
        from PIL import Image, ImageDraw

        width = 2 * _MARGIN + self._abreast * (_WIDTH + _GAP) - _GAP
        rows = math.ceil(len(self._cells) / self._abreast)
        top, high = self._head_height(), self._cell_height() + 2 * _GAP
        sheet = Image.new("RGB", (width, top + rows * high - 2 * _GAP + _MARGIN), _GROUND)
        pen = ImageDraw.Draw(sheet)
        self._head(pen, width - 2 * _MARGIN)
        for number, cell in enumerate(self._cells):
            row, column = divmod(number, self._abreast)
            place = _Place(_MARGIN + column * (_WIDTH + _GAP), top + row * high)
            place = self._titles(pen, place, cell)
            place = self._pictures(sheet, pen, place, cell)
            self._says(pen, place, cell, self._words[number])
        return sheet

    def _head_height(self) -> int:
        lines_below = max(len(self._captions) - 1, 0)
        heading = _step("headline") + lines_below * _step("small") + _GAP
        return _MARGIN + (heading if self._captions else 0)

    def _cell_height(self) -> int:
        words = max(len(wrapped) for wrapped in self._words)
        figures = max(len(lines(cell)) for cell in self._cells)
        titles = _step("small") + _step("name")
        texts = words * _step("words") + figures * _step("small")
        return titles + 2 * (self._frame[1] + _INSET) + texts + _INSET

    def _head(self, pen: ImageDraw, room: int) -> None:
        place = _Place(_MARGIN, _MARGIN)
        for number, caption in enumerate(self._captions):
            kind = "small" if number else "headline"
            self._write(pen, place, caption, kind, _FAINT if number else _INK, room)
            place = place.below(_step(kind))

    def _titles(self, pen: ImageDraw, place: _Place, cell: Seen) -> _Place:
        self._write(pen, place, cell.column.note, "small", _FAINT)
        place = place.below(_step("small"))
        self._write(pen, place, cell.column.name, "name", _INK)
        return place.below(_step("name"))

    def _pictures(self, sheet: Image, pen: ImageDraw, place: _Place, cell: Seen) -> _Place:
        """The whole with a frame around the detail, and the detail below it."""
        from PIL import Image, ImageOps

        image = image_of(cell.column.picture)
        whole = ImageOps.contain(image, self._frame, Image.Resampling.BICUBIC)
        sheet.paste(whole, place)
        left, top, right, bottom = self._box.within(*whole.size)
        corners = (place.left + left, place.top + top, place.left + right, place.top + bottom)
        pen.rectangle(corners, outline=_INK)
        place = place.below(self._frame[1] + _INSET)
        detail = image.crop(self._box.within(*image.size))
        sheet.paste(detail.resize(self._frame, Image.Resampling.NEAREST), place)
        return place.below(self._frame[1] + _INSET)

    def _says(self, pen: ImageDraw, place: _Place, cell: Seen, words: Sequence[str]) -> None:
        for line in words:
            self._write(pen, place, line, "words", _GRADES[cell.grade])
            place = place.below(_step("words"))
        place = place.below(_INSET)
        for figure in lines(cell):
            self._write(pen, place, figure.label, "small", _FAINT)
            value, beside = (_Place(place.left + tab, place.top) for tab in _TABS)
            self._write(pen, value, figure.value, "small", _INK)
            self._write(pen, beside, figure.beside, "small", _FAINT, _WIDTH - _TABS[1])
            place = place.below(_step("small"))

    def _wrapped(self, words: str) -> list[str]:
        """The words in lines of a cell's width; what is too long ends in dots."""
        letters, made = self._fonts["words"], [""]
        for word in drawable(words).replace(" %", _TIED).split(" "):
            word = word.replace(_TIED, " %")
            longer = f"{made[-1]} {word}".strip()
            if letters.getlength(longer) <= _WIDTH or not made[-1]:
                made[-1] = longer
            else:
                made.append(word)
        return made if len(made) <= _MOST_LINES else [*made[: _MOST_LINES - 1], "..."]

    def _write(
        self,
        pen: ImageDraw,
        place: _Place,
        text: str,
        kind: str,
        colour: Colour,
        room: int = _WIDTH,
    ) -> None:
        letters = self._fonts[kind]
        pen.text(place, shortened(drawable(text), letters, room), fill=colour, font=letters)


def _step(kind: str) -> int:
    return round(_SIZES[kind] * LINE)
