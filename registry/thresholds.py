"""The figures that decisions on weights turn on, kept as data, each with its origin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

_TABLE = Path(__file__).parent / "data" / "thresholds.json"


@cache
def thresholds(section: str) -> Mapping[str, float]:
    """The figures of one section of the table by name; validated on first use.

    Raises ``KeyError`` for a section that is not there and ``ValueError`` on a row without a number
    or an origin, naming it: both are faults of the package.
    """
    return read(_TABLE, section)


def read(table: Path, section: str) -> Mapping[str, float]:
    """As ``thresholds``, from a table of the same form that lies elsewhere; nothing is kept."""
    rows = json.loads(table.read_text("utf-8"))[section]
    for name, row in rows.items():
        if not isinstance(row.get("value"), int | float) or not row.get("origin"):
            raise ValueError(f"threshold {section}.{name} lacks its value or its origin")
    return MappingProxyType({name: row["value"] for name, row in rows.items()})
