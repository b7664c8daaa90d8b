"""Each text encoder of a model: its layers, its width and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from ..identify.text_encoder import find_towers
from ..identify.view import View
from ..identify.wholeness import Stack, plain_names, stacks, uneven
from ..naming import shown
from ..values import Component, Identity
from .contents import Contents, Part, Reader
from .kinds import KINDS, NEEDS, TOWERS, Kind, Tower
from .positions import look_at_positions
from .values import Defect, TextEncoder

REPLACE = (
    "download the file again; where the published one lacks it too, take the text encoder of"
    " another checkpoint (stable-diffusion-webui-model-toolkit imports one)"
)
"""arenasys/stable-diffusion-webui-model-toolkit README.md, section Advanced."""
_LISTED = 5
_ROOT = "text_model."


def encoders_of(identity: Identity, contents: Contents) -> tuple[TextEncoder, ...]:
    """Every text encoder among the components; may raise ``SourceError`` for a remote model."""
    return tuple(
        encoder_of(part, contents.part(part.prefix))
        for part in identity.components
        if part.role == "text_encoder"
    )


def encoder_of(component: Component, part: Part) -> TextEncoder:
    """One text encoder, from the tensors below its prefix or from its config alone."""
    kind = KINDS.get(component.architecture, Kind(component.architecture))
    blank = TextEncoder(kind.name, component.architecture, *_configured(part.config))
    blank = replace(blank, prefix=component.prefix)
    inside = _inside(part)
    if inside is None:
        early = _ends_early(blank.layers, None, kind) if blank.layers else 0
        return replace(blank, ends_early=early, unchecked="its weights were not looked at")
    names = TOWERS[inside.tower]
    stack = stacks(plain_names(inside.bare)).get(names.stem, {})
    early = _ends_early(max(stack, default=-1) + 1, blank.layers, kind)
    positions, unchecked = (
        look_at_positions(inside.bare, inside.read) if inside.tower == "clip" else ((), None)
    )
    return replace(
        blank,
        layers=len(stack),
        width=inside.bare.extent(f"{names.stem}.0.{names.norm}", 0),
        defects=(
            *_layer_defects(stack, names, kind, early),
            *_lacking(inside, component.architecture),
            *positions,
        ),
        ends_early=early,
        unchecked=unchecked,
        novelai_names=inside.tower == "clip" and inside.bare is inside.view,
    )


class _Inside(NamedTuple):
    """The tower that lies below a component's prefix."""

    tower: str
    view: View
    bare: View
    """Without CLIP's own ``text_model.``, where its names have it."""
    read: Reader | None
    """By the names of ``bare``."""


def _inside(part: Part) -> _Inside | None:
    texts = [found for found in find_towers(part.view) if found[1] in TOWERS]
    if not texts:
        return None
    inner, tower = min(texts, key=lambda found: len(found[0]))
    view = View.below(part.view.tensors, inner)
    bare = View.below(view.tensors, _ROOT) if tower == "clip" else view
    if not len(bare):
        bare = view
    root = inner if bare is view else inner + _ROOT
    read = part.read
    return _Inside(tower, view, bare, (lambda name: read(root + name)) if read else None)


def _configured(config: Mapping[str, object]) -> tuple[int | None, int | None]:
    """Layers and width that a transformers config.json promises."""
    layers, width = (
        next((n for n in map(config.get, keys) if type(n) is int and 0 < n < 1_000_000), None)
        for keys in (("num_hidden_layers", "num_layers"), ("hidden_size", "d_model"))
    )
    return layers, width


def _ends_early(there: int, promised: int | None, kind: Kind) -> int:
    """Layers missing at the end: not there, or not used as the config says."""
    used = min(there, promised or there)
    return max(0, kind.layers[0] - used) if kind.layers and used not in kind.layers else 0


def _layer_defects(stack: Stack, names: Tower, kind: Kind, early: int) -> Iterator[Defect]:
    gaps = [str(number) for number in range(max(stack, default=0)) if number not in stack]
    if gaps:
        message = f"{_several(gaps, 'layer')} not there; programs fill them with noise or refuse"
        yield Defect("layers_missing", message, REPLACE)
    lost = list(uneven(names.stem, stack))
    if lost:
        yield Defect("tensors_missing", f"{_several(lost, 'tensor')} not there", REPLACE)
    if early:
        message = (
            f"it ends after {kind.layers[0] - early} of {kind.name}'s {kind.layers[0]} layers: a"
            " program that goes by its config stops there, as clip skip"
            f" {early + 1} does; one that expects all of them fills the rest with noise or refuses"
        )
        yield Defect("ends_early", message, REPLACE)


def _several(names: list[str], what: str) -> str:
    listed = ", ".join(shown(name, 80) for name in names[:_LISTED])
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{what} {listed} is" if len(names) == 1 else f"{what}s {listed}{more} are"


def _lacking(inside: _Inside, architecture: str) -> Iterator[Defect]:
    """Tensors outside the layers that the tower needs."""
    for need in NEEDS:
        if need.tower != inside.tower or architecture not in (
            need.architectures or (architecture,)
        ):
            continue
        views = (inside.view, inside.bare)
        if not any(_there(name, view) for name in need.names for view in views):
            message = f"{need.names[0]} is not there: {need.effect}"
            yield Defect("tensors_missing", message, None if need.harmless else REPLACE)


def _there(name: str, view: View) -> bool:
    """Whether a tensor is there, be it in a quantised layer's pieces."""
    stem = name.removesuffix(".weight")
    return name in view or (stem != name and view.has(f"{stem}.qweight"))
