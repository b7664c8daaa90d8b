"""A prompt at every layer of its text encoders beside the last one: direction and length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...registry.textual.kinds import KINDS, Kind
from ...registry.textual.measured import weight_defects
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


def swept(encoder: Layers, ids: tuple[int, ...], name: str = "") -> SweptEncoder:
    """Every layer's output for the prompt of those ids, the last layer first."""
    states = encoder.states[1:]  # The first are the embeddings that no layer has seen yet.
    last = np.asarray(states[-1], np.float64)
    words = slice(1, max(2, ids.index(ids[-1])))
    whole = deepest(encoder.architecture, len(states))
    rows = [
        _row(whole - layer + 1, layer, np.asarray(state, np.float64), last, words)
        for layer, state in enumerate(states, 1)
    ]
    defects = tuple(weight_defects(encoder.spoilt, encoder.zero, encoder.tensors))
    name = name or names_of([encoder.architecture])[0]
    return SweptEncoder(name, tuple(reversed(rows)), encoder.prefix, defects)


def names_of(architectures: Sequence[str]) -> tuple[str, ...]:
    """Text encoders as people call them, numbered where several share a name."""
    plain = [KINDS.get(it, Kind(it)).name for it in architectures]
    return tuple(
        f"{name} {plain[:place].count(name) + 1}" if plain.count(name) > 1 else name
        for place, name in enumerate(plain)
    )


def _row(clip_skip: int, layer: int, state: Field, last: Field, words: slice) -> SweptLayer:
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(state, axis=1)
        cosines = (state * last).sum(1) / (norms * np.linalg.norm(last, axis=1))
    finite = bool(np.isfinite(state).all())
    cosine, cosine_all, norm = map(_mean, (cosines[words], cosines, norms[words]))
    return SweptLayer(clip_skip, layer, cosine, cosine_all, norm, finite)


def _mean(values: Field) -> float | None:
    """None where one is no finite number."""
    return round(float(values.mean()), 6) if np.isfinite(values).all() else None
