"""Forge and Forge Neo: one list of modules for all checkpoints, and metadata that a card obeys.

Source: lllyasviel/stable-diffusion-webui-forge: modules_forge/main_entry.py ``modules_change``,
modules/ui_extra_networks_checkpoints_user_metadata.py (``vae_te``), backend/loader.py;
Haoming02/sd-webui-forge-classic, branch ``neo``: modules_forge/main_entry.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..frontends.forge import wanted_modules
from ..judging.sides import has
from ..naming import shown
from .base import Choice, Feed, Feeder, Order, Refused, Snippet, Wanted
from .building import Draft, linked
from .choosing import unmet, vae_name
from .pasting import named
from .shelf import Accepts, Shelf, Shown
from .sidecars import for_all
from .texts import object_in, payload, with_keys
from .webui import STOPPED, set_option, settings_file, with_options

KEY, METADATA, CHECKPOINT = "forge_additional_modules", "vae_te", "sd_model_checkpoint"
REFRESH = "Press the refresh button beside VAE / Text Encoder, or start anew: new files are listed."
BY_CARD = "Metadata counts when a checkpoint is chosen by its card in the Checkpoints tab."
_BUILT_IN = "Built in"


def link(order: Order) -> Feed:
    """The VAEs flat in the folder for VAEs: links to folders are not followed there."""
    return linked(order, Shelf(order, Accepts(order.installation.frontend)), REFRESH)


def apply(order: Order) -> Feed:
    """The list of modules where one suits every checkpoint; the metadata of each in any case."""
    draft, place = Draft(order), order.installation
    shelf = Shelf(order, Accepts(place.frontend))
    wanted, draft.kept = unmet(order, place)
    found = {choice.listed.path: shelf.put(choice.vae) if choice.vae else None for choice in wanted}
    ready = [one for one in wanted if one.vae is None or found[one.listed.path] is not None]
    for path, choice in for_all(draft, ready):
        _metadata(draft, path, choice, found[choice.listed.path])
    if ready and not order.live and not _for_all(draft, ready, found[ready[0].listed.path]):
        for choice in ready:
            draft.snippets.append(_together(order, choice, found[choice.listed.path]))
        draft.reminders.append(
            f"{KEY} holds for every checkpoint, so it was left: send both settings at once, or "
            "choose the checkpoint by its card."
        )
    draft.reminders += [BY_CARD] if ready and not order.live else []
    draft.reminders += [REFRESH] if shelf.links else []
    return draft.feed([shelf])


def export(wanted: Wanted) -> Iterator[Snippet | Refused]:
    """Both settings together: the list of modules alone stays for the next checkpoint."""
    for one in named(wanted, Accepts(wanted.frontend), ""):
        if isinstance(one, Refused):
            yield one
            continue
        choice, name = one
        keys = {CHECKPOINT: os.path.basename(choice.listed.path), KEY: [name] if name else []}
        yield f"POST /sdapi/v1/options, for {shown(choice.listed.name)}", payload(keys)


FEEDER = Feeder(export, link, apply)


def modules(order: Order, wanted: Shown | None) -> list[str]:
    """The modules that are set, any VAE among them replaced: text encoders stay.

    What cannot be told stays too.
    """
    kept = [one for one in _current(order) if not _is_vae(order, one)]
    return [*kept, *([wanted.path] if wanted else [])]


def _current(order: Order) -> list[str]:
    return wanted_modules(order.installation.options, KEY)


def _is_vae(order: Order, text: str) -> bool:
    name = text.replace("\\", "/").rpartition("/")[2]
    listed = next(
        (one for one in order.listing.of("vae", "text_encoder") if one.name == name), None
    )
    if listed is None:
        return False
    model = order.recorded.at(listed.path)
    return has(model, "vae") if model is not None else listed.role == "vae"


def _metadata(draft: Draft, path: str, choice: Choice, found: Shown | None) -> None:
    """``vae_te`` beside the checkpoint; text encoders named there stay."""
    named = object_in(path).get(METADATA)
    before = [one for one in named if isinstance(one, str)] if isinstance(named, list) else []
    kept = [one for one in before if one != _BUILT_IN and not _is_vae(draft.order, one)]
    value = [*kept, *([found.name] if found else [])] or [_BUILT_IN]
    why = f"{shown(choice.listed.name)} decodes with {vae_name(choice)}"
    draft.take(with_keys(path, {METADATA: value}, why))


def _for_all(draft: Draft, ready: list[Choice], found: Shown | None) -> bool:
    """Set the list of modules where every checkpoint is to have the same; whether it was."""
    order, place = draft.order, draft.order.installation
    alike = {one.vae.artifact.digests.sha256 if one.vae else None for one in order.choices}
    if not order.whole or len(alike) != 1 or len(ready) != len(order.choices):
        return False
    keys = {KEY: modules(order, found)}
    preset = f"{KEY}_{place.options.get('forge_preset', 'sd')}"
    if preset in place.options:
        keys[preset] = keys[KEY]
    draft.take(set_option(place, keys, f"every checkpoint decodes with {vae_name(ready[0])}"))
    if found is None and unmet(order, with_options(place, keys))[0]:
        draft.reminders.append(f"{KEY} holds modules that could not be told; look at the list.")
    file = shown(settings_file(place))
    draft.reminders.append(STOPPED.format(title=order.frontend.title, file=file))
    return True


def _together(order: Order, choice: Choice, found: Shown | None) -> Snippet:
    keys = {CHECKPOINT: choice.listed.name, KEY: modules(order, found)}
    return f"POST /sdapi/v1/options, for {shown(choice.listed.name)}", payload(keys)
