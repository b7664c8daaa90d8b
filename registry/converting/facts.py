"""What is known of a VAE beyond its shapes: its family, its groups, how it bears half precision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import UnsupportedFormat, UsageError
from ..families import Family, family, require_family
from ..known import fp16_safe
from ..naming import shown
from ..values import Artifact, Latent
from ..weights import Weights

GROUPS = 32
"""Of GroupNorm in every published KL autoencoder (CompVis/latent-diffusion
ldm/modules/diffusionmodules/model.py, Normalize)."""
_MOST_GROUPS = 4096
PROVEN = ("known-hash", "header", "weights", "kinship")
"""How a family may be known so that a user's word does not overrule it; configs may lie."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a config says and no tensor tells."""

    family: str | None
    candidates: tuple[str, ...]
    channels: int
    groups: int = GROUPS
    beside: str | None = None
    """The family that the checkpoint works in which the VAE is baked into: where nothing else tells
    the VAE's own, a user's word does not overrule it."""
    fp16_safe: bool | None = None
    """What is published of this file's half-precision range; None where nothing is."""

    @property
    def force_upcast(self) -> bool:
        """Whether diffusers is to run it in float32 though the pipeline is in float16.

        Only a VAE that is known to bear half precision does without.
        """
        return self.fp16_safe is not True

    def require_family(self, file: str) -> Family:
        """The family; raises ``UnsupportedFormat`` where it is open."""
        if self.family is not None:
            return family(self.family)
        choice = " or ".join(self.candidates) or "unknown"
        own = f"; the checkpoint around it works in {self.beside} latents" if self.beside else ""
        raise UnsupportedFormat(
            f"the latent family of {shown(file)} is open ({choice}), and a diffusers folder must "
            f"say its scaling factor{own}",
            "vaereg inspect --weights tells the family from the weights; give it with --family, or "
            "write a single file with --out FILE.safetensors",
        )


def facts_of(weights: Weights, artifact: Artifact, wanted: str | None) -> Facts:
    """What is known of an artifact's VAE, its family as a user says it where the weights do not.

    Raises ``UsageError`` for a family that is none or contradicts what is known.
    """
    vae, denoiser = (artifact.identity.component(role) for role in ("vae", "denoiser"))
    latent = (vae.latent if vae else None) or Latent()
    around = denoiser.latent.family if denoiser and denoiser.latent else None
    return Facts(
        family=_chosen(latent, wanted, around, weights.name) if wanted else latent.family,
        candidates=latent.candidates,
        channels=latent.channels or 0,
        groups=groups_of(weights),
        beside=around,
        fp16_safe=fp16_safe(artifact.digests.sha256),
    )


def _chosen(latent: Latent, wanted: str, around: str | None, file: str) -> str:
    row = require_family(wanted)
    shape = (latent.channels, latent.spatial_factor, latent.temporal_factor)
    if any(known not in (None, told) for known, told in zip(shape, row.shape, strict=True)):
        known = f"{latent.channels} channels, factor {latent.spatial_factor or 0:g}"
        raise UsageError(
            f"{shown(file)} has latents of {known}: they cannot be {row.id}",
            f"it may be {', '.join(latent.candidates) or 'of no family that vaereg knows'}",
        )
    proven = latent.family if latent.determined_by in PROVEN else None
    if proven and family(proven).space != row.space:
        raise UsageError(
            f"{shown(file)} decodes {proven} latents (by {latent.determined_by}), not {row.id}",
            "leave --family out",
        )
    if around and not proven and family(around).space != row.space:
        raise UsageError(
            f"the checkpoint around the VAE of {shown(file)} works in {around} latents, not in "
            f"{row.id} ones",
            f"--family {around}; where another VAE was baked in, take it out first with "
            "--out FILE.safetensors, without --family, and convert that file",
        )
    return row.id


def groups_of(weights: Weights) -> int:
    """Groups of its norms, as ``norm_num_groups`` in its config or metadata says; else 32."""
    told = _beside(weights).get("norm_num_groups")
    if isinstance(told, str) and told.isascii() and told.isdecimal() and len(told) < 5:
        told = int(told)
    sound = isinstance(told, int) and not isinstance(told, bool) and 0 < told <= _MOST_GROUPS
    return told if sound and isinstance(told, int) else GROUPS


def _beside(weights: Weights) -> Mapping[str, object]:
    if weights.config:
        return weights.config
    merged: dict[str, object] = dict(weights.metadata)
    for key in ("config", "vae_config"):
        try:
            inner = json.loads(weights.metadata.get(key, "{}"))
        except (ValueError, RecursionError):
            continue
        if isinstance(inner, dict):
            merged |= inner
    return merged
