"""Looking into a frontend's model folders, in the order in which its own walk meets the files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from ..naming import MODEL_SUFFIXES, shown
from ..values import Notice

DEEPEST = 40
MOST_FOLDERS = 20_000
"""Bounds for one tree; a library has some hundred folders, links between them can make billions."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file below a model folder."""

    path: str
    """The folder as it was given, and what lies between: never resolved."""
    name: str
    dotted: bool
    """It, or a folder between, begins with a dot."""
    linked: bool
    """It is reached only over a link to a folder."""


@dataclass(frozen=True, slots=True)
class _Place:
    path: str
    above: tuple[tuple[int, int], ...]
    """Device and inode of the folders it lies in: a link to one of them is a loop."""
    dotted: bool
    linked: bool


def entries(root: str, notices: list[Notice]) -> Iterator[Entry]:
    """Every file below ``root``: a folder's own first, then its sub-folders, unsorted.

    That is the order of ``os.walk`` and of ``glob``'s ``**``, which decides where the first or the
    last of several files wins. Loops and unreadable or too many folders end up in ``notices``.
    """
    waiting = [_Place(root, (), False, False)]
    for _ in range(MOST_FOLDERS):
        if not waiting:
            return
        place = waiting.pop()
        deeper: list[_Place] = []
        try:
            status = os.stat(place.path)
            above = (*place.above, (status.st_dev, status.st_ino))
            if above[-1] in place.above or len(place.above) > DEEPEST:
                notices.append(_notice(place.path, "leads back to itself or too deep; left out"))
                continue
            with os.scandir(place.path) as listing:
                for entry in listing:
                    dotted = place.dotted or entry.name.startswith(".")
                    if entry.is_dir():
                        linked = place.linked or entry.is_symlink()
                        deeper.append(_Place(entry.path, above, dotted, linked))
                    else:
                        yield Entry(entry.path, entry.name, dotted, place.linked)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as failure:
            why = getattr(failure, "strerror", None) or failure
            notices.append(_notice(place.path, f"cannot be read: {why}"))
        waiting += reversed(deeper)
    notices.append(_notice(root, f"holds more than {MOST_FOLDERS} folders; the rest is left out"))


def looks_like_a_model(name: str) -> bool:
    """Whether a file has one of the endings of model files, in whatever case."""
    return name.casefold().endswith(MODEL_SUFFIXES)


def is_broken_link(path: str) -> bool:
    """Whether a path is a link that leads nowhere."""
    return os.path.islink(path) and not os.path.exists(path)


def _notice(folder: str, what: str) -> Notice:
    return Notice("folder", f"{shown(folder)} {what}.")


def located(text: str, base: str) -> str:
    """A path from a setting or flag as an absolute path of this system.

    Relative ones start at ``base``, the folder that the frontend runs in. A path in Windows'
    spelling is found on other systems too: separators and case are matched against what is there,
    and a drive that is mounted below ``/mnt``, as in WSL, is looked up there. One that cannot be
    found stays as it is spelt.
    """
    given = os.path.expanduser(text.strip())
    plain = os.path.abspath(os.path.join(base, given))
    if os.sep == "\\" or "\\" not in given or os.path.lexists(plain):
        return plain
    drive, rest = (given[:2], given[2:]) if given[1:2] == ":" else ("", given)
    parts = [part for part in rest.split("\\") for part in part.split("/") if part]
    if drive:
        start = os.path.join("/mnt", drive[0].lower())
        return _spelt(start, parts) if os.path.isdir(start) else text
    return _spelt(os.sep if rest[:1] in ("\\", "/") else base, parts)


def _spelt(start: str, parts: list[str]) -> str:
    """The path below ``start`` with each name in the case that is on the disk."""
    path = start
    for part in parts:
        path = os.path.normpath(os.path.join(path, _in_case(path, part)))
    return path


def _in_case(folder: str, name: str) -> str:
    if name in (".", "..") or os.path.lexists(os.path.join(folder, name)):
        return name
    try:
        names = os.listdir(folder)
    except (OSError, ValueError):
        return name
    return next((one for one in names if one.casefold() == name.casefold()), name)
