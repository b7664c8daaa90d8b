"""The failure catalogue: one row of ``failures.json`` a failure, the most telling first."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..families import families
from ..naming import shown
from .reading import folded
from .values import Cure, Failure, Pattern

_ROOM = Path(__file__).parent

_SIZE = r"torch\.Size\(\["
_WORDS = {
    "n": r"\d{1,6}",
    "copying": rf": copying a param with shape {_SIZE}",
    "current": rf"\]\) from checkpoint, the shape in current model is {_SIZE}",
    "2d": r".{1,3}expected input\[\d{1,6}, \d{1,6}, \d{1,6}, \d{1,6}\] to have ?\d{1,6}"
    r" channels, but got ",
    "3d": r".{1,3}expected input\[\d{1,6}, \d{1,6}, \d{1,6}, \d{1,6}, \d{1,6}\]"
    r" to have ?\d{1,6} channels, but got ",
    "any": r".{1,3}expected input\[[\d, ]{1,60}\] to have ?\d{1,6} channels, but got ",
    "name": r"(?P<name>[^'\"]{1,200})",
}
"""Short words, in angle brackets, of the table's patterns; any other word there is a number of
channels. The messages are torch's: pytorch/pytorch torch/nn/modules/module.py
``load_state_dict``, aten/src/ATen/native/Convolution.cpp ``check_shape_forward``."""
_CHANNELS = r"(?P<{}>\d{{1,4}})(?!\d)"
_WORD = re.compile(r"(?<!\?P)<(\w{1,20})>")
_ROW = re.compile(r"[a-z0-9]{1,20}(?:-[a-z0-9]{1,20}){0,6}")


@cache
def failures() -> tuple[Failure, ...]:
    """Every failure in the table's order, validated on first use.

    Raises ``ValueError`` on a faulty table, naming the row: that is a fault of the package.
    """
    table = tuple(_failure(row) for row in _rows("failures.json"))
    ids = [row.id for row in table]
    for row in table:
        known = set(row.unless) <= set(ids) and ids.count(row.id) == 1
        named = {name for names in row.families.values() for name in names} <= set(families())
        if not (known and named and row.sources and row.patterns):
            raise ValueError(f"failure {row.id}: a twin, no source, or an unknown name")
    return table


@cache
def frontends() -> dict[str, tuple[str, ...]]:
    """Names of frontends, each with the lower-case traces that its texts carry."""
    return {row["name"]: tuple(map(folded, row["traces"])) for row in _rows("frontends.json")}


def require_frontend(typed: str) -> str:
    """The name of a frontend that a user typed; raises ``UsageError`` naming all there are."""
    wanted = _letters(typed)
    for row in _rows("frontends.json"):
        if wanted in map(_letters, (row["name"], *row["aliases"])):
            return str(row["name"])
    known = ", ".join(frontends())
    raise UsageError(f"there is no frontend {shown(typed)}", f"frontends: {known}")


@cache
def _rows(name: str) -> tuple[dict[str, Any], ...]:
    return tuple(json.loads((_ROOM / name).read_text("utf-8")))


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _failure(row: dict[str, Any]) -> Failure:
    if not _ROW.fullmatch(row["id"]):
        raise ValueError(f"failure {row['id']}: an id is small letters, digits and hyphens")
    made = row | {
        "patterns": tuple(_pattern(*pair) for pair in row["patterns"]),
        "cures": tuple(_cures(row.get("cures", {}))),
        "families": {side: tuple(names) for side, names in row.get("families", {}).items()},
    }
    lists = ("sources", "frontends", "beside", "unless")
    return Failure(**made | {key: tuple(made.get(key, ())) for key in lists})


def _pattern(starts: str, then: str) -> Pattern:
    def meaning(word: re.Match[str]) -> str:
        return _WORDS.get(word[1]) or _CHANNELS.format(word[1])

    return Pattern(folded(starts), re.escape(starts) + _WORD.sub(meaning, then))


def _cures(rows: dict[str, str]) -> Iterator[Cure]:
    for frontend, text in rows.items():
        yield Cure(text, None if frontend == "*" else frontend)
