"""What can be counted in one picture by itself, and what class of picture that makes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...registry.errors import CannotRun
from ..pictures.planes import BLOCK, END, Planes, deviation
from .limits import Limits, limits

Picture: TypeAlias = "NDArray[np.floating]"
"""[3, H, W], red, green and blue; black is 0 and white is 1, numbers beyond them are clipped."""
HUES = ("red", "orange", "yellow", "lime", "green", "teal", "cyan", "azure", "blue", "violet",
        "magenta", "pink")  # fmt: skip
"""Every 30 degrees of the colour circle, from red."""


@dataclass(frozen=True, slots=True)
class Cast:
    """The colour that lies over a whole picture."""

    hue: str
    """One of ``HUES``."""
    strength: float
    """Distance of the mean colour from grey, 0 for none, 1 for pure red."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one picture; shares are of its pixels and lie in 0..1."""

    width: int
    height: int
    non_finite: float
    """Share of numbers that are NaN or infinite; in the rest NaN counts as black, as frontends
    show it, and infinity as the end where it lies."""
    black: float
    """Share of pixels that are all black."""
    white: float
    """Share of pixels that are all white."""
    clipped: float
    """Share of pixels with a channel at either end of what can be shown, black and white too."""
    burnt: float
    """Share of pixels with a channel at either end that are neither black nor white: colours that
    lost their shades."""
    brightness: float
    """Mean luma, 0..1."""
    contrast: float
    """Standard deviation of luma, at most .5."""
    spread: float
    """Largest standard deviation of a channel: 0 for one colour all over."""
    colourfulness: float
    """M3 of Hasler and Suesstrunk, Measuring colourfulness in natural images, 2003, in 8-bit
    steps as there: 15 slightly, 33 moderately, 45 averagely, 59 quite, 82 highly colourful."""
    saturation: float
    """Mean of the largest minus the smallest channel, 0..1: half the saturation, half of it."""
    sharpness: float
    """Root mean square of luma's Laplacian, 4-neighbour kernel, over the contrast: geometric mean
    of those at full and at half size, so that neither noise nor blur alone rules it."""
    grain: float
    """Standard deviation of the noise in luma, from the median of the Laplacian's size: edges
    hardly move that (median absolute deviation, Donoho and Johnstone 1994)."""
    smoothness: float
    """Correlation of neighbouring pixels: 1 for smooth pictures, 0 for noise."""
    coarse_smoothness: float
    """Correlation of neighbouring 8 x 8 blocks: about 0 where the latents are noise."""
    cast: Cast

    @property
    def kind(self) -> str:
        """``nan`` | ``black`` | ``flat`` | ``garbled`` | ``burnt`` | ``grey`` | ``fine``: what the
        picture is by itself. ``fine`` says that nothing of this was found, not that the picture
        shows what it should: only beside another one can that be seen."""
        return self.kind_but("")

    def kind_but(self, ruled_out: str) -> str:
        """As ``kind``, for what is known not to be of the kind ``ruled_out``."""
        bars = limits("kinds")
        holding = (name for name, holds in KINDS if name != ruled_out and holds(self, bars))
        return next(holding, "fine")


def _scattered(seen: Figures, bars: Limits) -> bool:
    """Whether there are blocks enough to tell that they have nothing to do with each other."""
    enough = min(seen.width, seen.height) // BLOCK >= bars["fewest_blocks"]
    return enough and seen.coarse_smoothness < bars["garbled_coarse_smoothness"]


KINDS: tuple[tuple[str, Callable[[Figures, Limits], bool]], ...] = (
    ("nan", lambda seen, bars: seen.non_finite > 0),
    ("black", lambda seen, bars: seen.black >= bars["black_share"]),
    ("flat", lambda seen, bars: seen.spread < bars["flat_spread"]),
    (
        "garbled",
        lambda seen, bars: seen.smoothness < bars["garbled_smoothness"] or _scattered(seen, bars),
    ),
    ("burnt", lambda seen, bars: seen.burnt > bars["burnt_share"]),
    (
        "grey",
        lambda seen, bars: (
            seen.colourfulness < bars["grey_colourfulness"]
            and seen.contrast < bars["grey_contrast"]
        ),
    ),
)
"""The first that holds names the picture; what spoils more of it is asked first."""


def figures(picture: Picture) -> Figures:
    """The figures of a picture; raises ``CannotRun`` for what is no picture."""
    return figures_of(picture, planes_of(picture))


def figures_of(picture: Picture, planes: Planes) -> Figures:
    """As ``figures``, of a picture whose ``planes_of`` are at hand."""
    black, white = planes.dark.all(1), planes.bright.all(1)
    at_end = (planes.dark | planes.bright).any(1)
    colours, contrast = planes.colours, float(planes.contrast)
    return Figures(
        width=picture.shape[2],
        height=picture.shape[1],
        non_finite=1 - np.count_nonzero(np.isfinite(picture)) / picture.size,
        black=_share(black),
        white=_share(white),
        clipped=_share(at_end),
        burnt=_share(at_end & ~black & ~white),
        brightness=float(planes.luma.mean()),
        contrast=contrast,
        spread=float(deviation(colours.flatten(2)).max()),
        colourfulness=255 * float(planes.colourfulness),
        saturation=float((colours.amax(1) - colours.amin(1)).mean()),
        sharpness=math.sqrt(_energy(planes.edges) * _energy(planes.coarse_edges))
        / max(contrast, END),
        grain=_grain(planes.edges),
        smoothness=_neighbours(colours),
        coarse_smoothness=_neighbours(planes.blocks),
        cast=cast_of(planes.means[0]),
    )


def planes_of(picture: Picture) -> Planes:
    """The picture as a screen shows it, NaN as black; raises ``CannotRun`` for what is none."""
    shape: tuple[int, ...] = getattr(picture, "shape", ())
    if len(shape) != 3 or shape[0] != 3 or not all(shape) or picture.dtype.kind != "f":
        extents = " x ".join(map(str, shape)) or "nothing"
        raise CannotRun(f"{extents} is no picture: 3 colours x height x width were expected")
    return Planes(torch.from_numpy(shown_range(picture)).unsqueeze(0))


def shown_range(picture: Picture) -> NDArray[np.float32]:
    """The picture as a screen shows it: float32 in 0..1, NaN as black."""
    plain = np.clip(picture, 0, 1).astype(np.float32, order="C", copy=False)
    return np.nan_to_num(plain, copy=False)


def cast_of(colour: Tensor) -> Cast:
    """Hue and distance from grey of an RGB colour, or of the difference of two."""
    red, green, blue = colour.tolist()
    across, along = red - (green + blue) / 2, math.sqrt(0.75) * (green - blue)
    place = round(math.degrees(math.atan2(along, across)) / 30) % len(HUES)
    return Cast(HUES[place], math.hypot(across, along))


def _share(which: Tensor) -> float:
    return int(which.count_nonzero()) / which.numel()


def _energy(edges: Tensor) -> float:
    return math.sqrt(float(edges.square().mean())) if edges.numel() else 0.0


def _grain(edges: Tensor) -> float:
    # 1.4826 medians are a standard deviation; the kernel's squares add up to 20.
    return float(edges.abs().median()) * 1.4826 / math.sqrt(20) if edges.numel() else 0.0


def _neighbours(colours: Tensor) -> float:
    """Correlation with the neighbours to the right and below, over all channels; 1 where there is
    nothing to tell it from."""
    if min(colours.shape[1:]) < 2:
        return 1.0
    centred = colours - colours.mean((2, 3), keepdim=True)
    pairs = ((centred[..., 1:], centred[..., :-1]), (centred[..., 1:, :], centred[..., :-1, :]))
    shared = sum(float((one * two).sum()) for one, two in pairs)
    whole = sum(float(one.square().sum() + two.square().sum()) / 2 for one, two in pairs)
    return shared / whole if whole > colours.numel() * END**2 else 1.0
