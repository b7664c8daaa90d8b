"""What every page is made of: parts that ship, a policy that lets nothing in, texts made safe."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
from contextlib import suppress
from functools import cache
from html import escape
from pathlib import Path

from ...registry.errors import NoSpace, Unreadable
from ...registry.naming import shown

LONGEST = 2000
"""Letters of a sentence or a path; names are cut earlier, as everywhere."""


@cache
def part(name: str) -> str:
    """A file beside this one."""
    return (Path(__file__).parent / name).read_text("utf-8")


def policy(style: str, script: str) -> str:
    """Nothing but what the page itself holds; the rest is refused by the browser."""
    return (
        f"default-src 'none'; img-src data:; style-src {_digest(style)};"
        f" script-src {_digest(script)}; base-uri 'none'; form-action 'none'"
    )


def safe(text: str, limit: int = 200) -> str:
    """A text that is nothing but text, between tags and in an attribute."""
    return escape(shown(text, limit), quote=True)


def write(path: str, text: str) -> None:
    """Write a page, whole or not at all, making its folder.

    Raises ``NoSpace`` and ``Unreadable`` where it cannot be written.
    """
    partial = f"{path}.{os.getpid()}.part"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(partial, "wb") as file:
            file.write(text.encode())
        os.replace(partial, path)
    except OSError as failure:
        with suppress(OSError):
            os.unlink(partial)
        if failure.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(
                f"the disk of {shown(path)} is full: the page was not written",
                "make room, or name another file with --out",
            ) from None
        raise Unreadable(
            f"the page {shown(path)} cannot be written: {failure.strerror or failure}",
            "name a file in a folder that you may write to with --out",
        ) from None


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
