"""SD.Next: a VAE beside its checkpoint under its name; no .json anywhere near a VAE.

Source: vladmandic/sdnext, modules/sd_vae.py: ``find_vae_near_checkpoint`` takes
``<stem>.vae.safetensors`` beside the checkpoint before any setting but ``Default``;
``refresh_vae_list`` takes every folder with any .json in it for a VAE.
"""

from __future__ import annotations

import os

from ..changes.base import Link
from ..frontends.base import flag
from ..naming import shown
from .base import Choice, Feed, Feeder, Order, Refused, Snippet, Wanted
from .building import Draft, linked
from .choosing import unmet, vae_name
from .shelf import COPIES, LINKS, Accepts, Shelf
from .texts import payload
from .webui import STOPPED, set_option, settings_file, with_options

ACCEPTS = Accepts((".safetensors",), folders=True, globbed=True)
NEAR = ".vae.safetensors"
REFRESH = "Press the refresh button beside the list of VAEs, or start anew: new files are listed."
_AUTOMATIC = {"sd_vae": "Automatic"}
_BLOCKING = ("Default", "TAESD")
"""Settings that come before a VAE beside the checkpoint."""


def link(order: Order) -> Feed:
    """The VAEs flat in the folder for VAEs; a diffusers folder would bring its .json along."""
    return linked(order, Shelf(order, Accepts(ACCEPTS.suffixes, globbed=True)), REFRESH)


def apply(order: Order) -> Feed:
    """Each chosen VAE linked beside its checkpoint; the setting only where it stands in the way."""
    draft, place = Draft(order), order.installation
    wanted, draft.kept = unmet(order, place)
    beside = [one for one in wanted if one.vae is not None]
    own = [one for one in wanted if one.vae is None]
    for choice in beside:
        draft.take(_beside(order, choice))
    if own or (beside and place.options.get("sd_vae") in _BLOCKING):
        _unlock(draft, own)
    forced = flag(place, "--vae")
    if forced is not None:
        draft.reminders.append(
            f"--vae or SD_VAE {shown(forced)} comes before every setting: remove it, or nothing of "
            "this counts."
        )
    return draft.feed()


def export(wanted: Wanted) -> tuple[Snippet, ...]:
    """The setting for one checkpoint after the other."""
    rows = []
    for choice in wanted.choices:
        name = os.path.basename(choice.vae.path or choice.vae.name) if choice.vae else "Default"
        title = f"POST /sdapi/v1/options, for {shown(choice.listed.name)}"
        rows.append((title, payload({"sd_vae": name})))
    return tuple(rows)


FEEDER = Feeder(export, link, apply)


def _beside(order: Order, choice: Choice) -> Link | Refused:
    assert choice.vae is not None
    target = os.path.splitext(choice.listed.path)[0] + NEAR
    if os.path.isdir(choice.listed.path):
        why = f"{shown(choice.listed.name)} is a diffusers folder, beside which no VAE is looked for"
        return Refused(choice.listed.path, why, "link")
    places = order.recorded.places(choice.vae)
    files = [path for path in places if not os.path.isdir(path)]
    sound = [path for path in files if ACCEPTS.trouble(choice.vae, path) is None]
    if not sound:
        path = next(iter(places), choice.vae.path or choice.vae.name)
        how = f"vaereg convert {shown(choice.vae.name)} --layout diffusers --out FILE.safetensors"
        return Refused(path, f"{shown(path)} is no .safetensors file that lies there; {how}", "link")
    why = f"{shown(choice.listed.name)} decodes with {vae_name(choice)}"
    return Link(sound[0], target, COPIES if order.copy else LINKS, why)


def _unlock(draft: Draft, own: list[Choice]) -> None:
    """``sd_vae`` set to Automatic where that is for every checkpoint, else a reminder of it."""
    order, place = draft.order, draft.order.installation
    still, _ = unmet(order, with_options(place, _AUTOMATIC))
    for choice in own:
        if choice in still:
            path = os.path.splitext(choice.listed.path)[0] + NEAR
            why = (
                f"{shown(choice.listed.name)} has a VAE of its name, which is not vaereg's to take "
                "away"
            )
            draft.refused.append(Refused(path, why))
    if all(choice in still for choice in own) and place.options.get("sd_vae") not in _BLOCKING:
        return
    now = shown(str(place.options.get("sd_vae", "Automatic")))
    if order.whole:
        why = f"sd_vae is {now}, which comes before every checkpoint's own"
        draft.take(set_option(place, _AUTOMATIC, why))
        file = shown(settings_file(place))
        draft.reminders.append(STOPPED.format(title=order.frontend.title, file=file))
        return
    draft.reminders.append(
        f"Set SD VAE (sd_vae) to Automatic: it is {now}, which comes before every checkpoint's own."
    )
    draft.snippets.append(("POST /sdapi/v1/options", payload(_AUTOMATIC)))
