"""Latent families: the spaces that VAEs decode and denoisers work in, one table row each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .errors import UsageError
from .naming import shown

_TABLE = Path(__file__).parent / "data" / "families.json"

NORMALISATIONS: dict[str | None, str] = {
    None: "not published",
    "identity": "n = z",
    "scale": "n = z * scaling_factor",
    "divide": "n = z / scaling_factor",
    "shift-scale": "n = (z - shift_factor) * scaling_factor",
    "scale-then-shift": "n = z * scaling_factor + shift_factor",
    "mean-std": "n = (z - latents_mean) / latents_std",
    "mean-std-scale": "n = (z - latents_mean) * scaling_factor / latents_std",
    "mean-std-half": "n = (z - latents_mean) / latents_std * 0.5, statistics per latent frame",
    "statistics-in-file": "n = (z - mean) / std, both per channel and stored in the VAE's file",
    "packed-batch-norm": "pack 2x2 pixels, then n = (p - mean) / sqrt(variance + 1e-4) per channel",
}
"""How raw latents z become the normalised latents n that the denoiser sees."""


@dataclass(frozen=True, slots=True)
class RgbTable:
    """A published map from normalised latents to RGB in [-1, 1]: rgb = n @ factors + bias."""

    source: str
    factors: tuple[tuple[float, ...], ...]
    """One row a latent channel, three columns."""
    bias: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Family:
    """One latent space together with its normalisation."""

    id: str
    name: str
    space: str
    """Families of one space decode each other's latents once the normalisation is accounted for."""
    channels: int
    spatial_factor: float
    temporal_factor: int
    dims: int
    """Spatial and temporal dimensions of a latent: 2 for images, 3 for video."""
    normalisation: str | None
    """Key of ``NORMALISATIONS``."""
    scaling_factor: float | None
    shift_factor: float | None
    latents_mean: tuple[float, ...] | None
    latents_std: tuple[float, ...] | None
    interchangeable_with: tuple[str, ...]
    """Families whose VAE files serve this family's checkpoints as they are."""
    packed_channels: int | None
    """Channels after pixel packing, where the denoiser sees packed latents."""
    diffusers_class: str | None
    used_by: tuple[str, ...]
    rgb_reliability: str | None
    """``high`` (independent tables agree) | ``medium`` | ``single`` | ``low`` | None (no table)."""
    rgb_tables: tuple[RgbTable, ...]
    sources: tuple[str, ...]
    """Public repository and path of every figure in the row."""

    @property
    def shape(self) -> tuple[int, float, int]:
        """Latent channels, spatial factor, temporal factor."""
        return self.channels, self.spatial_factor, self.temporal_factor

    @property
    def well_known(self) -> bool:
        """Its colours are published so well that a real decoder must answer to them."""
        return self.rgb_reliability == "high"


@cache
def families() -> dict[str, Family]:
    """All families by id, in the table's order; the table is validated on first use.

    Raises ``ValueError`` on a faulty table, naming the row: that is a fault of the package.
    """
    rows = json.loads(_TABLE.read_text("utf-8"))
    table: dict[str, Family] = {}
    for row in rows:
        family = _family(row)
        if family.id in table:
            raise ValueError(f"latent family {family.id} stands twice in the table")
        table[family.id] = family
    for family in table.values():
        _validate(family, table)
    return table


def family(identifier: str) -> Family:
    """The family of that id; raises ``KeyError`` for an id that is not in the table."""
    return families()[identifier]


def require_family(identifier: str) -> Family:
    """The family of an id that a user typed; raises ``UsageError`` naming all there are."""
    found = families().get(identifier)
    if found is None:
        known = ", ".join(families())
        raise UsageError(f"there is no latent family {shown(identifier)}", f"families: {known}")
    return found


def serves(offered: Iterable[str], wanted: str) -> bool:
    """Whether a VAE of one of these families serves a family: its own, or one that shares it."""
    rows = [families()[identifier] for identifier in offered if identifier in families()]
    return any(wanted == row.id or wanted in row.interchangeable_with for row in rows)


def same_shape(channels: int, spatial_factor: float, temporal_factor: int) -> tuple[str, ...]:
    """Ids of every family with that latent shape, in the table's order."""
    shape = (channels, spatial_factor, temporal_factor)
    return tuple(row.id for row in families().values() if row.shape == shape)


_LISTS = ("interchangeable_with", "used_by", "sources", "latents_mean", "latents_std")


def _family(row: dict[str, Any]) -> Family:
    tables = tuple(_rgb_table(**table) for table in row.pop("rgb_tables"))
    frozen = {key: tuple(row[key]) for key in _LISTS if row[key] is not None}
    return Family(**(row | frozen), rgb_tables=tables)


def _rgb_table(source: str, factors: list[list[float]], bias: list[float] | None) -> RgbTable:
    return RgbTable(source, tuple(map(tuple, factors)), None if bias is None else tuple(bias))


def _validate(family: Family, table: dict[str, Family]) -> None:
    def require(holds: bool, what: str) -> None:
        if not holds:
            raise ValueError(f"latent family {family.id}: {what}")

    statistics = (family.channels, family.packed_channels, family.channels * 16)
    require(family.space in table, f"its space {family.space} is not a family")
    require(family.normalisation in NORMALISATIONS, f"normalisation {family.normalisation}")
    require(
        set(family.interchangeable_with) <= set(table), "interchangeable with an unknown family"
    )
    require(bool(family.sources), "no source")
    for values in (family.latents_mean, family.latents_std):
        require(values is None or len(values) in statistics, "statistics of the wrong length")
    for rgb in family.rgb_tables:
        require(len(rgb.factors) == family.channels, f"RGB table of {rgb.source}: wrong channels")
        require(all(len(line) == 3 for line in rgb.factors), f"RGB table of {rgb.source}: not RGB")
