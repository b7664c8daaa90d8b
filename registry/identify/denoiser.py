"""Denoisers: the form of a signature, the first that fits a view, and the latents it needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..families import family, same_shape
from ..values import Component, Latent, Notice
from .view import Keys, View
from .wholeness import clashes, unwhole_blocks

ANY = Keys()
"""The test that every view passes."""

_LIKENESS = 0.4
"""A view that has no larger share of a row's names does not resemble it."""
_FEWEST_PARTS = 3
"""Nor does one that has fewer of them, which may be names that many networks use."""


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
    last_lacks: str = ""
    """Pattern of what its last block goes without: a stack whose last block has it was cut."""
    alike: tuple[str, ...] = ()
    """Stems with as many blocks each."""
    widths: tuple[tuple[str, int], ...] = ()
    """Names, and the axis of each, that have the model's width."""
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Claim:
    """What a view claims to be: a whole denoiser, or one that lacks ``missing``."""

    architecture: str
    component: Component | None = None
    missing: tuple[str, ...] = ()
    clashing: tuple[str, ...] = ()
    """Names whose shapes contradict those of others; such a one is not whole either."""


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
    damage = damaged(row.architecture, _lacks(row, view), clashes(view, row.widths))
    if damage:
        return damage
    found = outputs(view, row.out)
    channels = None if found is None else found // row.per_channel
    latent = latent_of(row.families, channels, "header", row.confidence)
    return Claim(row.architecture, component_of(view, row.architecture, row.layout, latent))


def resembling(table: Iterable[DenoiserSignature], view: View) -> Claim | None:
    """The denoiser that a view has most of, without being one; None where it has little of any."""
    best, most = None, _LIKENESS
    for row in table:
        wanted = dict.fromkeys((*row.keys.all_of, *(n for n, _ in row.keys.shapes), *row.needs))
        number = max(block_numbers(view, row.blocks), default=0)
        first, last = f"{row.blocks}.0.", f"{row.blocks}.{number}."
        lost = tuple(
            pattern
            for pattern in wanted
            if not view.has(pattern) and not view.has(pattern.replace(first, last))
        )
        held = len(wanted) - len(lost)
        if held >= _FEWEST_PARTS and held > most * len(wanted):
            most = held / len(wanted)
            best = Claim(row.architecture, missing=lost or row.keys.missing(view))
    return best


def damaged(architecture: str, lacking: Iterable[str], clashing: Iterable[str]) -> Claim | None:
    """The claim of a denoiser that lacks parts or whose shapes contradict; None for a whole one."""
    lost = tuple(dict.fromkeys(lacking))
    if lost:
        return Claim(architecture, missing=lost)
    unfit = tuple(clashing)
    fitting = tuple(f"a shape of {name} that fits the others" for name in unfit)
    return Claim(architecture, missing=fitting, clashing=unfit) if unfit else None


def inside(block: str, *sublayers: str) -> tuple[str, ...]:
    """Patterns of what a block has in it."""
    return tuple(f"{block}.{sublayer}.*" for sublayer in sublayers)


def _lacks(row: DenoiserSignature, view: View) -> Iterator[str]:
    """What a view lacks of what the row says, and of what its own blocks say of each other."""
    yield from missing(view, row.needs, row.blocks)
    yield from unwhole_blocks(view)
    if row.last_lacks:
        last = max(block_numbers(view, row.blocks), default=0)
        if view.has(f"{row.blocks}.{last}.{row.last_lacks}"):
            yield f"{row.blocks}.{last + 1}"
    depths = {stem: len(block_numbers(view, stem)) for stem in row.alike}
    for stem, depth in depths.items():
        if depth < max(depths.values()):
            yield f"{stem}.{depth}"


def missing(view: View, needs: tuple[str, ...], blocks: str) -> tuple[str, ...]:
    """Which needed patterns and which numbered blocks a view lacks."""
    lacks = [pattern for pattern in needs if not view.has(pattern)]
    if blocks:
        numbers = block_numbers(view, blocks)
        gaps = [f"{blocks}.{n}" for n in range(max(numbers, default=0)) if n not in numbers]
        lacks += gaps if numbers else [f"{blocks}.0"]
    return tuple(lacks)


def block_numbers(view: View, stem: str) -> frozenset[int]:
    """The numbers N below 1000 for which there are tensors named ``stem.N.…``."""
    text = "\n" + "\n".join(view)
    return frozenset(map(int, set(re.findall(rf"\n{re.escape(stem)}\.([0-9]{{1,3}})\.", text))))


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
