"""Text on pictures: Pillow's own font, letters that it has, and lines that fit their room."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from ...registry.naming import shown

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

LINE = 1.4
"""Distance of lines in font sizes."""


def font(size: int) -> Font:
    """Pillow's own font, that many pixels high where Pillow can scale it."""
    from PIL import ImageFont

    try:
        return ImageFont.load_default(size)
    except ImportError:  # Pillow built without FreeType has one small bitmap font.
        return ImageFont.load_default()


def drawable(text: str) -> str:
    """Letters that Pillow's font has: accents dropped, other scripts as ``?``."""
    folded = unicodedata.normalize("NFKD", shown(text))
    bare = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return bare.encode("ascii", "replace").decode()


def shortened(text: str, font: Font, room: int) -> str:
    """Cut in the middle to ``room`` pixels: both ends of a model's name tell it from others."""
    if font.getlength(text) <= room:
        return text
    for kept in range(len(text) - 1, 1, -1):
        cut = text[: (kept + 1) // 2] + "..." + text[len(text) - kept // 2 :]
        if font.getlength(cut) <= room:
            return cut
    return "..."
