"""What a picture has more or less of than the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..pictures import pixels
from .figures import Cast, Field, Figures, Picture, cast_of, laplacian, luma_of, pooled, shown_range

SMALLEST = 16
"""Pixels on the shorter side that the measures need: SSIM's window has 11, colours are compared in
blocks of 8."""
_FAINT = 0.01
"""Standard deviation over blocks of 8 pixels below which a first picture has nothing that could
correlate; the same bound as in ``pixels.compare``."""
_NO_PICTURE = ("nan", "black", "flat")
"""Kinds of a first picture that nothing can be compared with."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A picture beside the first one; correlations are 1 and gains 1 where they are equal."""

    psnr: float
    """dB; 99 for equal pictures."""
    ssim: float
    luma_correlation: float
    """Of brightness in blocks of 8 pixels."""
    luma_gain: float
    """Least-squares slope of the same."""
    coloured: bool
    """Whether the first picture has colours enough for the next two to mean anything."""
    chroma_correlation: float
    """Of colours (RGB minus luma) in blocks of 8 pixels."""
    chroma_gain: float
    """Least-squares slope of the same: how many times as far from grey the colours are."""
    colourfulness_gain: float
    """Ratio of ``Figures.colourfulness``."""
    contrast_gain: float
    """Ratio of luma's standard deviations."""
    sharpness_gain: float
    """Ratio of ``Figures.sharpness``."""
    detail_correlation: float
    """Of luma's Laplacians at half size: whether it is the same detail, however strong."""
    brightness_shift: float
    """Of mean luma, -1..1."""
    added_grain: float
    """Of ``Figures.grain``."""
    added_clipping: float
    """Of ``Figures.clipped``."""
    cast: Cast
    """Colour that lies over this picture beyond what a gain of the first's colours makes."""


def difference(
    first: Picture, other: Picture, of_first: Figures, of_other: Figures
) -> Difference | None:
    """``other`` beside ``first``, both [3, H, W] in 0..1.

    None where there is nothing to compare: sizes differ or are tiny, the first picture is not
    finite, black or without light and dark, or the other is not finite.
    """
    size = (of_first.width, of_first.height)
    if size != (of_other.width, of_other.height) or min(size) < SMALLEST:
        return None
    if of_first.kind in _NO_PICTURE or of_other.non_finite:
        return None
    base, seen = shown_range(first), shown_range(other)
    light, colour = pixels.variety(_batch(base))
    if light < _FAINT:
        return None
    scores, coloured = pixels.compare(_batch(base), _batch(seen)), colour >= _FAINT
    gain = scores.chroma_slope if coloured else 1
    return Difference(
        psnr=scores.psnr,
        ssim=scores.ssim,
        luma_correlation=scores.luma_correlation,
        luma_gain=scores.luma_slope,
        coloured=coloured,
        chroma_correlation=scores.chroma_correlation,
        chroma_gain=scores.chroma_slope,
        colourfulness_gain=scores.colourfulness_ratio,
        contrast_gain=scores.contrast_ratio,
        sharpness_gain=_ratio(of_other.sharpness, of_first.sharpness),
        detail_correlation=_shared_detail(base, seen),
        brightness_shift=of_other.brightness - of_first.brightness,
        added_grain=of_other.grain - of_first.grain,
        added_clipping=of_other.clipped - of_first.clipped,
        cast=cast_of(seen.mean((1, 2)) - gain * base.mean((1, 2))),
    )


def _batch(plain: Field) -> torch.Tensor:
    return torch.from_numpy(plain * 2 - 1)[None]


def _ratio(other: float, first: float) -> float:
    """A thousandth on both sides keeps the ratio of two nothings at 1."""
    return (other + 1e-3) / (first + 1e-3)


def _shared_detail(base: Field, seen: Field) -> float:
    one, two = (laplacian(pooled(luma_of(plain), 2)) for plain in (base, seen))
    whole = float(np.sqrt(np.square(one).sum() * np.square(two).sum()))
    return float((one * two).sum()) / whole if whole > 1e-9 else 1.0
