"""How alike two sets of pictures are, in the figures that the cross-decode is judged by."""

from __future__ import annotations

import statistics
from dataclasses import fields

import torch
from torch import Tensor

from ...registry.measures import Scores
from .planes import Planes, luma, windowed

FLAT = 0.01
"""A standard deviation, in [0, 1], below which a picture has nothing that could correlate."""
_EQUAL = 99.0


def compare(reference: Tensor, other: Tensor) -> Scores:
    """The scores of pictures beside the reference's: [N, 3, H, W] each, in [-1, 1] or beyond.

    As ``scored``, on the CPU whatever device the pictures come from, so that equal pictures get
    equal figures everywhere. With numbers that are not finite all scores are 0 and ``finite`` is
    False.
    """
    if not torch.isfinite(other).all():
        return unscored()
    return scored(Planes(unit_range(reference)), Planes(unit_range(other)))


def scored(base: Planes, seen: Planes) -> Scores:
    """The scores of pictures beside the first ones, of 16 pixels a side and more.

    Each picture is measured by itself and the medians are given. A picture in which the reference
    has no luma (chroma) to speak of does not vote on luma (chroma) correlation and slope as long
    as any other can.
    """
    light, colour = (
        [_agreement(one, two) for one, two in zip(split(base), split(seen), strict=True)]
        for split in (_light, _colour)
    )
    luma_correlation, luma_slope = _median_of_voters(light)
    chroma_correlation, chroma_slope = _median_of_voters(colour)
    return Scores(
        luma_correlation=luma_correlation,
        chroma_correlation=chroma_correlation,
        luma_slope=luma_slope,
        chroma_slope=chroma_slope,
        contrast_ratio=_median_ratio(seen.contrast, base.contrast, 1e-3),
        mean_shift=_mean_shift(base, seen),
        added_clipping=_median(seen.clipped - base.clipped),
        sharpness_ratio=_median_ratio(_sharpness(seen), _sharpness(base), 1e-6),
        psnr=_median(_psnr(base, seen)),
        ssim=_median(_ssim(base, seen)),
        colourfulness_ratio=_median_ratio(seen.colourfulness, base.colourfulness, 1e-3),
    )


def unscored() -> Scores:
    """The scores of pictures that are not finite."""
    nothing = {field.name: 0.0 for field in fields(Scores) if field.name != "finite"}
    return Scores(**nothing, finite=False)


def unit_range(pictures: Tensor) -> Tensor:
    """Pictures clamped to [-1, 1], then in [0, 1], as float32 on the CPU; NaN becomes black."""
    plain = pictures.detach().to("cpu", torch.float32)
    return plain.nan_to_num(-1.0, 1.0, -1.0).clamp_(-1, 1).add_(1).div_(2)


def variety(pictures: Tensor) -> tuple[float, float]:
    """Standard deviations of luma and of chroma in blocks, in [0, 1]: what can correlate.

    ``pictures`` are [N, 3, H, W] in [-1, 1], of at least 8 pixels a side.
    """
    return variety_of(Planes(unit_range(pictures)))


def variety_of(pictures: Planes) -> tuple[float, float]:
    """As ``variety``."""
    luma_spread, chroma_spread = (
        float(split(pictures).std(correction=0)) for split in (_light, _colour)
    )
    return luma_spread, chroma_spread


def _light(pictures: Planes) -> Tensor:
    """In float64, as all that is correlated: there is little of it."""
    return luma(pictures.blocks.double())


def _colour(pictures: Planes) -> Tensor:
    """RGB minus luma."""
    return pictures.blocks.double() - _light(pictures).unsqueeze(1)


def _agreement(base: Tensor, seen: Tensor) -> tuple[float, float, bool]:
    """Pearson correlation, least-squares slope, and whether ``base`` varies enough to tell."""
    x, y = base - base.mean(), seen - seen.mean()
    spread, other = float(x.square().mean().sqrt()), float(y.square().mean().sqrt())
    if spread < FLAT:
        alike = other < 2 * FLAT
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


def _mean_shift(base: Planes, seen: Planes) -> float:
    shifts = seen.means - base.means
    return max((_median(channel) for channel in shifts.unbind(1)), key=abs)


def _sharpness(pictures: Planes) -> Tensor:
    """Variance of luma's Laplacian."""
    return pictures.edges.flatten(1).double().var(1, correction=0)


def _psnr(base: Planes, seen: Planes) -> Tensor:
    error = (seen.colours - base.colours).square_().flatten(1).mean(1).double()
    return (-10 * error.clamp(min=1e-30).log10()).clamp(max=_EQUAL)


def _ssim(base: Planes, seen: Planes) -> Tensor:
    """Mean structural similarity of luma over whole windows, with the constants (.01)^2 and (.03)^2
    of Wang, Bovik, Sheikh and Simoncelli 2004."""
    covariance = windowed(base.centred * seen.centred) - base.local_means * seen.local_means
    x, y = (one.local_means + one.luma.mean((1, 2), keepdim=True) for one in (base, seen))
    variances = base.local_variances + seen.local_variances
    steady, lively = 0.01**2, 0.03**2
    similarity = (2 * x * y + steady) * (2 * covariance + lively)
    similarity /= (x * x + y * y + steady) * (variances + lively)
    return similarity.flatten(1).mean(1)
