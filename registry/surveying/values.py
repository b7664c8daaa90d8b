"""What a survey tells while it runs, and what it found."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import VaeregError
from ..measures import Cost
from ..values import Verdict

Key = tuple[str, str]
"""SHA-256 of the checkpoint and of the VAE; twice the same for a baked VAE."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as plain words: an exception would keep all that it came through in memory."""

    code: str
    message: str
    hint: str | None
    model: str | None = None
    """SHA-256 of the checkpoint concerned, where there is one."""
    vae: str | None = None

    @classmethod
    def of(cls, error: VaeregError, model: str | None = None, vae: str | None = None) -> Failure:
        """What an error says of a model or of a pair."""
        return cls(error.code, error.message, error.hint, model, vae)


@dataclass(frozen=True, slots=True)
class Cell:
    """What is known of one pair."""

    key: Key
    verdict: Verdict
    reason: str
    """One sentence."""
    level: str
    """The deepest probe that ran: one of ``LEVELS``."""
    cost: Cost | None = None
    images: tuple[str, ...] = ()
    decided_at: str | None = None
    """RFC 3339, UTC; None where the rules alone settle it."""
    recalled: bool = False
    """It was judged in an earlier run."""
    notes: tuple[str, ...] = ()
    """Why no deeper probe answered; what could not be recorded."""
    failure: Failure | None = None
    """Why it could not be judged: the verdict is ``unknown`` then."""
    unrun: bool = False
    """No probe could run of those asked for; ``notes`` say why."""
    by_shape: bool = False
    """The shapes settle it, whatever the weights are."""

    @property
    def baked(self) -> bool:
        """Whether it is a checkpoint and its own VAE."""
        return self.key[0] == self.key[1]


@dataclass(frozen=True, slots=True)
class Surveyed:
    """Every pair, in the plan's order, and what went wrong on the way."""

    cells: tuple[Cell, ...]
    failures: tuple[Failure, ...]
    peak_memory: int | None = None
    """Most bytes that the probes of this run held; None where none was made ready."""

    @property
    def in_vain(self) -> bool:
        """Nothing that was asked for could be done: every pair that shapes leave open failed."""
        left = [cell for cell in self.cells if not cell.by_shape]
        return bool(left) and all(cell.failure or cell.unrun for cell in left)


class Watcher:
    """What a survey tells while it runs; the command line draws a bar from it."""

    def drawing(self, name: str, number: int, of: int) -> None:
        """A checkpoint begins to draw, the ``number``-th, from 1, of all that will."""

    def step(self, step: int, of: int) -> None:
        """One step of that drawing is made."""

    def planned(self, pairs: int) -> None:
        """So many pairs are to be probed; all others are known already."""

    def begun(self, model: str, vae: str) -> None:
        """A pair is looked at, given by its names."""

    def judged(self, cell: Cell) -> None:
        """A pair is judged and recorded."""
