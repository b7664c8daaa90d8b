"""How much memory models will take, told before they are loaded."""

from __future__ import annotations

import math
import sys

import torch

from ..registry.measures import VaeFile
from ..registry.values import Component, Identity
from ..registry.weights import open_weights

MIB = 1 << 20
_PER_PIXEL = {
    "autoencoder-kl": {"encoder": 800, "decoder": 1150},
    "autoencoder-tiny": {"encoder": 300, "decoder": 450},
}
"""Numbers held at once for each picture pixel, while a half runs: measured on the CPU in float32
with a KL autoencoder of SD1's size (3.1 kB a pixel encoding 256 and 512 pixels a side, 4.0 kB
decoding 512) and with TAESD's (1.1 kB, and 1.1 to 1.7 kB from 1024 to 256), and a tenth more."""
_USUAL = _PER_PIXEL["autoencoder-kl"]
_LAYER_SHARE = 0.5
"""Of a half's weights: what its layers take for themselves, whatever the picture's size. The same
measurement: 90 MiB beside a decoder's 189 MiB, decoding 128 pixels."""
_LOADING = 1.15
"""Times the weights' own bytes while they are read: 214 MiB were taken for 189."""
_DRAWING_PER_PIXEL = 300
"""Numbers held at once for each picture pixel while a UNet makes a step: SD1's took 0.2 GiB at 512
pixels in float32, on the CPU with scaled dot-product attention, and half as much again."""
_LIBRARIES = 160 * MIB
"""What importing diffusers and transformers took beside torch (0.42 and 5.23: 140 MiB)."""


def to_load(vae: VaeFile, dtype: torch.dtype, halves: tuple[str, ...]) -> int:
    """Bytes that these halves of a VAE take once loaded; reads the file's header.

    Raises ``NotFound`` and ``FileError``.
    """
    return math.ceil(_parameters(vae, halves) * dtype.itemsize * _LOADING)


def to_run(architecture: str, dtype: torch.dtype, half: str, pixels: int, weights: int) -> int:
    """Bytes that a half takes beside its ``weights`` (bytes) to run ``pixels`` picture pixels."""
    numbers = _PER_PIXEL.get(architecture, _USUAL)[half] * pixels
    return math.ceil(numbers * dtype.itemsize + weights * _LAYER_SHARE)


def to_draw(checkpoint: Identity, dtype: torch.dtype, pixels: int) -> int:
    """Bytes that a checkpoint takes to be loaded, its VAE apart, and to draw a picture."""
    parts = [part for part in checkpoint.components if part.role in ("denoiser", "text_encoder")]
    weights = sum(_drawn_with(part, dtype) for part in parts) * _LOADING
    libraries = 0 if "diffusers" in sys.modules else _LIBRARIES
    return math.ceil(weights + _DRAWING_PER_PIXEL * pixels * dtype.itemsize + libraries)


def _drawn_with(part: Component, dtype: torch.dtype) -> int:
    """CLIP runs in float32 whatever the denoiser does."""
    wide = part.role == "text_encoder" and part.architecture.startswith("clip")
    return part.parameters * (4 if wide else dtype.itemsize)


def _parameters(vae: VaeFile, halves: tuple[str, ...]) -> int:
    """Those of the halves, and of what belongs to neither (``quant_conv``)."""
    apart = tuple(half for half in ("encoder", "decoder") if half not in halves)
    with open_weights(vae.path, vae.prefix) as weights:
        return sum(
            tensor.parameters
            for name, tensor in weights.tensors.items()
            if not any(half in name for half in apart)
        )
