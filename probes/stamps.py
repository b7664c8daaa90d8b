"""What the file system says of files: while it stays the same, so does what was made of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

Stamp = tuple[str, int, int, int]
"""Name, size, time of change and inode of a file."""


def stamps(path: str, prefix: str = "") -> tuple[Stamp, ...]:
    """The file's, or those of every file in a diffusers folder's part (prefix ``vae/``).

    Nothing where it is gone or may not be looked at: reading it tells that better.
    """
    try:
        return tuple(sorted(_stamps(path, prefix)))
    except OSError:
        return ()


def _stamps(path: str, prefix: str) -> Iterator[Stamp]:
    if not os.path.isdir(path):
        yield _stamp("", os.stat(path))
        return
    with os.scandir(os.path.join(path, prefix.rpartition("/")[0])) as entries:
        for entry in entries:
            yield _stamp(entry.name, entry.stat())


def _stamp(name: str, told: os.stat_result) -> Stamp:
    return name, told.st_size, told.st_mtime_ns, told.st_ino
