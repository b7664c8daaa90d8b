"""A checkpoint's denoiser beside a VAE: what the verdict rules look at, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..families import Family, family
from ..values import Component, Latent

if TYPE_CHECKING:
    from ..colours.response import Match
    from ..colours.scaling import MeasuredScaling
    from ..kinship.kinship import Relative
    from .made import Made
    from .seen import Seen

SAME_WEIGHTS = "same-weights"
SAME_ENCODER = "same-encoder"
SAME_LINEAGE = "same-lineage"
ALTERED_LATENTS = "altered-latents"
SWAPPED_LATENTS = "swapped-latents"
OTHER_DECODER = "other-decoder"
UNRELATED = "unrelated"
UNCLEAR = "unclear"
"""How a VAE is related to another one, such as that baked into the checkpoint; see ``kinship``."""

RELATIONS = (
    SAME_WEIGHTS,
    SAME_ENCODER,
    SAME_LINEAGE,
    ALTERED_LATENTS,
    SWAPPED_LATENTS,
    OTHER_DECODER,
    UNRELATED,
    UNCLEAR,
)
KIN = (SAME_WEIGHTS, SAME_ENCODER, SAME_LINEAGE)
"""The relations that prove one latent space, nearest first."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What the rules look at: a denoiser, a VAE, and what is known beside their headers."""

    denoiser: Component
    vae: Component
    baked: Component | None = None
    """The VAE inside the checkpoint, where there is one."""
    relation: str | None = None
    """To the baked VAE, by ``kinship``; None where that was not or cannot be told."""
    is_baked: bool = False
    """The VAE in question is the baked one itself."""
    fp16_safe: bool | None = None
    """What is published of the VAE's half-precision range."""
    baked_trusted: bool | None = None
    """Whether the baked VAE's colours are those of the checkpoint's space; None where not read."""
    kin: Relative | None = None
    """The VAE of known family in the registry that it is kin to."""
    match: Match | None = None
    """What the VAE's colour response says; None where its weights were not run."""
    scaling: MeasuredScaling | None = None
    """The scaling factor as the weights show it; an estimate, never a known figure."""
    seen: Seen | None = None
    """What a cross-decode says; None where none was made."""
    trouble: str | None = None
    """Why a probe could not be run, as a sentence."""
    made: Made | None = None
    """What a generated picture says; None where none was made."""
    undrawn: str | None = None
    """Why no picture was generated although one was asked for, as a sentence."""
    declared: str | None = None
    """The REF that says that the checkpoint's author names this VAE for it: a claim."""

    @property
    def wanted(self) -> Latent:
        """The latent space that the denoiser works in."""
        return self.denoiser.latent or Latent()

    @property
    def offered(self) -> Latent:
        """The latent space that the VAE decodes."""
        return self.vae.latent or Latent()

    @property
    def own(self) -> Component | None:
        """The checkpoint's own VAE, with what was found out of it."""
        return self.vae if self.is_baked else self.baked

    @property
    def shapes_differ(self) -> bool:
        """Latent channels or factors already tell that the two do not go together."""
        want, have = self.wanted, self.offered
        return any(
            None not in pair and pair[0] != pair[1]
            for pair in (
                (want.channels, have.channels),
                (want.spatial_factor, have.spatial_factor),
                (want.temporal_factor, have.temporal_factor),
            )
        )

    @property
    def kin_of_baked(self) -> bool:
        """The VAE descends from the baked one or from one origin with it: one latent space."""
        return self.relation in KIN

    @property
    def same_weights(self) -> bool:
        """It is the baked VAE, or a copy of it or of a known one in the registry."""
        kin = self.kin is not None and self.kin.kinship.relation == SAME_WEIGHTS
        return self.is_baked or self.relation == SAME_WEIGHTS or kin

    @property
    def strange(self) -> bool:
        """Its colours are no family's, although the checkpoint's family is known by its own."""
        if self.match is None or not self.match.ranked or self.match.space is not None:
            return False
        return any(family(name).well_known for name in possible(self.wanted))

    @property
    def doubted(self) -> bool:
        """Its latents are made or taken otherwise than those of its kin: only pictures tell."""
        return self.relation in (ALTERED_LATENTS, OTHER_DECODER)

    @property
    def falls_apart(self) -> bool:
        """The VAE does not even give back what it encodes itself."""
        return self.seen is not None and self.seen.alone and not self.seen.trusted

    @property
    def wanted_spaces(self) -> frozenset[str]:
        """The spaces that the checkpoint may work in."""
        return frozenset(family(name).space for name in possible(self.wanted))

    @property
    def fits(self) -> bool | None:
        """Whether the families go together; None where the candidates leave it open."""
        answers = {
            same_space(one, other)
            for one in possible(self.wanted)
            for other in possible(self.offered)
        }
        return answers.pop() if len(answers) == 1 else None


def same_space(one: str, other: str) -> bool:
    """Whether VAEs of the two families decode one latent space."""
    return family(one).space == family(other).space


def row(latent: Latent) -> Family | None:
    """The table row of a settled family."""
    return family(latent.family) if latent.family else None


def possible(latent: Latent) -> tuple[str, ...]:
    """The families that a latent may be of."""
    return (latent.family,) if latent.family else latent.candidates


def named(latent: Latent) -> str:
    """The family's or the candidates' names, for sentences."""
    settled = row(latent)
    return settled.name if settled else listed(latent)


def listed(latent: Latent) -> str:
    """The family's or the candidates' ids: ``sd3, flux1 or glm-image``."""
    *ahead, last = possible(latent) or ("unknown",)
    return f"{', '.join(ahead)} or {last}" if ahead else last
