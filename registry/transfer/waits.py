"""How long to wait before asking again: what the server says, or a growing pause."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_FIRST = 0.5
_LONGEST = 8.0
_SECONDS = re.compile(r"[0-9]{1,9}")
_HUB_LIMIT = re.compile(r"\br=0\s*;\s*t=([0-9]{1,9})")
_LONGEST_STATED = 10 * 365 * 86400.0


def stated_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait: ``Retry-After``, or the hub's ``ratelimit``.

    The hub's ``"api";r=0;t=N`` is as huggingface_hub utils/_http.py reads it.
    """
    stated = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(stated):
        return min(float(stated), _LONGEST_STATED)
    if stated:
        return _until(stated)
    limit = _HUB_LIMIT.search(headers.get("ratelimit", ""))
    return float(limit[1]) + 1 if limit else None


def growing_wait(tried: int) -> float:
    """0.5, 1, 2 .. 8 s after so many tries, a fifth more or less so that clients spread out."""
    return min(_FIRST * 2.0 ** max(0, tried - 1), _LONGEST) * random.uniform(0.8, 1.2)


def _until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (aware - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(0.0, seconds), _LONGEST_STATED)
