"""InvokeAI: VAEs installed in place under their true base, one kept for each main model.

Source: invoke-ai/InvokeAI invokeai/app/api/routers/model_manager.py,
invokeai/app/services/model_install/model_install_default.py (``inplace=false`` moves the file),
invokeai/backend/model_manager/load/model_loaders/vae.py (a single file of SDXL's is decoded with
diffusers' default scaling factor). Its database is never written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from ..families import family
from ..frontends.invokeai import records
from ..frontends.invokeai_records import Record
from ..frontends.recorded import Recorded, sayable
from ..live.invoke_models import BASES, MODELS
from ..naming import shown
from ..values import Model
from .base import Choice, Feed, Feeder, Order, Refused, Snippet, Wanted
from .building import Draft
from .choosing import family_of, unmet

DEFAULT_SCALING = 0.18215
"""What diffusers gives a single file without a config (huggingface/diffusers
src/diffusers/models/autoencoders/autoencoder_kl.py)."""
_BY_DEFAULT = ("sd-1", "sd-2", "sdxl", "sdxl-refiner")
HINT = "With --url of the running InvokeAI, vaereg makes these requests itself."


def apply(order: Order) -> Feed:
    """The requests that install each VAE and set it for its main model, to be sent by hand."""
    draft = Draft(order)
    wanted, draft.kept = unmet(order, order.installation)
    known = {one.path: one for one in records(order.installation, [])}
    installed: dict[str, str] = {}
    for choice in wanted:
        main = known.get(choice.listed.path)
        source = _source(draft, choice.vae) if choice.vae else None
        if order.live or (choice.vae is not None and source is None):
            continue
        key = _key(order, choice.vae, known) if choice.vae else None
        if source is not None and choice.vae is not None and key is None:
            name = family_of(choice.vae, order.choices)
            title, text = _install(choice.vae, source, name, main.base if main else None)
            if installed.setdefault(source, title) == title and (title, text) not in draft.snippets:
                draft.snippets.append((title, text))
        draft.snippets.append(_set(choice, main.key if main else None, key))
    if draft.snippets:
        draft.reminders.append(HINT)
    return draft.feed()


def link(order: Order) -> Feed:
    """The requests that install each VAE; InvokeAI lists only what is in its database."""
    draft = Draft(order)
    known = {one.path: one for one in records(order.installation, [])}
    for vae in order.vaes:
        source = _source(draft, vae)
        if source is None:
            continue
        if _key(order, vae, known) is not None:
            draft.kept.append(f"{shown(vae.name)} is installed already.")
        else:
            name = family_of(vae, order.choices)
            draft.snippets.append(_install(vae, source, name))
    if draft.snippets:
        draft.reminders.append(HINT)
    return draft.feed()


def export(wanted: Wanted) -> Iterator[Snippet | Refused]:
    """The requests that install each VAE, in place and under its base."""
    for vae in wanted.vaes:
        name = family_of(vae, wanted.choices)
        source = usable(vae, name, wanted.recorded)
        yield source if isinstance(source, Refused) else _install(vae, source, name)


FEEDER = Feeder(export, link, apply)


def _source(draft: Draft, vae: Model) -> str | None:
    order = draft.order
    found = usable(vae, family_of(vae, order.choices), order.recorded)
    if isinstance(found, Refused):
        draft.refused.append(found)
        return None
    return found


def usable(vae: Model, name: str | None, recorded: Recorded) -> str | Refused:
    """The file or folder of a VAE that InvokeAI decodes with the scaling factor of its family."""
    places = recorded.places(vae)
    path = next(iter(places), vae.path or vae.name)
    if name is None or name not in BASES:
        how = f"vaereg inspect --weights {shown(vae.name)}"
        why = f"the base of {shown(vae.name)} in InvokeAI is not known, and its guess is by the "
        return Refused(path, f"{why}file's name; {how}", "call")
    folder = recorded.folder_of(vae)
    source = folder or next((one for one in places if not os.path.isdir(one)), None)
    if source is None or not sayable((source,)):
        return Refused(path, f"{shown(path)} is not there as it was recorded; vaereg scan", "call")
    scaling = family(name).scaling_factor
    if folder is None and BASES[name][0] in _BY_DEFAULT and scaling != DEFAULT_SCALING:
        how = f"vaereg convert {shown(vae.name)} --layout diffusers --family {name}"
        why = f"InvokeAI decodes single files at {DEFAULT_SCALING}, {name} needs {scaling:g}; {how}"
        return Refused(path, f"{why} makes a folder that it decodes right", "call")
    return source


def _key(order: Order, vae: Model, known: Mapping[str, Record]) -> str | None:
    """The key under which it is installed already."""
    for one in order.listing.of("vae"):
        if order.recorded.holds(one.path, vae) and one.path in known:
            return known[one.path].key
    return None


def _install(vae: Model, source: str, name: str | None, base: str | None = None) -> Snippet:
    bases = BASES[str(name)]
    query = urlencode({"source": source, "inplace": "true"})
    body = {
        "name": vae.name,
        "base": base if base in bases else bases[0],
        "type": "vae",
    }
    return f"install {shown(vae.name)}", f"POST {MODELS}/install?{query}\n{json.dumps(body)}"


def _set(choice: Choice, main: str | None, key: str | None) -> Snippet:
    """``default_settings`` is one value: what stands in it besides must be sent along."""
    there = main or "KEY_OF_THE_MAIN_MODEL"
    value = (key or "KEY_OF_THE_INSTALLED_VAE") if choice.vae else None
    body = json.dumps({"default_settings": {"vae": value}})
    title = f"for {shown(choice.listed.name)}, with its other default settings kept"
    return title, f"PATCH {MODELS}/i/{there}\n{body}"
