"""The figures that kinds and words turn on, kept as data, each with its origin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TypeAlias

from ...registry.thresholds import read

Limits: TypeAlias = Mapping[str, float]

_TABLE = Path(__file__).parent / "thresholds.json"


@cache
def limits(section: str) -> Limits:
    """The figures of one section of the table by name, as ``registry.thresholds`` has them.

    Raises ``KeyError`` for a section that is not there and ``ValueError`` on a row without a number
    or an origin, naming it: both are faults of the package.
    """
    return read(_TABLE, section)
