"""What a pickle's calls come to here: described tensors, empty dictionaries, closed objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from .faults import Damaged, Forbidden
from .pickle_globals import ITEMSIZES, forbidden_global
from .pickle_values import Entries, Global, Passive, Storage, TensorView

_MOST_DIMENSIONS = 64
_LONGEST_KEY = 32

Arguments = tuple[object, ...]


def call(callee: object, arguments: object) -> object:
    """The value that stands for ``callee(*arguments)``; nothing is called.

    Raises ``Forbidden`` for names that may only be mentioned, ``Damaged`` for wrong arguments.
    """
    if type(callee) is not Global or type(arguments) is not tuple:
        raise Damaged("holds a pickle that calls something that is no name")
    build = CALLS.get(callee.kind)
    if build is None:
        raise Forbidden(f"calls {callee.name} when loaded, which weights never need")
    return build(callee, arguments)


def construct(callee: object, arguments: object) -> Entries:
    """The value for ``callee.__new__(*arguments)``: an empty ``ParameterDict`` and nothing else."""
    if type(callee) is not Global or type(arguments) is not tuple:
        raise Damaged("holds a pickle that constructs something that is no name")
    if callee.kind != "parameters" or arguments:
        raise forbidden_global(f"{callee.name}.__new__")
    return Entries("ParameterDict")


def build(target: object, state: object) -> None:
    """What setting ``state`` on ``target`` comes to: attributes are dropped, parameters kept."""
    if type(target) is Passive:
        return
    if type(target) is not Entries or target.kind == "dict":
        raise Forbidden("sets attributes on objects when loaded, which weights never need")
    if target.kind == "ParameterDict" and type(state) is Entries:
        for key, value in state.pairs:
            if key == "_parameters" and type(value) is Entries:
                target.pairs = value.pairs


def describe_storage(reference: object, members: int) -> Storage:
    """The storage that a persistent id of so many ``members`` names; 0 where none may stand."""
    if type(reference) is tuple and reference[:1] == ("module",):
        raise Forbidden("holds a whole module with its program code, which weights never need")
    if type(reference) is not tuple or len(reference) != members or reference[0] != "storage":
        raise Damaged("holds a pickle that refers to something other than a storage")
    kind, key, location, count = reference[1:5]
    if type(kind) is not Global or kind.kind != "storage":
        raise Damaged("holds a storage of no known type")
    if type(key) is not str or not _is_number(key) or type(location) is not str:
        raise Damaged("holds a storage whose key is no number")
    if type(count) is not int or count < 0:
        raise Damaged("holds a storage of no known size")
    if any(member is not None for member in reference[5:]):
        raise Damaged("holds a storage that is a view of another one, which vaereg does not read")
    return Storage(key, kind.dtype, count, count * ITEMSIZES[kind.dtype])


def _is_number(key: str) -> bool:
    return len(key) <= _LONGEST_KEY and key.isascii() and key.isdigit()


def _tensor(callee: Global, arguments: Arguments) -> TensorView:
    storage, offset, shape, stride = _counted(callee, arguments, 4, 4)
    return _view(storage, offset, shape, stride, None)


def _tensor_v2(callee: Global, arguments: Arguments) -> TensorView:
    storage, offset, shape, stride = _counted(callee, arguments, 6, 7)[:4]
    return _view(storage, offset, shape, stride, None)


def _tensor_v3(callee: Global, arguments: Arguments) -> TensorView:
    storage, offset, shape, stride, _, _, dtype = _counted(callee, arguments, 7, 8)[:7]
    if type(dtype) is not Global or dtype.kind != "dtype":
        raise Damaged("holds a tensor of no known dtype")
    return _view(storage, offset, shape, stride, dtype.dtype)


def _parameter(callee: Global, arguments: Arguments) -> TensorView:
    tensor = _counted(callee, arguments, 3, 3)[0]
    if type(tensor) is not TensorView:
        raise Damaged("holds a parameter that is no tensor")
    return tensor


def _dictionary(callee: Global, arguments: Arguments) -> Entries:
    _counted(callee, arguments, 0, 0)
    return Entries("OrderedDict")


def _closed(callee: Global, arguments: Arguments) -> Passive:
    return Passive(callee.name)


CALLS: Mapping[str, Callable[[Global, Arguments], object]] = {
    "tensor": _tensor,
    "tensor_v2": _tensor_v2,
    "tensor_v3": _tensor_v3,
    "parameter": _parameter,
    "dictionary": _dictionary,
    "passive": _closed,
}
"""pytorch torch/_utils.py gives the order of the arguments."""


def _counted(callee: Global, arguments: Arguments, least: int, most: int) -> Arguments:
    if not least <= len(arguments) <= most:
        raise Damaged(f"calls {callee.name} with {len(arguments)} arguments")
    return arguments


def _view(
    storage: object, offset: object, shape: object, stride: object, dtype: str | None
) -> TensorView:
    """A tensor, once its extents are sound and every element lies inside the storage."""
    if type(storage) is not Storage or type(offset) is not int or offset < 0:
        raise Damaged("holds a tensor without a storage or with a bad offset")
    extents, steps = _naturals(shape), _naturals(stride)
    if len(extents) != len(steps):
        raise Damaged("holds a tensor whose shape and strides differ in length")
    dtype = dtype or storage.dtype
    itemsize = ITEMSIZES[dtype]
    room = storage.nbytes // itemsize
    count = math.prod(extents)
    span = 1 + sum((n - 1) * step for n, step in zip(extents, steps, strict=True)) if count else 0
    if count > room or offset + span > room:
        raise Damaged("holds a tensor that reaches past its storage")
    strides = None if span == count and _in_rows(extents, steps) else steps
    return TensorView(storage, dtype, extents, offset * itemsize, span * itemsize, strides)


def _in_rows(extents: tuple[int, ...], steps: tuple[int, ...]) -> bool:
    """Whether the strides are those of a contiguous tensor (they are free where extents are 1)."""
    expected = 1
    for extent, step in zip(reversed(extents), reversed(steps), strict=True):
        if extent != 1 and step != expected:
            return False
        expected *= extent
    return True


def _naturals(numbers: object) -> tuple[int, ...]:
    if type(numbers) is not tuple or len(numbers) > _MOST_DIMENSIONS:
        raise Damaged("holds a tensor with a bad shape")
    for number in numbers:
        if type(number) is not int or number < 0:
            raise Damaged("holds a tensor with a bad shape")
    return numbers
