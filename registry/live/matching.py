"""Which of the models that a frontend lists is meant by a path or a name."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..errors import Ambiguous, NotFound
from ..frontends.base import Listed
from ..naming import shown
from .address import Address

_HASH = re.compile(r" \[[0-9a-f]{6,64}\]$")
"""What AUTOMATIC1111 appends to a checkpoint's title once its hash is known (modules/
sd_models.py, ``CheckpointInfo``)."""
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")
_MOST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Match:
    """A listed model, and whether it is the very file that was named."""

    model: Listed
    sure: bool
    """False where only the file's name agrees: the frontend runs elsewhere, or tells no path."""

    @property
    def caution(self) -> str:
        """A sentence to add where only the name agrees."""
        if self.sure:
            return ""
        place = f" at {shown(self.model.path)}" if self.model.path else ""
        return f" Only the file's name was compared: it lists {shown(self.model.name)}{place}."


def find(models: Sequence[Listed], wanted: str, what: str, address: Address, title: str) -> Match:
    """The model that a path or the frontend's own name stands for.

    A path is compared by what it leads to where this machine can see both. Raises ``NotFound``,
    also where a frontend on this machine shows another file under that name, and ``Ambiguous``.
    """
    if not is_absolute(wanted):
        return Match(_one(_named(models, wanted), models, wanted, what, title), sure=True)
    there = next((one for one in models if _same_place(one.path, wanted, address)), None)
    if there is not None:
        return Match(there, sure=True)
    base = _parts(wanted)[-1]
    alike = [one for one in models if _parts(plain(one.name))[-1] == base]
    found = _one(alike, models, wanted, what, title)
    if address.local and found.path and os.path.exists(found.path) and os.path.exists(wanted):
        raise NotFound(
            f"{title} lists {shown(base)}, but that is {shown(found.path)}, another file",
            f"Give {shown(wanted)} a name of its own in the folders of {title}.",
        )
    return Match(found, sure=False)


def is_absolute(text: str) -> bool:
    """Whether a text is an absolute path, of this system or of another."""
    return bool(_ABSOLUTE.match(text))


def plain(name: str) -> str:
    """A checkpoint's title without the hash behind it."""
    return _HASH.sub("", name)


def same_path(first: str, second: str) -> bool:
    """Whether two paths are spelt alike, whichever separators they use."""
    return bool(first) and os.path.normcase(first).replace("\\", "/") == os.path.normcase(
        second
    ).replace("\\", "/")


def _named(models: Sequence[Listed], wanted: str) -> list[Listed]:
    """By the exact name, else without its hash and with any separators, else by its last part."""
    exact = [one for one in models if one.name == wanted]
    alike = [one for one in models if _parts(plain(one.name)) == _parts(plain(wanted))]
    last = [one for one in models if _parts(plain(one.name))[-1] == wanted]
    stem = [one for one in models if os.path.splitext(_parts(plain(one.name))[-1])[0] == wanted]
    return exact or alike or last or stem


def _one(
    found: Sequence[Listed], models: Sequence[Listed], wanted: str, what: str, title: str
) -> Listed:
    if len(found) == 1:
        return found[0]
    if found:
        raise Ambiguous(
            f"{title} lists several {what}s that {shown(wanted)} may stand for: {_names(found)}",
            "Give the name as it lists it.",
        )
    hint = f"It lists: {_names(models)}." if models else f"It lists no {what} at all."
    raise NotFound(f"{title} lists no {what} {shown(wanted)}", hint)


def _names(models: Sequence[Listed]) -> str:
    names = [shown(one.name, 80) for one in models]
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return ", ".join(names[:_MOST_SHOWN]) + more


def _same_place(told: str, wanted: str, address: Address) -> bool:
    if same_path(told, wanted):
        return True
    if told and address.local:
        with suppress(OSError, ValueError):
            return os.path.samefile(told, wanted)
    return False


def _parts(name: str) -> list[str]:
    return name.replace("\\", "/").split("/")
