"""What a frontend is to be fed with, and what its module answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from ..changes.base import Plan
from ..frontends.base import Frontend, Installation, Listed, Listing
from ..frontends.recorded import Recorded
from ..judging.matrix import Matrix
from ..values import Model

Snippet: TypeAlias = tuple[str, str]
"""Title and text to paste."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A checkpoint and the VAE that it is to decode with."""

    listed: Listed
    """The checkpoint as the frontend lists it; outside of any frontend by its own path."""
    checkpoint: Model
    vae: Model | None
    """None for the one that lies in the checkpoint."""
    verdict: str
    confidence: float
    reason: str
    asked: bool = False
    """Whether the user named the VAE; otherwise a VAE that fits already stays."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A change that cannot be planned, and why, as a sentence."""

    path: str
    why: str
    kind: str = "write"
    """``link`` | ``write`` | ``call``."""


@dataclass(frozen=True, slots=True)
class Order:
    """One installation, and everything that is to be fed to it."""

    frontend: Frontend
    installation: Installation
    listing: Listing
    recorded: Recorded
    matrix: Matrix
    choices: tuple[Choice, ...] = ()
    vaes: tuple[Model, ...] = ()
    """Those to be shown, whatever they are chosen for."""
    whole: bool = False
    """Whether ``choices`` has every checkpoint that the frontend lists: only then may a setting be
    changed that holds for all of them."""
    home: str = ""
    """Folder for files that a frontend is pointed at by a flag."""
    copy: bool = False
    """Whether a copy will do where no link can be made."""
    live: bool = False
    """Whether the frontend runs and is told its settings itself: then its settings file stays."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What is to be changed, and what should be but cannot."""

    plan: Plan
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be spelt out for a frontend that need not lie on this machine."""

    choices: tuple[Choice, ...]
    vaes: tuple[Model, ...]
    recorded: Recorded
    frontend: str
    """Its name in ``catalog.FEEDERS``."""
    shell: str = "posix"
    """``posix`` | ``windows``: how words of a command line are quoted."""


@dataclass(frozen=True, slots=True)
class Feeder:
    """One kind of frontend; its module has one object ``FEEDER``, listed in ``catalog``."""

    export: Callable[[Wanted], Iterable[Snippet | Refused]] | None = None
    """What to paste, and what cannot be said to the frontend; nothing is written."""
    link: Callable[[Order], Feed] | None = None
    """VAEs shown in the frontend's lists."""
    apply: Callable[[Order], Feed] | None = None
    """Settings and per-checkpoint choices, and the links that these need."""
