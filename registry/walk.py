"""Walking folders of models: regular files only, links followed once, no loops, nothing hidden."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from .formats.local import stamp_of
from .naming import MODEL_SUFFIXES, shown
from .values import Rejection, Stamp

UNFINISHED = (".part", ".partial", ".incomplete", ".downloading", ".crdownload", ".tmp", ".aria2")
COMPONENT_WEIGHTS = re.compile(
    r"(diffusion_pytorch_model|model|pytorch_model)([.-].+)?\.(safetensors|bin)", re.IGNORECASE
)
"""What diffusers and transformers call the weights beside a ``config.json``."""
DEEPEST = 40
"""Folders below the root; deeper trees are reported, not followed."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file or a diffusers folder that may be a model."""

    path: str
    stamp: Stamp
    folder: bool = False


def folder_stamp(path: str) -> Stamp:
    """One stamp for a diffusers folder: sizes added up, newest times, the folder's own inode.

    Raises ``OSError`` where the folder cannot be read.
    """
    own = os.stat(path)
    size, mtime, ctime = 0, 0, 0
    for base, folders, names in os.walk(path, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            status = os.stat(os.path.join(base, name))
            size += status.st_size
            mtime = max(mtime, status.st_mtime_ns)
            ctime = max(ctime, status.st_ctime_ns)
    return Stamp(size, mtime, ctime, own.st_dev, own.st_ino)


def is_gone(path: str) -> bool:
    """Whether there is nothing at a path; what may not be looked at is not gone."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def walk(root: str) -> Iterator[Found | Rejection]:
    """Every candidate below ``root``, folders in name order; what cannot be read as rejections.

    A folder is entered once even where links lead to it twice. A root that is a file stands for
    itself, whatever its name; a root that is not there yields nothing.
    """
    if not os.path.isdir(root):
        if os.path.lexists(root):
            yield _file(root)
        return
    seen: set[tuple[int, int]] = set()
    waiting = [(root, 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as failure:
            yield _refused(folder, "the folder cannot be read", failure)
            continue
        deeper: list[str] = []
        yield from _look_at(folder, entries, deeper)
        if depth < DEEPEST:
            waiting += [(path, depth + 1) for path in reversed(deeper)]
        elif deeper:
            yield Rejection(folder, "unreadable_file", f"folders more than {DEEPEST} deep")


def _look_at(
    folder: str, entries: list[os.DirEntry[str]], deeper: list[str]
) -> Iterator[Found | Rejection]:
    """The candidates directly in a folder; sub-folders to enter are added to ``deeper``."""
    names = {entry.name for entry in entries}
    mine = {name for name in names if COMPONENT_WEIGHTS.fullmatch(name)}
    if "config.json" not in names:
        mine = set()
    if mine or "model_index.json" in names:
        try:
            yield Found(folder, folder_stamp(folder), folder=True)
        except OSError as failure:
            yield _refused(folder, "the model folder cannot be read", failure)
    for entry in entries:
        if entry.name.startswith(".") or entry.name in mine:
            continue
        try:
            if entry.is_dir():
                # The sub-folders of a pipeline are its components, not models of their own.
                if "model_index.json" not in names:
                    deeper.append(entry.path)
                continue
        except OSError as failure:
            yield _refused(entry.path, "the folder cannot be read", failure)
            continue
        if _looks_like_a_model(entry.name):
            yield _file(entry.path)


def _looks_like_a_model(name: str) -> bool:
    folded = name.casefold()
    return folded.endswith(MODEL_SUFFIXES) and not folded.endswith(UNFINISHED)


def _file(path: str) -> Found | Rejection:
    try:
        status = os.stat(path)
    except OSError as failure:
        return _refused(path, "the file cannot be read", failure)
    if not stat.S_ISREG(status.st_mode):
        name = shown(os.path.basename(path))
        return Rejection(path, "unreadable_file", f"{name} is {_sort(status)}, not a file")
    return Found(path, stamp_of(status))


def _sort(status: os.stat_result) -> str:
    sorts = (
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISCHR, "a device"),
    )
    return next((name for test, name in sorts if test(status.st_mode)), "something else")


def _refused(path: str, what: str, failure: OSError) -> Rejection:
    return Rejection(path, "unreadable_file", f"{what}: {failure.strerror or failure}")
