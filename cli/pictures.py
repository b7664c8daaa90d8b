"""Where pictures and pages go: as ``--out`` says, else below the registry's folder."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..registry.errors import UsageError
from ..registry.judging.sides import Side
from .context import Context

SHEET = ("the sheet is a PNG picture", (".png",))
PAGE = ("the page is an HTML file", (".html", ".htm"))
"""What may be asked for by ``--out``, and how its name ends."""


def pair_picture(
    settings: Context, out: str | None, checkpoint: Side, vae: Side, asked: str = ""
) -> str:
    """Where the strip of a pair goes: below the folder ``--out``, else the home's ``pictures``.

    What is ``asked`` otherwise than by default gives it a name of its own: no picture that a
    recorded verdict rests on is overwritten.
    Raises ``NoSpace`` and ``Unreadable`` where nothing can be written below ``--out``.
    """
    from ..probes.pictures.writing import require_place

    folder = Path(out).expanduser() if out else settings.home / "pictures"
    both = checkpoint.artifact.digests.sha256 + vae.artifact.digests.sha256
    path = _named(folder, (checkpoint.name, vae.name), both + asked)
    if out:
        require_place(path, "picture")
    return path


def kept_sheet(settings: Context, name: str, kind: str, told: str) -> str:
    """A sheet's file below the home; ``told`` is all that makes it another one than the next."""
    return _named(settings.home / "pictures", (name, kind), told)


def asked_file(out: str, kind: tuple[str, tuple[str, ...]]) -> str:
    """The file that ``--out`` names, one of the kinds above.

    Raises ``UsageError`` for another ending, ``NoSpace`` and ``Unreadable`` where it cannot be
    written: before minutes are spent on it.
    """
    from ..probes.pictures.writing import require_place

    nature, endings = kind
    path = os.path.abspath(Path(out).expanduser())
    if not path.lower().endswith(endings):
        raise UsageError(nature, f"give --out a name that ends in {endings[0]}")
    require_place(path, nature.split()[1])
    return path


def _named(folder: Path, names: Sequence[str], told: str) -> str:
    words = [re.sub(r"[^\w.-]+", "_", name)[:60] for name in names]
    tail = hashlib.sha256(os.fsencode(told)).hexdigest()[:8]
    return os.path.abspath(folder / f"{'--'.join([*words, tail])}.png")
