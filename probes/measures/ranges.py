"""The largest activations of a decode, beside what half precision can hold."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...registry.measures import HalfRange

STRETCH = 1.5
"""Latents are also decoded this much larger: activations depend on content, and generated pictures
go further than a test card does."""


class Watch:
    """Remembers the largest absolute output of each block; given to ``Autoencoder.watched``."""

    def __init__(self) -> None:
        self._extremes: dict[str, Tensor] = {}

    def tell(self, block: str, output: Tensor) -> None:
        """Take note of one output; nothing is copied off the device yet."""
        if not output.numel() or not output.is_floating_point():
            return
        low, high = torch.aminmax(output.detach())
        largest = torch.maximum(-low, high).float()
        known = self._extremes.get(block)
        if known is not None:  # A decode that found no room on one device went on on another.
            largest = torch.maximum(known.to(largest.device), largest)
        self._extremes[block] = largest

    def largest(self) -> tuple[str, float] | None:
        """The block with the largest output and its size, infinite for any NaN; None if blind."""
        sizes = {block: float(value) for block, value in self._extremes.items()}
        sizes = {block: math.inf if math.isnan(size) else size for block, size in sizes.items()}
        # The first block that is not finite is where the fault starts: later ones inherit it.
        return max(sizes.items(), key=lambda item: item[1]) if sizes else None

    def half_range(self, overflowing: int | None = None) -> HalfRange | None:
        """What was seen as a value; ``overflowing`` comes of a real float16 decode."""
        found = self.largest()
        return found and HalfRange(found[1], found[0], overflowing)


def count_not_finite(pictures: Tensor) -> int:
    """How many numbers are NaN or infinite."""
    return int((~torch.isfinite(pictures)).sum())
