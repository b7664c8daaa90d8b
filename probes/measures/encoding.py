"""A user's own picture as latents, to be decoded like those that a checkpoint draws."""

from __future__ import annotations

import hashlib
import os
import time

import torch

from ...registry.drawing import Drawing
from ...registry.errors import Unreadable
from ...registry.measures import Scaling, VaeFile
from ...registry.naming import shown
from ..generation.kept import keep
from ..pictures.image import picture
from .bench import Bench, Load


def encode(
    image: str, encoder: VaeFile, scaling: Scaling, folder: str, load: Load, device: torch.device
) -> Drawing:
    """Latents of the picture in a file of ``folder``: encoded in float32, then normalised.

    The picture is cropped and shrunk as ``picture`` does. A VAE of normalised latents gives them
    as they are. The same picture, VAE and scaling give the same file. Raises ``Unreadable`` for
    what is no picture, ``CannotRun`` without an encoder that works, ``OutOfMemory``, ``FileError``,
    and as ``keep`` does.
    """
    started = time.monotonic()
    pictures = picture(image)
    bench = Bench(load, device, torch.float32, scaling)
    with torch.inference_mode():
        latents = bench.encoded(encoder, pictures)
    height, width = pictures.shape[-2:]
    drawing = Drawing(
        path=os.path.join(folder, f"{_digest(image, encoder, scaling)}.safetensors"),
        channels=latents.values.shape[1],
        width=width,
        height=height,
        device=str(device),
        dtype="float32",
        seconds=round(time.monotonic() - started, 3),
        text=shown(os.path.basename(image)),
        notes=tuple(bench.notes),
    )
    keep(drawing.path, latents.values.numpy(), drawing)
    return drawing


def _digest(image: str, encoder: VaeFile, scaling: Scaling) -> str:
    """A name for what is encoded and how; the path is made harmless, not every one is UTF-8."""
    try:
        with open(image, "rb") as file:
            content = hashlib.file_digest(file, "sha256")
    except OSError as failure:
        raise Unreadable(
            f"{shown(image)} cannot be read as a picture: {failure.strerror or failure}",
            "give a PNG, JPEG or WebP picture",
        ) from None
    where = os.fsencode(os.path.abspath(encoder.path))
    content.update(repr((where, encoder.prefix, scaling)).encode("utf-8", "backslashreplace"))
    return f"encoded-{content.hexdigest()[:24]}"
