"""What can be counted in one picture by itself, and what class of picture that makes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...registry.errors import CannotRun
from .limits import Limits, limits

Picture: TypeAlias = "NDArray[np.floating]"
"""[3, H, W], red, green and blue; black is 0 and white is 1, numbers beyond them are clipped."""
Field: TypeAlias = NDArray[np.float64]

LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601, 2.5.1."""
_END = 0.5 / 255
"""Nearer than this to 0 or 1, an 8-bit picture shows the end itself."""
_POOL = 8
"""Pixels to a latent in most families: noise in latents shows at this size."""
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
        bars = limits("kinds")
        return next((name for name, holds in KINDS if holds(self, bars)), "fine")


def _scattered(seen: Figures, bars: Limits) -> bool:
    """Whether there are blocks enough to tell that they have nothing to do with each other."""
    enough = min(seen.width, seen.height) // _POOL >= bars["fewest_blocks"]
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
    _require_picture(picture)
    finite = np.isfinite(picture)
    plain = shown_range(picture)
    luma = luma_of(plain)
    contrast = float(luma.std())
    low, high = plain < _END, plain > 1 - _END
    black, white = low.all(0), high.all(0)
    at_end = (low | high).any(0)
    return Figures(
        width=picture.shape[2],
        height=picture.shape[1],
        non_finite=1 - float(finite.mean()),
        black=float(black.mean()),
        white=float(white.mean()),
        clipped=float(at_end.mean()),
        burnt=float((at_end & ~black & ~white).mean()),
        brightness=float(luma.mean()),
        contrast=contrast,
        spread=float(plain.std((1, 2)).max()),
        colourfulness=_colourfulness(plain),
        saturation=float(np.ptp(plain, axis=0).mean()),
        sharpness=math.sqrt(_energy(luma) * _energy(pooled(luma, 2))) / max(contrast, _END),
        grain=_grain(luma),
        smoothness=_neighbours(plain),
        coarse_smoothness=_neighbours(pooled(plain, _POOL)),
        cast=cast_of(plain.mean((1, 2))),
    )


def shown_range(picture: Picture) -> Field:
    """The picture as a screen shows it: float64 in 0..1, NaN as black."""
    plain = np.asarray(picture, np.float64)
    return np.nan_to_num(plain, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)


def luma_of(plain: Field) -> Field:
    """Brightness as seen, [H, W]."""
    luma: Field = np.tensordot(np.array(LUMA), plain, 1)
    return luma


def laplacian(field: Field) -> Field:
    """4-neighbour Laplacian of [H, W], without the border; empty below 3 pixels."""
    inner = field[1:-1, 1:-1]
    around = field[:-2, 1:-1] + field[2:, 1:-1] + field[1:-1, :-2] + field[1:-1, 2:]
    return around - 4 * inner


def pooled(field: Field, size: int) -> Field:
    """Means over whole squares of ``size`` pixels, on the last two axes."""
    height, width = (extent // size for extent in field.shape[-2:])
    whole = field[..., : height * size, : width * size]
    squares = whole.reshape(*field.shape[:-2], height, size, width, size)
    means: Field = squares.mean((-3, -1))
    return means


def cast_of(colour: Field) -> Cast:
    """Hue and distance from grey of an RGB colour, or of the difference of two."""
    red, green, blue = (float(part) for part in colour)
    across, along = red - (green + blue) / 2, math.sqrt(0.75) * (green - blue)
    place = round(math.degrees(math.atan2(along, across)) / 30) % len(HUES)
    return Cast(HUES[place], math.hypot(across, along))


def _require_picture(picture: Picture) -> None:
    shape: tuple[int, ...] = getattr(picture, "shape", ())
    if len(shape) != 3 or shape[0] != 3 or not all(shape) or picture.dtype.kind != "f":
        extents = " x ".join(map(str, shape)) or "nothing"
        raise CannotRun(f"{extents} is no picture: 3 colours x height x width were expected")


def _colourfulness(plain: Field) -> float:
    red, green, blue = plain * 255
    across, along = red - green, (red + green) / 2 - blue
    spread = math.sqrt(across.var() + along.var())
    return spread + 0.3 * math.hypot(across.mean(), along.mean())


def _energy(luma: Field) -> float:
    edges = laplacian(luma)
    return float(np.sqrt(np.square(edges).mean())) if edges.size else 0.0


def _grain(luma: Field) -> float:
    edges = laplacian(luma)
    # 1.4826 medians are a standard deviation; the kernel's squares add up to 20.
    return float(np.median(np.abs(edges))) * 1.4826 / math.sqrt(20) if edges.size else 0.0


def _neighbours(plain: Field) -> float:
    """Correlation with the neighbours to the right and below, over all channels; 1 where there is
    nothing to tell it from."""
    if min(plain.shape) < 2:
        return 1.0
    centred = plain - plain.mean((1, 2), keepdims=True)
    pairs = ((centred[:, :, 1:], centred[:, :, :-1]), (centred[:, 1:], centred[:, :-1]))
    shared = sum(float((one * two).sum()) for one, two in pairs)
    whole = sum(float((one**2 + two**2).sum()) / 2 for one, two in pairs)
    return shared / whole if whole > plain.size * _END**2 else 1.0
