"""Every pair judged: what is known is taken, each checkpoint draws once, then VAE by VAE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..errors import (
    CannotRun,
    MissingDependency,
    NoDevice,
    NoSpace,
    OutOfMemory,
    StoreError,
    UsageError,
    VaeregError,
)
from ..judging.climb import climb
from ..judging.generating import draw_task
from ..judging.recording import remember, to_keep
from ..judging.request import Answer, Request
from ..judging.sides import Side
from ..naming import shown
from ..ports import LEVELS, Store
from ..values import Verdict
from .known import Known
from .plan import Plan
from .shared import SharedProber
from .snapshot import Snapshot
from .values import Cell, Failure, Key, Surveyed, Watcher

STOPS = (NoDevice, MissingDependency, NoSpace, StoreError, UsageError)
"""Errors that no other pair would be spared."""
LOWER = {"generate": "decode", "decode": "weights", "auto": "weights", "weights": "none"}
"""What to try where a probe does not fit into memory."""


def survey(store: Store, plan: Plan, watcher: Watcher) -> Surveyed:
    """Judge every pair as deep as the plan asks; each verdict is recorded as soon as it is known.

    A model that fails is told in its cells and among the failures; the rest go on. Raises
    ``NoDevice``, ``MissingDependency`` where a probe was asked for by name, ``NoSpace``,
    ``StoreError``, and ``UsageError`` for an amount of memory in which nothing runs.
    """
    return _Survey(Snapshot(store, plan.fresh), plan, watcher).run()


class _Survey:
    def __init__(self, store: Snapshot, plan: Plan, watcher: Watcher) -> None:
        self.store = store
        self.plan = plan
        self.watcher = watcher
        self.known = Known(store, plan)
        self.prober = SharedProber(plan.request.prober)
        drawn = replace(plan.request.drawn, watch=watcher.step)
        self.request = replace(plan.request, prober=self.prober, drawn=drawn)
        self.cells: dict[Key, Cell] = {}
        self.failures: dict[tuple[str, str], Failure] = {}
        self.undrawn: dict[str, Failure] = {}
        """By checkpoint: why it draws nothing."""
        self.judged_at: dict[Key, int] = {}
        """How much had been learnt once a pair was judged."""

    def run(self) -> Surveyed:
        pairs = self.plan.pairs(self.known.has_vae)
        self._tell_faults(pairs)
        open_pairs = [key for key in pairs if not self._is_known(key, self.request)]
        if open_pairs and self.request.probe not in ("none", "auto"):
            self.prober()  # What is not installed or not there is told before anything is done.
        if self.request.probe == "generate":
            self._draw(tuple(dict.fromkeys(model for model, _ in open_pairs)))
            open_pairs = [key for key in open_pairs if not self._is_known_undrawn(key)]
        self.watcher.planned(len(open_pairs))
        self._judge(open_pairs)
        again = [key for key in open_pairs if self._is_worth_another_look(key)]
        if again:
            self.watcher.planned(len(open_pairs) + len(again))
            self._judge(again)
        cells = tuple(self.cells[key] for key in pairs)
        return Surveyed(cells, tuple(self.failures.values()), self.prober.peak_memory())

    # -- what needs no probe ------------------------------------------------------------------

    def _tell_faults(self, pairs: Iterable[Key]) -> None:
        for sha256 in dict.fromkeys(one for key in pairs for one in key):
            fault = self.known.fault(sha256)
            if fault is not None:
                self._failed(Failure.of(fault, sha256))

    def _is_known(self, key: Key, request: Request) -> bool:
        """Whether the shapes settle the pair, or an earlier run did."""
        cell = self.known.by_shape(key) or self.known.recalled(key, request)
        if cell is not None:
            self.cells[key] = cell
        return cell is not None

    def _is_known_undrawn(self, key: Key) -> bool:
        """Whether a cross-decode is recorded of a checkpoint that draws nothing."""
        failure = self.undrawn.get(key[0])
        if failure is None or not self._is_known(key, replace(self.request, probe="decode")):
            return False
        self.cells[key] = replace(self.cells[key], notes=(_undrawn(failure),))
        return True

    # -- the work -----------------------------------------------------------------------------

    def _draw(self, checkpoints: tuple[str, ...]) -> None:
        """Every checkpoint draws once; one that cannot is told, and judged without."""
        request = replace(self.request, again=self.plan.fresh)
        for number, sha256 in enumerate(checkpoints, 1):
            side = self.known.side(sha256)
            self.watcher.drawing(side.name, number, len(checkpoints))
            try:
                drawing = self.prober.draw(draw_task(side, request), self.watcher.step)
                if not drawing.finite:
                    raise CannotRun(
                        f"{shown(side.name)} itself makes latents that are not finite",
                        "use another copy of the checkpoint",
                    )
            except CannotRun as failure:
                told = self.prober.undrawn(sha256) or Failure.of(failure, sha256)
                self.undrawn[sha256] = told
                if side.path is not None:
                    self._failed(told)

    def _judge(self, pairs: Iterable[Key]) -> None:
        for key in pairs:
            model, vae = self.known.side(key[0]), self.known.side(key[1])
            self.watcher.begun(model.name, vae.name)
            self.prober.next_pair()
            try:
                cell = self._climbed(key, model, vae)
            except STOPS:
                raise
            except VaeregError as failure:
                cell = self._broken(key, Failure.of(failure, *key))
            self.cells[key] = cell
            self.judged_at[key] = self.store.learnt
            self.watcher.judged(cell)

    def _climbed(self, key: Key, model: Side, vae: Side) -> Cell:
        request = self.known.asked(key, self.request)
        gone = self.known.fault(key[1])
        if gone is not None:
            # Without weights there is nothing to run, whatever was asked for.
            request = replace(request, probe="none")
        answer, stopped = self._within_memory(model, vae, request)
        asked = self.request.probe
        # Where no level was named, headers may have said all there is to say.
        unrun = answer.level == "none" and (asked in LEVELS[1:] or _is_open(answer, asked))
        if gone is not None and unrun:
            stopped = {gone.message: [asked]}
        undrawn = self.undrawn.get(key[0]) if not unrun else None
        stored = to_keep(model, answer)
        return replace(
            self.known.cell(key, answer.verdict, answer.level),
            cost=answer.cost,
            images=answer.images,
            decided_at=stored.decided_at,
            notes=(
                *(_not_run(probes, why) for why, probes in stopped.items()),
                *([_undrawn(undrawn)] if undrawn else []),
                *answer.notes,
                *remember(self.store, stored),
            ),
            unrun=unrun,
        )

    def _within_memory(
        self, model: Side, vae: Side, request: Request
    ) -> tuple[Answer, dict[str, list[str]]]:
        """The answer of the deepest probe that memory allows, and what kept deeper ones from it."""
        stopped: dict[str, list[str]] = {}
        while True:
            try:
                return climb(self.store, model, vae, request), stopped
            except OutOfMemory as failure:
                if request.probe not in LOWER:
                    raise
                stopped.setdefault(failure.message, []).append(request.probe)
                request = replace(request, probe=LOWER[request.probe])

    def _is_worth_another_look(self, key: Key) -> bool:
        """Whether a pair stayed open, and VAEs to compare with became known since."""
        cell = self.cells[key]
        is_open = cell.verdict.verdict == "unknown" and cell.failure is None
        return is_open and cell.level != "none" and self.judged_at[key] < self.store.learnt

    def _broken(self, key: Key, failure: Failure) -> Cell:
        self._failed(failure)
        return Cell(key, Verdict("unknown", 0.0, ()), failure.message, "none", failure=failure)

    def _failed(self, failure: Failure) -> None:
        """What spoils many pairs is told once."""
        self.failures.setdefault((failure.code, failure.message), failure)


def _is_open(answer: Answer, asked: str) -> bool:
    return asked == "auto" and answer.verdict.verdict == "unknown"


def _undrawn(failure: Failure) -> str:
    return f"no picture was generated: {failure.message}"


def _not_run(probes: Sequence[str], why: str) -> str:
    several = f"probes {', '.join(probes[:-1])} and {probes[-1]}"
    return f"the {several if probes[1:] else f'probe {probes[0]}'} did not run: {why}"
