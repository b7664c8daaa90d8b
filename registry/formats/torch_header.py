"""The header of a torch file, once its pickle is read and its storages are placed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..naming import shown
from ..values import Header, Notice, Tensor
from .base import ByteSource
from .pickle_machine import Unpickled
from .pickle_values import TensorView
from .torch_names import Contents


def torch_header(
    format: str,
    source: ByteSource,
    found: Unpickled,
    contents: Contents,
    places: Mapping[str, int | None],
    notices: Sequence[Notice] = (),
) -> Header:
    """Tensors at their absolute offsets; ``places`` says where each storage's bytes begin.

    None stands for a storage whose bytes cannot be addressed; its tensors get offset 0.
    """
    tensors = {
        name: Tensor(name, view.dtype, view.shape, _offset(view, places), view.nbytes, view.strides)
        for name, view in contents.tensors.items()
    }
    said = (*notices, *_notices(source, found, contents))
    return Header(format, source.size, tensors, contents.metadata, said)


def _offset(view: TensorView, places: Mapping[str, int | None]) -> int:
    place = places[view.storage.key]
    return 0 if place is None else place + view.offset


def _notices(source: ByteSource, found: Unpickled, contents: Contents) -> list[Notice]:
    file = shown(source.name)
    notices = []
    if found.passive:
        names = ", ".join(found.passive)
        says = f"{file} also holds objects that are no tensors and stay closed: {names}"
        notices.append(Notice("passive_objects", says))
    if contents.aside:
        says = (
            f"{file} holds {contents.aside} more tensors beside the weights, such as training state"
        )
        notices.append(Notice("other_tensors", says))
    if not contents.tensors:
        notices.append(Notice("no_tensors", f"{file} holds no tensor"))
    return notices
