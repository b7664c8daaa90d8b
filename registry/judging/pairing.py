"""One pair judged with all that is known: headers, configs, hashes, and the baked VAE's weights."""

from __future__ import annotations

import os

from ..kinship.kinship import Kinship, kinship
from ..known import fp16_safe
from ..values import Verdict
from ..verdicts.judge import judge
from ..verdicts.pair import Pair
from ..weights import open_weights
from .sides import Side, checkpoint_of, vae_of


def judge_pair(model: Side, vae: Side) -> Verdict:
    """The verdict on a checkpoint and a VAE from headers, configs, hashes and the baked VAE.

    Raises ``UnsupportedFormat`` where one of them is not what its place asks for, ``FileError``
    where a file cannot be read.
    """
    return judge(pair_of(model, vae, relation_to_baked(model, vae)))


def pair_of(model: Side, vae: Side, kin: Kinship | None = None) -> Pair:
    """What the rules look at; raises ``UnsupportedFormat`` as ``judge_pair`` does."""
    return Pair(
        checkpoint_of(model),
        vae_of(vae),
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
    baked = model.artifact.identity.component("vae")
    offered = vae_of(vae)
    if _same(model, vae) or baked is None or not (baked.parts and offered.parts):
        return None
    if not (model.path and vae.path and os.path.exists(model.path) and os.path.exists(vae.path)):
        return None
    with (
        open_weights(vae.path, offered.prefix) as mine,
        open_weights(model.path, baked.prefix) as theirs,
    ):
        return kinship(mine, theirs)


def _same(model: Side, vae: Side) -> bool:
    return model.artifact.digests.sha256 == vae.artifact.digests.sha256
