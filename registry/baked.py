"""Comparing a VAE's weights with those baked into a checkpoint, by a few tensors read from both."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .formats.base import ByteSource
from .identify.view import View
from .layouts import canonical_names
from .values import Header, Tensor
from .verdicts.pair import OTHER_WEIGHTS, SAME_ENCODER, SAME_WEIGHTS

ENCODER_TENSORS = ("encoder.conv_in.weight", "encoder.conv_out.weight", "encoder.norm_out.weight")
DECODER_TENSORS = ("decoder.conv_in.weight", "decoder.conv_out.weight", "decoder.norm_out.weight")
"""Small tensors at both ends of each half: they say as much as all and cost some 100 KB to read."""

_LARGEST = 4 << 20
_FORMATS = {"float32": "f", "float16": "e", "float64": "d"}
_STEP = {"float64": 0.0, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""Relative spacing of each float type: two roundings of one number differ by no more."""
_TINY = 2.0**-24
"""Absolute spacing of float16's smallest numbers."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The VAE's part of an open file."""

    source: ByteSource
    header: Header
    prefix: str


def relation(one: Weights, other: Weights) -> str | None:
    """How the VAEs of two files are related.

    ``same-weights``: all compared tensors are equal up to the narrower float type;
    ``same-encoder``: only the encoders are (a finetuned decoder: still one latent space);
    ``other-weights``: they differ; None where they cannot be compared: other shapes, quantised or
    all-zero tensors, a half missing. Raises ``FileError`` where a file cannot be read.
    """
    first, second = _by_canonical_name(one), _by_canonical_name(other)

    def equal(names: tuple[str, ...]) -> bool | None:
        """Whether every tensor that both have is equal; None where none can be compared."""
        answers = [
            _equal(one, first[name], other, second[name])
            for name in names
            if name in first and name in second
        ]
        compared = [answer for answer in answers if answer is not None]
        return all(compared) if compared else None

    encoder, decoder = equal(ENCODER_TENSORS), equal(DECODER_TENSORS)
    if encoder is None and decoder is None:
        return None
    if encoder is not False and decoder is not False:
        return SAME_WEIGHTS
    return SAME_ENCODER if encoder else OTHER_WEIGHTS


def _by_canonical_name(weights: Weights) -> dict[str, Tensor]:
    view = View.below(weights.header.tensors, weights.prefix)
    return {
        canonical: view.tensors[name]
        for name, canonical in canonical_names(view).items()
        if name in view.tensors
    }


def _equal(one: Weights, first: Tensor, other: Weights, second: Tensor) -> bool | None:
    if first.parameters != second.parameters or not first.parameters:
        return None
    values, wanted = _values(one.source, first), _values(other.source, second)
    if values is None or wanted is None or not any(values) or not any(wanted):
        return None
    step = max(_STEP[first.dtype], _STEP[second.dtype])
    exact = first.dtype == second.dtype
    return all(
        have == want or (not exact and abs(have - want) <= step * max(abs(have), abs(want)) + _TINY)
        for have, want in zip(values, wanted, strict=True)
    )


def _values(source: ByteSource, tensor: Tensor) -> tuple[float, ...] | None:
    """A small float tensor's elements; None for other dtypes, and for strided or huge tensors."""
    width = 2 if tensor.dtype == "bfloat16" else struct.calcsize(_FORMATS.get(tensor.dtype, "x"))
    plain = tensor.dtype in _STEP and tensor.nbytes == tensor.parameters * width
    if not plain or tensor.offset == 0 or tensor.nbytes > _LARGEST:
        return None
    data = source.read(tensor.offset, tensor.nbytes)
    if tensor.dtype == "bfloat16":
        # A bfloat16 is the upper half of a float32.
        halves = struct.unpack(f"<{tensor.parameters}H", data)
        data = struct.pack(f"<{tensor.parameters}I", *(half << 16 for half in halves))
        return struct.unpack(f"<{tensor.parameters}f", data)
    return struct.unpack(f"<{tensor.parameters}{_FORMATS[tensor.dtype]}", data)
