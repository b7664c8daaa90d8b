"""JSON by the letter of the standard, where Python's own parser takes more than it allows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

import orjson

_DEEPEST = 127
"""serde_json/src/de.rs starts with ``remaining_depth`` 128 and fails when it reaches 0."""
_MOST_DIGITS = 20
"""Digits of the largest unsigned 64-bit number."""
_MOST_VALUES = 2_000_000
"""Bounds the memory that parsing takes; a header of 100,000 tensors has some 700,000 values."""


class BadJson(Exception):
    """What is wrong with the text, as the end of a sentence about it."""


class Repeated(dict[str, Any]):
    """An object in which a key stood more than once; the last value won."""


def parse(text: str) -> object:
    """The value, with every object in which a key repeats marked as ``Repeated``.

    Raises ``BadJson`` for NaN and infinities, numbers beyond 64 bits, half characters (lone
    surrogates), nesting deeper than 127 and everything that is no JSON. ``-0`` becomes a float.
    """
    value = _load(
        text,
        object_pairs_hook=_object,
        parse_int=_integer,
        parse_float=_real,
        parse_constant=_constant,
    )
    _require_sound(value, text)
    return value


def parse_as_python(text: str) -> Any:  # noqa: ANN401
    """The value where a program in Python reads one, bounded: NaN and infinities become None.

    Raises ``BadJson``.
    """
    value = _load(text, parse_float=_finite, parse_constant=lambda _: None)
    _require_sound(value, text)
    return value


def parse_quickly(text: str) -> Any:  # noqa: ANN401
    """The value as orjson sees it: lenient about repeated keys and ``-0``, but bounded.

    Three times as fast as Python's own parser. Raises ``BadJson``.
    """
    _require_bounds(text)
    try:
        return orjson.loads(text)
    except ValueError:
        # What orjson refuses and Python takes is judged by ``parse``, which says what is wrong.
        return parse(text)


def _load(text: str, **hooks: Any) -> Any:  # noqa: ANN401
    _require_bounds(text)
    try:
        return json.loads(text, **hooks)
    except (ValueError, RecursionError):
        raise BadJson("is not valid JSON") from None


def _require_sound(value: object, text: str) -> None:
    if _too_deep(value):
        raise BadJson("is nested too deeply")
    if "\\u" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise BadJson("holds half a character (a lone surrogate)") from None


def _require_bounds(text: str) -> None:
    if len(text) > _MOST_VALUES and text.count(",") > _MOST_VALUES:
        raise BadJson("holds more values than any model needs")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Repeated(plain)


def _integer(digits: str) -> float:
    if len(digits) > _MOST_DIGITS:
        raise BadJson("holds a number that is out of range")
    return int(digits) if digits != "-0" else -0.0


def _real(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise BadJson("holds a number that is out of range")
    return number


def _finite(digits: str) -> float | None:
    return None if math.isinf(number := float(digits)) else number


def _constant(word: str) -> NoReturn:
    raise BadJson(f"holds {word}, which JSON does not know")


def _too_deep(value: object) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return True


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
