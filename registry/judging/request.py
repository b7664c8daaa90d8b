"""What is asked of a climb, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..measures import Cost
from ..ports import Prober
from ..values import Verdict
from .sides import Side


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture that a checkpoint draws; None leaves a figure to its kind and the device."""

    folder: str = ""
    """Where drawn latents are kept."""
    seed: int = 0
    steps: int | None = None
    size: int | None = None
    """Pixels of each side."""
    watch: Callable[[int, int], None] | None = None
    """Told every step that is made, of all."""


@dataclass(frozen=True, slots=True)
class Request:
    """How far to climb, and with what."""

    probe: str
    """``none`` | ``auto`` (to the first certain answer) | ``weights`` | ``decode`` |
    ``generate``."""
    prober: Callable[[], Prober]
    """Makes the prober on first need; may raise ``MissingDependency`` and ``NoDevice``."""
    picture: str | None = None
    """Where a cross-decode writes its strip; a generated one goes beside it."""
    image: str | None = None
    """A user's own picture instead of the test card."""
    again: bool = False
    """Read weights anew although their reading is recorded."""
    declared: str | None = None
    """The REF by which the checkpoint's author names this VAE."""
    drawn: Picture = Picture()
    frontend: str | None = None
    """Judge as this one of ``frontends.support`` would show it."""

    @property
    def asked(self) -> str:
        """What is asked otherwise than by default: its answer is none to the plain question."""
        drawn = self.drawn if self.probe == "generate" else Picture()
        wishes = {
            "steps": drawn.steps,
            "size": drawn.size,
            "seed": drawn.seed or None,
            "image": self.image,
        }
        return ", ".join(f"{name}={wish}" for name, wish in wishes.items() if wish is not None)

    @property
    def level(self) -> str:
        """The shallowest level whose recorded answer will do."""
        return "none" if self.probe == "auto" else self.probe


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict, how deep the climb went, and what it took."""

    verdict: Verdict
    level: str
    """``none`` | ``weights`` | ``decode`` | ``generate``."""
    vae: Side
    """The VAE with what was found out of it."""
    steps: tuple[str, ...]
    """What was done, in order, for people."""
    cost: Cost | None = None
    images: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be recorded, and what was done otherwise for want of memory."""
