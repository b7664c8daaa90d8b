"""The scaling of latents: as families and configs state it, and as weights let it be measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..families import Family, families
from ..measures import Reading, Rgb, Scaling
from ..thresholds import thresholds
from ..values import Latent
from .likeness import length
from .references import gains_of, means_of, per_channel, scale_of_statistics
from .response import Match

_UNIFORM = ("scale", "shift-scale", "scale-then-shift", "divide")
"""Normalisations by one factor for all channels."""


@dataclass(frozen=True, slots=True)
class MeasuredScaling:
    """A scaling factor estimated from weights: never a known figure."""

    estimate: float
    low: float
    """The least that the estimate's error allows."""
    high: float
    half: str
    """What it was measured on: ``encoder`` | ``decoder``."""
    family_constant: float | None
    """The published factor of the family compared with."""
    consistent: bool | None
    """Whether the two agree; None where no constant is published."""

    @property
    def message(self) -> str:
        """The estimate, its bounds and what it was compared with, as one sentence."""
        figures = f"measured about {self.estimate:.2g} ({self.low:.2g}-{self.high:.2g})"
        if self.family_constant is None:
            return f"scaling factor {figures} on the {self.half}, no constant is published"
        agrees = "consistent" if self.consistent else "not consistent: check the VAE's config"
        return (
            f"scaling factor {figures} on the {self.half}, family constant "
            f"{self.family_constant:g}: {agrees}"
        )


def scaling_of(latent: Latent) -> Scaling | None:
    """The normalisation of a component's latents: its own figures where it states any.

    None where nothing states it, where statistics are in the VAE's own file (packed batch norm
    included), or where the figures are no normalisation (zero, negative, not finite).
    """
    row = families().get(latent.family or "")
    if row is None or row.normalisation is None:
        return _plain(latent.scaling_factor, latent.shift_factor)
    if row.normalisation in ("scale", "shift-scale"):
        shift = row.shift_factor if latent.shift_factor is None else latent.shift_factor
        return _plain(latent.scaling_factor or row.scaling_factor, shift)
    gains = gains_of(row)
    if gains is None or row.normalisation == "packed-batch-norm":
        return None
    if row.latents_std is None:
        return _plain(gains[0], means_of(row)[0])
    std = per_channel(row.latents_std, row)
    return Scaling(scale_of_statistics(row), mean=means_of(row), std=std)


def _plain(scale: float | None, shift: float | None) -> Scaling | None:
    if scale is None or not (0 < scale < math.inf) or not math.isfinite(shift or 0.0):
        return None
    return Scaling(scale, shift or 0.0)


def measured_scaling(reading: Reading, latent: Latent, found: Match) -> MeasuredScaling | None:
    """The scaling factor by the length of a half's colour factors over that of the family's tables.

    On raw latents RGB = z * scaling factor @ table, so the ratio is the factor, with an error that
    ``thresholds`` carries: small for an encoder, which is taken where there is one, large for a
    decoder. Tables of one family differ in length; their geometric mean is taken. None where the
    VAE works on normalised latents, or the space is unknown or has no single factor.
    """
    row = _row(latent, found)
    if row is None or row.normalisation not in _UNIFORM:
        return None
    lengths = _lengths(row)
    if reading.fit and not reading.fit.scaled and lengths:
        return _measured("encoder", reading.fit.factors, lengths, row)
    if reading.response and not reading.response.scaled and lengths:
        return _measured("decoder", reading.response.jacobian, lengths, row)
    return None


def _row(latent: Latent, found: Match) -> Family | None:
    """The family to compare with: the VAE's own unless its colours say another space."""
    own = families().get(latent.family or "")
    if found.space is None:
        return None if found.contradicts or not found.ranked else own
    return own if own and own.space == found.space else families()[found.space]


def _lengths(row: Family) -> list[float]:
    """Of every published table of the space's families on normalised latents."""
    return [
        length(table.factors)
        for other in families().values()
        if other.space == row.space
        for table in other.rgb_tables
    ]


def _measured(
    half: str, rows: Sequence[Rgb], lengths: Sequence[float], row: Family
) -> MeasuredScaling | None:
    ratio = length(rows) / math.exp(math.fsum(map(math.log, lengths)) / len(lengths))
    if not 0 < ratio < math.inf:
        return None
    limits = thresholds("scaling")
    least, most = (
        (1 / limits["encoder_spread"], limits["encoder_spread"])
        if half == "encoder"
        else (limits["decoder_least"], limits["decoder_most"])
    )
    constant = row.scaling_factor
    # Estimate over true value lies between least and most.
    low, high = ratio / most, ratio / least
    if row.normalisation == "divide":
        ratio, low, high = 1 / ratio, 1 / high, 1 / low
    if constant is None:
        return MeasuredScaling(ratio, low, high, half, None, None)
    apart = max(ratio / constant, constant / ratio)
    agrees = apart <= limits["consistent"] or low <= constant <= high
    return MeasuredScaling(ratio, low, high, half, constant, agrees)
