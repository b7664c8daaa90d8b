"""Finding frontends: by name and folder, or in the usual places of this system."""

from __future__ import annotations

import os
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ..errors import NotFound, UsageError, VaeregError
from ..naming import shown
from ..values import Notice
from .base import Frontend, Installation
from .catalog import FRONTENDS, frontend

MOST_CHILDREN = 500
MOST_FOLDERS = 4_000
"""Bounds of one search; a look into an empty home takes some milliseconds."""
PLACES: tuple[tuple[str, int], ...] = (
    ("~", 1),
    ("~/Documents", 2),
    ("~/Desktop", 1),
    ("~/Downloads", 2),
    ("~/AI", 2),
    ("~/ai", 2),
    ("~/apps", 2),
    ("~/git", 2),
    ("~/src", 2),
    ("~/projects", 2),
    ("~/StabilityMatrix", 0),
    ("~/pinokio/api", 2),
    ("~/.config/StabilityMatrix", 0),
    ("~/.config/ComfyUI", 0),
    ("~/Library/Application Support/StabilityMatrix", 0),
    ("~/Library/Application Support/ComfyUI", 0),
    ("$XDG_CONFIG_HOME/StabilityMatrix", 0),
    ("$XDG_CONFIG_HOME/ComfyUI", 0),
    ("$APPDATA/StabilityMatrix", 0),
    ("$APPDATA/ComfyUI", 0),
    ("$LOCALAPPDATA/Programs", 1),
    ("$ProgramFiles", 1),
    ("/opt", 1),
    ("/srv", 1),
    ("/workspace", 1),
    ("/Applications", 1),
)
"""Where people and installers put frontends, and how many levels below it are looked at: home and
drive tops by habit, the rest by LykosAI/StabilityMatrix, pinokiocomputer/pinokio and
Comfy-Org/desktop."""
DRIVES = ("/mnt", "/media", "/Volumes", "/run/media")
"""Below these other drives are mounted; each is looked at to the folders of its folders."""
NESTED = ("ComfyUI", "webui", "app", "stable-diffusion-webui")
"""Bundles hold the frontend in a folder of these names: ComfyUI's and A1111's portable archives,
Forge's one-click package, Pinokio's apps."""
SKIPPED = {"node_modules", "venv", "__pycache__", "site-packages", "Windows", "AppData", "proc"}


def named(text: str) -> Installation:
    """The installation that ``NAME=ROOT`` or a bare ``ROOT`` stands for.

    A named one is read even where its marks are missing, with a notice; a bare folder must be
    recognised. Raises ``UsageError`` for an unknown name, ``NotFound`` for a folder that is not
    there or is none of them, saying what was looked for.
    """
    name, equals, place = text.partition("=")
    if equals and (name.strip().casefold() in FRONTENDS or not os.path.exists(text)):
        found = frontend(name)
        root = _folder(place)
        installation = found.read(root)
        if found.recognises(root):
            return installation
        marks = FRONTENDS[found.name].markers
        what = f"{shown(root)} has not the marks of {found.title}: {marks}."
        notice = Notice("not-recognised", what)
        return replace(installation, notices=(notice, *installation.notices))
    root = _folder(text)
    known = recognised(root)
    if known is None:
        wanted = "; ".join(f"{key} by {row.markers}" for key, row in FRONTENDS.items())
        hint = f"Name it, as in a1111={shown(root)}. Looked for: {wanted}."
        raise NotFound(f"{shown(root)} is no frontend that vaereg recognises", hint)
    return known.read(root)


def recognised(root: str) -> Frontend | None:
    """The frontend whose marks a folder bears, the more special first; None for none."""
    try:
        names = set(os.listdir(root))
    except (OSError, ValueError):
        return None
    return _recognised(root, names)


def discover(roots: Sequence[str] | None = None) -> list[Installation]:
    """Every installation in the usual places, or in and two levels below the given folders.

    Links to folders are not followed, and each installation is given once. One that cannot be read
    is there with a notice.
    """
    places = list(_usual() if roots is None else ((root, 2) for root in roots))
    found: dict[tuple[str, str], Installation] = {}
    budget = [MOST_FOLDERS]
    while places:
        place, depth = places.pop(0)
        for root, known in _below(place, depth, budget):
            installation = _read(known, root)
            key = (known.name, os.path.realpath(installation.root))
            if key not in found:
                found[key] = installation
                places += _packages(installation)
    return list(found.values())


def around(folders: Iterable[str]) -> list[Installation]:
    """The installations that these folders of models belong to, up to four levels above them."""
    found: dict[str, Installation] = {}
    for folder in folders:
        place = folder
        for _ in range(5):
            known = recognised(place)
            if known is not None:
                found.setdefault(os.path.realpath(place), _read(known, place))
                break
            place = os.path.dirname(place)
    return list(found.values())


def _recognised(root: str, names: set[str]) -> Frontend | None:
    for name, row in FRONTENDS.items():
        if names.isdisjoint(row.hints):
            continue
        known = frontend(name)
        if known.recognises(root):
            return known
    return None


def _below(place: str, depth: int, budget: list[int]) -> Iterator[tuple[str, Frontend]]:
    """Installations at and below a folder; what lies inside one is its own."""
    if budget[0] <= 0:
        return
    budget[0] -= 1
    children = _children(place)
    if children is None:
        return
    known = _recognised(place, {entry.name for entry in children})
    if known is not None:
        yield os.path.abspath(place), known
        return
    for entry in children:
        if (depth > 0 or entry.name in NESTED) and _enterable(entry):
            yield from _below(entry.path, max(depth - 1, 0), budget)


def _packages(installation: Installation) -> list[tuple[str, int]]:
    """Where a library of StabilityMatrix keeps the frontends that it installed."""
    if installation.frontend != "stabilitymatrix":
        return []
    from .stabilitymatrix import packages

    listed = ((path, 0) for path in packages(installation.options, installation.root))
    return [(os.path.join(installation.root, "Packages"), 1), *listed]


def _children(place: str) -> list[os.DirEntry[str]] | None:
    """What lies in a folder, in name order; None where it cannot be looked into."""
    try:
        with os.scandir(place) as listing:
            found = [entry for entry, _ in zip(listing, range(MOST_CHILDREN), strict=False)]
    except (OSError, ValueError):
        return None
    return sorted(found, key=lambda entry: entry.name)


def _enterable(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in SKIPPED:
        return False
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _usual() -> Iterator[tuple[str, int]]:
    for template, depth in PLACES:
        if (place := _expanded(template)) is not None:
            yield place, depth
    yield from ((drive, 2) for drive in _drives())


def _expanded(template: str) -> str | None:
    """A place with home and variables filled in; None where a variable is not set."""
    place = os.path.expandvars(os.path.expanduser(template))
    return None if place.startswith(("$", "~")) else place


def _drives() -> Iterable[str]:
    if os.name == "nt":
        letters = (f"{letter}:\\" for letter in string.ascii_uppercase)
        return [letter for letter in letters if os.path.exists(letter)]
    return [place for place in DRIVES if os.path.isdir(place)]


def _read(known: Frontend, root: str) -> Installation:
    try:
        return known.read(root)
    except VaeregError as error:
        notice = Notice("unreadable", f"{known.title} in {shown(root)}: {error.message}.")
        return Installation(known.name, root, None, (), notices=(notice,))


def _folder(text: str) -> str:
    if not text.strip():
        raise UsageError("no folder is given for the frontend", "Write NAME=ROOT or ROOT.")
    root = os.path.abspath(os.path.expanduser(text.strip()))
    if not os.path.isdir(root):
        raise NotFound(f"{shown(root)} is no folder", "Give the frontend's own folder.")
    return root
