"""Where a result goes: written under a hidden name, named when it is whole, never over another."""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ..errors import NoSpace, Unreadable, VaeregError
from ..naming import shown
from ..transfer.locks import locked
from ..transfer.space import require

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PART, _LOCK = ".part", ".lock"
_WRITTEN = (".safetensors", ".sft", ".json")
_ELSEWHERE = "Free some space, or name a place on another disk with --out."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a result is to lie."""

    path: str
    """Absolute."""
    folder: bool = False
    """A diffusers folder."""
    other: str | None = None
    """Where it lies instead when something else has that name; None: that is an error."""

    @property
    def part(self) -> str:
        """The hidden name beside it that it is written under."""
        base, name = os.path.split(self.path)
        return os.path.join(base, f".{name}{_PART}")


@contextmanager
def room_for(place: Place, size: int) -> Iterator[None]:
    """Make way for a result of ``size`` bytes, and take away what is left of those that failed.

    That is what a killed run left in the same folder, under whatever name. Another process that
    writes to the same place waits here. Raises ``NoSpace`` and ``Unreadable``,
    also for what the block cannot write.
    """
    base, name = os.path.split(place.path)
    try:
        os.makedirs(base, exist_ok=True)
        _swept(base)
        _require_room(base, size, name)
        with locked(os.path.join(base, f".{name}{_LOCK}"), lambda _: None):
            try:
                _cleared(place.part)
                if place.folder:
                    os.mkdir(place.part)
                yield
            finally:
                _cleared(place.part)
    except OSError as failure:
        raise unwritable(place.path, failure) from failure


def published(place: Place) -> str:
    """Give what was written its name, and say which.

    What lies there stays: if it is the same to the byte, that is the result. Raises ``Unreadable``
    where something else lies there and ``OSError``.
    """
    for path in filter(None, (place.path, place.other)):
        try:
            _named(place.part, path, place.folder)
        except FileExistsError:
            if not _same(place.part, path):
                continue
        return path
    raise Unreadable(
        f"{shown(place.path)} is there already and holds something else; it was not touched",
        "name another place with --out",
    )


def unwritable(path: str, failure: OSError) -> VaeregError:
    """The registry's error for a result that could not be written."""
    why = failure.strerror or type(failure).__name__
    if failure.errno in _FULL:
        return NoSpace(f"the disk took no more of {shown(path)}: {why}", _ELSEWHERE)
    return Unreadable(
        f"{shown(path)} could not be written: {why}",
        "check the folder's permissions, or name another place with --out",
    )


def _require_room(folder: str, size: int, name: str) -> None:
    try:
        require(folder, size, name)
    except NoSpace as failure:
        raise NoSpace(failure.message, _ELSEWHERE) from None


def _named(part: str, path: str, folder: bool) -> None:
    """Have it under its name too, or only; raises ``FileExistsError`` where something has it."""
    if not folder:
        try:
            # Linking refuses a name that was taken meanwhile; renaming would replace its file.
            os.link(part, path)
            return
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):
            pass  # a file system that knows no hard links
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    os.rename(part, path)


def _swept(base: str) -> None:
    """Take away what killed conversions left in a folder: parts whose lock nobody holds."""
    names = set(os.listdir(base))
    for name in sorted(names):
        lock = name.removesuffix(_PART) + _LOCK
        part = os.path.join(base, name)
        if name.startswith(".") and name.endswith(_PART) and lock in names and _is_ours(part):
            with suppress(OSError), locked(os.path.join(base, lock), _busy):
                _cleared(part)


def _busy(_: float) -> None:
    raise BlockingIOError


def _is_ours(part: str) -> bool:
    """Whether it is such a file or folder as a conversion writes."""
    if os.path.isdir(part):
        return all(name.endswith(_WRITTEN) for name in os.listdir(part))
    return part.removesuffix(_PART).lower().endswith(_WRITTEN[:2])


def _same(part: str, path: str) -> bool:
    """Whether what lies there is what was written, to the byte."""
    with suppress(OSError):
        if not os.path.isdir(part):
            return os.path.isfile(path) and filecmp.cmp(part, path, shallow=False)
        names = sorted(os.listdir(part))
        there = [name for name in names if os.path.isfile(os.path.join(path, name))]
        return there == names and filecmp.cmpfiles(part, path, names, False)[0] == names
    return False


def _cleared(part: str) -> None:
    with suppress(FileNotFoundError):
        if os.path.isdir(part) and not os.path.islink(part):
            shutil.rmtree(part)
        else:
            os.unlink(part)
