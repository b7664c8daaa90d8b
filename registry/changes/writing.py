"""A text file of another program, read to the byte, replaced whole and put back to the byte."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress

from ..errors import Unreadable
from ..naming import shown
from .base import WriteText
from .placing import Conflict, clear, fit_path, missing_folders, publish

LONGEST = 16 << 20
"""Bytes; settings files have some thousand."""


def text_of(path: str) -> str | None:
    """A text file's content with its line ends and byte order mark; None where there is none.

    What a ``WriteText`` wants as ``before``. Raises ``Unreadable`` for what is no UTF-8 text.
    """
    try:
        data = bytes_of(path)
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError:
        why = "is not written in UTF-8"
    except OSError as failure:
        why = f"cannot be read: {failure.strerror or type(failure).__name__}"
    raise Unreadable(f"{shown(path)} {why}", "vaereg leaves it alone; change it by hand.")


def bytes_of(path: str) -> bytes | None:
    """A file's content; None where there is none, not even a broken link. Raises ``OSError``."""
    if not os.path.lexists(path):
        return None
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(0, "it is no regular file")
    with open(path, "rb") as file:
        data = file.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise OSError(0, f"it has more than {LONGEST >> 20} MiB")
    return data


def check(change: WriteText) -> bool:
    """Whether the file says it already; False where it can be written, as far as looking tells.

    Raises ``Conflict`` with the reason where it is to be left alone.
    """
    fit_path(change.path)
    try:
        wanted, there = encoded(change.content), bytes_of(change.path)
        found = None if there is None else os.stat(change.path)
    except OSError as failure:
        raise Conflict(f"{shown(change.path)}: {failure.strerror or failure}") from None
    if there == wanted:
        return True
    if there != (None if change.before is None else encoded(change.before)):
        raise Conflict(_CHANGED[there is None, change.before is None].format(shown(change.path)))
    if found and not found.st_mode & 0o222:
        raise Conflict(f"{shown(change.path)} is write-protected")
    if found and found.st_nlink > 1:
        raise Conflict(f"{shown(change.path)} has several names (hard links); writing parts them")
    missing_folders(change.path)
    return False


_CHANGED = {
    (False, False): "{} was changed since it was read",
    (False, True): "{} was not there and is now",
    (True, False): "{} was there and is gone",
}
"""By whether there is no file now, and whether there was none."""


def encoded(text: str) -> bytes:
    """The bytes of a text; raises ``Conflict`` for what UTF-8 cannot say."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Conflict("the text holds a name that cannot be written in UTF-8") from None


def digest(data: bytes) -> str:
    """SHA-256, by which a text is known again."""
    return hashlib.sha256(data).hexdigest()


def make(path: str, data: bytes, part: str) -> None:
    """Write a file that is not there.

    Raises ``FileExistsError`` where the name was taken meanwhile, and ``OSError``.
    """
    try:
        _write(part, data)
        publish(part, path)
    finally:
        clear(part)


def replace(
    path: str, data: bytes, part: str, old_digest: str, mode: int, mtime_ns: int | None = None
) -> bool:
    """Put a content in the place of another, all at once; False where that is not there any more.

    ``mtime_ns`` is the time that the file is to bear, now where None. Raises ``OSError``.
    """
    try:
        _write(part, data)
        with suppress(OSError, AttributeError):
            owner = os.stat(path)
            os.chown(part, owner.st_uid, owner.st_gid)
        os.chmod(part, stat.S_IMODE(mode))
        if mtime_ns is not None:
            os.utime(part, ns=(mtime_ns, mtime_ns))
        now = bytes_of(path)
        if now is None or digest(now) != old_digest:
            return False
        os.replace(part, path)
    finally:
        clear(part)
    return True


def _write(part: str, data: bytes) -> None:
    clear(part)
    with open(part, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
