"""Pictures and pages on their way to the disk: whole or not at all."""

from __future__ import annotations

import errno
import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ...registry.errors import INSTALL_PROBES, MissingDependency, NoSpace, Unreadable
from ...registry.naming import shown

if TYPE_CHECKING:
    from PIL.Image import Image


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


def write_whole(path: str, content: bytes, what: str) -> None:
    """Write a file, making its folder; messages call it ``what``, such as ``comparison page``.

    Raises ``NoSpace`` and ``Unreadable``; then nothing is left behind.
    """
    partial = f"{path}.{os.getpid()}.part"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(partial, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    except OSError as failure:
        if failure.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(
                f"the disk of {shown(path)} is full: the {what} was not written",
                "make room, or name another folder with --out",
            ) from None
        raise Unreadable(
            f"the {what} {shown(path)} cannot be written: {failure.strerror or failure}",
            "name a folder that you may write to with --out",
        ) from None
    finally:
        with suppress(OSError):  # Gone where it was moved into place.
            os.unlink(partial)
