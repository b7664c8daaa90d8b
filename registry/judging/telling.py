"""What a VAE's weights tell of its latent family, for a look at one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..colours.neighbours import neighbours
from ..colours.response import match
from ..colours.scaling import measured_scaling
from ..errors import MissingDependency
from ..measures import Reading
from ..ports import Prober
from ..values import Component, Identity, Latent, Model, Notice
from .reference import file_of
from .settling import by_match


def told_by_weights(
    identity: Identity,
    path: str,
    prober: Callable[[], Prober],
    models: Sequence[Model] = (),
    readings: Mapping[str, Reading] | None = None,
) -> Identity:
    """The identity with every VAE's family as its colours tell it, and notices that say how.

    A family known by a published hash stands unread. Without torch the question stays open and a
    notice says how to get it. Raises ``NoDevice``, ``OutOfMemory`` and ``FileError``.
    """
    denoiser = identity.component("denoiser")
    beside = denoiser.latent if denoiser else None
    parts = tuple(
        _told(part, path, beside, prober, models, readings or {}) if _worth_reading(part) else part
        for part in identity.components
    )
    return replace(identity, components=parts)


def _worth_reading(part: Component) -> bool:
    latent = part.latent
    return bool(
        part.role == "vae"
        and part.parts
        and latent
        and latent.channels
        and latent.determined_by != "known-hash"
    )


def _told(
    part: Component,
    path: str,
    beside: Latent | None,
    prober: Callable[[], Prober],
    models: Sequence[Model],
    readings: Mapping[str, Reading],
) -> Component:
    latent = part.latent or Latent()
    file = file_of(path, path, part)
    try:
        reading = prober().read(file)
    except MissingDependency as failure:
        return _with(part, Notice("no_probe", f"{failure.message}; {failure.hint}"))
    found = match(reading, file.channels, file.mates, neighbours(models, readings))
    told = [Notice("colour_response", f"{found.certainty}: {found.why}")]
    scaling = measured_scaling(reading, latent, found)
    if scaling is not None and latent.scaling_determined_by != "config":
        told.append(Notice("scaling_measured", scaling.message))
    return replace(_with(part, *told), latent=by_match(latent, found, beside))


def _with(part: Component, *notices: Notice) -> Component:
    return replace(part, notices=(*part.notices, *notices))
