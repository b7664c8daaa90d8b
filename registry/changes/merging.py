"""JSON of another program with some keys set and everything else left as it was, to the byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from json.decoder import JSONDecodeError, JSONDecoder
from typing import Any

from ..errors import UnsupportedFormat
from ..naming import shown

_BOM = "\ufeff"
_Edit = tuple[int, int, str]
"""Begin and end in the text, and what comes there instead."""


class _NotPlain(Exception):
    """Why a text cannot be merged into, as the end of a sentence about it."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A key of an object and where it stands in the text."""

    key: str
    gap: str
    """The space before the key."""
    colon: str
    """What stands between the key and its value."""
    start: int
    """Of the value."""
    end: int
    value: object


@dataclass(frozen=True, slots=True)
class _Style:
    """How a text is written, for what is put into it."""

    unit: str | None
    """One level of indent; None where everything stands on one line."""
    newline: str
    colon: str
    ascii: bool
    """Whether other letters are escaped: a text without any is safe in every encoding."""


_FRESH = _Style("    ", "\n", ": ", True)
"""As AUTOMATIC1111 writes its settings (stable-diffusion-webui modules/options.py ``save``)."""


def merged(
    before: str | None, updates: Mapping[str, object], name: str = "the settings file"
) -> str:
    """The text with those keys set; an object in ``updates`` is merged into the one there.

    Everything else stays to the byte: unknown keys, their order, numbers, indent, line ends, byte
    order mark, escapes, what follows the last brace. A key that says so already is not touched, so
    merging twice changes nothing. Where there is no text, the keys alone are written.

    Raises ``UnsupportedFormat`` for what is no JSON object (comments, trailing commas), for keys
    that stand twice, and where an object would take the place of a list or a word.
    """
    mark = _BOM if (before or "").startswith(_BOM) else ""
    text = (before or "").removeprefix(_BOM)
    try:
        if not text.strip():
            return mark + _dumped(updates, _FRESH, "") + "\n"
        _require_plain(text)
        result = _edited(text, _edits(text, text.index("{"), updates, _style(text), ""))
        result.encode()
        return mark + result
    except _NotPlain as why:
        raise _refused(name, str(why)) from None
    except UnicodeEncodeError:
        raise _refused(name, "would hold a name that UTF-8 cannot say") from None
    except RecursionError:
        raise _refused(name, "is nested too deeply") from None


def _require_plain(text: str) -> None:
    try:
        value = JSONDecoder(object_pairs_hook=_once).decode(text)
    except JSONDecodeError as failure:
        raise _NotPlain(_fault(text, failure)) from None
    except ValueError:
        raise _NotPlain("holds a number that is out of range") from None
    if not isinstance(value, dict):
        raise _NotPlain("is JSON, but no object")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _NotPlain(f"has the key {shown(key)} twice")
        found[key] = value
    return found


def _fault(text: str, failure: JSONDecodeError) -> str:
    rest = text[failure.pos :].lstrip()
    line = f"line {failure.lineno}"
    if rest.startswith(("//", "/*", "#")):
        return f"holds a comment ({line}), which JSON does not know"
    if text[: failure.pos].rstrip().endswith(",") and rest[:1] in ("}", "]", ","):
        return f"has a comma too many ({line})"
    return f"is not valid JSON ({line})"


def _edits(
    text: str, start: int, updates: Mapping[str, object], style: _Style, indent: str
) -> list[_Edit]:
    """What is to be put where so that the object at ``start`` has those values."""
    members, end = _members(text, start)
    there = {member.key: member for member in members}
    inner = _indent(members, style, indent)
    fresh = {key: value for key, value in updates.items() if key not in there}
    edits = [_added(members, start, end, fresh, style, indent, inner)] if fresh else []
    for key, member in there.items():
        if key in updates:
            edits += _changed(text, member, updates[key], style, inner)
    return edits


def _changed(
    text: str, member: _Member, value: object, style: _Style, inner: str | None
) -> list[_Edit]:
    if _same(member.value, value):
        return []
    if isinstance(value, Mapping) and isinstance(member.value, dict):
        return _edits(text, member.start, value, style, inner or "")
    if member.value is not None and isinstance(value, Mapping) != isinstance(member.value, dict):
        raise _NotPlain(f"has something else under {shown(member.key)} than is to be put there")
    return [(member.start, member.end, _dumped(value, style, inner))]


def _added(
    members: list[_Member],
    start: int,
    end: int,
    fresh: Mapping[str, object],
    style: _Style,
    indent: str,
    inner: str | None,
) -> _Edit:
    """New keys after the last one, spaced as it is; an empty object is opened up."""
    told = [
        json.dumps(key, ensure_ascii=style.ascii) + style.colon + _dumped(value, style, inner)
        for key, value in fresh.items()
    ]
    if not members:
        before = "" if inner is None else style.newline + inner
        after = "" if inner is None else style.newline + indent
        return start + 1, end, before + f",{before or ' '}".join(told) + after
    last = members[-1]
    lone = len(members) == 1 and not last.gap and style.colon.endswith(" ")
    return last.end, last.end, "".join(f",{' ' if lone else last.gap}{one}" for one in told)


def _indent(members: list[_Member], style: _Style, indent: str) -> str | None:
    """What the object's keys are indented by; None where they stand on one line."""
    if not members:
        return None if style.unit is None else indent + style.unit
    _, newline, found = members[-1].gap.rpartition("\n")
    return found if newline else None


def _members(text: str, start: int) -> tuple[list[_Member], int]:
    """The keys of the object whose brace is at ``start``, and where it is closed."""
    found = []
    place = begin = start + 1
    while text[place := _after_space(text, place)] != "}":
        gap = text[begin:place]
        key, key_end = _DECODER.raw_decode(text, place)
        value_at = _after_space(text, _after_space(text, key_end) + 1)
        value, end = _DECODER.raw_decode(text, value_at)
        found.append(_Member(key, gap, text[key_end:value_at], value_at, end, value))
        place = _after_space(text, end)
        place = begin = place + 1 if text[place] == "," else place
    return found, place


_DECODER = JSONDecoder()


def _after_space(text: str, place: int) -> int:
    while text[place] in " \t\r\n":
        place += 1
    return place


def _style(text: str) -> _Style:
    members, _ = _members(text, text.index("{"))
    if not members:
        return _FRESH
    colon = members[0].colon if "\n" not in members[0].colon else ": "
    newline = "\r\n" if "\r\n" in text else "\n"
    return _Style(_indent(members, _FRESH, ""), newline, colon, text.isascii())


def _dumped(value: object, style: _Style, inner: str | None) -> str:
    """The value as the text around it is written, its further lines indented by ``inner``."""
    colon = ": " if style.colon.endswith(" ") else ":"
    lines = inner is not None and style.unit is not None
    comma = "," if lines or colon == ":" else ", "
    told = json.dumps(
        value,
        ensure_ascii=style.ascii,
        indent=style.unit if lines else None,
        separators=(comma, colon),
        default=dict,
    )
    return told.replace("\n", style.newline + (inner or ""))


def _same(one: object, other: object) -> bool:
    """Whether both are written alike: 1 is neither 1.0 nor true."""
    return _plain(one) == _plain(other)


def _plain(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=dict)


def _edited(text: str, edits: list[_Edit]) -> str:
    for begin, end, instead in sorted(edits, reverse=True):
        text = text[:begin] + instead + text[end:]
    return text


def _refused(name: str, why: str) -> UnsupportedFormat:
    return UnsupportedFormat(
        f"{shown(name)} {why}; vaereg leaves it alone",
        "Mend it, or set the value in the frontend itself.",
    )
