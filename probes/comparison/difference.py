"""What a picture has more or less of than the first."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ...registry.measures import Scores
from ..pictures import pixels
from ..pictures.planes import Planes
from .figures import Cast, Figures, cast_of

SMALLEST = 16
"""Pixels on the shorter side that the measures need: SSIM's window has 11, colours are compared in
blocks of 8."""
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


def scores(first: Planes, other: Planes, of_first: Figures, of_other: Figures) -> Scores | None:
    """``pixels.scored`` of one picture beside another.

    None where there is nothing to compare: sizes differ or are tiny, or the first picture is not
    finite, black or without light and dark. Scores that are not ``finite`` where only the other
    picture is not.
    """
    size = (of_first.width, of_first.height)
    if size != (of_other.width, of_other.height) or min(size) < SMALLEST:
        return None
    if of_first.kind in _NO_PICTURE or pixels.variety_of(first)[0] < pixels.FLAT:
        return None
    return pixels.unscored() if of_other.non_finite else pixels.scored(first, other)


def difference(
    first: Planes,
    other: Planes,
    of_first: Figures,
    of_other: Figures,
    beside: Scores | None,
) -> Difference | None:
    """``other`` beside ``first``, given their ``scores``; None where those tell nothing."""
    if beside is None or not beside.finite:
        return None
    coloured = pixels.variety_of(first)[1] >= pixels.FLAT
    gain = beside.chroma_slope if coloured else 1
    return Difference(
        psnr=beside.psnr,
        ssim=beside.ssim,
        luma_correlation=beside.luma_correlation,
        luma_gain=beside.luma_slope,
        coloured=coloured,
        chroma_correlation=beside.chroma_correlation,
        chroma_gain=beside.chroma_slope,
        colourfulness_gain=beside.colourfulness_ratio,
        contrast_gain=beside.contrast_ratio,
        sharpness_gain=_ratio(of_other.sharpness, of_first.sharpness),
        detail_correlation=_shared_detail(first.coarse_edges, other.coarse_edges),
        brightness_shift=of_other.brightness - of_first.brightness,
        added_grain=of_other.grain - of_first.grain,
        added_clipping=of_other.clipped - of_first.clipped,
        cast=cast_of(other.means[0] - gain * first.means[0]),
    )


def _ratio(other: float, first: float) -> float:
    """A thousandth on both sides keeps the ratio of two nothings at 1."""
    return (other + 1e-3) / (first + 1e-3)


def _shared_detail(one: Tensor, two: Tensor) -> float:
    whole = math.sqrt(float(one.square().sum()) * float(two.square().sum()))
    return float((one * two).sum()) / whole if whole > 1e-9 else 1.0
