"""A peer that takes turns with what is measured: how much it gets done is what this took.

Minutes of sampling do not compare with other minutes of a machine whose speed changes, and two
programs at once are in each other's way. So one is stopped while the other has the machine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

TURN, PEERS_TURN = 6.0, 4.0
"""Seconds; the peer needs less, it does the same again and again."""


@dataclass(frozen=True, slots=True)
class Turns:
    """When a command had the machine."""

    seconds: float
    """All its turns together."""
    first: float
    """The peer's own seconds before its first turn."""
    last: float
    """And after its last."""


class Beside:
    """A command that does one thing again and again, in steps, and prints a line for each.

    ``ready`` first, then ``step`` and, at the end of each round, ``done``. A context manager that
    ends it.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )
        self._turns: list[tuple[float, float]] = []
        """When it had the machine."""
        self._lines: list[tuple[float, str]] = []
        """What it printed, and when."""
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Beside:
        self._reader.start()
        while not self._lines:
            self._require_running()
            time.sleep(0.05)
        self._signal(self._process, signal.SIGSTOP)
        self.loading = self._lines[0][0] - self._began
        """Seconds until it was ready."""
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def during(self, command: Sequence[str]) -> tuple[Turns, Any]:
        """A command's cost beside the peer, and the JSON document that it answers with."""
        first, seconds = self._own(time.perf_counter()), 0.0
        with tempfile.TemporaryFile("w+") as said:
            measured = subprocess.Popen(
                command, stdout=said, env=self._environment, start_new_session=True
            )
            while True:
                began = time.perf_counter()
                try:
                    measured.wait(TURN)
                except subprocess.TimeoutExpired:
                    self._signal(measured, signal.SIGSTOP)
                seconds += time.perf_counter() - began
                if measured.returncode is not None:
                    break
                self._take_turn()
                self._signal(measured, signal.SIGCONT)
            if measured.returncode:
                raise SystemExit(f"{command} left with {measured.returncode}")
            said.seek(0)
            return Turns(seconds, first, self._own(time.perf_counter())), json.load(said)

    def rounds(self, turns: Turns) -> float:
        """How many rounds of the peer a command took as long as; to be asked at the end."""
        progress = self._progress()
        done = progress(turns.last) - progress(turns.first)
        return turns.seconds * done / (turns.last - turns.first)

    @property
    def loading_rounds(self) -> float:
        """What the peer's loading took, in rounds."""
        ends = self._ends()
        return self.loading * len(ends) / ends[-1]

    def _progress(self) -> Callable[[float], float]:
        """From the peer's own seconds to rounds, those begun by their steps."""
        ends = self._ends()
        moments = [(self._own(moment), word) for moment, word in self._lines[1:]]
        steps = sum(word == "step" and moment < ends[-1] for moment, word in moments) // len(ends)
        known, rounds, step = [(0.0, 0.0)], 0, 0
        tails = [end - max(at for at, word in moments if at < end) for end in ends]
        weight = (1 - sum(tails) / ends[-1]) / steps
        for moment, word in moments:
            rounds, step = (rounds + 1, 0) if word == "done" else (rounds, step + 1)
            known.append((moment, rounds + step * weight))
        (last, value), rate = known[-1], len(ends) / ends[-1]
        known.append((last + 1e4, value + 1e4 * rate))
        at, values = zip(*known, strict=True)
        return lambda own: float(np.interp(own, at, values))

    def _ends(self) -> list[float]:
        """The peer's own seconds at which it had done a round."""
        ends = [self._own(moment) for moment, word in self._lines if word == "done"]
        if not ends:
            raise SystemExit("the peer did no round to its end: nothing was measured")
        return ends

    def _own(self, moment: float) -> float:
        """The seconds that the peer had had the machine for by then."""
        return sum(max(0.0, min(end, moment) - begin) for begin, end in self._turns)

    def _take_turn(self) -> None:
        self._require_running()
        began = time.perf_counter()
        self._signal(self._process, signal.SIGCONT)
        time.sleep(PEERS_TURN)
        self._signal(self._process, signal.SIGSTOP)
        self._turns.append((began, time.perf_counter()))

    def _require_running(self) -> None:
        if self._process.poll() is not None:
            raise SystemExit(f"the peer left with {self._process.returncode}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append((time.perf_counter(), line.strip()))

    @staticmethod
    def _signal(process: subprocess.Popen[Any], number: int) -> None:
        """To it and to whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
