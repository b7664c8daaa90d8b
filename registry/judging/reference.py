"""The VAE that a cross-decode trusts: the baked one, else one of the family in the registry."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..families import family
from ..measures import VaeFile
from ..values import Component, Model
from .sides import Side

_BY = ("known-hash", "config", "header", "kinship", "weights")
"""How a family may be known, the surest first."""
DAMAGE = {"parts_missing", "inconsistent_shapes", "not_finite", "zeroed_tail", "absurd_magnitude"}
"""Notices of a VAE that no other may be judged by."""


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
    return _file(side.name, side.path, component) if os.path.exists(side.path) else None


def known_vaes(models: Sequence[Model]) -> list[VaeFile]:
    """The VAEs of settled family that are on the disk, the surest first."""
    sure = [(rank, vae) for model in models if (found := _known(model)) for rank, vae in [found]]
    return [vae for _, vae in sorted(sure, key=lambda entry: (entry[0], entry[1].name))]


def of_family(known: Sequence[VaeFile], spaces: frozenset[str], like: VaeFile) -> Reference | None:
    """A reference of one of those spaces, of the channels of ``like`` but not that file itself.

    Whole VAEs come first, then two halves of one architecture.
    """
    fit = [
        vae
        for vae in known
        if vae.family
        and family(vae.family).space in spaces
        and vae.channels == like.channels
        and not os.path.samefile(vae.path, like.path)
    ]
    whole = next((vae for vae in fit if set(vae.parts) == {"encoder", "decoder"}), None)
    return Reference.whole(whole) if whole else next(_pairs(fit), None)


def _pairs(vaes: Sequence[VaeFile]) -> Iterator[Reference]:
    for encoder in vaes:
        for decoder in vaes:
            if (
                "encoder" in encoder.parts
                and "decoder" in decoder.parts
                and encoder.architecture == decoder.architecture
            ):
                yield Reference(f"{encoder.name} and {decoder.name}", encoder, decoder)


def _known(model: Model) -> tuple[int, VaeFile] | None:
    component = model.artifact.identity.component("vae")
    latent = component.latent if component else None
    if latent is None or latent.family is None or latent.determined_by not in _BY:
        return None
    here = [place.path for place in model.locations if os.path.exists(place.path)]
    damaged = component is None or any(note.code in DAMAGE for note in component.notices)
    if not here or component is None or damaged or not component.parts:
        return None
    return _BY.index(latent.determined_by), _file(model.name, here[0], component)


def _file(name: str, path: str, component: Component) -> VaeFile:
    latent = component.latent
    return VaeFile(
        name=name,
        path=path,
        prefix=component.prefix,
        architecture=component.architecture,
        parts=component.parts,
        channels=(latent.channels if latent else None) or 0,
        family=latent.family if latent else None,
        candidates=latent.candidates if latent else (),
    )
