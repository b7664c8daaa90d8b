"""What the decoders of each latent family answer to colour: published tables and measurements."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..families import Family, families
from ..measures import Rgb

Rows = Sequence[Sequence[float]]
"""C rows of three numbers: RGB in [-1, 1] per unit of a latent channel."""

_MEASURED = Path(__file__).parents[1] / "data" / "measured_responses.json"


@dataclass(frozen=True, slots=True)
class Reference:
    """The colour answer of one family, from one source."""

    family: Family
    source: str
    """Repository and path of a table or of the weights measured, or a recorded model's name."""
    rows: tuple[Rgb, ...]
    scaled: bool
    """On normalised latents (every published table); False: on raw ones."""
    trusted: bool
    """Can make an answer certain: not a table that others contradict, not a recorded model."""

    def in_units(self, scaled: bool) -> tuple[Rgb, ...]:
        """The rows on normalised latents, or on raw ones, by the family's own normalisation."""
        if scaled == self.scaled:
            return self.rows
        gains = gains_of(self.family) or (1.0,) * len(self.rows)
        return tuple(
            scaled_row(row, 1 / gain if scaled else gain)
            for row, gain in zip(self.rows, gains, strict=True)
        )


def references(identifiers: Sequence[str]) -> tuple[Reference, ...]:
    """Published and measured references of those families; unknown identifiers are passed over."""
    wanted = set(identifiers)
    published = [
        Reference(row, table.source, rgb(table.factors), True, row.rgb_reliability != "low")
        for row in families().values()
        if row.id in wanted
        for table in row.rgb_tables
    ]
    return (*published, *(it for it in _measured() if it.family.id in wanted))


@cache
def _measured() -> tuple[Reference, ...]:
    table = json.loads(_MEASURED.read_text("utf-8"))
    return tuple(
        Reference(families()[row["family"]], row["source"], rgb(row["rows"]), row["scaled"], True)
        for row in table
    )


def gains_of(row: Family) -> tuple[float, ...] | None:
    """What a raw latent is multiplied by, channel by channel, to be a normalised one.

    None where the family's table does not say: no normalisation is published, or its statistics
    are in each VAE's own file.
    """
    if row.latents_std is not None:
        scale = scale_of_statistics(row)
        return tuple(scale / spread for spread in per_channel(row.latents_std, row))
    factor = row.scaling_factor or 1.0
    gain = {"identity": 1.0, "divide": 1 / factor, None: None, "statistics-in-file": None}
    every = gain.get(row.normalisation, factor)
    return None if every is None else (every,) * row.channels


def spread_of(row: Family) -> tuple[float, ...]:
    """One standard deviation of the family's raw latents, 1 a channel where none is published.

    Where statistics are published these are it, whatever the normalised latents are scaled to.
    """
    if row.latents_std is not None:
        return per_channel(row.latents_std, row)
    return tuple(1 / gain for gain in gains_of(row) or (1.0,) * row.channels)


def means_of(row: Family) -> tuple[float, ...]:
    """The mean of the family's raw latents, channel by channel; 0 where none is published."""
    if row.latents_mean is not None:
        return per_channel(row.latents_mean, row)
    shift = row.shift_factor or 0.0
    if row.normalisation == "scale-then-shift":
        shift = -shift / (row.scaling_factor or 1.0)
    return (shift,) * row.channels


def scale_of_statistics(row: Family) -> float:
    """The standard deviation of normalised latents where published statistics make them."""
    scale = {"mean-std-scale": row.scaling_factor, "mean-std-half": 0.5}
    return scale.get(row.normalisation or "") or 1.0


def per_channel(statistics: Sequence[float], row: Family) -> tuple[float, ...]:
    """Statistics of a family's latents, one number a channel.

    Of statistics per latent frame the first frame's; of those of 2x2 packed pixels their mean
    (FLUX.2's four deviations differ by less than 1 %).
    """
    count = len(statistics) // row.channels
    groups = [statistics[k * count : (k + 1) * count] for k in range(row.channels)]
    if row.normalisation == "packed-batch-norm":
        return tuple(math.fsum(group) / count for group in groups)
    return tuple(group[0] for group in groups)


def rgb(rows: Rows) -> tuple[Rgb, ...]:
    """Rows of three numbers as a value."""
    return tuple((red, green, blue) for red, green, blue in rows)


def scaled_row(row: Rgb, gain: float) -> Rgb:
    """One row times a number."""
    return (row[0] * gain, row[1] * gain, row[2] * gain)
