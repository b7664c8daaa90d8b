"""One prober for all pairs: made once, each checkpoint drawn with once, time told pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..drawing import CompareTask, Comparison, Drawing, DrawTask, Generated, ShowTask
from ..errors import CannotRun, FileError, MissingDependency, OutOfMemory
from ..measures import Cost, Crossing, CrossTask, Reading, Scaling, VaeFile
from ..ports import Prober
from .values import Failure


class SharedProber:
    """``Prober`` for one pair after the other; call it for itself, as climbs do."""

    def __init__(self, make: Callable[[], Prober]) -> None:
        self._make = make
        self._made: Prober | None = None
        self._before = 0.0
        self._drawn: dict[str, Drawing | Failure] = {}

    def __call__(self) -> Prober:
        """Itself, the prober made; raises ``MissingDependency`` and ``NoDevice``."""
        self._prober()
        return self

    def next_pair(self) -> None:
        """From here on ``cost`` counts anew."""
        self._before = self._made.cost().seconds if self._made else 0.0

    def undrawn(self, sha256: str) -> Failure | None:
        """Why a checkpoint could not be drawn with; None where it was, or was not tried."""
        found = self._drawn.get(sha256)
        return found if isinstance(found, Failure) else None

    def read(self, vae: VaeFile) -> Reading:
        """As the prober's."""
        return self._prober().read(vae)

    def cross(self, task: CrossTask) -> Crossing:
        """As the prober's."""
        return self._prober().cross(task)

    def draw(self, task: DrawTask, watch: Callable[[int, int], None] | None = None) -> Drawing:
        """As the prober's, tried once a checkpoint.

        What it raised it raises again as ``CannotRun``: the VAE's own probes go on without it.
        """
        sha256 = task.checkpoint.sha256
        if sha256 not in self._drawn:
            self._drawn[sha256] = self._try(task, watch)
        found = self._drawn[sha256]
        if isinstance(found, Failure):
            raise CannotRun(found.message, found.hint)
        return found

    def encode(self, image: str, encoder: VaeFile, scaling: Scaling, folder: str) -> Drawing:
        """As the prober's."""
        return self._prober().encode(image, encoder, scaling, folder)

    def show(self, task: ShowTask) -> Generated:
        """As the prober's."""
        return self._prober().show(task)

    def compare(self, task: CompareTask) -> Comparison:
        """As the prober's."""
        return self._prober().compare(task)

    def cost(self) -> Cost:
        """What this pair took so far; the peak of memory is that of the whole run."""
        cost = self._prober().cost()
        return replace(cost, seconds=round(cost.seconds - self._before, 3))

    def peak_memory(self) -> int | None:
        """Most bytes held so far; None where nothing was made ready to run."""
        return self._made.cost().peak_memory_bytes if self._made else None

    def _prober(self) -> Prober:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _try(self, task: DrawTask, watch: Callable[[int, int], None] | None) -> Drawing | Failure:
        try:
            return self._prober().draw(task, watch)
        except (CannotRun, FileError, MissingDependency, OutOfMemory) as failure:
            return Failure.of(failure, task.checkpoint.sha256)
