"""The weights where a VAE meets its latents, one row a latent channel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..thresholds import thresholds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Convolution = tuple[Floats, Floats | None]
    """Weight and, where there is one, bias."""

_LARGEST = 1 << 24
"""Numbers of a product; shapes made to multiply into more belong to no VAE."""


def made_by(steps: Sequence[Convolution], count: int | None) -> Floats | None:
    """What the encoder's last convolutions make each of the first ``count`` channels of.

    ``steps`` in the order of their names in ``Halves.ends``: the wide one, then 1 x 1 ones on its
    outputs, which are multiplied into it. The bias is the row's last number: a shift is another
    latent space too. None where the convolutions do not fit together.
    """
    import numpy as np

    (weight, bias), *mixing = steps
    if weight.ndim < 2:
        return None
    rows = weight.reshape(len(weight), -1)
    offset = np.zeros(len(rows), np.float32) if bias is None else bias.ravel()
    for weight, bias in mixing:
        mix = _matrix(weight)
        if mix is None or not mix.shape[1] == len(rows) == len(offset):
            return None
        if len(mix) * rows.shape[1] > _LARGEST or (bias is not None and bias.size != len(mix)):
            return None
        rows, offset = mix @ rows, mix @ offset + (0 if bias is None else bias.ravel())
    return np.column_stack((rows, offset))[:count] if len(offset) == len(rows) else None


def taken_by(steps: Sequence[Convolution]) -> Floats | None:
    """What the decoder's first convolutions make of each channel, biases aside; see ``made_by``."""
    import numpy as np

    (weight, _), *mixing = steps
    if weight.ndim < 2:
        return None
    columns = weight.reshape(len(weight), weight.shape[1], -1)
    for weight, _ in mixing:
        mix = _matrix(weight)
        if mix is None or len(mix) != columns.shape[1]:
            return None
        if columns.size // len(mix) * mix.shape[1] > _LARGEST:
            return None
        columns = np.tensordot(columns, mix, (1, 0)).transpose(0, 2, 1)
    return np.ascontiguousarray(columns.transpose(1, 0, 2)).reshape(columns.shape[1], -1)


def altered(one: Floats, other: Floats, moved: float) -> bool:
    """Whether a channel is made or taken otherwise than finetuning would leave it.

    Its row may turn and stretch a little; and where the half's other weights moved less than that,
    by ``moved`` of their length, it may not move many times as far: then it was altered by itself.
    """
    import numpy as np

    limits = thresholds("kinship")
    stretch, room = limits["channel_norm"], max(limits["channel"], limits["channel_ahead"] * moved)
    with np.errstate(all="ignore"):
        own, theirs = np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1)
        angle = (one * other).sum(axis=1) >= limits["same_lineage"] * own * theirs
        length = (own <= stretch * theirs) & (theirs <= stretch * own)
        near = np.linalg.norm(one - other, axis=1) <= room * np.maximum(own, theirs)
    return not bool((angle & length & near).all())


def disarranged(one: Floats, other: Floats) -> bool:
    """Whether a channel is plainly another one's, or its own negative: swapped or negated latents.

    A row that is all but equal to another channel's and not to its own, or points the other way.
    """
    import numpy as np

    bar = thresholds("kinship")["disarranged"]
    with np.errstate(all="ignore"):
        own, theirs = np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1)
        cosines = np.nan_to_num((one @ other.T) / np.outer(own, theirs))
    straight = np.diag(cosines)
    elsewhere = cosines - np.diag(np.full(len(cosines), np.inf))
    swapped = (elsewhere.max(axis=1) >= bar) & (straight < thresholds("kinship")["same_lineage"])
    return bool((swapped | (straight <= -bar)).any())


def apart(one: Floats, other: Floats) -> float:
    """The distance of two vectors in lengths of the first; infinite for numbers that are none."""
    import numpy as np

    if np.array_equal(one, other):
        return 0.0
    with np.errstate(all="ignore"):
        found = float(np.linalg.norm(one.ravel() - other.ravel()) / np.linalg.norm(one))
    return found if math.isfinite(found) else math.inf


def _matrix(weight: Floats) -> Floats | None:
    """A 1 x 1 convolution as a matrix; None for a wider one."""
    if weight.ndim < 2 or weight.size != weight.shape[0] * weight.shape[1]:
        return None
    return weight.reshape(weight.shape[:2])
