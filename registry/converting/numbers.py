"""Numbers on their way from one float type to another, a few megabytes at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import UnsupportedFormat
from ..naming import shown
from ..values import Tensor
from ..weights import BLOCK, Piece, decoder_of, itemsize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]

KEEP = "keep"
DTYPES = {KEEP: None, "fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
"""What a user writes -> torch's spelling; None leaves every tensor its own type."""

CODES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
"""torch's spelling -> that of the format (huggingface/safetensors safetensors/src/tensor.rs)."""

LARGEST_VIEW = 64 << 20
"""Bytes of the largest view with strides that is gathered in memory; a VAE's tensors have 10 MB."""


def dtype_of(tensor: Tensor, wanted: str | None) -> str:
    """The type that a tensor is written in: counters and other integers keep theirs."""
    return wanted if wanted and tensor.dtype.startswith(("float", "bfloat")) else tensor.dtype


def blocks(piece: Piece, file: str) -> Iterator[bytes]:
    """A tensor's bytes in the order of its numbers, whole numbers at a time.

    Raises ``UnsupportedFormat`` for views that repeat numbers, ``Unreadable`` where the file ends.
    """
    source, tensor = piece.source, piece.tensor
    if tensor.strides is not None:
        yield _gathered(piece, file)
        return
    for start in range(0, tensor.nbytes, BLOCK):
        yield source.read(tensor.offset + start, min(BLOCK, tensor.nbytes - start))


def encoded(data: bytes, tensor: Tensor, wanted: str, file: str) -> tuple[bytes, int]:
    """Numbers of a tensor's type as bytes of another, and how many finite ones became infinite.

    Rounded to the nearest, ties to even; NaN stays NaN.
    """
    import numpy as np

    if tensor.dtype == wanted:
        return data, 0
    values = values_of(data, tensor, file)
    with np.errstate(over="ignore", invalid="ignore"):
        single = values.astype("<f4", copy=False)
        made, infinite = _MAKERS[wanted](single)
    lost = np.count_nonzero(infinite & np.isfinite(values))
    return made.tobytes(), int(lost)


def values_of(data: bytes, tensor: Tensor, file: str) -> Array:
    """Bytes of a tensor as numbers, in float32 or, where they are kept so, in float64.

    Raises ``UnsupportedFormat`` for types that hold no plain numbers.
    """
    import numpy as np

    return (
        np.frombuffer(data, "<f8") if tensor.dtype == "float64" else decoder_of(tensor, file)(data)
    )


def _single(values: NDArray[np.float32]) -> tuple[Array, Array]:
    import numpy as np

    return values, np.isinf(values)


def _half(values: NDArray[np.float32]) -> tuple[Array, Array]:
    import numpy as np

    made = values.astype("<f2")
    return made, np.isinf(made)


def _brain(values: NDArray[np.float32]) -> tuple[Array, Array]:
    """The upper halves of the float32 numbers; numpy has no such type."""
    import numpy as np

    bits = values.view("<u4")
    # Adding to a NaN could carry it over into a zero.
    rounded = np.where(np.isnan(values), bits | 0x400000, bits + 0x7FFF + (bits >> 16 & 1))
    made = (rounded >> 16).astype("<u2")
    return made, (made & 0x7FFF) == 0x7F80


_MAKERS = {"float32": _single, "float16": _half, "bfloat16": _brain}


def _gathered(piece: Piece, file: str) -> bytes:
    """The numbers of a view with strides, in order."""
    import numpy as np

    tensor = piece.tensor
    width = itemsize(tensor.dtype) or 1
    fits = tensor.parameters * width <= tensor.nbytes <= LARGEST_VIEW
    if tensor.strides is None or not fits:
        raise UnsupportedFormat(
            f"{shown(file)} keeps {shown(tensor.name)} as a view that repeats its numbers, or as "
            "one too large to be put in order",
            "save the model anew with contiguous tensors",
        )
    span = np.frombuffer(piece.source.read(tensor.offset, tensor.nbytes), f"V{width}")
    steps = tuple(step * width for step in tensor.strides)
    view = np.lib.stride_tricks.as_strided(span, tensor.shape, steps, writeable=False)
    return view.tobytes()
