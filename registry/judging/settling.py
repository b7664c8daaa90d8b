"""A family that weights or kin settle, written into what is known of a VAE."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..families import family
from ..values import Artifact, Component, Latent
from .sides import Side

if TYPE_CHECKING:
    from ..colours.response import Match

BY_WEIGHTS = 0.97
"""A certain colour response: one of some 800 random 4-channel tables would pass it by chance."""
BY_KIN = 0.95


def by_match(latent: Latent, match: Match, beside: Latent | None = None) -> Latent:
    """The latent as its weights tell it: settled, opened again, or as it was.

    A certain answer settles an open family and overrules a header or config of another space; a
    VAE baked in ``beside`` a denoiser of that space takes the denoiser's normalisation. Where the
    colours are no family's, or another's, although the claimed one is well known, the claim of a
    header or config is withdrawn.
    """
    if match.certainty == "certain" and match.family is not None:
        named = beside.family if beside and _space(beside.family) == match.space else None
        known = _space(latent.family) == match.space
        return latent if known else of_family(latent, named or match.family, "weights", BY_WEIGHTS)
    claimed = latent.family if latent.determined_by in ("header", "config") else None
    refuted = claimed and family(claimed).well_known and match.space != _space(claimed)
    if refuted and match.ranked:
        return replace(latent, family=None, determined_by=None, confidence=0.0)
    return latent


def _space(identifier: str | None) -> str | None:
    return family(identifier).space if identifier else None


def of_family(latent: Latent, identifier: str, by: str, confidence: float) -> Latent:
    """The latent settled as one family; figures of the model's own config stand."""
    row = family(identifier)
    told = latent.scaling_determined_by in ("config", "file")
    return replace(
        latent,
        family=row.id,
        candidates=(row.id,),
        determined_by=by,
        confidence=confidence,
        scaling_factor=latent.scaling_factor if told else row.scaling_factor,
        shift_factor=latent.shift_factor if told else row.shift_factor,
        scaling_determined_by=latent.scaling_determined_by if told else "family",
    )


def with_latent(artifact: Artifact, latent: Latent) -> Artifact:
    """The artifact, its VAE's latent replaced."""
    parts = artifact.identity.components
    first = artifact.identity.component("vae")
    changed = tuple(replace(part, latent=latent) if part is first else part for part in parts)
    return replace(artifact, identity=replace(artifact.identity, components=changed))


def still_settled(found: Artifact, before: Artifact | None) -> Artifact:
    """What was read anew, with the family that weights or kin settled before for the same content.

    A better table of signatures may know the family by itself now: then that stands.
    """
    now = found.identity.component("vae")
    then = before.identity.component("vae") if before else None
    if now is None or now.latent is None or then is None or then.latent is None:
        return found
    known = then.latent.determined_by in ("weights", "kinship")
    if now.latent.family is None and known:
        return with_latent(found, then.latent)
    return found


def side_with(side: Side, latent: Latent) -> tuple[Side, Component]:
    """The side with its VAE's latent replaced, and that VAE."""
    settled = replace(side, artifact=with_latent(side.artifact, latent))
    vae = settled.artifact.identity.component("vae")
    assert vae is not None
    return settled, vae
