"""Timing whole commands and calls, and saying what was measured as a ratio to a peer."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
"""Where this environment's commands lie."""


@dataclass(frozen=True, slots=True)
class Bars:
    """What a probe may take."""

    cpu_seconds: float
    gpu_seconds: float
    cpu_bytes: int


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


def devices() -> list[str]:
    """What torch can run on here: the CPU and, where there is one, a GPU."""
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def peak_bytes() -> int:
    """The most memory that this process held."""
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def report_probe(what: str, script: str, arguments: Sequence[str], bars: Bars) -> bool:
    """Run a probe in a process of its own, so that the peak is the probe's, and report on it.

    ``script`` takes the device and the other arguments, and prints seconds and ``peak_bytes``.
    """
    held = []
    for device in devices():
        command = [sys.executable, script, device, *arguments]
        said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        seconds, peak = float(said.split()[0]), int(said.split()[1])
        bar = bars.gpu_seconds if device == "cuda" else bars.cpu_seconds
        figure = f"{seconds:.2f} s"
        held.append(report(f"{what}, {device}", figure, f"{bar:g} s", seconds < bar))
        if device == "cpu":
            figure, most = f"{peak / 2**20:,.0f} MiB", f"{bars.cpu_bytes / 2**30:g} GiB"
            held.append(report("its process's peak memory", figure, most, peak < bars.cpu_bytes))
    return all(held)


def report(what: str, figure: str, bar: str, holds: bool) -> bool:
    """Print one line: what was measured, the figure, the bar it has to keep."""
    print(f"{'ok  ' if holds else 'MISS'}  {what:<58} {figure:>26}   bar: {bar}")
    return holds
