"""Room on the disk: asked for before a download, and the error for a disk that is full."""

from __future__ import annotations

import errno
import os
import shutil

from ..errors import NoSpace, Unreadable, VaeregError
from ..naming import shown

MARGIN = 64 << 20
"""Bytes that a download leaves free."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def require(folder: str, needed: int, name: str) -> None:
    """Raise ``NoSpace`` where the folder's disk has no room for ``needed`` more bytes."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if free < needed + MARGIN:
        raise NoSpace(
            f"{shown(name)} needs {_size(needed)} more in {shown(folder)}, where "
            f"{_size(free)} are free; {_size(MARGIN)} are left untouched",
            "Free some space or choose another folder with --to, then run the command again.",
        )


def disk_error(failure: OSError, path: str) -> VaeregError:
    """The registry's error for a file that could not be written."""
    place = shown(os.path.dirname(path) or path)
    if failure.errno in _FULL:
        return NoSpace(
            f"{place} took no more bytes: {failure.strerror}",
            "Free some space and run the command again: what has arrived is kept.",
        )
    return Unreadable(
        f"{shown(path)} could not be written: {failure.strerror or failure}",
        "Check the drive and the folder's permissions, or choose another folder with --to.",
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
