"""The recorded VAEs whose colours serve as references for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from ..measures import Reading
from ..values import Model
from .response import Neighbour

_OTHERWISE = ("known-hash", "config", "header")
"""How a family must be known to vouch for others: colours that vouch for colours prove nothing."""


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
        if sha256 in readings and sha256 not in but:
            found.append(Neighbour(model.name, latent.family, readings[sha256]))
    return found
