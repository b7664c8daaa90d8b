"""What a sweep over clip skip is told and what it tells, as immutable values."""

from __future__ import annotations

from dataclasses import dataclass

from ..drawing import CheckpointFile
from ..measures import Scaling, VaeFile
from ..values import Notice
from .values import Defect


@dataclass(frozen=True, slots=True)
class SweepTask:
    """One prompt at every layer, and one picture at each clip skip where one can be drawn."""

    checkpoint: CheckpointFile
    vae: VaeFile | None
    """The checkpoint's own; None where it has none on this machine."""
    scaling: Scaling | None
    """The normalisation of its latents; None where it is not known."""
    sheet: str
    """Where the pictures go, a PNG."""
    advised: int | None = None
    """The clip skip that is advised, to be named as such."""
    seed: int = 0
    steps: int | None = None
    """None, as below, leaves it to the checkpoint's kind and the device."""
    size: int | None = None
    """Pixels of each side."""


@dataclass(frozen=True, slots=True)
class SweptLayer:
    """The prompt at one layer of a text encoder, beside its last layer."""

    clip_skip: int
    """By A1111's count: 1 is the last layer that the encoder was published with."""
    layer: int
    """From 1, the first."""
    cosine: float | None
    """To the last layer that is there, the mean over the prompt's words; None where one of the two
    is not finite, or nothing but zeros, which have no direction."""
    cosine_all: float | None
    """The same over all 77 tokens, most of them padding."""
    norm: float | None
    """Length of the embedding, the mean over the prompt's words; None where it is not finite."""
    finite: bool = True
    """Whether every number of the layer's output is, padding included."""


@dataclass(frozen=True, slots=True)
class SweptEncoder:
    """One text encoder, its last layer first."""

    name: str
    """As in ``TextEncoder``, with a number where several have the same."""
    layers: tuple[SweptLayer, ...]
    prefix: str = ""
    """As in ``TextEncoder``."""
    defects: tuple[Defect, ...] = ()
    """What its weights turned out to be when they were read."""


@dataclass(frozen=True, slots=True)
class SweptPicture:
    """The picture that one clip skip gives."""

    clip_skip: int
    words: str
    """Beside the first picture, for people."""
    kind: str
    """``nan`` | ``black`` | ``flat`` | ``garbled`` | ``burnt`` | ``grey`` | ``fine``."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What clip skip does to one prompt; the first picture is at the usual clip skip."""

    prompt: str
    encoders: tuple[SweptEncoder, ...]
    pictures: tuple[SweptPicture, ...] = ()
    sheet: str | None = None
    notices: tuple[Notice, ...] = ()
    """Why there are no pictures, and what was done otherwise than asked."""
