"""The figures that kinds and words turn on, kept as data, each with its origin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

Limits: TypeAlias = Mapping[str, float]

_TABLE = Path(__file__).parent / "thresholds.json"


@cache
def limits(section: str) -> Limits:
    """The figures of one section of the table by name, as ``registry.thresholds`` has them.

    Raises ``KeyError`` for a section that is not there and ``ValueError`` on a row without a number
    or an origin, naming it: both are faults of the package.
    """
    rows = json.loads(_TABLE.read_text("utf-8"))[section]
    for name, row in rows.items():
        if not isinstance(row.get("value"), int | float) or not row.get("origin"):
            raise ValueError(f"threshold {section}.{name} lacks its value or its origin")
    return MappingProxyType({name: row["value"] for name, row in rows.items()})
