"""What one component folder of a diffusers model holds, and what the parts say of each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from ..families import family
from ..naming import shown
from ..values import Component, FolderPart, Latent, Notice
from .denoiser import Claim, first_claim
from .pipeline import (
    SDXL_LIKE,
    Config,
    class_of,
    denoiser_of_config,
    kind_of_config,
    text_of_config,
)
from .text_encoder import find_towers, text_encoder
from .transformer import recognise_transformer
from .unet import recognise_unet
from .vae import examine_vae
from .vae_config import CLASSES, latent_of_config
from .view import View

RECOGNISERS = (recognise_unet, recognise_transformer)
"""Every table of denoisers, in the order of trial."""
BY_PIPELINE = 0.7
"""Confidence in a family that only the pipeline's class names."""
BY_VAE = 0.85
"""Confidence in a denoiser's family that the VAE beside it settles."""


class Part(NamedTuple):
    """What one component folder holds, and what is wrong with it."""

    component: Component | None
    notices: tuple[Notice, ...] = ()


def read_part(part: FolderPart) -> Part:
    """The component of a sub-folder: measured where it has tensors, else as its config tells it.

    Tensors that are not what the config says make no component; the notices tell why.
    """
    if part.header is None or not part.header.tensors:
        return Part(_described(part))
    view = View(part.header.tensors, f"{part.name}/" if part.name else "")
    if class_of(part.config) in CLASSES:
        return Part(*examine_vae(view, config=part.config))
    if kind_of_config(part.config) not in (None, "text_encoder"):
        return Part(None)
    claim = first_claim((view,), view, RECOGNISERS)
    if claim and claim.component:
        return Part(_informed(claim.component, part.config))
    if claim:
        return Part(None, (broken(claim),))
    for prefix, tower in find_towers(view):
        text = text_encoder(View.below(view.tensors, prefix), tower)
        if text:
            return Part(replace(text, prefix=view.prefix))
    if denoiser_of_config(part.config):
        message = f"the tensors in {shown(part.name) or 'the folder'} fit no known denoiser"
        return Part(None, (Notice("unknown_architecture", message),))
    return Part(*examine_vae(view, config=part.config))


def broken(claim: Claim) -> Notice:
    """What a denoiser lacks that is not whole."""
    listed = ", ".join(shown(pattern, 80) for pattern in claim.missing[:5])
    more = f" and {len(claim.missing) - 5} more" if len(claim.missing) > 5 else ""
    return Notice(
        "parts_missing",
        f"the names are those of {claim.architecture}, but {listed}{more} is not there;"
        " download the file again or load all of its shards",
    )


def _informed(component: Component, config: Config) -> Component:
    """A denoiser whose family names leave open, settled where its config knows better."""
    told = denoiser_of_config(config)
    latent = component.latent
    if told is None or latent is None or latent.family or told[1].family not in latent.candidates:
        return component
    return replace(component, latent=told[1])


def _described(part: FolderPart) -> Component | None:
    """A component whose weights are not there, as its config describes it: it has no parts."""
    vae = latent_of_config(part.config)
    denoiser = denoiser_of_config(part.config)
    text = text_of_config(part.config)
    if vae:
        architecture = CLASSES[class_of(part.config)].architectures[0]
        return _weightless(part, "vae", architecture, vae)
    if denoiser:
        return _weightless(part, "denoiser", *denoiser)
    return _weightless(part, "text_encoder", text, None) if text else None


def _weightless(part: FolderPart, role: str, architecture: str, latent: Latent | None) -> Component:
    return Component(
        role=role,
        architecture=architecture,
        layout="transformers" if role == "text_encoder" else "diffusers",
        prefix=f"{part.name}/" if part.name else "",
        parts=(),
        dtypes=(),
        tensors=0,
        parameters=0,
        latent=latent,
    )


def settled(components: tuple[Component, ...], pipeline: tuple[str, ...]) -> tuple[Component, ...]:
    """The parts of one pipeline, each open family settled where the others leave one choice."""
    vaes = [_narrow(part, pipeline, BY_PIPELINE) for part in components if part.role == "vae"]
    known = tuple(vae.latent.family for vae in vaes[:1] if vae.latent and vae.latent.family)
    return tuple(
        _narrow(part, pipeline, BY_PIPELINE)
        if part.role == "vae"
        else _narrow(_adapted(_narrow(part, known, BY_VAE), known), pipeline, BY_PIPELINE)
        for part in components
    )


def _narrow(part: Component, allowed: tuple[str, ...], confidence: float) -> Component:
    """The part with its candidates cut to the allowed families, settled where one is left."""
    latent = part.latent
    if latent is None or latent.family:
        return part
    fitting = tuple(name for name in latent.candidates if name in allowed)
    if len(fitting) != 1:
        return part
    return replace(part, latent=_of_family(latent, fitting[0], confidence))


def _adapted(part: Component, known: tuple[str, ...]) -> Component:
    """An SDXL-shaped denoiser beside a VAE of a family that was trained on SDXL's UNet."""
    latent = part.latent
    if not known or latent is None or latent.family == known[0]:
        return part
    if latent.family not in SDXL_LIKE or known[0] not in SDXL_LIKE:
        return part
    return replace(part, latent=_of_family(latent, known[0], BY_VAE))


def _of_family(latent: Latent, name: str, confidence: float) -> Latent:
    """The latent settled by the folder's configs; a scaling that it states itself stays."""
    row = family(name)
    stated = latent.scaling_determined_by in ("config", "file")
    published = (row.scaling_factor, row.latents_mean) != (None, None)
    return Latent(
        *row.shape,
        family=name,
        candidates=(name,),
        determined_by="config",
        confidence=confidence,
        scaling_factor=latent.scaling_factor if stated else row.scaling_factor,
        shift_factor=latent.shift_factor if stated else row.shift_factor,
        scaling_determined_by=(
            latent.scaling_determined_by if stated else "family" if published else None
        ),
    )


def absent_parts(index: Config, present: frozenset[str]) -> Iterator[str]:
    """Names of models that ``model_index.json`` lists but that have no folder with weights."""
    for name, listed in index.items():
        if isinstance(listed, list) and len(listed) == 2 and isinstance(listed[1], str):
            model = listed[1].startswith(("UNet", "Autoencoder")) or "Transformer" in listed[1]
            if model and name not in present:
                yield name
