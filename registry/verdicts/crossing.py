"""What a cross-decode's figures mean: the rule, in its order, and the words for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from ..measures import HalfRange, Scores
from ..thresholds import thresholds

Bars = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the pictures of a VAE look like beside the reference's."""

    name: str
    """``nan`` | ``broken`` | ``washed`` | ``burnt`` | ``cast`` | ``blurry`` | ``duller`` |
    ``vivid`` | ``match`` | ``degraded``."""
    message: str
    """One sentence that a user understands, with the figures that decided."""


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    holds: Callable[[Scores, Bars], bool]
    says: str


VERDICT_OF = {
    "match": "compatible",
    "vivid": "compatible",
    "duller": "degraded",
    "blurry": "degraded",
    "cast": "degraded",
    "washed": "degraded",
    "burnt": "degraded",
    "degraded": "degraded",
    "broken": "incompatible",
    "nan": "incompatible",
}
"""The verdict that each outcome speaks for."""


def outcome(scores: Scores) -> Outcome:
    """The first rule that holds; ``degraded`` where none does.

    The order matters: what breaks a picture is asked before what merely tints it. One latent
    channel in 32 that is wrong can leave pictures alike; it is asked for before ``vivid`` and
    ``match``, the outcomes that speak for a VAE. Mild errors of
    scale on 16-channel latents can pass as a match (3 of 48 cases on four real tiny autoencoders,
    madebyollin/taesd), and an extreme scale (beyond x 5) can look like a foreign space.
    """
    bars = thresholds("cross_decode")
    rule = next((rule for rule in _RULES if rule.holds(scores, bars)), _OTHERWISE)
    return Outcome(rule.name, rule.says.format(**asdict(scores)))


def trusted(own: Scores) -> bool:
    """Whether the reference's own decode is near enough to what it encoded to judge others by."""
    bars = thresholds("cross_decode")
    slopes = (own.luma_slope, own.chroma_slope)
    return (
        own.finite
        and own.luma_correlation >= bars["trusted_luma_correlation"]
        and own.chroma_correlation >= bars["trusted_chroma_correlation"]
        and all(
            bars["trusted_slope_low"] <= slope <= bars["trusted_slope_high"] for slope in slopes
        )
    )


def half_outcome(half: HalfRange) -> str:
    """``safe`` | ``risk`` | ``overflow``: whether half precision can hold what a decode computes.

    A real half-precision run that overflowed settles it. One that did not speaks for its own
    pictures only, so a largest activation near the limit stays a risk.
    """
    bars = thresholds("half_precision")
    if half.overflowing or not math.isfinite(half.largest):
        return "overflow"
    ran_in_half = half.overflowing is not None and half.dtype == "float16"
    if not ran_in_half and half.largest > bars["largest"]:
        return "overflow"
    return "risk" if half.largest > bars["risk"] else "safe"


def _foreign(scores: Scores, bars: Bars) -> bool:
    return (
        scores.luma_correlation < bars["broken_luma_correlation"]
        or scores.luma_slope < bars["broken_luma_slope"]
        or scores.contrast_ratio < bars["broken_contrast"]
    )


def _foreign_colours(scores: Scores, bars: Bars) -> bool:
    return (
        scores.chroma_correlation < bars["broken_chroma_correlation"]
        and scores.luma_slope >= bars["broken_chroma_luma_slope"]
    )


def _burnt(scores: Scores, bars: Bars) -> bool:
    return scores.luma_slope > bars["burnt_slope"] and (
        bars["burnt_slope"] < scores.chroma_slope < bars["burnt_ratio"] * scores.luma_slope
    )


def _tinted(scores: Scores, bars: Bars) -> bool:
    return (
        scores.chroma_correlation < bars["cast_chroma_correlation"]
        or abs(scores.mean_shift) > bars["cast_mean_shift"]
    )


def _alike(scores: Scores, bars: Bars) -> bool:
    return scores.psnr >= bars["match_psnr"] and scores.ssim >= bars["match_ssim"]


_RULES = (
    _Rule(
        "nan",
        lambda scores, bars: not scores.finite,
        "the decode gives numbers that are not finite: black or empty pictures",
    ),
    _Rule(
        "broken",
        _foreign,
        "the picture falls apart: wrong latent space or far from its scale (brightness "
        "correlation {luma_correlation:.2f}, gain {luma_slope:.2f}, colour correlation "
        "{chroma_correlation:.2f})",
    ),
    _Rule(
        "broken",
        _foreign_colours,
        "shapes show but the colours are wrong: another latent space (colour correlation "
        "{chroma_correlation:.2f}, brightness correlation {luma_correlation:.2f})",
    ),
    _Rule(
        "washed",
        lambda scores, bars: scores.luma_slope < bars["washed_luma_slope"],
        "washed out, as if latents were multiplied by about {luma_slope:.2f} (colour gain "
        "{chroma_slope:.2f})",
    ),
    _Rule(
        "burnt",
        lambda scores, bars: scores.added_clipping > bars["burnt_clipping"],
        "burnt: {added_clipping:.0%} more of the picture is pure black, white or full colour "
        "(contrast x {contrast_ratio:.2f})",
    ),
    _Rule(
        "burnt",
        _burnt,
        "burnt, as if latents were multiplied by about {luma_slope:.2f} (colour gain "
        "{chroma_slope:.2f})",
    ),
    _Rule(
        "cast",
        _tinted,
        "the colours are shifted (colour correlation {chroma_correlation:.2f}, mean shift "
        "{mean_shift:+.2f})",
    ),
    _Rule(
        "blurry",
        lambda scores, bars: scores.sharpness_ratio < bars["blurry_sharpness"],
        "blurry: fine detail at {sharpness_ratio:.0%} of the reference's",
    ),
    _Rule(
        "duller",
        lambda scores, bars: scores.chroma_slope < bars["duller_chroma_slope"],
        "duller colours than the reference's (colour gain {chroma_slope:.2f}, brightness gain "
        "{luma_slope:.2f})",
    ),
    _Rule(
        "degraded",
        lambda scores, bars: scores.channel_agreement < bars["channel_agreement"],
        "the picture is like the reference's, but latent channels are swapped or negated: one of "
        "them does something else ({channel_agreement:+.2f} agreement, {psnr:.0f} dB)",
    ),
    _Rule(
        "vivid",
        lambda scores, bars: scores.chroma_slope > bars["vivid_chroma_slope"],
        "the same picture in stronger colours (colour gain {chroma_slope:.2f}): a look, "
        "not a fault",
    ),
    _Rule(
        "match",
        _alike,
        "the same picture as the reference's ({psnr:.0f} dB, SSIM {ssim:.2f}, colour gain "
        "{chroma_slope:.2f})",
    ),
)
_OTHERWISE = _Rule(
    "degraded",
    lambda scores, bars: True,
    "the picture is recognisable but differs from the reference's ({psnr:.0f} dB, SSIM {ssim:.2f})",
)
