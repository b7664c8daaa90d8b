"""Fooocus: one VAE for every checkpoint, in config.txt, below what its preset says.

Source: lllyasviel/Fooocus modules/config.py (``default_vae``), modules/flags.py; ``None`` would be
taken for a file's name (its issue 3035).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..frontends.base import flag
from ..frontends.choosing import release
from ..frontends.fooocus import OWN_VAE
from ..naming import shown
from .base import Choice, Feed, Feeder, Order, Refused, Snippet, Wanted
from .building import Draft, linked
from .choosing import unmet, vae_name
from .pasting import named
from .shelf import Accepts, Shelf, Shown
from .texts import object_in, payload, with_keys
from .webui import with_options

ACCEPTS = Accepts("fooocus")
SINCE = (2, 4)
"""Versions with a choice of VAEs: pull request 2867, in use by issue 3043."""
KEY, FILE = "default_vae", "config.txt"
REFRESH = "Press Refresh All Files in Fooocus' Models tab, or start anew: new files are listed."


def link(order: Order) -> Feed:
    """The VAEs flat in the folder for VAEs: links to folders are not followed there."""
    return linked(order, Shelf(order, ACCEPTS), REFRESH)


def apply(order: Order) -> Feed:
    """``default_vae`` where one VAE suits every checkpoint; else what to choose for each."""
    draft, place = Draft(order), order.installation
    shelf = Shelf(order, ACCEPTS)
    wanted, draft.kept = unmet(order, place)
    found = {one.listed.path: shelf.put(one.vae) if one.vae else None for one in wanted}
    ready = [one for one in wanted if one.vae is None or found[one.listed.path] is not None]
    alike = {one.vae.artifact.digests.sha256 if one.vae else None for one in order.choices}
    version = release(place.version)
    if version is None or version < SINCE:
        what = f"is {shown(place.version)}" if place.version else "is not known"
        draft.reminders.append(
            f"Fooocus' version {what}, so {FILE} is left: {KEY} counts since {SINCE[0]}.{SINCE[1]}."
        )
        draft.reminders += [_by_hand(one, found[one.listed.path]) for one in ready]
    elif ready and order.whole and len(alike) == 1 and len(ready) == len(order.choices):
        _set(draft, ready[0], found[ready[0].listed.path])
    else:
        draft.reminders += [_by_hand(one, found[one.listed.path]) for one in ready]
    if shelf.links:
        draft.reminders.append(REFRESH)
    return draft.feed([shelf])


def export(wanted: Wanted) -> Iterator[Snippet | Refused]:
    """``default_vae`` for config.txt or a preset, one VAE for all."""
    rows: dict[str, list[str]] = {}
    for one in named(wanted, ACCEPTS, OWN_VAE):
        if isinstance(one, Refused):
            yield one
        else:
            rows.setdefault(one[1], []).append(shown(one[0].listed.name))
    for name, names in rows.items():
        yield f"{FILE} or a preset, for {', '.join(names)}", payload({KEY: name})


FEEDER = Feeder(export, link, apply)


def _set(draft: Draft, choice: Choice, found: Shown | None) -> None:
    place = draft.order.installation
    value = found.name if found else OWN_VAE
    path = os.path.join(place.root, FILE)
    draft.take(with_keys(path, {KEY: value}, f"every checkpoint decodes with {vae_name(choice)}"))
    preset = flag(place, "--preset")
    if preset and KEY in object_in(os.path.join(place.root, "presets", f"{preset}.json")):
        draft.reminders.append(
            f"Fooocus is started with --preset {shown(preset)}, whose {KEY} comes before "
            f"{FILE}: start it without, or choose {shown(value)} in its Models tab."
        )
    elif unmet(draft.order, with_options(place, {KEY: value}))[0] and not found:
        draft.reminders.append(
            "A checkpoint holds no VAE of its own; choose one in the Models tab."
        )


def _by_hand(choice: Choice, found: Shown | None) -> str:
    value = shown(found.name) if found else OWN_VAE
    return f"{shown(choice.listed.name)}: choose {value} under VAE in the Models tab"
