"""One pair judged with all that is known: headers, configs, hashes, and the baked VAE's weights."""

from __future__ import annotations

import os

from .baked import Weights, relation
from .formats.catalog import read_header
from .formats.local import LocalFile
from .known import fp16_safe
from .sides import Side, checkpoint_of, vae_of
from .values import Component, Verdict
from .verdicts.judge import judge
from .verdicts.pair import Pair


def judge_pair(model: Side, vae: Side) -> Verdict:
    """The verdict on a checkpoint and a VAE from headers, configs, hashes and the baked VAE.

    Raises ``UnsupportedFormat`` where one of them is not what its place asks for, ``FileError``
    where a file cannot be read.
    """
    denoiser, decoder = checkpoint_of(model), vae_of(vae)
    same = model.artifact.digests.sha256 == vae.artifact.digests.sha256
    baked = model.artifact.identity.component("vae")
    kin = None if same or baked is None else _relation(model, baked, vae, decoder)
    return judge(Pair(denoiser, decoder, baked, kin, same, fp16_safe(vae.artifact.digests.sha256)))


def _relation(model: Side, baked: Component, vae: Side, decoder: Component) -> str | None:
    """How the VAE is related to the baked one; None for folders and files that are gone."""
    if not (model.path and vae.path and os.path.isfile(model.path) and os.path.isfile(vae.path)):
        return None
    with LocalFile(model.path) as first, LocalFile(vae.path) as second:
        return relation(
            Weights(first, read_header(first), baked.prefix),
            Weights(second, read_header(second), decoder.prefix),
        )
