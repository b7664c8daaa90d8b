"""Shapes that contradict one another, whatever the architecture."""

from __future__ import annotations

from collections.abc import Iterator

from ..values import Tensor
from .view import View

_WHOLE = ("float", "bfloat")
"""Beginnings of dtypes whose shapes are those of the weights; packed integers have others."""


def unfit_biases(view: View) -> Iterator[str]:
    """Biases that do not fit the weight beside them.

    A convolution, linear layer or norm has as many biases as outputs; a transposed convolution
    keeps its outputs in the second place.
    """
    for name, bias in view.tensors.items():
        if not name.endswith(".bias"):
            continue
        weight = view.tensors.get(name[: -len("bias")] + "weight")
        if weight is not None and not _fit(weight, bias):
            yield name


def _fit(weight: Tensor, bias: Tensor) -> bool:
    if not (weight.dtype.startswith(_WHOLE) and bias.dtype.startswith(_WHOLE)):
        return True
    if len(weight.shape) < 2:
        return weight.shape == bias.shape
    transposed = len(weight.shape) > 2 and bias.shape == (weight.shape[1],)
    return bias.shape == (weight.shape[0],) or transposed
