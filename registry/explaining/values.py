"""What is told of a failure, as immutable values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pattern:
    """One text that a failure leaves."""

    starts: str
    """How it begins, to the letter and in lower case: what a text is searched for."""
    whole: str
    """Regular expression of the beginning and what follows; compiled only where it begins."""

    def match(self, window: str) -> re.Match[str] | None:
        """Whether a piece of text begins with this message."""
        return re.compile(self.whole, re.IGNORECASE | re.ASCII).match(window)


@dataclass(frozen=True, slots=True)
class Cure:
    """One thing to do about a failure."""

    text: str
    frontend: str | None = None
    """Where it helps; None for everywhere."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One row of the catalogue: a failure, how it is recognised and what cures it."""

    id: str
    title: str
    cause: str
    """Sentences; ``{vae}``, ``{name}`` ... stand for what the pattern's groups caught."""
    patterns: tuple[Pattern, ...]
    sources: tuple[str, ...]
    """Public repositories with issue numbers or paths."""
    frontends: tuple[str, ...] = ()
    """Those that write this text; empty for any."""
    cures: tuple[Cure, ...] = ()
    switches: str | None = None
    """``vae`` or ``denoiser``: the half-precision switches of which part are a cure."""
    families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Latent families that the text alone settles, by side."""
    dims: int | None = None
    """Dimensions of the latents that the numbers in the text speak of: 2 images, 3 video."""
    beside: tuple[str, ...] = ()
    """Lower-case words of which one must stand near the text for it to mean this failure."""
    unless: tuple[str, ...] = ()
    """Failures that say more: where one of them is told, this one is not."""
    wants_vae: bool = False
    """Whether another VAE is a cure."""


@dataclass(frozen=True, slots=True)
class Channels:
    """Latent channels that a text tells of; None where it does not."""

    model: int | None = None
    vae: int | None = None
    latents: int | None = None
    """Of latents that a denoiser was given, whoever made them."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A failure as one text shows it."""

    failure: Failure
    cause: str
    frontends: tuple[str, ...]
    """Those that it concerns: told by the text or the user, else those that write it."""
    cures: tuple[Cure, ...]
    channels: Channels
    families: Mapping[str, tuple[str, ...]]
    """Latent families of those channels, by side: ``model``, ``vae``, ``latents``."""
    match: str
    """The words it was recognised by, made harmless."""
