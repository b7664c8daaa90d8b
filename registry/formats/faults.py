"""What is wrong inside a file, said without its name; the registry's errors add the name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Unreadable, UnsafePickle, UnsupportedFormat
from ..naming import shown
from .base import ByteSource

_AGAIN = "It is damaged; download it again."
_OTHER = "Get the .safetensors version."
_DELETE = "Delete it, or get the .safetensors version."


class Damaged(Exception):
    """The file breaks its own format; the text says how, without the file's name."""


class Cut(Damaged):
    """The bytes at hand end before the structure does."""


class Unsupported(Exception):
    """The file is whole, but not of a kind that vaereg reads."""


class Forbidden(Exception):
    """The pickle asks for what weights never need."""

    def __init__(self, says: str, program: bool = False) -> None:
        super().__init__(says)
        self.program = program
        """Whether loading it would plainly run something."""


@contextmanager
def named_after(source: ByteSource) -> Iterator[None]:
    """Turn the faults above into ``Unreadable``, ``UnsafePickle`` and ``UnsupportedFormat``."""
    try:
        yield
    except Damaged as fault:
        raise Unreadable(f"{shown(source.name)} {fault}", _AGAIN) from None
    except Unsupported as fault:
        raise UnsupportedFormat(f"{shown(source.name)} {fault}", _OTHER) from None
    except Forbidden as fault:
        hint = _DELETE if fault.program else _OTHER
        raise UnsafePickle(f"{shown(source.name)} {fault}", hint) from None
