"""Frenetic Data Syntax, the format of SwarmUI's settings: sections by indentation, typed values.

After mcmonkeyprojects/FreneticUtilities FreneticDataSyntax/FDSParser.cs and FDSUtility.cs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

Section: TypeAlias = dict[str, object]
"""Values are text, whole numbers, fractions, truth values, lists and sections."""

MOST_LINES = 50_000
DEEPEST = 40
_ESCAPE = re.compile(r"\\([tnrxdce\\])")
_MEANT = {"t": "\t", "n": "\n", "r": "\r", "x": "", "d": ".", "c": ":", "e": "=", "\\": "\\"}
_IN_KEYS = "dce"
_WORDS = {"true": True, "false": False}


class BadFds(Exception):
    """What is wrong with the text, as the end of a sentence about it."""


def parse(text: str) -> Section:
    """The settings of a text; raises ``BadFds``, as SwarmUI refuses the file too."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    rows = plain.split("\n")
    if len(rows) > MOST_LINES:
        raise BadFds(f"has more than {MOST_LINES} lines")
    lines = [
        _Line(number, len(row) - len(row.lstrip(" ")), row.strip(" "))
        for number, row in enumerate(rows, 1)
        if row.strip(" ") and not row.lstrip(" ").startswith("#")
    ]
    reader = _Reader(lines)
    found = reader.section(0, 0)
    if reader.place < len(lines):
        raise BadFds(f"is not indented as its sections are in line {lines[reader.place].number}")
    return found


def at(section: object, *keys: str) -> object:
    """A value by its path; keys count in any case, as SwarmUI reads them. None where it lacks."""
    for key in keys:
        if not isinstance(section, dict):
            return None
        lowered = {name.lower(): value for name, value in section.items()}
        section = section.get(key, lowered.get(key.lower()))
    return section


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    indent: int
    text: str


@dataclass(slots=True)
class _Reader:
    lines: list[_Line]
    place: int = field(default=0)

    def section(self, indent: int, depth: int) -> Section:
        """The keys at one indentation, until a line stands further left."""
        found: Section = {}
        if depth > DEEPEST:
            raise BadFds("is nested too deeply")
        while self.place < len(self.lines):
            line = self.lines[self.place]
            if line.indent < indent:
                break
            if line.indent > indent:
                raise BadFds(f"grows its indentation for no reason in line {line.number}")
            self.place += 1
            mark = min((line.text.find(one) for one in ":=" if one in line.text), default=-1)
            if mark <= 0:
                raise BadFds(f"has no key in line {line.number}")
            rest = line.text[mark + 1 :].lstrip(" ")
            found[_unescaped(line.text[:mark], key=True)] = (
                _value(rest) if rest else self._below(indent, depth)
            )
        return found

    def _below(self, indent: int, depth: int) -> object:
        """What belongs to a key with nothing behind it: a section, a list, or nothing."""
        if self.place == len(self.lines):
            return {}
        line = self.lines[self.place]
        if line.indent > indent:
            return self.section(line.indent, depth + 1)
        if line.indent == indent and line.text[0] in "-=>":
            return self._list(indent)
        return {}

    def _list(self, indent: int) -> list[object]:
        """Its plain values; sections within lists, which the settings do not use, are refused."""
        found: list[object] = []
        while self.place < len(self.lines):
            line = self.lines[self.place]
            if line.indent != indent or line.text[0] not in "-=>":
                break
            if line.text[0] == ">":
                raise BadFds(f"has a list of sections in line {line.number}, which is not read")
            found.append(_value(line.text[1:].lstrip(" ")))
            self.place += 1
        return found


def _unescaped(text: str, key: bool = False) -> str:
    def meant(found: re.Match[str]) -> str:
        letter = found.group(1)
        return _MEANT[letter] if key or letter not in _IN_KEYS else found.group()

    return _ESCAPE.sub(meant, text)


def _value(text: str) -> object:
    """``InterpretType``: a number only where it is spelt as it would be written again."""
    text = _unescaped(text)
    if text in _WORDS:
        return _WORDS[text]
    for kind in (int, float):
        try:
            number = kind(text)
        except (ValueError, OverflowError):
            continue
        if str(number) == text:
            return number
    return text
