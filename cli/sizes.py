"""Amounts of memory as people type them: ``6G``, ``800M``, ``2.5 GiB``."""

from __future__ import annotations

import re

from ..registry.errors import UsageError
from ..registry.naming import shown

_SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([kmgt]?)(i?b?)\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def size_of(text: str) -> int:
    """The bytes that a size names: ``G`` and ``GiB`` by 1024, ``GB`` by 1000.

    Raises ``UsageError`` for anything else, and for nothing at all.
    """
    found = _SIZE.fullmatch(text)
    if found is None or (found[3].lower() == "i"):
        raise UsageError(f"{shown(text)} is no amount of memory", "write 6G, 800M or 2.5G")
    base = 1000 if found[3].lower() == "b" else 1024
    size = int(float(found[1]) * base ** _POWERS[found[2].lower()])
    if size <= 0:
        raise UsageError("probes cannot run in no memory at all", "write 6G, 800M or 2.5G")
    return size
