"""What the rules look at in one pair: headers, configs, hashes, and the baked VAE's weights."""

from __future__ import annotations

from collections.abc import Iterable

from ..kinship.kinship import Kinship, between
from ..known import fp16_safe
from ..values import DeclaredPair
from ..verdicts.declared import declarations
from ..verdicts.pair import Pair
from .reference import vae_file
from .sides import Side, checkpoint_of, vae_of


def pair_of(model: Side, vae: Side, kin: Kinship | None = None) -> Pair:
    """A checkpoint and a VAE side by side; ``kin`` is ``relation_to_baked``'s.

    Raises ``UnsupportedFormat`` where one of them is not what its place asks for.
    """
    offered = vae_of(vae)
    return Pair(
        checkpoint_of(model),
        offered,
        model.artifact.identity.component("vae"),
        kin.relation if kin else None,
        _same(model, vae),
        fp16_safe(vae.artifact.digests.sha256),
    )


def relation_to_baked(model: Side, vae: Side) -> Kinship | None:
    """How the VAE is related to the one baked into the checkpoint, by all their weights.

    None where there is none, where it is the VAE itself, and where a file is gone. Raises
    ``FileError``.
    """
    if _same(model, vae):
        return None
    offered, baked = vae_file(vae), vae_file(model)
    return between(offered, baked) if offered and baked else None


def declared_by(pairs: Iterable[DeclaredPair], model: Side, vae: Side) -> str | None:
    """The REF by which the checkpoint's author names this VAE for it; None where nobody does."""
    hashes = (model.artifact.digests.sha256, vae.artifact.digests.sha256)
    if model.ref and hashes[1] and hashes[1] in model.declared_vaes:
        return model.ref
    return declarations(pairs).get(hashes)


def _same(model: Side, vae: Side) -> bool:
    """Whether both are one content; of a model elsewhere no hash may be known."""
    own = model.artifact.digests.sha256
    return own == vae.artifact.digests.sha256 and (own != "" or model.ref == vae.ref)
