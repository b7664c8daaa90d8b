"""Timing whole commands and calls, and saying what was measured as a ratio to a peer."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
"""Where this environment's commands lie."""


def command_seconds(command: Sequence[str], runs: int = 7, codes: Sequence[int] = (0,)) -> float:
    """Median wall time of a whole process, after one run that warms the caches."""
    walls = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=False)
        walls.append(time.perf_counter() - started)
        if done.returncode not in codes:
            raise SystemExit(f"{command} left with {done.returncode}: {done.stderr.decode()}")
    return statistics.median(walls[1:])


def call_seconds(call: Callable[[], object], runs: int = 15) -> float:
    """Median wall time of a call in this process, after one that warms the caches."""
    call()
    walls = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        walls.append(time.perf_counter() - started)
    return statistics.median(walls)


def report(what: str, figure: str, bar: str, holds: bool) -> bool:
    """Print one line: what was measured, the figure, the bar it has to keep."""
    print(f"{'ok  ' if holds else 'MISS'}  {what:<58} {figure:>26}   bar: {bar}")
    return holds
