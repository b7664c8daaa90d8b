"""The pickle instructions that weights need, one small function each; all others are refused."""

from __future__ import annotations

from struct import Struct

from .faults import Cut, Damaged, Forbidden
from .pickle_calls import build, call, construct
from .pickle_globals import forbidden_global
from .pickle_literals import LITERALS
from .pickle_state import Handler, State
from .pickle_values import Entries

STOP = ord(".")
LONGEST_OPERAND = 9
"""Bytes of an instruction with the longest operand of fixed length."""
_HIGHEST_PROTOCOL = 5
_LONGEST_NAME = 1_000
_INST = ord("i")

_INDEX = Struct("<I")
_FRAME = Struct("<Q")


def _protocol(state: State, pos: int) -> int:
    if state.data[pos] > _HIGHEST_PROTOCOL:
        raise Damaged(f"claims pickle protocol {state.data[pos]}, which does not exist")
    return pos + 1


def _frame(state: State, pos: int) -> int:
    (length,) = _FRAME.unpack_from(state.data, pos)
    if length > state.size - pos - _FRAME.size:
        raise Damaged("announces a longer pickle than the file holds")
    return pos + _FRAME.size


# Containers


def _new_list(state: State, pos: int) -> int:
    state.stack.append([])
    state.made += 1
    return pos


def _new_entries(state: State, pos: int) -> int:
    state.stack.append(Entries())
    state.made += 1
    return pos


def _mark(state: State, pos: int) -> int:
    state.mark()
    return pos


def _pop(state: State, pos: int) -> int:
    if state.stack:
        state.stack.pop()
    else:
        state.unmark()
    return pos


def _tuple(state: State, pos: int) -> int:
    items = state.unmark()
    state.stack.append(tuple(items))
    return pos


def _tuple1(state: State, pos: int) -> int:
    state.stack[-1] = (state.stack[-1],)
    return pos


def _tuple2(state: State, pos: int) -> int:
    last = state.stack.pop()
    state.stack[-1] = (state.stack[-1], last)
    return pos


def _tuple3(state: State, pos: int) -> int:
    last, middle = state.stack.pop(), state.stack.pop()
    state.stack[-1] = (state.stack[-1], middle, last)
    return pos


def _append(state: State, pos: int) -> int:
    item = state.stack.pop()
    _extend(state.stack[-1], [item])
    return pos


def _appends(state: State, pos: int) -> int:
    items = state.unmark()
    _extend(state.stack[-1], items)
    return pos


def _extend(target: object, items: list[object]) -> None:
    if type(target) is not list:
        raise Damaged("appends to something that is no list")
    target.extend(items)


def _setitem(state: State, pos: int) -> int:
    value, key = state.stack.pop(), state.stack.pop()
    _update(state.stack[-1], [key, value])
    return pos


def _setitems(state: State, pos: int) -> int:
    items = state.unmark()
    _update(state.stack[-1], items)
    return pos


def _update(target: object, items: list[object]) -> None:
    if type(target) is not Entries:
        raise Damaged("sets items of something that is no dictionary")
    if len(items) % 2:
        raise Damaged("sets a dictionary's key without a value")
    target.pairs.extend(zip(items[::2], items[1::2], strict=True))


# The memo


def _put(state: State, pos: int) -> int:
    state.memo[state.data[pos]] = state.stack[-1]
    return pos + 1


def _long_put(state: State, pos: int) -> int:
    state.memo[_INDEX.unpack_from(state.data, pos)[0]] = state.stack[-1]
    return pos + 4


def _memoize(state: State, pos: int) -> int:
    state.memo[len(state.memo)] = state.stack[-1]
    return pos


def _get(state: State, pos: int) -> int:
    state.stack.append(state.memo[state.data[pos]])
    return pos + 1


def _long_get(state: State, pos: int) -> int:
    state.stack.append(state.memo[_INDEX.unpack_from(state.data, pos)[0]])
    return pos + 4


# Names, calls and references to storages


def _global(state: State, pos: int) -> int:
    module, pos = _line(state, pos)
    name, pos = _line(state, pos)
    state.take_global(module, name)
    return pos


def _line(state: State, pos: int) -> tuple[str, int]:
    end = state.data.find(b"\n", pos, pos + _LONGEST_NAME)
    if end >= 0:
        return str(state.data[pos:end], "utf-8", "backslashreplace"), end + 1
    if len(state.data) - pos < _LONGEST_NAME:
        raise Cut("ends in the middle of its pickle")
    raise Damaged("holds a pickle that asks for a name without end")


def _stack_global(state: State, pos: int) -> int:
    name, module = state.stack.pop(), state.stack.pop()
    if type(module) is not str or type(name) is not str:
        raise Damaged("holds a pickle that asks for a name that is no text")
    state.take_global(module, name)
    return pos


def _reduce(state: State, pos: int) -> int:
    arguments = state.stack.pop()
    state.stack[-1] = call(state.stack[-1], arguments)
    state.made += 1
    return pos


def _newobj(state: State, pos: int) -> int:
    arguments = state.stack.pop()
    state.stack[-1] = construct(state.stack[-1], arguments)
    state.made += 1
    return pos


def _build(state: State, pos: int) -> int:
    attributes = state.stack.pop()
    build(state.stack[-1], attributes)
    return pos


def _persistent(state: State, pos: int) -> int:
    state.take_storage(state.stack.pop())
    return pos


def _refuse(state: State, pos: int) -> int:
    """Every instruction that is not in the table below."""
    from pickletools import opcodes  # only to say its name

    opcode = state.data[pos - 1]
    if opcode == _INST:
        module, pos = _line(state, pos)
        raise forbidden_global(f"{module}.{_line(state, pos)[0]}")
    known = next((row.name for row in opcodes if row.code == chr(opcode)), None)
    if known is None:
        raise Damaged(f"is no pickle at byte {pos - 1:,}")
    raise Forbidden(f"uses the pickle instruction {known}, which weights never need")


_ALLOWED: dict[bytes, Handler] = {
    **LITERALS,
    b"\x80": _protocol,
    b"\x95": _frame,
    b"(": _mark,
    b"0": _pop,
    b"}": _new_entries,
    b"]": _new_list,
    b"t": _tuple,
    b"\x85": _tuple1,
    b"\x86": _tuple2,
    b"\x87": _tuple3,
    b"s": _setitem,
    b"u": _setitems,
    b"a": _append,
    b"e": _appends,
    b"q": _put,
    b"r": _long_put,
    b"\x94": _memoize,
    b"h": _get,
    b"j": _long_get,
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _reduce,
    b"\x81": _newobj,
    b"b": _build,
    b"Q": _persistent,
}
"""By opcode, as CPython Lib/pickle.py spells them; STOP ends the run itself."""


HANDLERS: tuple[Handler, ...] = tuple(_ALLOWED.get(bytes((code,)), _refuse) for code in range(256))
