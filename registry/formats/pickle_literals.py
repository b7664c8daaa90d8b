"""The pickle instructions that push a value spelled out in the pickle: numbers, texts, ()."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct

from .faults import Cut
from .pickle_state import Handler, State

_INT = Struct("<i")
_SHORT = Struct("<H")
_FLOAT = Struct(">d")
_BYTE_LENGTH = Struct("B")
_LENGTH = Struct("<I")


def _constant(value: object) -> Handler:
    def push(state: State, pos: int) -> int:
        state.stack.append(value)
        return pos

    return push


def _number(form: Struct) -> Handler:
    unpack, length = form.unpack_from, form.size

    def push(state: State, pos: int) -> int:
        state.stack.append(unpack(state.data, pos)[0])
        return pos + length

    return push


def _byte(state: State, pos: int) -> int:
    state.stack.append(state.data[pos])
    return pos + 1


def _long1(state: State, pos: int) -> int:
    start = pos + 1
    end = start + state.data[pos]
    state.stack.append(int.from_bytes(_slice(state, start, end), "little", signed=True))
    return end


def _text(form: Struct, errors: str) -> Handler:
    unpack, head = form.unpack_from, form.size

    def push(state: State, pos: int) -> int:
        start = pos + head
        end = start + int(unpack(state.data, pos)[0])
        state.stack.append(str(_slice(state, start, end), "utf-8", errors))
        return end

    return push


def _slice(state: State, start: int, end: int) -> bytes:
    if end > len(state.data):
        raise Cut("ends in the middle of its pickle")
    return state.data[start:end]


LITERALS: Mapping[bytes, Handler] = {
    b")": _constant(()),
    b"N": _constant(None),
    b"\x88": _constant(True),
    b"\x89": _constant(False),
    b"J": _number(_INT),
    b"K": _byte,
    b"M": _number(_SHORT),
    b"\x8a": _long1,
    b"G": _number(_FLOAT),
    b"X": _text(_LENGTH, "strict"),
    b"\x8c": _text(_BYTE_LENGTH, "strict"),
    # Python 2 wrote bytes and text alike
    b"T": _text(_LENGTH, "backslashreplace"),
    b"U": _text(_BYTE_LENGTH, "backslashreplace"),
}
"""By opcode, as CPython Lib/pickle.py spells them."""
