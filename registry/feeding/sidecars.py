"""Metadata beside a checkpoint counts for every checkpoint of its stem: one VAE for all of them.

``mod.safetensors`` and ``mod.ckpt`` share ``mod.json`` (AUTOMATIC1111/stable-diffusion-webui
modules/extra_networks.py ``get_user_metadata``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from ..frontends.base import Listed
from ..judging.sides import has
from ..naming import shown
from .base import Choice, Order, Refused, Wanted
from .building import Draft
from .choosing import ROLES, is_sure, same_vae, vae_name
from .texts import beside

METADATA = ".json"
Suits: TypeAlias = Callable[[Listed, Choice], bool]
"""Whether another checkpoint may have the VAE of a choice."""


def shared(
    wanted: Sequence[Choice], listed: Iterable[Listed], suits: Suits
) -> Iterator[tuple[str, Choice] | Refused]:
    """For each file to be made the choice that it is to say, or why none suits every checkpoint."""
    near: dict[str, list[Listed]] = {}
    for one in listed:
        near.setdefault(_key(one.path), []).append(one)
    groups: dict[str, list[Choice]] = {}
    for choice in wanted:
        groups.setdefault(_key(choice.listed.path), []).append(choice)
    for key, group in groups.items():
        path = beside(group[0].listed.path, METADATA)
        doubts = [_unsuited(choice, near.get(key, ()), suits) for choice in group]
        if None in doubts:
            yield path, group[doubts.index(None)]
        else:
            yield Refused(path, _why(path, group[0], doubts[0]))


def for_all(draft: Draft, wanted: Sequence[Choice]) -> Iterator[tuple[str, Choice]]:
    """As ``shared`` for an order's checkpoints; what is refused goes into the draft.

    A checkpoint that was to be left and gets the VAE of another is told of so.
    """
    order = draft.order
    alike: dict[str, list[Choice]] = {}
    for choice in order.choices:
        alike.setdefault(_key(choice.listed.path), []).append(choice)

    def suits(one: Listed, choice: Choice) -> bool:
        return _surely_fits(order, one, choice)

    for found in shared(wanted, order.listing.of(*ROLES), suits):
        if isinstance(found, Refused):
            draft.take(found)
            continue
        path, choice = found
        for one in alike[_key(path)]:
            if not same_vae(one, choice):
                _retell(draft, path, one, choice)
        yield found


def pasted(wanted: Wanted, ready: Sequence[Choice]) -> Iterator[tuple[str, Choice] | Refused]:
    """As ``shared`` for every recorded checkpoint; another's VAE is right where it is its own."""
    chosen = {choice.listed.path: choice for choice in ready}
    listed = [
        Listed("checkpoint", os.path.basename(path), path)
        for model in wanted.recorded.models
        if has(model, "denoiser")
        for path in wanted.recorded.places(model)
    ]

    def suits(one: Listed, choice: Choice) -> bool:
        return one.path in chosen and same_vae(chosen[one.path], choice)

    return shared(ready, listed, suits)


def _key(path: str) -> str:
    return os.path.normcase(beside(path, METADATA))


def _unsuited(choice: Choice, listed: Iterable[Listed], suits: Suits) -> Listed | None:
    others = (one for one in listed if one.path != choice.listed.path)
    return next((one for one in others if not suits(one, choice)), None)


def _why(path: str, choice: Choice, other: Listed | None) -> str:
    assert other is not None
    return (
        f"{shown(os.path.basename(path))} counts for {shown(choice.listed.name)} and "
        f"{shown(other.name)} alike, and it is not sure that {vae_name(choice)} fits the second "
        "as well: give one of the two another name"
    )


def _surely_fits(order: Order, one: Listed, choice: Choice) -> bool:
    model = order.recorded.at(one.path)
    if model is None or not has(model, "denoiser"):
        return False
    if choice.vae is None:
        return any(fit.baked and is_sure(fit) for fit in order.matrix.fits(model))
    return is_sure(order.matrix.fits(model, [choice.vae])[0])


def _retell(draft: Draft, path: str, one: Choice, choice: Choice) -> None:
    """In place of what ``choosing.unmet`` says of a checkpoint, beginning with its name."""
    name = shown(one.listed.name)
    told = (
        f"{name} shares {shown(os.path.basename(path))}, so it decodes with {vae_name(choice)} "
        "then, which fits it too"
    )
    draft.kept = [*(text for text in draft.kept if not text.startswith(f"{name} ")), told]
