"""A prompt at every layer of its text encoders beside the last one: direction and length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...registry.textual.kinds import KINDS, Kind
from ...registry.textual.swept import SweptEncoder, SweptLayer
from .encoded import Layers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Field = NDArray[np.float64]


def deepest(architecture: str, layers: int) -> int:
    """The clip skip of a text encoder's first layer, by A1111's count.

    Copies of OpenCLIP-H may leave out the last layer, which nobody reads: the one before it is 2
    all the same (stabilityai/stable-diffusion-2-1 text_encoder/config.json).
    """
    whole = KINDS.get(architecture, Kind(architecture)).layers
    return whole[0] if layers in whole else layers


def swept(encoder: Layers, ids: tuple[int, ...]) -> SweptEncoder:
    """Every layer's output for the prompt of those ids, the last layer first."""
    states = encoder.states[1:]  # The first are the embeddings that no layer has seen yet.
    last = np.asarray(states[-1], np.float64)
    words = slice(1, max(2, ids.index(ids[-1])))
    whole = deepest(encoder.architecture, len(states))
    rows = [
        _row(whole - layer + 1, layer, np.asarray(state, np.float64), last, words)
        for layer, state in enumerate(states, 1)
    ]
    name = KINDS.get(encoder.architecture, Kind(encoder.architecture)).name
    return SweptEncoder(name, tuple(reversed(rows)))


def _row(clip_skip: int, layer: int, state: Field, last: Field, words: slice) -> SweptLayer:
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(state, axis=1)
        cosines = (state * last).sum(1) / (norms * np.linalg.norm(last, axis=1))
    return SweptLayer(clip_skip, layer, _mean(cosines[words]), _mean(cosines), _mean(norms[words]))


def _mean(values: Field) -> float | None:
    """None where one is no finite number."""
    return round(float(values.mean()), 6) if np.isfinite(values).all() else None
