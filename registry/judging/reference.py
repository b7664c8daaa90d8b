"""The VAE that a cross-decode trusts: the baked one, else one of the family in the registry."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..damage import DAMAGED_VAE
from ..families import family, same_shape
from ..measures import VaeFile
from ..values import Component, Latent, Model
from .sides import Side

_BY = ("known-hash", "weights", "header", "config", "kinship")
"""How a family may be known, the surest first."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What encodes and decodes the test card; a tiny autoencoder's halves may be two files."""

    name: str
    encoder: VaeFile
    decoder: VaeFile
    alone: bool = False
    """The VAE in question itself, for want of another."""

    @classmethod
    def whole(cls, vae: VaeFile, alone: bool = False) -> Reference:
        """One VAE with both halves."""
        return cls(vae.name, vae, vae, alone)


def vae_file(side: Side) -> VaeFile | None:
    """A side's VAE as a prober is told of it; None where it is not on the disk."""
    component = side.artifact.identity.component("vae")
    if component is None or not component.parts or side.path is None:
        return None
    return file_of(side.name, side.path, component) if os.path.exists(side.path) else None


@dataclass(frozen=True, slots=True)
class Known:
    """A recorded VAE of settled family."""

    vae: VaeFile
    sha256: str
    by: str
    """``Latent.determined_by``."""


def known_vaes(models: Sequence[Model]) -> list[Known]:
    """The VAEs of settled family that are on the disk, the surest first."""
    found = [known for model in models if (known := _known(model))]
    return sorted(found, key=lambda known: (_BY.index(known.by), known.vae.name))


def references_of(
    known: Sequence[Known], spaces: frozenset[str], like: VaeFile
) -> Iterator[tuple[Reference, tuple[Known, ...]]]:
    """References of those spaces and of the channels of ``like``, with what they are made of.

    Whole VAEs come first, then two halves of one architecture; the decoder may be ``like`` itself
    where another file encodes.
    """
    fit = _of_spaces(known, spaces, like)
    others = [one for one in fit if not os.path.samefile(one.vae.path, like.path)]
    for one in others:
        if len(one.vae.parts) == 2:
            yield Reference.whole(one.vae), (one,)
    for encoder in others:
        for decoder in sorted(fit, key=lambda one: one not in others):
            if (
                encoder.vae.parts == ("encoder",)
                and "decoder" in decoder.vae.parts
                and encoder.vae.architecture == decoder.vae.architecture
            ):
                name = f"{encoder.vae.name} and {decoder.vae.name}"
                yield Reference(name, encoder.vae, decoder.vae), (encoder, decoder)


def decoders_of(known: Sequence[Known], spaces: frozenset[str], like: VaeFile) -> Iterator[Known]:
    """Known VAEs of those spaces and of the channels of ``like``, another file, that decode."""
    for one in _of_spaces(known, spaces, like):
        if "decoder" in one.vae.parts and not os.path.samefile(one.vae.path, like.path):
            yield one


def _of_spaces(known: Sequence[Known], spaces: frozenset[str], like: VaeFile) -> list[Known]:
    return [
        one
        for one in known
        if one.vae.family
        and family(one.vae.family).space in spaces
        and one.vae.channels == like.channels
    ]


def _known(model: Model) -> Known | None:
    component = model.artifact.identity.component("vae")
    latent = component.latent if component else None
    if latent is None or latent.family is None or latent.determined_by not in _BY:
        return None
    here = [place.path for place in model.locations if os.path.exists(place.path)]
    damaged = component is None or any(note.code in DAMAGED_VAE for note in component.notices)
    if not here or component is None or damaged or not component.parts:
        return None
    file = file_of(model.name, here[0], component)
    return Known(file, model.artifact.digests.sha256, latent.determined_by or "")


def file_of(name: str, path: str, component: Component) -> VaeFile:
    """A VAE component at a path as a prober is told of it."""
    latent = component.latent or Latent()
    shape = (latent.channels or 0, latent.spatial_factor or 0, latent.temporal_factor or 1)
    mates = same_shape(*shape)
    return VaeFile(
        name=name,
        path=path,
        prefix=component.prefix,
        architecture=component.architecture,
        parts=component.parts,
        channels=latent.channels or 0,
        family=latent.family,
        candidates=latent.candidates or mates,
        mates=tuple(dict.fromkeys((*latent.candidates, *mates))),
    )
