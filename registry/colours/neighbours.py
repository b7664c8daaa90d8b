"""The recorded VAEs whose colours serve as references for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from ..families import family
from ..measures import Reading
from ..values import Latent, Model
from .response import Neighbour, match

_OTHERWISE = ("known-hash", "header")
"""How a family must be known to vouch for others: colours that vouch for colours prove nothing, and
configs may lie."""


def neighbours(
    models: Sequence[Model], readings: Mapping[str, Reading], but: AbstractSet[str] = frozenset()
) -> list[Neighbour]:
    """Every model that was read and whose family is known otherwise, save those SHA-256s."""
    found = []
    for model in models:
        sha256 = model.artifact.digests.sha256
        vae = model.artifact.identity.component("vae")
        latent = vae.latent if vae else None
        if latent is None or latent.family is None or latent.determined_by not in _OTHERWISE:
            continue
        if sha256 in readings and sha256 not in but and _bears_out(latent, readings[sha256]):
            found.append(Neighbour(model.name, latent.family, readings[sha256]))
    return found


def _bears_out(latent: Latent, reading: Reading) -> bool:
    """Whether its own colours are those of its family, as far as tables can tell."""
    row = family(latent.family or "")
    if not row.rgb_tables:
        return reading.finite
    return match(reading, row.channels, (row.id,)).space == row.space
