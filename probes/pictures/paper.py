"""What every HTML page is made of: a frame that ships, a policy, texts made safe.

A page is one file, which loads nothing from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from ...registry.naming import shown

LONGEST = 2000
"""Letters of a sentence or a path; names are cut earlier, as everywhere."""
_FRAME = Path(__file__).parent / "paper"


def framed(parts: Path, title: str, captions: Sequence[str], **slots: str) -> str:
    """A page made of the ``page.html``, ``page.css`` and ``page.js`` of a folder.

    The frame brings the title, the captions under it and the switch of light and dark. ``slots``
    fill the places of ``page.html``, in HTML that is safe already. The page's policy lets a browser
    load nothing that it does not hold itself.
    """
    style = part(_FRAME / "frame.css") + part(parts / "page.css")
    script = part(parts / "page.js")
    return Template(part(_FRAME / "frame.html")).substitute(
        policy=_policy(style, script),
        style=style,
        script=script,
        title=safe(title),
        captions="\n    ".join(f"<p>{safe(caption, LONGEST)}</p>" for caption in captions),
        body=Template(part(parts / "page.html")).substitute(slots),
    )


@cache
def part(path: Path) -> str:
    """A piece that ships."""
    return path.read_text("utf-8")


def safe(text: str, limit: int = 200) -> str:
    """A text that is nothing but text, between tags and in an attribute."""
    return escape(shown(text, limit), quote=True)


def _policy(style: str, script: str) -> str:
    """Nothing but what the page itself holds; the rest is refused by the browser."""
    return (
        f"default-src 'none'; img-src data:; style-src {_digest(style)};"
        f" script-src {_digest(script)}; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
