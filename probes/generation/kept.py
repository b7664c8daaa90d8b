"""Latents kept in files: written whole or not at all, and looked at closely before use."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ...registry.drawing import Drawing
from ...registry.errors import NotFound, Unreadable, VaeregError
from ...registry.naming import shown
from ...registry.weights import Weights, open_weights
from ..pictures.writing import write_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Latents = NDArray[np.float32]

KEPT = ("drawing", "--home")
"""What is kept, as messages call it, and the option that says where."""
VERSION = 1
"""Of the file: others are not read."""
MOST_BYTES = 256 << 20
"""Of latents; those of 4096 x 4096 pixels with 128 channels take half of it."""
_LATENTS, _FIGURES, _VERSION, _DIGEST = "latents", "drawing", "version", "sha256"
_KINDS: Mapping[str, Any] = {
    "channels": int,
    "width": int,
    "height": int,
    "device": str,
    "dtype": str,
    "seconds": int | float,
    "steps": int,
    "seed": int,
    "guidance": int | float,
    "text": str,
    "finite": bool,
    "failed_at": int | None,
    "overflowed": str | None,
    "notes": list,
}
"""What a file says of its latents, and of what type: ``Drawing`` without the file's own state."""
_DAMAGED = "delete it and run the command again: it is made anew"


def keep(path: str, latents: Latents, drawing: Drawing) -> None:
    """Write latents [1, C, h, w] with how they came to be, whole or not at all, making the folder.

    ``drawing`` must describe these latents: its channels, and whether they are finite. Raises
    ``NoSpace`` and ``Unreadable`` where the file cannot be written.
    """
    import numpy as np
    from safetensors.numpy import save

    plain = np.ascontiguousarray(latents, np.float32)
    told = {name: value for name, value in asdict(drawing).items() if name in _KINDS}
    figures = json.dumps(told)
    metadata = {
        _VERSION: str(VERSION),
        _FIGURES: figures,
        _DIGEST: _digest(figures, plain),
    }
    write_whole(path, save({_LATENTS: plain}, metadata), *KEPT)


def load_latents(path: str) -> Latents:
    """The latents [1, C, h, w], float32, exactly as they were kept; not always finite.

    Raises ``NotFound``, and ``Unreadable`` for a file that is not as ``keep`` wrote it.
    """
    return _read(path)[1]


def recalled(path: str) -> Drawing | None:
    """The drawing in a file, marked as kept; None where there is no sound one."""
    try:
        return _read(path)[0]
    except VaeregError:
        return None


def _read(path: str) -> tuple[Drawing, Latents]:
    """What lies in a file, the latents compared with everything that is said of them."""
    if not os.path.isfile(path):
        raise NotFound(f"there are no latents at {shown(path)}", "run the command again")
    with open_weights(path) as weights:
        latents = _latents(weights, path)
        figures = weights.metadata.get(_FIGURES, "")
        version = weights.metadata.get(_VERSION)
        if version != str(VERSION) or weights.metadata.get(_DIGEST) != _digest(figures, latents):
            raise _damaged(path)
    drawing = _drawing(figures, path)
    if not _agree(drawing, latents):
        raise _damaged(path)
    return drawing, latents


def _latents(weights: Weights, path: str) -> Latents:
    tensor = weights.tensors.get(_LATENTS)
    if tensor is None or tensor.dtype != "float32" or tensor.strides is not None:
        raise _damaged(path)
    if tensor.nbytes > MOST_BYTES:
        raise _damaged(path)
    return weights.read(_LATENTS)


def _drawing(text: str, path: str) -> Drawing:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise _damaged(path) from None
    if not isinstance(told, dict) or told.keys() != _KINDS.keys():
        raise _damaged(path)
    sound = all(isinstance(told[name], kind) for name, kind in _KINDS.items())
    if not sound or not all(isinstance(note, str) for note in told["notes"]):
        raise _damaged(path)
    return Drawing(path=path, **{**told, "notes": tuple(told["notes"])}, kept=True)


def _agree(drawing: Drawing, latents: Latents) -> bool:
    """Whether latents have the shape and the soundness that is said of them."""
    import numpy as np

    if latents.ndim != 4 or latents.shape[:2] != (1, drawing.channels) or not latents.size:
        return False
    height, width = latents.shape[2:]
    fits = height <= drawing.height and width <= drawing.width
    return fits and bool(np.isfinite(latents).all()) == drawing.finite


def _digest(figures: str, latents: Latents) -> str:
    return hashlib.sha256(figures.encode("utf-8", "replace") + latents.tobytes()).hexdigest()


def _damaged(path: str) -> Unreadable:
    return Unreadable(f"{shown(path)} holds no sound latents of this version", _DAMAGED)
