"""A finished file gets its name: durable, at once, and never over another file."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from .file_names import beside
from .local_copy import holds

_PATIENCE = 1.0
"""Seconds for virus scanners on Windows to let go of a file (pip's ``replace`` waits as long)."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a file is to lie."""

    folder: str
    """Absolute."""
    name: str
    """Cleaned."""

    @property
    def lock(self) -> str:
        """What a process holds while it fetches the file."""
        return os.path.join(self.folder, f".{self.name}.lock")

    @property
    def path(self) -> str:
        """Its own name."""
        return os.path.join(self.folder, self.name)

    def second(self, sha256: str) -> str:
        """The path beside another content of the same name."""
        return os.path.join(self.folder, beside(self.name, sha256[:8]))


def publish(part: str, target: Target, sha256: str, replace: bool = False) -> str:
    """Give a finished file its name, and the path it lies under.

    Another content's file of that name stays, and the new one gets a name of its own by its hash;
    a file of the same content makes room where ``replace`` says so. Raises ``OSError``.
    """
    _sync(part)
    free = not os.path.lexists(target.path) or (
        replace and holds(target.path, os.path.getsize(part), sha256)
    )
    path = target.path if free else target.second(sha256)
    _patiently(lambda: os.replace(part, path))
    _sync_folder(target.folder)
    return path


def stage(source: str, part: str) -> None:
    """Have the content of ``source`` at ``part`` too: a hard link, else a symlink, else a copy.

    Raises ``OSError``.
    """
    with suppress(FileNotFoundError):
        os.unlink(part)
    for make in (os.link, os.symlink):
        with suppress(OSError, NotImplementedError):
            make(source, part)
            return
    shutil.copyfile(source, part)


def _sync(path: str) -> None:
    # Windows flushes only what is open for writing; elsewhere a read-only copy must do as well.
    with open(path, "r+b" if os.name == "nt" else "rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: str) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems know no fsync of folders.
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _patiently(move: Callable[[], None]) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return move()
        except PermissionError:
            if os.name != "nt" or time.monotonic() > until:
                raise
            time.sleep(0.05)
