"""The comparison page: one HTML file on which one slides between any two of the pictures."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from ...registry.naming import shown
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
    style, script = _part("page.css"), _part("page.js")
    title = captions[0] if captions else "VAEs compared"
    cards = (_card(number, seen) for number, seen in enumerate(compared.columns))
    box = compared.detail
    return Template(_part("page.html")).substitute(
        policy=_policy(style, script),
        style=style,
        script=script,
        title=_safe(title),
        captions="\n    ".join(f"<p>{_safe(caption)}</p>" for caption in captions[1:]),
        detail=f"{box.left:.6f} {box.top:.6f} {box.width:.6f} {box.height:.6f}",
        left=_options(compared, 0),
        right=_options(compared, len(compared.columns) - 1),
        cards="\n".join(cards),
    )


@cache
def _part(name: str) -> str:
    return (_PARTS / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing but what the page itself holds; the rest is refused by the browser."""
    return (
        f"default-src 'none'; img-src data:; style-src {_digest(style)};"
        f" script-src {_digest(script)}; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _options(compared: Compared, chosen: int) -> str:
    return "".join(
        f'<option value="{number}"{" selected" * (number == chosen)}>'
        f"{_safe(seen.column.name)}</option>"
        for number, seen in enumerate(compared.columns)
    )


def _card(number: int, seen: Seen) -> str:
    return Template(_part("card.html")).substitute(
        grade=seen.grade,
        source=_source(seen),
        width=seen.figures.width,
        height=seen.figures.height,
        number=number,
        note=_safe(seen.column.note),
        name=_safe(seen.column.name),
        words=_safe(seen.words).replace(" %", "&nbsp;%"),
        figures="\n            ".join(_row(line) for line in lines(seen)),
    )


def _row(line: Line) -> str:
    head = f'<tr><th scope="row">{_safe(line.label)}</th>'
    if not line.beside:
        return f'{head}<td colspan="2">{_safe(line.value)}</td></tr>'
    return f"{head}<td>{_safe(line.value)}</td><td>{_safe(line.beside)}</td></tr>"


def _source(seen: Seen) -> str:
    """The picture as a PNG in a data: address."""
    encoded = base64.b64encode(png(image_of(seen.column.picture)))
    return f"data:image/png;base64,{encoded.decode()}"


def _safe(text: str) -> str:
    return escape(shown(text), quote=True)
