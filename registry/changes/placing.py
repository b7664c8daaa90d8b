"""How a change gets its place on the disk: durable, at once, and never over what lies there."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import suppress

from ..naming import shown


class Conflict(Exception):
    """A change is to be left alone; the text is a sentence that says why."""


def fit_path(path: str) -> None:
    """Raise ``Conflict`` for what is no absolute path of any file."""
    if "\0" in path or not os.path.isabs(path) or not os.path.basename(path):
        raise Conflict(f"{shown(path) or 'an empty path'} is no absolute path of a file")
    try:
        name = os.fsencode(os.path.basename(path))
    except UnicodeEncodeError:
        raise Conflict(f"{shown(path)} is no name that this disk can hold") from None
    if len(name) > 255:
        raise Conflict(f"{shown(path)} has a name longer than the 255 bytes that disks take")


def missing_folders(path: str) -> list[str]:
    """The folders above a path that are not there, the outermost first.

    Raises ``Conflict`` where something else than a folder is in the way.
    """
    missing = []
    folder = os.path.dirname(path)
    while not os.path.isdir(folder):
        if os.path.lexists(folder) or folder == os.path.dirname(folder):
            raise Conflict(f"{shown(folder)} is no folder, so {shown(path)} cannot lie there")
        missing.append(folder)
        folder = os.path.dirname(folder)
    return missing[::-1]


def part_of(path: str) -> str:
    """A hidden name beside a path that it is written under first; each call gives another.

    It begins with a dot and ends in no model's extension: frontends do not list it.
    """
    base, name = os.path.split(path)
    while len(os.fsencode(name)) > _LONGEST_NAME:
        name = name[1:]
    return os.path.join(base, f".{name}.{secrets.token_hex(4)}.part")


_LONGEST_NAME = 220
"""Bytes; with what the hidden name adds, less than the 255 that file systems take."""


def publish(part: str, path: str) -> None:
    """Give what was written its name, or raise ``FileExistsError`` where something has it.

    Raises ``OSError``.
    """
    if not os.path.isdir(part):
        try:
            # Linking refuses a name that was taken meanwhile; renaming would replace its file.
            os.link(part, path)
            os.unlink(part)
            return
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):
            pass  # a file system that knows no hard links
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    os.rename(part, path)


def clear(path: str) -> None:
    """Remove a file or folder that only vaereg knows, if it is there. Raises ``OSError``."""
    with suppress(FileNotFoundError):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def sync_file(path: str) -> None:
    """Take a file's bytes to the disk. Raises ``OSError``."""
    # Windows flushes only what is open for writing; elsewhere a read-only copy must do as well.
    with open(path, "r+b" if os.name == "nt" else "rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: str) -> None:
    """Take a folder's entries to the disk, where the file system knows how. Raises ``OSError``."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as failure:
        if failure.errno not in _NO_FSYNC:
            raise
    finally:
        os.close(descriptor)


_NO_FSYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
"""Some network file systems know no fsync of folders."""
