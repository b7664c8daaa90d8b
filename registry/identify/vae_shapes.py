"""Shapes that contradict one another, whatever the architecture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..values import Tensor
from .vae_ties import Shape, untied
from .view import View

_WHOLE = ("float", "bfloat")
"""Beginnings of dtypes whose shapes are those of the weights; packed integers have others."""
_COMPANIONS = (".bias", ".running_mean", ".running_var")
_SCALES = (".gamma", ".per_channel_scale1", ".per_channel_scale2")
_WRAPS = (".conv", ".conv3d", ".norm_layer", ".main")
"""What causal convolutions and their norms put between a module's name and its weight."""
_COMPANY = 4
"""So many layers of one name and one kernel show that another kernel is no part of the design."""


def contradictions(view: View) -> Iterator[str]:
    """Tensors or modules whose shapes cannot be those of a working network."""
    yield from unfit_companions(view)
    yield from _thick_scales(view)
    modules = _modules(view)
    yield from untied(modules)
    yield from _oblong(modules)
    yield from _odd_kernels(modules)


def unfit_companions(view: View) -> Iterator[str]:
    """Biases and running statistics that do not fit the weight beside them.

    A convolution, linear layer or norm has as many biases as outputs; a transposed convolution,
    which has an even kernel, keeps its outputs in the second place.
    """
    for name, bias in view.tensors.items():
        if not name.endswith(_COMPANIONS):
            continue
        weight = view.tensors.get(name.rpartition(".")[0] + ".weight")
        if weight is not None and not _fit(weight, bias):
            yield name


def _fit(weight: Tensor, bias: Tensor) -> bool:
    if not (weight.dtype.startswith(_WHOLE) and bias.dtype.startswith(_WHOLE)):
        return True
    if len(weight.shape) < 2:
        return weight.shape == bias.shape
    upsampling = len(weight.shape) > 2 and weight.shape[-1] % 2 == 0
    return bias.shape == weight.shape[:1] or (upsampling and bias.shape == weight.shape[1:2])


def _thick_scales(view: View) -> Iterator[str]:
    """Scales of channels that have more than one number for a channel."""
    for name, tensor in view.tensors.items():
        if name.endswith(_SCALES) and any(extent != 1 for extent in tensor.shape[1:]):
            yield name


def _modules(view: View) -> dict[str, Shape]:
    """Shapes of the weights that are not packed, by the names of their modules."""
    return {
        _module(name): tensor.shape
        for name, tensor in view.tensors.items()
        if name.endswith((".weight", ".gamma")) and tensor.dtype.startswith(_WHOLE)
    }


def _module(name: str) -> str:
    stem = name.rpartition(".")[0]
    while stem.endswith(_WRAPS):
        stem = stem.rpartition(".")[0]
    return stem


def _oblong(modules: Mapping[str, Shape]) -> Iterator[str]:
    """Convolutions over pictures look as far up as sideways."""
    for name, shape in modules.items():
        if len(shape) > 3 and shape[-1] != shape[-2]:
            yield name


def _odd_kernels(modules: Mapping[str, Shape]) -> Iterator[str]:
    """The one layer whose kernel or rank is not that of all others of its name."""
    groups: dict[tuple[str, ...], dict[tuple[int, ...], list[str]]] = {}
    for name, shape in modules.items():
        if len(shape) > 2 and shape[1] != 1:
            words = name.rsplit(".", 2)[-2:]
            kind = tuple("" if word.isdecimal() else word for word in words)
            group = groups.setdefault(kind, {})
            group.setdefault((len(shape), *shape[2:]), []).append(name)
    for kernels in groups.values():
        if len(kernels) == 2:
            odd, usual = sorted(kernels.values(), key=len)
            if len(odd) == 1 and len(usual) >= _COMPANY:
                yield odd[0]
