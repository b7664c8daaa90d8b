"""Weights that are no VAE's, or no longer: never trained, not a number, not all there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .autoencoder import Shapes

if TYPE_CHECKING:
    from .stream import Array, Weights


def random_weights(shapes: Shapes, seed: int) -> Weights:
    """Untrained weights that run, their outputs about as large as their inputs."""
    import numpy as np

    random = np.random.default_rng(seed)

    def draw(name: str, shape: tuple[int, ...]) -> Array:
        values = random.standard_normal(shape, np.float32)
        if len(shape) > 1:
            return values / np.float32(math.sqrt(math.prod(shape[1:])))
        lift = "norm" in name and name.endswith("weight")
        return values * np.float32(0.1) + np.float32(lift)

    return {name: draw(name, shape) for name, shape in shapes.items()}


def with_nan(weights: Mapping[str, Array], name: str) -> Weights:
    """One number of one tensor is NaN; ``KeyError`` for a tensor that is not there."""
    spoilt = weights[name].copy()
    spoilt.flat[spoilt.size // 2] = math.nan
    return {**weights, name: spoilt}


def with_zeroed_tail(data: bytes, share: float = 0.25) -> bytes:
    """A file whose last part never came: its place was reserved, and zeros are there."""
    hole = int(len(data) * share)
    return data[: len(data) - hole] + bytes(hole)
