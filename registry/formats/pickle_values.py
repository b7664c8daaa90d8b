"""All that a pickle can become here: described tensors, plain containers, closed placeholders."""

from __future__ import annotations

from typing import NamedTuple


class Global:
    """A name that a pickle mentions; never imported, compared by identity."""

    __slots__ = ("dtype", "kind", "name")

    def __init__(self, name: str, kind: str, dtype: str = "") -> None:
        self.name = name
        """Module and name, joined by a dot."""
        self.kind = kind
        """What it may be used for: a key of ``pickle_calls.CALLS``, ``storage`` or ``dtype``."""
        self.dtype = dtype
        """For a storage or dtype: torch's spelling without ``torch.``."""


class Storage(NamedTuple):
    """A run of bytes that tensors are views of."""

    key: str
    dtype: str
    elements: int
    """How many of ``dtype``."""
    nbytes: int


class TensorView(NamedTuple):
    """A tensor as the pickle describes it, proven to lie inside its storage."""

    storage: Storage
    dtype: str
    shape: tuple[int, ...]
    offset: int
    """Bytes from the start of the storage to the first element."""
    nbytes: int
    """Bytes from the first element to the end of the last."""
    strides: tuple[int, ...] | None
    """In elements; None for a contiguous tensor."""


class Entries:
    """A dictionary, kept as pairs: keys are never hashed or compared while the pickle is read."""

    __slots__ = ("kind", "pairs")

    def __init__(self, kind: str = "dict") -> None:
        self.kind = kind
        """``dict``, ``OrderedDict`` or ``ParameterDict``."""
        self.pairs: list[tuple[object, object]] = []


class Passive:
    """An object that vaereg does not open: it stands for whatever the pickle made of ``name``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name
