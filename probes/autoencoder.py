"""A VAE that can be run, whatever its architecture: what every probe works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from torch import Tensor


class Autoencoder(Protocol):
    """The runnable halves of one VAE on one device, in one float type; built by ``catalog``.

    Pictures are [N, 3, H, W] in [-1, 1]; latents are [N, C, h, w] with h = H / spatial factor. A
    video VAE takes and gives one frame. Latents are raw (what the checkpoint's normalisation is
    applied to) unless ``scaled`` says that this VAE works on normalised ones.
    """

    channels: int
    """Latent channels C."""
    factor: int
    """Spatial factor: picture pixels of one latent pixel."""
    scaled: bool
    has_encoder: bool
    has_decoder: bool

    def encode(self, pictures: Tensor) -> Tensor:
        """The means of the latents; any float type in, float32 out, on this VAE's device."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures, not clamped; any float type in, float32 out, on this VAE's device."""
        ...

    @contextmanager
    def watched(self, tell: Callable[[str, Tensor], None]) -> Iterator[None]:
        """Within it, ``tell`` is given every block's canonical name and output as it is made."""
        ...
