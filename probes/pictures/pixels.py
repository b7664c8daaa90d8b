"""How alike two sets of pictures are, in the figures that the cross-decode is judged by."""

from __future__ import annotations

import math
import statistics
from dataclasses import fields

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

from ...registry.measures import Scores

_LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601, 2.5.1."""
_POOL = 8
_FLAT = 0.01
"""A standard deviation, in [0, 1], below which a tile has nothing that could correlate."""
_EQUAL = 99.0
_CLIPPED = 0.5 / 255
"""Nearer than this to 0 or 1, an 8-bit picture shows black or white."""


def compare(reference: Tensor, other: Tensor) -> Scores:
    """The scores of pictures beside the reference's: [N, 3, H, W] each, in [-1, 1] or beyond.

    Each picture is measured by itself and the medians are given. Measured in float64 on the CPU,
    whatever device the pictures come from: eight tiles take milliseconds, and equal pictures get
    equal figures everywhere. A picture in which the reference has no luma (chroma) to speak of
    does not vote on luma (chroma) correlation and slope as long as any other can. With numbers
    that are not finite all scores are 0 and ``finite`` is False.
    """
    if not torch.isfinite(other).all():
        return unscored()
    base, seen = unit_range(reference), unit_range(other)
    luma = [_agreement(a, b) for a, b in zip(_pooled_luma(base), _pooled_luma(seen), strict=True)]
    chroma = [
        _agreement(a, b) for a, b in zip(_pooled_chroma(base), _pooled_chroma(seen), strict=True)
    ]
    luma_correlation, luma_slope = _median_of_voters(luma)
    chroma_correlation, chroma_slope = _median_of_voters(chroma)
    return Scores(
        luma_correlation=luma_correlation,
        chroma_correlation=chroma_correlation,
        luma_slope=luma_slope,
        chroma_slope=chroma_slope,
        contrast_ratio=_median_ratio(_contrast(seen), _contrast(base), 1e-3),
        mean_shift=_mean_shift(base, seen),
        added_clipping=_median(_clipping(seen) - _clipping(base)),
        sharpness_ratio=_median_ratio(_sharpness(seen), _sharpness(base), 1e-6),
        psnr=_median(_psnr(base, seen)),
        ssim=_median(_ssim(_luma(base), _luma(seen))),
        colourfulness_ratio=_median_ratio(_colourfulness(seen), _colourfulness(base), 1e-3),
    )


def unscored() -> Scores:
    """The scores of pictures that are not finite."""
    nothing = {field.name: 0.0 for field in fields(Scores) if field.name != "finite"}
    return Scores(**nothing, finite=False)


def unit_range(pictures: Tensor) -> Tensor:
    """Pictures clamped to [-1, 1], then in [0, 1], as float64 on the CPU; NaN becomes black."""
    plain = pictures.detach().to("cpu", torch.float64)
    return plain.nan_to_num(-1.0, 1.0, -1.0).clamp(-1, 1).add(1).div(2)


def variety(pictures: Tensor) -> tuple[float, float]:
    """Standard deviations of pooled luma and of pooled chroma, in [0, 1]: what can correlate."""
    plain = unit_range(pictures)
    luma, chroma = _pooled_luma(plain), _pooled_chroma(plain)
    return float(luma.std(correction=0)), float(chroma.std(correction=0))


def _luma(pictures: Tensor) -> Tensor:
    """[N, 1, H, W]."""
    weights = torch.tensor(_LUMA, dtype=pictures.dtype).reshape(1, 3, 1, 1)
    return (pictures * weights).sum(1, keepdim=True)


def _pooled_luma(pictures: Tensor) -> Tensor:
    return avg_pool2d(_luma(pictures), _POOL).flatten(1)


def _pooled_chroma(pictures: Tensor) -> Tensor:
    """RGB minus luma: [N, 3 h w]."""
    return avg_pool2d(pictures - _luma(pictures), _POOL).flatten(1)


def _agreement(base: Tensor, seen: Tensor) -> tuple[float, float, bool]:
    """Correlation, least-squares slope of ``seen`` on ``base``, and whether that means anything."""
    x, y = base - base.mean(), seen - seen.mean()
    spread, other = float(x.square().mean().sqrt()), float(y.square().mean().sqrt())
    if spread < _FLAT:
        alike = other < 2 * _FLAT
        return float(alike), float(alike), False
    covariance = float((x * y).mean())
    correlation = covariance / (spread * other) if other > 1e-9 else 0.0
    return correlation, covariance / spread**2, True


def _median_of_voters(agreements: list[tuple[float, float, bool]]) -> tuple[float, float]:
    voters = [row for row in agreements if row[2]] or agreements
    return statistics.median(row[0] for row in voters), statistics.median(row[1] for row in voters)


def _median(values: Tensor) -> float:
    return float(statistics.median(values.tolist()))


def _median_ratio(seen: Tensor, base: Tensor, least: float) -> float:
    """Median ratio; ``least`` on both sides keeps the ratio of two nothings at 1."""
    return _median((seen + least) / (base + least))


def _contrast(pictures: Tensor) -> Tensor:
    return _luma(pictures).flatten(1).std(1, correction=0)


def _mean_shift(base: Tensor, seen: Tensor) -> float:
    shifts = (seen - base).mean((2, 3))
    return max((_median(channel) for channel in shifts.unbind(1)), key=abs)


def _clipping(pictures: Tensor) -> Tensor:
    """Share of numbers at either end of the range."""
    ends = (pictures < _CLIPPED) | (pictures > 1 - _CLIPPED)
    return ends.flatten(1).double().mean(1)


def _sharpness(pictures: Tensor) -> Tensor:
    """Variance of luma's Laplacian, 4-neighbour kernel."""
    kernel = torch.tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]], dtype=pictures.dtype)
    return conv2d(_luma(pictures), kernel.reshape(1, 1, 3, 3)).flatten(1).var(1, correction=0)


def _psnr(base: Tensor, seen: Tensor) -> Tensor:
    error = (seen - base).square().flatten(1).mean(1)
    return (-10 * error.clamp(min=1e-30).log10()).clamp(max=_EQUAL)


def _colourfulness(pictures: Tensor) -> Tensor:
    """M3 of Hasler and Suesstrunk, Measuring colourfulness in natural images, 2003."""
    red, green, blue = pictures.flatten(2).unbind(1)
    across, along = red - green, (red + green) / 2 - blue
    spread = across.var(1, correction=0) + along.var(1, correction=0)
    offset = across.mean(1).square() + along.mean(1).square()
    return spread.sqrt() + 0.3 * offset.sqrt()


def _ssim(base: Tensor, seen: Tensor) -> Tensor:
    """Mean structural similarity of [N, 1, H, W] in [0, 1], over whole windows.

    Wang, Bovik, Sheikh and Simoncelli 2004: Gaussian window of 11 x 11, sigma 1.5, constants
    (.01)^2 and (.03)^2.
    """
    line = torch.tensor([math.exp(-(place**2) / 4.5) for place in range(-5, 6)], dtype=base.dtype)
    line = line / line.sum()
    across, down = line.reshape(1, 1, 1, 11), line.reshape(1, 1, 11, 1)

    def mean(field: Tensor) -> Tensor:
        return conv2d(conv2d(field, across), down)

    x, y = mean(base), mean(seen)
    variances = mean(base * base) - x * x + mean(seen * seen) - y * y
    covariance = mean(base * seen) - x * y
    steady, lively = 0.01**2, 0.03**2
    similarity = (2 * x * y + steady) * (2 * covariance + lively)
    similarity = similarity / ((x * x + y * y + steady) * (variances + lively))
    return similarity.flatten(1).mean(1)
