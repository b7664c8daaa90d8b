"""A user's own picture, made ready for a probe that would otherwise encode the test card."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...registry.errors import INSTALL_PROBES, MissingDependency, Unreadable
from ...registry.naming import shown
from .card import TILE

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 8 * TILE * TILE
"""A user's picture is shrunk to no more pixels than the card has, so that it costs the same."""
_LARGEST_PICTURE = 100_000_000
"""Pixels beyond which a user's picture is refused unread: it would unpack to over 700 MB."""


def picture(path: str) -> Tensor:
    """A user's picture as float32 [1, 3, H, W] in [-1, 1]; H and W are multiples of 128.

    It is turned as its EXIF data says, laid on white where transparent, cropped as little as that
    takes and resized to at most ``MOST_PIXELS``. Raises ``Unreadable`` for a file that is no
    picture or damaged, and for one of more than 100 million pixels.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingDependency(
            "reading a picture needs pillow, which is not installed",
            f"install it with: {INSTALL_PROBES}",
        ) from None
    try:
        with warnings.catch_warnings():
            # Pillow warns of bombs a little earlier, and of oddities that do no harm.
            warnings.simplefilter("ignore")
            with Image.open(path) as opened:
                _refuse_bombs(opened, path)
                return _as_tensor(_fitted(opened))
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # Pillow's readers raise whatever a damaged file leads them to.
        raise _unreadable(path, str(error) or type(error).__name__) from None


def _unreadable(path: str, why: str) -> Unreadable:
    return Unreadable(
        f"{shown(path)} cannot be read as a picture: {shown(why)}",
        "give a PNG, JPEG or WebP picture, or leave it out to use the test card",
    )


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
    """A 16-bit grey picture as 8 bits: ``convert`` alone would clip it to white."""
    if not image.mode.startswith("I;16"):
        return image
    return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")


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
