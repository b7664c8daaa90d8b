"""What the registry's steps need from outside, as Protocols: somewhere to remember, a prober."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .values import Artifact, DeclaredPair, Location, Model, Origin, Rejection, Stamp, Verdict

if TYPE_CHECKING:
    from .drawing import (
        CompareTask,
        Comparison,
        Drawing,
        DrawTask,
        Generated,
        ShowTask,
    )
    from .measures import Cost, Crossing, CrossTask, Reading, Scaling, VaeFile


@dataclass(frozen=True, slots=True)
class Place:
    """What the registry knows of one path: its last stamp and what came of it."""

    stamp: Stamp
    state: str
    """``present`` | ``missing`` | ``offline`` | ``rejected``."""
    sha256: str | None
    """Of the artifact that lies there; None for a rejected file."""
    rejection: Rejection | None = None


LEVELS = ("none", "weights", "decode", "generate")
"""How deep a probe can go, the deepest last."""


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """A verdict on a pair, with what produced it."""

    model_sha256: str
    vae_sha256: str
    verdict: Verdict
    rules_version: int
    level: str
    """One of ``LEVELS``: the deepest probe that ran."""
    decided_at: str
    """RFC 3339, UTC."""
    cost: Cost | None = None
    """What the probe took; None where none ran."""
    images: tuple[str, ...] = ()
    """Absolute paths of the pictures it wrote."""


class Store(Protocol):
    """The registry's memory; fulfilled by ``db.store``."""

    def places(self) -> Mapping[str, Place]:
        """Every recorded location and every rejected file, by path."""
        ...

    def remember(self, found: Sequence[tuple[Artifact, Location]]) -> None:
        """Record artifacts and where they lie, all in one transaction.

        An artifact already known by its SHA-256 is updated; a path that held another artifact or
        was rejected now holds this one. An artifact left without any location stays known.
        """
        ...

    def relocate(self, moves: Sequence[tuple[str, Location]]) -> None:
        """Record that the file at each old path now lies at the new location, content unchanged."""
        ...

    def reject(self, refused: Sequence[tuple[Rejection, Stamp]]) -> None:
        """Record files that could not be taken in, so that they are not read again unchanged."""
        ...

    def mark(self, paths: Sequence[str], state: str) -> None:
        """Set the state of recorded locations: ``present``, ``missing`` or ``offline``."""
        ...

    def models(self) -> tuple[Model, ...]:
        """Every model with its components and locations, by name; the quick path of listings."""
        ...

    def by_sha256(self, sha256: str) -> Model | None:
        """The model with that content."""
        ...

    def forget(self, sha256: str) -> None:
        """Remove a model, its locations, components and verdicts from the registry."""
        ...

    def keep_verdict(self, stored: StoredVerdict) -> None:
        """Record a verdict with its evidence, in place of an older one of that pair and level."""
        ...

    def verdicts(self) -> tuple[StoredVerdict, ...]:
        """Every recorded verdict, evidence included."""
        ...

    def of_pair(self, model: str, vae: str) -> tuple[StoredVerdict, ...]:
        """The recorded verdicts on one pair, by their SHA-256s; one a level."""
        ...

    def rejections(self) -> tuple[Rejection, ...]:
        """Every file that scans could not take in, by path."""
        ...

    def roots(self) -> tuple[str, ...]:
        """The folders that were scanned on this machine."""
        ...

    def keep_roots(self, folders: Sequence[str]) -> None:
        """Remember folders as scanned, so that a scan without folders walks them again."""
        ...

    def keep_reading(self, sha256: str, reading: Reading) -> None:
        """Record what running a model's VAE alone told, in place of an older one.

        Raises ``NotFound`` where no such model is recorded.
        """
        ...

    def readings(self) -> Mapping[str, Reading]:
        """Every recorded reading, by the model's SHA-256."""
        ...

    def keep_origin(self, sha256: str, origin: Origin) -> None:
        """Record where a content was published, in place of an older word of the same REF.

        An origin's name becomes the model's ``known_as`` where it has none. Raises ``NotFound``
        where no such model is recorded.
        """
        ...

    def origins(self) -> Mapping[str, tuple[Origin, ...]]:
        """Every recorded origin, by the model's SHA-256."""
        ...

    def keep_pairs(self, pairs: Sequence[DeclaredPair]) -> None:
        """Record pairs that authors declare; neither side need be recorded (yet)."""
        ...

    def pairs(self) -> tuple[DeclaredPair, ...]:
        """Every declared pair."""
        ...

    def keep_lookups(self, source: str, answers: Mapping[str, bool]) -> None:
        """Record that a source was asked for these SHA-256s, and whether it knew them."""
        ...

    def lookups(self, source: str) -> Mapping[str, tuple[bool, str]]:
        """What a source answered last, by SHA-256: whether it knew it, and when (RFC 3339)."""
        ...

    def close(self) -> None:
        """Give the database back."""
        ...


class Prober(Protocol):
    """Runs VAEs, one at a time, on one device; fulfilled by ``probes.prober``.

    Every method may raise ``ProbeError`` (no such device, out of memory) and ``FileError``. A VAE
    that cannot be run is no error: ``Reading.trouble`` says why, ``cross`` raises ``CannotRun``.
    """

    def read(self, vae: VaeFile) -> Reading:
        """The colour response of its decoder and the fit of its encoder, whichever it has."""
        ...

    def cross(self, task: CrossTask) -> Crossing:
        """The reference's latents decoded by the reference and by the VAE in question, compared."""
        ...

    def draw(self, task: DrawTask, watch: Callable[[int, int], None] | None = None) -> Drawing:
        """A checkpoint's latents, sampled once and kept; ``watch`` is told every step made of all.

        Raises ``CannotRun`` where there is nothing to draw with, and ``MissingDependency``.
        """
        ...

    def encode(self, image: str, encoder: VaeFile, scaling: Scaling, folder: str) -> Drawing:
        """A user's picture as the latents that a checkpoint of that scaling would have made."""
        ...

    def show(self, task: ShowTask) -> Generated:
        """Drawn latents decoded by the reference and by the VAE in question."""
        ...

    def compare(self, task: CompareTask) -> Comparison:
        """Drawn latents through several VAEs, one at a time, beside each other."""
        ...

    def cost(self) -> Cost:
        """What this prober took so far."""
        ...
