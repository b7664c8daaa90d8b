"""A user's own picture, made ready for a probe that would otherwise encode the test card."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import torch
from torch import Tensor

from ...registry.errors import INSTALL_PROBES, FileError, MissingDependency, NotFound, Unreadable
from ...registry.formats.local import LocalFile
from ...registry.naming import shown
from .card import TILE

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 8 * TILE * TILE
"""A user's picture is shrunk to no more pixels than the card has, so that it costs the same."""
_LARGEST_PICTURE = 100_000_000
"""Pixels beyond which a user's picture is refused unread: it would unpack to over 700 MB."""
_WHITES = {"F": (1,), "I": (255, 65535)}
"""What can be white, by Pillow's name for the kind of a grey picture; 16 bits otherwise. A TIFF of
floats or of 32 bits does not say; the first that no brightness exceeds is taken."""
_HINT = "give a PNG, JPEG or WebP picture, or leave it out to use the test card"


def picture(path: str) -> Tensor:
    """A user's picture as float32 [1, 3, H, W] in [-1, 1]; H and W are multiples of 128.

    It is turned as its EXIF data says, laid on white where transparent, cropped as little as that
    takes and resized to at most ``MOST_PIXELS``. Raises ``Unreadable`` for what is not there, no
    regular file, no picture or damaged, for numbers of which nothing says what white is, and for
    more than 100 million pixels.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise MissingDependency(
            "reading a picture needs pillow, which is not installed",
            f"install it with: {INSTALL_PROBES}",
        ) from None
    try:
        with warnings.catch_warnings():
            # Pillow warns of bombs a little earlier, and of oddities that do no harm.
            warnings.simplefilter("ignore")
            with _file(path) as file, Image.open(file) as opened:
                _refuse_bombs(opened, path)
                return _as_tensor(_fitted(opened))
    except (Unreadable, MemoryError):
        raise
    except UnidentifiedImageError:
        raise _unreadable(path, "it is of no format that Pillow knows") from None
    except Exception as error:  # Pillow's readers raise whatever a damaged file leads them to.
        raise _unreadable(path, str(error) or type(error).__name__) from None


@contextmanager
def _file(path: str) -> Iterator[BinaryIO]:
    """A regular file, opened without waiting for a pipe."""
    if not path:
        raise Unreadable("the path of the picture is empty", _HINT)
    try:
        local = LocalFile(path)
    except NotFound:
        raise Unreadable(f"there is no picture at {shown(path)}", _HINT) from None
    except FileError as failure:
        raise Unreadable(f"{failure.message}: it cannot be read as a picture", _HINT) from None
    with local, os.fdopen(os.dup(local.descriptor), "rb") as file:
        yield file


def _unreadable(path: str, why: str) -> Unreadable:
    return Unreadable(f"{shown(path)} cannot be read as a picture: {shown(why)}", _HINT)


def _refuse_bombs(image: Image, path: str) -> None:
    width, height = image.size
    if width * height > _LARGEST_PICTURE:
        raise _unreadable(path, f"{width} x {height} pixels are too many")


def _fitted(image: Image) -> Image:
    """Upright, opaque RGB of the whole number of tiles that is nearest to the picture's shape."""
    from PIL import Image, ImageOps

    columns, rows = _grid(*image.size)
    # JPEG can be unpacked at a fraction of its size; twice the need keeps the resizing sharp.
    image.draft("RGB", (2 * TILE * max(columns, rows), 2 * TILE * max(columns, rows)))
    upright = ImageOps.exif_transpose(image)
    columns, rows = _grid(*upright.size)
    layered = _deep_to_8_bit(upright).convert("RGBA")
    small = ImageOps.fit(layered, (columns * TILE, rows * TILE), Image.Resampling.LANCZOS)
    paper = Image.new("RGBA", small.size, "white")
    return Image.alpha_composite(paper, small).convert("RGB")


def _deep_to_8_bit(image: Image) -> Image:
    """A grey picture of more than 8 bits as 8 bits: ``convert`` alone would clip or cut it.

    Raises ``ValueError`` for numbers of which nothing says what white is.
    """
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    white = _white_of(image)
    # Rounded, as integers are cut by "L"; "F" is the one mode that keeps fractions till then.
    return image.convert("F").point(lambda value: value * (255 / white) + 0.5).convert("L")


def _white_of(image: Image) -> float:
    """The number that stands for white in a picture of floats or of integers beyond 8 bits."""
    import numpy as np

    numbers = np.asarray(image)
    least, most = float(numbers.min()), float(numbers.max())
    if not (0 <= least <= most):
        raise ValueError(f"its brightnesses go from {least:g} to {most:g}, where black is 0")
    white = next((white for white in _WHITES.get(image.mode, (65535,)) if most <= white), None)
    if white is None:
        raise ValueError(
            f"its brightnesses reach {most:g}, and nothing says which of them is white; save it "
            "with 8 or 16 bits"
        )
    return white


def _grid(width: int, height: int) -> tuple[int, int]:
    """Columns and rows of tiles, as many as allowed, that lose the least of a picture."""
    most = MOST_PIXELS // TILE**2
    grids = [(c, r) for c in range(1, most + 1) for r in range(1, most // c + 1) if c * r >= 3]
    shape = width / height

    def loss(grid: tuple[int, int]) -> tuple[float, int]:
        wanted = grid[0] / grid[1]
        return round(max(shape / wanted, wanted / shape), 2), -grid[0] * grid[1]

    return min(grids, key=loss)


def _as_tensor(image: Image) -> Tensor:
    flat = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    pixels = flat.reshape(image.height, image.width, 3).permute(2, 0, 1)
    return pixels.to(torch.float32).div(127.5).sub(1).unsqueeze(0).contiguous()
