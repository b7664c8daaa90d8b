"""Denoisers: the form of a signature, the first that fits a view, and the latents it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..families import family, same_shape
from ..values import Component, Latent, Notice
from .view import Keys, View

ANY = Keys()
"""The test that every view passes."""

MOST_BLOCKS = 1000
"""Block numbers beyond this are nonsense in a name, not depth."""


@dataclass(frozen=True, slots=True)
class DenoiserSignature:
    """One row of a table: what tells a denoiser in one layout, and the latent space it works in."""

    architecture: str
    layout: str
    families: tuple[str, ...]
    """The family it was made for; several where the names leave it open."""
    keys: Keys
    """What tells it from all rows below."""
    out: str = ""
    """Module of its last projection; its outputs are the latent channels, times ``per_channel``."""
    per_channel: int = 1
    """Outputs per latent channel: the area of a patch, twice where a variance is learned too."""
    needs: tuple[str, ...] = ()
    """Patterns that a whole one has besides ``keys``."""
    blocks: str = ""
    """Stem of its numbered blocks, which must stand without a gap."""
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Claim:
    """What a view claims to be: a whole denoiser, or one that lacks ``missing``."""

    architecture: str
    component: Component | None = None
    missing: tuple[str, ...] = ()


Recogniser = Callable[[View, View], Claim | None]
"""Looks at a component's view and at the whole file's; None where it sees no denoiser."""


def first_claim(views: Iterable[View], whole: View, tables: Iterable[Recogniser]) -> Claim | None:
    """The first whole denoiser in the views; failing that, the first that lacks parts."""
    recognisers = tuple(tables)
    partial: Claim | None = None
    for view in views:
        for recognise in recognisers:
            claim = recognise(view, whole)
            if claim and claim.component:
                return claim
            partial = partial or claim
    return partial


def match(table: Iterable[DenoiserSignature], view: View) -> Claim | None:
    """What the first fitting row of the table makes of a view."""
    row = next((row for row in table if row.keys.holds(view)), None)
    if row is None:
        return None
    lacking = missing(view, row.needs, row.blocks)
    if lacking:
        return Claim(row.architecture, missing=lacking)
    found = outputs(view, row.out)
    channels = None if found is None else found // row.per_channel
    latent = latent_of(row.families, channels, "header", row.confidence)
    return Claim(row.architecture, component_of(view, row.architecture, row.layout, latent))


def missing(view: View, needs: tuple[str, ...], blocks: str) -> tuple[str, ...]:
    """Which needed patterns and which numbered blocks a view lacks."""
    lacks = [pattern for pattern in needs if not view.has(pattern)]
    if blocks:
        numbers = block_numbers(view, blocks)
        gaps = [f"{blocks}.{n}" for n in range(max(numbers, default=0)) if n not in numbers]
        lacks += gaps if numbers else [f"{blocks}.0"]
    return tuple(lacks)


def block_numbers(view: View, stem: str) -> frozenset[int]:
    """The numbers N for which there are tensors named ``stem.N.…``."""
    cut = len(stem) + 1
    words = {name[cut:].partition(".")[0] for name in view if name.startswith(f"{stem}.")}
    numbers = (int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 5)
    return frozenset(number for number in numbers if number < MOST_BLOCKS)


def outputs(view: View, stem: str) -> int | None:
    """Outputs of a projection; its bias tells them even where the weight is packed to 4 bits."""
    bias = view.extent(f"{stem}.bias", 0)
    weight = view.shape(f"{stem}.weight")
    packed = weight is not None and len(weight) == 2 and weight[1] == 1
    return bias or (weight[0] if weight and not packed else None)


def latent_of(
    families: tuple[str, ...], channels: int | None, determined_by: str, confidence: float
) -> Latent:
    """The latent of a denoiser made for ``families`` whose outputs say ``channels``.

    Other channels than the families have leave the family open: it may then be any of that shape.
    """
    model = family(families[0])
    fitting = tuple(name for name in families if channels in (None, family(name).channels))
    if len(fitting) != 1:
        told = channels or model.channels
        alike = fitting or same_shape(told, model.spatial_factor, model.temporal_factor)
        return Latent(told, model.spatial_factor, model.temporal_factor, candidates=alike)
    row = family(fitting[0])
    published = (row.scaling_factor, row.latents_mean) != (None, None)
    return Latent(
        *row.shape,
        family=row.id,
        candidates=(row.id,),
        determined_by=determined_by,
        confidence=confidence,
        scaling_factor=row.scaling_factor,
        shift_factor=row.shift_factor,
        scaling_determined_by="family" if published else None,
    )


def component_of(
    view: View,
    architecture: str,
    layout: str,
    latent: Latent | None,
    role: str = "denoiser",
    notices: tuple[Notice, ...] = (),
) -> Component:
    """The component that a view holds, weighed."""
    return Component(
        role=role,
        architecture=architecture,
        layout=layout,
        prefix=view.prefix,
        parts=(),
        dtypes=view.dtypes(),
        tensors=len(view),
        parameters=view.parameters(),
        latent=latent,
        notices=notices,
    )
