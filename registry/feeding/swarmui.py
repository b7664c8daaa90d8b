"""SwarmUI: what a VAE is for, in a ``.swarm.json`` beside it, so that “Automatic” finds it.

Source: mcmonkeyprojects/SwarmUI src/Text2Image/T2IModelHandler.cs (sidecars),
src/Text2Image/T2IModelClassSorter.cs (``modelspec.architecture``), src/Core/Settings.cs (``VAEs``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..frontends.swarm_classes import CLASSES, VaeClass, class_of_vae
from ..identify.hints import ARCHITECTURE_KEY
from ..naming import shown
from ..values import Model
from .base import Choice, Feed, Feeder, Order, Refused, Snippet, Wanted
from .building import Draft
from .choosing import family_of, unmet, vae_name
from .shelf import Accepts, Shelf, Shown, loadable
from .texts import beside, payload, with_keys

ACCEPTS = Accepts("swarmui")
SIDECAR = ".swarm.json"
ARCHITECTURES = {
    "sd1": "stable-diffusion-v1/vae",
    "sdxl": "stable-diffusion-xl-v1-base/vae",
    "sd3": "stable-diffusion-v3/vae",
    "flux1": "flux.1/vae",
    "flux2": "flux.2/vae",
    "qwen-image": "qwen-image/vae",
}
"""src/Text2Image/T2IModelClassSorter.cs, by latent family; without a row nothing is declared."""
REFRESH = "Press the refresh button of SwarmUI's Models tab: new files and their metadata are read."


def link(order: Order) -> Feed:
    """The VAEs in the folder for VAEs, and what each is for beside its link."""
    draft = Draft(order)
    shelf = Shelf(order, ACCEPTS)
    for vae in order.vaes:
        found = shelf.put(vae)
        if found is not None:
            _declare(draft, vae, found)
    draft.reminders += [REFRESH] if shelf.links or draft.changes else []
    return draft.feed([shelf])


def apply(order: Order) -> Feed:
    """The chosen VAEs shown and declared; a default setting is told, for only SwarmUI writes it."""
    draft = Draft(order)
    shelf = Shelf(order, ACCEPTS)
    wanted, draft.kept = unmet(order, order.installation)
    for choice in wanted:
        found = shelf.put(choice.vae) if choice.vae else None
        if choice.vae is not None and found is not None:
            _declare(draft, choice.vae, found)
            _remind(draft, choice, found)
        elif choice.vae is None:
            draft.reminders.append(
                f"{shown(choice.listed.name)}: a default VAE of the User Settings (VAEs) replaces "
                "its own, which fits: set that default to None."
            )
    draft.reminders += [REFRESH] if shelf.links or draft.changes else []
    return draft.feed([shelf])


def export(wanted: Wanted) -> Iterator[Snippet | Refused]:
    """The sidecar of each VAE whose family SwarmUI has a class for."""
    said: dict[str, str] = {}
    for vae in wanted.vaes:
        declared = ARCHITECTURES.get(family_of(vae, wanted.choices) or "")
        places = loadable(vae, wanted.recorded, ACCEPTS)
        if isinstance(places, Refused):
            yield places
        elif declared is None:
            yield Refused(places[0], f"SwarmUI has no class for {shown(vae.name)}: choose it there")
        elif said.setdefault(sidecar := beside(places[0], SIDECAR), declared) != declared:
            why = f"{shown(os.path.basename(sidecar))} is read for another VAE too: rename one"
            yield Refused(places[0], why)
        else:
            yield sidecar, payload({ARCHITECTURE_KEY: declared})


FEEDER = Feeder(export, link, apply)


def _declare(draft: Draft, vae: Model, found: Shown) -> None:
    declared = ARCHITECTURES.get(family_of(vae, draft.order.choices) or "")
    if declared is None:
        draft.kept.append(f"SwarmUI has no class for {shown(vae.name)}: nothing is declared of it.")
        return
    if not found.is_new and class_of_vae(found.path) is _class(declared):
        draft.kept.append(f"{shown(found.name)} declares {declared} already.")
        return
    path = beside(found.path, SIDECAR)
    why = f"tells SwarmUI what {shown(vae.name)} is for"
    draft.take(with_keys(path, {ARCHITECTURE_KEY: declared}, why))


def _class(architecture: str) -> VaeClass | None:
    return next((one for one in CLASSES if architecture.startswith(one.starts)), None)


def _remind(draft: Draft, choice: Choice, found: Shown) -> None:
    """Where “Automatic” would not come to the declared VAE."""
    assert choice.vae is not None
    kind = _class(ARCHITECTURES.get(family_of(choice.vae, draft.order.choices) or "", ""))
    if kind is None:
        return
    listed = draft.order.listing.of("vae")
    rivals = [one.name for one in listed if class_of_vae(one.path) is kind]
    known = [one.name for one in listed if one.name == kind.known]
    others = [name for name in (*rivals, *known) if name != found.name]
    own = choice.checkpoint.artifact.identity.component("vae") is not None
    if others or own:
        why = "its own VAE comes first" if own else f"{shown(others[0])} may be taken as well"
        draft.reminders.append(
            f"{shown(choice.listed.name)}: {why}; to have {vae_name(choice)}, set User Settings, "
            f"VAEs, {kind.setting} to {shown(found.name)}, or choose it beside the prompt."
        )
