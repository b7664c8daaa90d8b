"""Whether the table of token positions that old checkpoints carry still counts 0, 1, 2 ..."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import FileError
from ..identify.view import View
from ..values import Tensor
from .contents import Reader
from .values import Defect

POSITION_IDS = "embeddings.position_ids"
_POSITIONS = "embeddings.position_embedding.weight"
_USUAL = 77
_MOST = 4096
"""Values read at most; Long-CLIP, the longest known, has 248 (beichenzbc/Long-CLIP)."""

CURE = (
    "write 0, 1, 2 ... back as int64: stable-diffusion-webui-model-toolkit does so with its option"
    " Fix broken CLIP position IDs; pictures of the same seed change slightly"
)
"""arenasys/stable-diffusion-webui-model-toolkit README.md, section CLIP."""
_WHO = "ComfyUI, diffusers and all on transformers 4.31 or later do not use the stored table"
"""yzkee/ComfyUI comfy/clip_model.py adds the position embedding's rows as they lie;
huggingface/transformers pull request 24505 no longer saves or loads the table."""


def look_at_positions(view: View, read: Reader | None) -> tuple[tuple[Defect, ...], str | None]:
    """What is wrong with ``position_ids`` of a CLIP tower, and why its values cannot be told.

    Names without ``text_model.``; the second is None where the values were read or none are there.
    Merging turns the whole numbers into floats that are slightly off, and A1111 cuts the fraction
    off on load (arenasys/stable-diffusion-webui-model-toolkit README.md, section CLIP;
    AUTOMATIC1111/stable-diffusion-webui pull request 6728 keeps its own merger from doing so).
    May raise ``SourceError`` for a remote file.
    """
    tensor = view.tensors.get(POSITION_IDS)
    if tensor is None:
        return (), None
    if tensor.parameters != _expected(view):
        return (_misshapen(tensor, _expected(view)),), None
    values, trouble = _values(tensor, read)
    if values and (wrong := _wrong(values)):
        return (_shifted(values, wrong),), None
    return ((_float(tensor, bool(values)),) if "float" in tensor.dtype else ()), trouble


def _expected(view: View) -> int:
    rows = view.extent(_POSITIONS, 0)
    return rows if rows and rows <= _MOST else _USUAL


def _values(tensor: Tensor, read: Reader | None) -> tuple[list[float], str | None]:
    """The table, empty where it cannot be read; and why not."""
    import numpy as np

    if read is None or tensor.nbytes > _MOST * 8:
        # A strided view may claim a span far beyond its values.
        return [], "its position_ids were not read"
    try:
        with np.errstate(all="ignore"):
            return [float(value) for value in read(POSITION_IDS).reshape(-1)], None
    except FileError as failure:
        return [], f"its position_ids were not read: {failure.message}"


def _wrong(values: Sequence[float]) -> list[int]:
    return [place for place, value in enumerate(values) if value != place]


def _shifted(values: Sequence[float], wrong: list[int]) -> Defect:
    moved = [place for place in wrong if _cut(values[place]) != place]
    place = (moved or wrong)[0]
    example = f"position {place} is stored as {values[place]:g}"
    if _cut(values[place]) == place:
        effect = "A1111 cuts their fractions off and gets the right positions"
    else:
        effect = (
            f"A1111 uses them without their fractions and reads {len(moved)} of {len(values)}"
            " tokens at the wrong place, so that prompts are followed less closely"
        )
    message = f"{len(wrong)} of {len(values)} position_ids are wrong ({example}): {effect}; {_WHO}"
    return Defect("shifted_position_ids", message, CURE)


def _cut(value: float) -> int | None:
    """What is left of a value in an int64 table; None for what is no number."""
    return int(value) if math.isfinite(value) else None


def _float(tensor: Tensor, known: bool) -> Defect:
    # Values are read as float32, which hides what float64 has beyond it.
    right = "right as far as float32 tells" if tensor.dtype == "float64" else "still right"
    values = right if known else "not read"
    message = f"position_ids are stored as {tensor.dtype} instead of int64, their values {values}"
    return Defect("float_position_ids", f"{message}; {_WHO}", CURE)


def _misshapen(tensor: Tensor, expected: int) -> Defect:
    message = f"position_ids hold {tensor.parameters:,} values for {expected} positions"
    return Defect("misshapen_position_ids", f"{message}; {_WHO}", CURE)
