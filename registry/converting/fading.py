"""Why a result is another VAE than its source: numbers too small for the float type asked for."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UnsupportedFormat
from ..naming import shown
from ..weights import Piece, Weights
from .numbers import blocks, dtype_of, encoded, values_of
from .spelling import Entry
from .writing import WIDER

COARSE = 2.0**-7
"""Of a number: what rounding to bfloat16, the coarsest type, never takes where it does not fade."""

_ENDS = {
    "float16": "it rounds those below 6.1e-5 coarsely and those below 3e-8 to zero",
    "bfloat16": "it rounds those below 1.2e-38 coarsely, the least of them to zero",
    "float32": "it rounds those below 1.2e-38 coarsely, the least of them to zero",
}
"""IEEE 754: the smallest normal number, and half of the smallest one."""


def require_unfaded(
    kept: Weights, made: Weights, entries: Sequence[Entry], dtype: str | None
) -> None:
    """Raise ``UnsupportedFormat`` where rounding alone made another VAE of what was written.

    It did where every tensor reads back as it was written, to the byte, and some lost numbers.
    """
    worst, share, count = "", 0.0, 0
    for entry in entries:
        piece, there = kept.pieces[entry.source], made.pieces.get(entry.name)
        lost = _lost(kept, piece, made, there, dtype) if there else None
        if lost is None:
            return
        if lost > share * piece.tensor.parameters:
            worst, share, count = entry.source, lost / piece.tensor.parameters, lost
    if worst:
        wanted = dtype_of(kept.pieces[worst].tensor, dtype)
        raise UnsupportedFormat(
            f"{shown(kept.name)} holds {count:,} numbers in {shown(worst)} that are too small for "
            f"{wanted}: {_ENDS.get(wanted, 'it rounds them')}, which makes another VAE of it; "
            "nothing was written",
            f"{WIDER.get(wanted, '--dtype keep')} holds them",
        )


def reads_back(kept: Weights, made: Weights, entries: Sequence[Entry], dtype: str | None) -> bool:
    """Whether every tensor is there as it was written, to the byte."""
    pairs = ((kept.pieces[entry.source], made.pieces.get(entry.name)) for entry in entries)
    return all(
        there is not None and _lost(kept, piece, made, there, dtype) is not None
        for piece, there in pairs
    )


def _lost(
    kept: Weights, piece: Piece, made: Weights, there: Piece, dtype: str | None
) -> int | None:
    """Numbers of a tensor that faded; None where it does not read back as it was written."""
    import numpy as np

    wanted = dtype_of(piece.tensor, dtype)
    data = b"".join(blocks(piece, kept.name))
    expected, _ = encoded(data, piece.tensor, wanted, kept.name)
    if there.tensor.dtype != wanted or b"".join(blocks(there, made.name)) != expected:
        return None
    if wanted == piece.tensor.dtype:
        return 0
    before = values_of(data, piece.tensor, kept.name).astype(np.float64)
    after = values_of(expected, there.tensor, made.name).astype(np.float64)
    with np.errstate(invalid="ignore"):
        faded = np.abs(after - before) > COARSE * np.abs(before)
    return int(np.count_nonzero(faded & np.isfinite(before)))
