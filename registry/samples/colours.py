"""Factor tables of the families, and what becomes of them in finetuned and foreign decoders."""

from __future__ import annotations

from ..families import family
from ..measures import Scaling
from .plan import Table


def table_of(identifier: str) -> Table:
    """The family's first published table, see ``RgbTable``; ``KeyError`` for an unknown family."""
    return family(identifier).rgb_tables[0].factors


def scaling_of(identifier: str) -> Scaling:
    """What normalises the family's latents; ``KeyError`` for an unknown family."""
    row = family(identifier)
    scale = row.scaling_factor or 1.0
    if row.latents_mean and row.latents_std and len(row.latents_mean) == row.channels:
        return Scaling(scale, 0.0, row.latents_mean, row.latents_std)
    if row.normalisation == "divide":
        return Scaling(1 / scale)
    shift = row.shift_factor or 0.0
    # n = z * scale + shift is n = (z + shift / scale) * scale.
    return Scaling(scale, -shift / scale if row.normalisation == "scale-then-shift" else shift)


def vivid(table: Table, more: float = 0.4) -> Table:
    """Colours this much further from grey, brightness the same."""
    return tuple(tuple(v + more * (v - sum(row) / 3) for v in row) for row in table)


def grey(table: Table) -> Table:
    """The brightness alone."""
    return tuple((sum(row) / 3,) * 3 for row in table)


def swapped(table: Table, first: int, second: int) -> Table:
    """Two latent channels taken for each other."""
    rows = list(table)
    rows[first], rows[second] = rows[second], rows[first]
    return tuple(rows)


def negated(table: Table, channel: int) -> Table:
    """One latent channel taken for its negative."""
    return tuple(
        tuple(-v for v in row) if number == channel else row for number, row in enumerate(table)
    )


def mixed(one: Table, other: Table, share: float = 0.5) -> Table:
    """``share`` of one and the rest of the other."""
    return tuple(
        tuple(share * a + (1 - share) * b for a, b in zip(left, right, strict=True))
        for left, right in zip(one, other, strict=True)
    )
