"""A model copied into another folder, and what tells the copy from anything else later."""

from __future__ import annotations

import errno
import filecmp
import hashlib
import os
import shutil
import stat
from collections.abc import Callable

from ..naming import shown
from .placing import clear, publish, sync_file

MARGIN = 64 << 20
"""Bytes that a copy leaves free."""

Told = Callable[[str], None]
"""Told the marks of a copy before it gets its name."""


def copy(source: str, target: str, part: str, told: Told) -> None:
    """Copy a file, or a folder with what its links lead to, under a hidden name and then its own.

    Raises ``FileExistsError`` where the name was taken meanwhile, and ``OSError``.
    """
    try:
        clear(part)
        _require_room(source, os.path.dirname(target))
        if os.path.isdir(source):
            shutil.copytree(source, part)
        else:
            shutil.copy2(source, part)
            sync_file(part)
        told(marks(part))
        publish(part, target)
    except shutil.Error as failure:
        raise OSError(errno.EIO, f"{shown(str(failure.args[0][0][0]))} was not copied") from failure
    finally:
        clear(part)


def marks(path: str) -> str:
    """What a file or folder is told by: a digest over name, place, size and time of all in it.

    Not over the bytes: those are gigabytes. Raises ``OSError``.
    """
    told = hashlib.sha256()
    for name, whole in _entries(path).items():
        found = os.lstat(whole)
        # A folder's own size and time change with what is put into it and taken out again.
        state = (0, 0) if stat.S_ISDIR(found.st_mode) else (found.st_size, found.st_mtime_ns)
        told.update(os.fsencode(name))
        told.update(b"\0%d %d %d %d\0" % (found.st_dev, found.st_ino, *state))
    return told.hexdigest()


def is_copy(source: str, target: str) -> bool:
    """Whether two files, or all files of two folders, hold the same bytes. Raises ``OSError``."""
    mine, other = _entries(source), _entries(target)
    return mine.keys() == other.keys() and all(_same(mine[name], other[name]) for name in mine)


def _same(one: str, other: str) -> bool:
    if os.path.isdir(one) or os.path.isdir(other):
        return os.path.isdir(one) and os.path.isdir(other)
    same_size = os.path.getsize(one) == os.path.getsize(other)
    return same_size and filecmp.cmp(one, other, shallow=False)


def _entries(path: str) -> dict[str, str]:
    """A file or folder and everything in it: the name below ``path`` and the whole path."""
    found = {"": path}
    for base, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(folders + files):
            whole = os.path.join(base, name)
            found[os.path.relpath(whole, path)] = whole
    return found


def _require_room(source: str, folder: str) -> None:
    needed = sum(os.stat(whole).st_size for whole in _entries(source).values())
    if shutil.disk_usage(folder).free < needed + MARGIN:
        raise OSError(
            errno.ENOSPC, f"a copy takes {needed / 1e6:,.1f} MB, which {shown(folder)} has not free"
        )
