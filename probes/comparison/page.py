"""The comparison page: one HTML file on which one slides between any two of the pictures."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from string import Template

from ..pictures.paper import framed, part, safe
from ..pictures.writing import png, require_pillow, write_whole
from .captions import Line, lines
from .compared import Compared, Seen
from .sheet import image_of

_PARTS = Path(__file__).parent / "page"


def write_page(path: str, compared: Compared, captions: Sequence[str] = ()) -> None:
    """Write the page, whole or not at all, making its folder.

    It holds its pictures, its style and its script, and its policy lets a browser load nothing
    else; it works from a file, with the keyboard, in light and dark, and shows all pictures where
    scripts are off. The first caption is the headline. Raises ``MissingDependency`` without pillow,
    ``NoSpace`` and ``Unreadable`` where it cannot be written.
    """
    require_pillow("a comparison page")
    write_whole(path, page(compared, captions).encode(), "comparison page")


def page(compared: Compared, captions: Sequence[str] = ()) -> str:
    """The page's text; every text in it is made harmless first."""
    title = captions[0] if captions else "VAEs compared"
    cards = (_card(number, seen) for number, seen in enumerate(compared.columns))
    box = compared.detail
    return framed(
        _PARTS,
        title,
        captions[1:],
        detail=f"{box.left:.6f} {box.top:.6f} {box.width:.6f} {box.height:.6f}",
        left=_options(compared, 0),
        right=_options(compared, len(compared.columns) - 1),
        cards="\n".join(cards),
    )


def _options(compared: Compared, chosen: int) -> str:
    return "".join(
        f'<option value="{number}"{" selected" * (number == chosen)}>'
        f"{safe(seen.column.name)}</option>"
        for number, seen in enumerate(compared.columns)
    )


def _card(number: int, seen: Seen) -> str:
    return Template(part(_PARTS / "card.html")).substitute(
        grade=seen.grade,
        source=_source(seen),
        width=seen.figures.width,
        height=seen.figures.height,
        number=number,
        note=safe(seen.column.note),
        name=safe(seen.column.name),
        words=safe(seen.words).replace(" %", "&nbsp;%"),
        figures="\n            ".join(_row(line) for line in lines(seen)),
    )


def _row(line: Line) -> str:
    head = f'<tr><th scope="row">{safe(line.label)}</th>'
    if not line.beside:
        return f'{head}<td colspan="2">{safe(line.value)}</td></tr>'
    return f"{head}<td>{safe(line.value)}</td><td>{safe(line.beside)}</td></tr>"


def _source(seen: Seen) -> str:
    """The picture as a PNG in a data: address."""
    encoded = base64.b64encode(png(image_of(seen.column.picture)))
    return f"data:image/png;base64,{encoded.decode()}"
