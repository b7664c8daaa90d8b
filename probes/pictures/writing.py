"""Pictures and pages on their way to the disk: whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from ...registry.errors import INSTALL_PROBES, MissingDependency, NoSpace, Unreadable
from ...registry.naming import shown

if TYPE_CHECKING:
    from PIL.Image import Image

_LEAST_FREE = 1 << 20
"""Bytes below which a disk counts as full: latents of 1024 pixels and 16 channels take as many."""


def require_pillow(what: str) -> None:
    """Raises ``MissingDependency``, naming what needs pillow, where it is not installed."""
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise MissingDependency(
            f"{what} needs pillow, which is not installed",
            f"install it with: {INSTALL_PROBES}",
        ) from None


def png(image: Image) -> bytes:
    """The picture as a PNG; the same picture gives the same bytes.

    At zlib's quickest level: a picture of 1024 pixels takes half the time of level 6, and 15 %
    more room.
    """
    encoded = io.BytesIO()
    image.save(encoded, "PNG", optimize=False, compress_level=1)
    return encoded.getvalue()


def write_whole(path: str, content: bytes, what: str, option: str = "--out") -> None:
    """Write a file, making its folder; messages call it ``what``, such as ``comparison page``.

    ``option`` is the one that says where it goes. Raises ``NoSpace`` and ``Unreadable``; then
    nothing is left behind.
    """
    partial = f"{path}.{os.getpid()}.part"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(partial, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    except OSError as failure:
        if failure.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(path, what, option) from None
        why = _hindrance(path) or str(failure.strerror or failure)
        raise _refused(path, why, what, option) from None
    finally:
        with suppress(OSError):  # Gone where it was moved into place.
            os.unlink(partial)


def require_place(path: str, what: str, option: str = "--out") -> None:
    """Before minutes are spent on what ``write_whole`` could not write; makes nothing.

    Raises ``NoSpace`` and ``Unreadable`` as that would.
    """
    if why := _hindrance(path):
        raise _refused(path, why, what, option)
    with suppress(OSError):  # Writing will tell.
        if shutil.disk_usage(_above(path)).free < _LEAST_FREE:
            raise _full(path, what, option)


def _hindrance(path: str) -> str | None:
    """Why nothing can be written at a path, as far as that shows without trying."""
    if os.path.isdir(path):
        return "a folder lies there"
    above = _above(path)
    if not os.path.isdir(above):
        return f"{shown(above)} is no folder"
    if not os.access(above, os.W_OK | os.X_OK):
        return f"there is no right to write in {shown(above)}"
    return None


def _above(path: str) -> str:
    """The deepest of the folders that lead to a path which is there, be it a folder or not."""
    above = os.path.dirname(os.path.abspath(path))
    while not os.path.lexists(above) and above != os.path.dirname(above):
        above = os.path.dirname(above)
    return above


def _full(path: str, what: str, option: str) -> NoSpace:
    return NoSpace(
        f"the disk of {shown(path)} is full: the {what} was not written",
        f"make room, or name another folder with {option}",
    )


def _refused(path: str, why: str, what: str, option: str) -> Unreadable:
    return Unreadable(
        f"the {what} {shown(path)} cannot be written: {why}",
        f"name a folder that you may write to with {option}",
    )
