"""SD.Next: a VAE beside its checkpoint under its name; no .json anywhere near a VAE.

Source: vladmandic/sdnext, modules/sd_vae.py: ``find_vae_near_checkpoint`` takes
``<stem>.vae.safetensors`` beside the checkpoint before any setting but ``Default``;
``refresh_vae_list`` takes every folder with any .json in it for a VAE.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..changes.base import Link
from ..frontends.base import Installation, flag
from ..naming import shown
from .base import Choice, Feed, Feeder, Order, Refused, Snippet, Wanted
from .building import Draft, linked
from .choosing import pinned, unmet, vae_name
from .pasting import named
from .shelf import COPIES, LINKS, Accepts, Shelf
from .texts import payload
from .webui import STOPPED, set_option, settings_file, with_options

ACCEPTS = Accepts("sdnext", globbed=True)
NEAR = ".vae.safetensors"
REFRESH = "Press the refresh button beside the list of VAEs, or start anew: new files are listed."
_AUTOMATIC = {"sd_vae": "Automatic"}
_BLOCKING = ("Default", "TAESD")
"""Settings that come before a VAE beside the checkpoint."""


def link(order: Order) -> Feed:
    """The VAEs flat in the folder for VAEs; a diffusers folder would bring its .json along."""
    return linked(order, Shelf(order, ACCEPTS), REFRESH)


def apply(order: Order) -> Feed:
    """Each chosen VAE linked beside its checkpoint; the setting only where it stands in the way."""
    draft, place = Draft(order), order.installation
    settled = _unlocked(draft)
    wanted, draft.kept = unmet(draft.order, settled)
    for choice in wanted:
        draft.take(_beside(order, choice) if choice.vae else _named_so(choice))
    forced = flag(place, "--vae")
    if forced is not None:
        draft.reminders.append(
            f"--vae or SD_VAE {shown(forced)} comes before every setting: remove it, or nothing of "
            "this counts."
        )
    return draft.feed()


def export(wanted: Wanted) -> Iterator[Snippet | Refused]:
    """The setting for one checkpoint after the other."""
    for one in named(wanted, ACCEPTS, "Default"):
        if isinstance(one, Refused):
            yield one
        else:
            title = f"POST /sdapi/v1/options, for {shown(one[0].listed.name)}"
            yield title, payload({"sd_vae": one[1]})


FEEDER = Feeder(export, link, apply)


def _beside(order: Order, choice: Choice) -> Link | Refused:
    assert choice.vae is not None
    target = os.path.splitext(choice.listed.path)[0] + NEAR
    if os.path.isdir(choice.listed.path):
        why = (
            f"{shown(choice.listed.name)} is a diffusers folder, beside which no VAE is looked for"
        )
        return Refused(choice.listed.path, why, "link")
    places = order.recorded.places(choice.vae)
    files = [path for path in places if not os.path.isdir(path)]
    sound = [path for path in files if ACCEPTS.trouble(choice.vae, path) is None]
    if not sound:
        path = next(iter(places), choice.vae.path or choice.vae.name)
        how = f"vaereg convert {shown(choice.vae.name)} --layout diffusers --out FILE.safetensors"
        return Refused(
            path, f"{shown(path)} is no .safetensors file that lies there; {how}", "link"
        )
    why = f"{shown(choice.listed.name)} decodes with {vae_name(choice)}"
    return Link(sound[0], target, COPIES if order.copy else LINKS, why)


def _named_so(choice: Choice) -> Refused:
    what = f"a VAE of its name is there, which SD.Next takes for {shown(choice.listed.name)}"
    return Refused(choice.listed.path, f"{what}; it is not vaereg's to take away")


def _unlocked(draft: Draft) -> Installation:
    """The installation with ``sd_vae`` as the choices need it, which is planned or reminded of."""
    order, place = draft.order, draft.order.installation
    setting = place.options.get("sd_vae", "Automatic")
    wanted, _ = unmet(order, place)
    own = any(choice.vae is None for choice in wanted)
    if setting == "Automatic" or not (own or (wanted and setting in _BLOCKING)):
        return place
    order = draft.order = pinned(order)
    if order.live:
        return with_options(place, _AUTOMATIC)
    now = shown(str(setting))
    if order.whole:
        why = f"sd_vae is {now}, which comes before what is chosen for a checkpoint"
        draft.take(set_option(place, _AUTOMATIC, why))
        file = shown(settings_file(place))
        draft.reminders.append(STOPPED.format(title=order.frontend.title, file=file))
    else:
        draft.reminders.append(
            f"Set SD VAE (sd_vae) to Automatic: it is {now}, which comes before what is chosen for "
            "a checkpoint. It was left, for it may be meant for those that are not in this plan."
        )
        draft.snippets.append(("POST /sdapi/v1/options", payload(_AUTOMATIC)))
    return with_options(place, _AUTOMATIC)
