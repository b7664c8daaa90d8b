"""Search hits sifted by latent family: where nothing published tells it, their headers do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import VaeregError
from ..families import serves
from ..peek import peek
from ..workers import stoppable
from .base import Hit, Wish
from .catalog import Sources

_AT_ONCE = 8
MOST = 60
"""Headers looked into for one search; each costs a few requests."""


def of_family(sources: Sources, hits: Sequence[Hit], family: str) -> tuple[list[Hit], int]:
    """The hits that are, or by their shape may be, of a family; and how many could not be told.

    A header that leaves the family open between some keeps the hit and names them all.
    """
    unknown = [hit for hit in hits if not hit.families][:MOST]
    with stoppable(_AT_ONCE, sources.stop) as pool:
        looked = dict(zip(unknown, pool.map(lambda hit: _told(sources, hit), unknown), strict=True))
    told = [looked.get(hit, hit) for hit in hits]
    dark = sum(hit is None or not hit.families for hit in told)
    return [hit for hit in told if hit is not None and serves(hit.families, family)], dark


def _told(sources: Sources, hit: Hit) -> Hit | None:
    """The hit with the families that its header allows; None where it cannot be looked into."""
    try:
        ref = sources.parse(hit.ref)
        if ref is None:
            return None
        seen = peek(sources.client_of(ref), sources.offer(ref, Wish("vae")))
    except VaeregError:
        return None
    vae = seen.artifact.identity.component("vae")
    if vae is None or vae.latent is None:
        return hit
    known = vae.latent
    families = (known.family,) if known.family else known.candidates
    return replace(hit, families=families, determined_by=known.determined_by or "header")
