"""Tensor names and shapes as the signature tables see them, and declarative tests on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ..values import Tensor

Shape = tuple[int | None, ...]
"""Expected dimensions; None stands for any extent, the length for the rank."""


class View:
    """The tensors of one component, their names without the component's prefix."""

    def __init__(self, tensors: Mapping[str, Tensor], prefix: str = "") -> None:
        self.tensors = tensors
        self.prefix = prefix

    @classmethod
    def below(cls, tensors: Mapping[str, Tensor], prefix: str) -> View:
        """The tensors whose names start with ``prefix``, that prefix taken off."""
        if not prefix:
            return cls(tensors)
        cut = len(prefix)
        found = {name[cut:]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        return cls(found, prefix)

    @cached_property
    def _text(self) -> str:
        """All names in one string: a wildcard test is one substring search in C."""
        return "\n" + "\n".join(self.tensors) + "\n"

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def __len__(self) -> int:
        return len(self.tensors)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def has(self, pattern: str) -> bool:
        """Whether a name fits ``pattern``: exact, or with ``*`` at the start, the end or both."""
        if "*" not in pattern:
            return pattern in self.tensors
        head = "" if pattern.startswith("*") else "\n"
        tail = "" if pattern.endswith("*") else "\n"
        return head + pattern.strip("*") + tail in self._text

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Shape of an exact name, None where there is no such tensor."""
        tensor = self.tensors.get(name)
        return tensor.shape if tensor else None

    def rank(self, name: str) -> int | None:
        """Number of dimensions of an exact name."""
        tensor = self.tensors.get(name)
        return len(tensor.shape) if tensor else None

    def extent(self, name: str, axis: int) -> int | None:
        """One dimension of an exact name, None where the tensor or the axis is missing."""
        shape = self.shape(name)
        return shape[axis] if shape is not None and -len(shape) <= axis < len(shape) else None

    def depth(self, stem: str) -> int:
        """How many numbered blocks ``stem.0.``, ``stem.1.`` ... there are, counted from 0."""
        count = 0
        while self.has(f"{stem}.{count}.*"):
            count += 1
        return count

    def dtypes(self) -> tuple[str, ...]:
        """dtypes by number of parameters, most first."""
        weight: dict[str, int] = {}
        for tensor in self.tensors.values():
            weight[tensor.dtype] = weight.get(tensor.dtype, 0) + tensor.parameters
        return tuple(sorted(weight, key=lambda dtype: (-weight[dtype], dtype)))

    def parameters(self) -> int:
        """Number of elements of all tensors."""
        return sum(tensor.parameters for tensor in self.tensors.values())


@dataclass(frozen=True, slots=True)
class Keys:
    """A declarative test on names and shapes, so that a table row can be tested and explained."""

    all_of: tuple[str, ...] = ()
    """Patterns of ``View.has`` that must all be there."""
    any_of: tuple[str, ...] = ()
    """At least one of these, where any are given."""
    none_of: tuple[str, ...] = ()
    """None of these."""
    shapes: tuple[tuple[str, Shape], ...] = ()
    """Exact names with the shape each must have."""

    def holds(self, view: View) -> bool:
        """Whether the view passes every part of the test."""
        return (
            all(view.has(pattern) for pattern in self.all_of)
            and (not self.any_of or any(view.has(pattern) for pattern in self.any_of))
            and all(fits(view.shape(name), shape) for name, shape in self.shapes)
            and not any(view.has(pattern) for pattern in self.none_of)
        )

    def missing(self, view: View) -> tuple[str, ...]:
        """What keeps the view from passing, for tests and explanations."""
        lacks = [pattern for pattern in self.all_of if not view.has(pattern)]
        if self.any_of and not any(view.has(pattern) for pattern in self.any_of):
            lacks.append(" or ".join(self.any_of))
        lacks += [
            f"{name} {shape}" for name, shape in self.shapes if not fits(view.shape(name), shape)
        ]
        lacks += [f"not {pattern}" for pattern in self.none_of if view.has(pattern)]
        return tuple(lacks)


def fits(shape: tuple[int, ...] | None, expected: Shape) -> bool:
    """Whether a shape has the expected rank and every extent that is not None."""
    return (
        shape is not None
        and len(shape) == len(expected)
        and all(want is None or want == have for want, have in zip(expected, shape, strict=True))
    )
