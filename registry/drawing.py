"""What a checkpoint draws, and what VAEs make of it, as immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .measures import Convention, HalfRange, Look, Scaling, Scores, VaeFile
from .values import Identity


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A checkpoint on the disk as a prober is told of it."""

    name: str
    path: str
    """A file, or a diffusers folder."""
    sha256: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class DrawTask:
    """One picture to be drawn; None leaves a figure to the checkpoint's kind and the device."""

    checkpoint: CheckpointFile
    folder: str
    """Where drawn latents are kept and looked for first."""
    seed: int = 0
    steps: int | None = None
    size: int | None = None
    """Pixels of each side."""
    clip_skip: int | None = None
    """As diffusers counts: 0 or None for the usual layer, 1 for the one before it."""
    again: bool = False
    """Draw although the same was drawn and kept before."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Latents in a file, [1, C, h, w] and normalised, with how they came to be."""

    path: str
    channels: int
    width: int
    """Pixels."""
    height: int
    device: str
    dtype: str
    seconds: float
    steps: int = 0
    """0 where a picture was encoded, not drawn."""
    seed: int = 0
    guidance: float = 0.0
    text: str = ""
    """The prompt in words, or the picture's name."""
    finite: bool = True
    failed_at: int | None = None
    """The first step, from 1, whose latents were not finite, in every float type tried."""
    overflowed: str | None = None
    """The half-precision type in which the denoiser failed before a wider one drew this."""
    notes: tuple[str, ...] = ()
    """What was done otherwise than asked."""
    kept: bool = False
    """Whether it was drawn before and only looked up."""


@dataclass(frozen=True, slots=True)
class ShowTask:
    """Latents to be decoded by a reference and by the VAE in question."""

    drawing: Drawing
    reference: VaeFile | None
    """What decodes them as they should look; None where there is no such VAE."""
    vae: VaeFile
    normalisation: Scaling
    """The checkpoint's: what the reference's decode undoes."""
    conventions: tuple[Convention, ...]
    picture: str | None = None
    """Where to write the strip; None for none."""
    captions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated picture through the VAE in question, beside the reference's."""

    looks: tuple[Look, ...]
    """One a convention, in the order asked; empty without a reference."""
    kind: str
    """Of the picture by itself, under the first convention: ``nan`` | ``black`` | ``flat`` |
    ``garbled`` | ``burnt`` | ``grey`` | ``fine``."""
    reference_kind: str | None
    """The same of the reference's picture."""
    half: HalfRange | None
    picture: str | None = None
    """Absolute path of the strip that was written."""
    notes: tuple[str, ...] = ()
    """What was done otherwise for want of memory."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One VAE of a comparison: its file and how the latents become its own."""

    vae: VaeFile
    scaling: Scaling
    note: str = ""
    """What it is here, in a few words: ``checkpoint's own VAE``."""


@dataclass(frozen=True, slots=True)
class CompareTask:
    """The same latents through several VAEs; the first is what the others are compared with."""

    drawing: Drawing
    vaes: tuple[Shown, ...]
    family: str | None = None
    """Whose colour table shows the latents without a VAE; None leaves that picture out."""
    sheet: str | None = None
    """Where the contact sheet goes, a PNG."""
    page: str | None = None
    """Where the page goes on which one slides between two."""
    captions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decoded:
    """One picture of a comparison."""

    name: str
    note: str
    kind: str
    """As in ``Generated``."""
    words: str
    """The picture beside the first, for people: ``22 % more saturated, slightly softer``."""
    grade: str
    """``fault`` | ``same`` | ``look`` | ``alone``."""
    figures: Mapping[str, float]
    """Of the picture by itself."""
    difference: Mapping[str, float] | None
    """Beside the first one."""
    scores: Scores | None
    """What the verdict rule looks at; None for the first, and for the latents' projection."""
    trouble: str | None = None
    """Why it could not be decoded, as a sentence; the figures are empty then."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What ``CompareTask`` gave: the first picture, the projection, then the others in order."""

    pictures: tuple[Decoded, ...]
    sheet: str | None = None
    page: str | None = None
    notes: tuple[str, ...] = ()
