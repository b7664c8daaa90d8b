"""AUTOMATIC1111 and reForge: VAEs in their folder, one named in each checkpoint's metadata.

Source: AUTOMATIC1111/stable-diffusion-webui 1.10.1: modules/sd_vae.py ``resolve_vae``,
modules/extra_networks.py and modules/ui_extra_networks_user_metadata.py (``<stem>.json``, since
1.6.0 by its CHANGELOG.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..frontends.base import Installation, flag
from ..frontends.choosing import AUTOMATICALLY, METADATA_SINCE, OVERRIDES, release
from ..naming import shown
from .base import Choice, Feed, Feeder, Order, Refused, Snippet, Wanted
from .building import Draft, linked
from .choosing import pinned, unmet, vae_name
from .pasting import named
from .shelf import Accepts, Shelf
from .sidecars import for_all, pasted
from .texts import payload, with_keys
from .webui import STOPPED, set_option, settings_file, with_options

ACCEPTS = {
    "a1111": Accepts("a1111", globbed=True),
    "reforge": Accepts("reforge", prefixed=True, globbed=True),
}
"""reForge strips prefixes (Panchovix/stable-diffusion-webui-reForge modules/sd_vae.py); both look
for files with ``glob``, to which brackets in a path are a pattern."""
REFRESH = "Press the refresh button beside the list of VAEs, or start anew: new files are listed."
_BAKED = "None"
_AUTOMATIC = {"sd_vae": "Automatic"}


def link(order: Order) -> Feed:
    """The VAEs flat in the folder for VAEs."""
    return linked(order, Shelf(order, ACCEPTS[order.installation.frontend]), REFRESH)


def apply(order: Order) -> Feed:
    """The choices in ``<stem>.json`` beside each checkpoint, and ``sd_vae`` out of their way."""
    draft, place = Draft(order), order.installation
    shelf = Shelf(order, ACCEPTS[place.frontend])
    version = release(place.version)
    if place.frontend == "a1111" and (version is None or version < METADATA_SINCE):
        return _without_metadata(draft, shelf)
    settled = _unlocked(draft)
    wanted, draft.kept = unmet(draft.order, settled)
    for path, choice in for_all(draft, wanted):
        found = shelf.put(choice.vae) if choice.vae else None
        if choice.vae is None or found is not None:
            why = f"{shown(choice.listed.name)} decodes with {vae_name(choice)}"
            draft.take(with_keys(path, {"vae": found.name if found else _BAKED}, why))
    forced = flag(place, "--vae-path")
    if forced is not None:
        draft.reminders.append(
            f"--vae-path {shown(forced)} disables every VAE setting: remove it from the start "
            "script, or nothing of this counts."
        )
    if shelf.links:
        draft.reminders.append(REFRESH)
    return draft.feed([shelf])


def export(wanted: Wanted) -> Iterator[Snippet | Refused]:
    """The setting for /sdapi/v1/options, and the metadata for each checkpoint."""
    names: dict[str, str] = {}
    for one in named(wanted, ACCEPTS[wanted.frontend], _BAKED):
        if isinstance(one, Refused):
            yield one
        else:
            names[one[0].listed.path] = one[1]
    ready = [choice for choice in wanted.choices if choice.listed.path in names]
    if ready:
        title = "POST /sdapi/v1/options, or in config.json: per-checkpoint choices count"
        yield title, payload({**_AUTOMATIC, OVERRIDES: False})
    for found in pasted(wanted, ready):
        if isinstance(found, Refused):
            yield found
        else:
            yield found[0], payload({"vae": names[found[1].listed.path]})


FEEDER = Feeder(export, link, apply)


def overruled(options: Mapping[str, object]) -> bool:
    """Whether ``sd_vae`` comes before what a checkpoint's metadata names."""
    return options.get("sd_vae", "Automatic") not in AUTOMATICALLY and bool(
        options.get(OVERRIDES, True)
    )


def _unlocked(draft: Draft) -> Installation:
    """The installation with ``sd_vae`` as the choices need it, which is planned or reminded of."""
    place = draft.order.installation
    if not overruled(place.options) or not unmet(draft.order, place)[0]:
        return place
    draft.order = pinned(draft.order)
    now = shown(str(place.options["sd_vae"]))
    if draft.order.live:
        return with_options(place, _AUTOMATIC)
    if draft.order.whole:
        why = f"sd_vae is {now}, which comes before every checkpoint's own choice"
        draft.take(set_option(place, _AUTOMATIC, why))
        file = shown(settings_file(place))
        draft.reminders.append(STOPPED.format(title=draft.order.frontend.title, file=file))
    else:
        draft.reminders.append(
            f"Set SD VAE (sd_vae) to Automatic: it is {now}, which comes before every checkpoint's "
            f"own choice; or switch {OVERRIDES} off. It was left, for it may be meant for the "
            "checkpoints that are not in this plan."
        )
        draft.snippets.append(("POST /sdapi/v1/options", payload(_AUTOMATIC)))
    return with_options(place, _AUTOMATIC)


def _without_metadata(draft: Draft, shelf: Shelf) -> Feed:
    """Links alone: whether this version reads metadata is not known, or it is known not to."""
    wanted, draft.kept = unmet(draft.order, draft.order.installation)
    version = draft.order.installation.version
    what = f"is {shown(version)}, before 1.6.0," if version else "is not known"
    draft.reminders.append(
        f"The version {what} so nothing that depends on it is written: per-checkpoint metadata "
        "counts since 1.6.0. Choose the VAE in the settings (SD VAE)."
    )
    for choice in wanted:
        found = shelf.put(choice.vae) if choice.vae else None
        name = found.name if found else _BAKED
        if choice.vae is None or found is not None:
            draft.snippets.append((_for(choice), payload({"sd_vae": name})))
    return draft.feed([shelf])


def _for(choice: Choice) -> str:
    return f"POST /sdapi/v1/options, for {shown(choice.listed.name)}"
