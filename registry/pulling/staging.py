"""A folder gathered under a hidden name that gets its real one when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from ..transfer.locks import locked


@dataclass(frozen=True, slots=True)
class Staged:
    """Where a folder is gathered, and where it will lie."""

    path: str
    """The hidden folder; what an interrupted pull left in it is used again."""
    final: str
    here: bool = False
    """The whole folder lies at ``final`` already: nothing is to be gathered."""


@contextmanager
def staged_folder(
    parent: str,
    name: str,
    tag: str,
    is_whole: Callable[[str], bool],
    rest: Callable[[float], None],
    again: bool = False,
) -> Iterator[Staged]:
    """Lend a hidden folder beside the final one and publish it when the block ends well.

    Another process that gathers the same folder waits here; ``rest`` is called meanwhile and may
    raise. A folder of that name with other content stays as it is: ``tag`` and, if need be, a
    number are then put behind the new one's name. With ``again`` the same content is gathered anew
    and takes the place of what is there. Raises ``OSError``.
    """
    os.makedirs(parent, exist_ok=True)
    with locked(os.path.join(parent, f".{name}.lock"), rest):
        hidden = os.path.join(parent, f".{name}-{tag}.part")
        final = next(path for path in _names(parent, name, tag) if _is_free(path, is_whole))
        if os.path.lexists(final) and not again:
            yield Staged(hidden, final, here=True)
            return
        os.makedirs(hidden, exist_ok=True)
        yield Staged(hidden, final)
        _without_leftovers(hidden)
        old = f"{hidden}.old"
        if os.path.lexists(final):
            os.rename(final, old)
        os.rename(hidden, final)
        _made_durable(parent)
        if os.path.lexists(old):
            shutil.rmtree(old)


def _names(parent: str, name: str, tag: str) -> Iterator[str]:
    yield os.path.join(parent, name)
    yield os.path.join(parent, f"{name}-{tag}")
    yield from (os.path.join(parent, f"{name}-{tag}-{number}") for number in count(2))


def _is_free(path: str, is_whole: Callable[[str], bool]) -> bool:
    """Whether nothing lies there, or just what is wanted."""
    return not os.path.lexists(path) or is_whole(path)


def _without_leftovers(folder: str) -> None:
    """Take away locks and partial files; what was gathered has no hidden names."""
    for base, folders, names in os.walk(folder):
        for name in [name for name in names if name.startswith(".")]:
            os.unlink(os.path.join(base, name))
        for name in [name for name in folders if name.startswith(".")]:
            shutil.rmtree(os.path.join(base, name))
            folders.remove(name)


def _made_durable(folder: str) -> None:
    """Have the folder's new entry survive a power cut, where folders can be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
