"""A machine that runs a pickle's instructions and can make nothing but descriptions of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from struct import error as StructError

from .faults import Cut, Damaged
from .pickle_opcodes import HANDLERS, LONGEST_OPERAND, STOP
from .pickle_state import State
from .pickle_values import Storage

MOST_INSTRUCTIONS = 5_000_000
_BLOCK = 1_000
"""Instructions between two looks at the size of the stack."""


@dataclass(frozen=True, slots=True)
class Unpickled:
    """What a pickle came to."""

    value: object
    end: int
    """First byte after the pickle."""
    storages: Mapping[str, Storage]
    """Every storage it refers to, by key."""
    passive: tuple[str, ...]
    """Names of the objects it holds that vaereg leaves closed."""


def unpickle(data: bytes, start: int = 0, size: int | None = None, members: int = 0) -> Unpickled:
    """Run the pickle that begins at ``start``, importing and calling nothing.

    ``size`` is how many bytes there are in all, when ``data`` is only their beginning; ``members``
    is how many a reference to a storage has, 0 where the pickle may hold none. Raises ``Cut`` when
    ``data`` ends first, ``Damaged`` for what is no pickle, ``Forbidden`` for one that asks for more
    than tensors.
    """
    state = State(data, len(data) if size is None else size, members)
    end = _run(state, start)
    if len(state.stack) != 1 or state.marked:
        raise Damaged("ends its pickle with nothing or too much on the stack")
    return Unpickled(state.stack[0], end, state.storages, tuple(state.passive))


def _run(state: State, pos: int) -> int:
    """Execute until STOP; the position after it."""
    data, handlers = state.data, HANDLERS
    try:
        for _ in range(MOST_INSTRUCTIONS // _BLOCK):
            for _ in range(_BLOCK):
                opcode = data[pos]
                if opcode == STOP:
                    return pos + 1
                pos = handlers[opcode](state, pos + 1)
            state.require_room()
    except (IndexError, StructError):
        if len(data) - pos <= LONGEST_OPERAND:
            raise Cut("ends in the middle of its pickle") from None
        raise Damaged(f"takes a value from an empty stack at byte {pos:,} of its pickle") from None
    except KeyError:
        raise Damaged(f"recalls a value it never stored at byte {pos:,} of its pickle") from None
    except UnicodeDecodeError:
        raise Damaged(f"holds text that is not UTF-8 at byte {pos:,} of its pickle") from None
    raise Damaged(f"has more than {MOST_INSTRUCTIONS:,} instructions in its pickle")
