"""What is told of text encoders, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass

from ..values import Notice

DEEPEST = 12
"""CLIP-L's layers: the range of A1111's setting (modules/shared_options.py)."""


@dataclass(frozen=True, slots=True)
class Defect:
    """Something wrong with a text encoder, and what mends it."""

    code: str
    message: str
    cure: str | None
    """None where nothing needs to be done."""


@dataclass(frozen=True, slots=True)
class TextEncoder:
    """One text encoder inside a model."""

    name: str
    """As people call it: ``CLIP-L``."""
    architecture: str
    layers: int | None
    """Layers that are there, or that a config promises; None where neither could be read."""
    width: int | None
    prefix: str = ""
    defects: tuple[Defect, ...] = ()
    ends_early: int = 0
    """Layers that it lacks at the end of what its kind has; 0 where none is missing."""
    unchecked: str | None = None
    """What could not be looked at and why, as the rest of a sentence on this encoder."""
    novelai_names: bool = False
    """Whether ``text_model.`` is left out of CLIP's names, as in NovelAI's checkpoint."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What to set in one frontend."""

    frontend: str
    setting: str
    """Its own name for clip skip."""
    value: int | None
    """None: leave it as it is."""
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """Which layer of the text encoders a checkpoint wants, counted from the end."""

    clip_skip: int | None
    """1 is the last layer, 2 the one before it (A1111's count); None: nothing to set."""
    reason: str
    determined_by: str | None
    """``family`` | ``metadata`` | ``sample-pictures``; None while open."""
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class SamplePictures:
    """How often the pictures on a model's page say that they were made with a clip skip."""

    ref: str
    """Whose page it is."""
    made: int
    """Pictures that say how they were made at all."""
    counts: tuple[tuple[int, int], ...] = ()
    """Clip skip by A1111's count and the pictures that state it, the most frequent first."""

    @property
    def silent(self) -> int:
        """Pictures that say how they were made and state no clip skip, as those at 1 do."""
        return self.made - sum(pictures for _, pictures in self.counts)


@dataclass(frozen=True, slots=True)
class Study:
    """All that a look at a model's text encoders tells."""

    encoders: tuple[TextEncoder, ...]
    advice: Advice
    notices: tuple[Notice, ...] = ()
