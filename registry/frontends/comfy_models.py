"""ComfyUI's lists of models: recursion, names, shadowed files, tiny autoencoders by prefix."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ..naming import shown
from ..values import Notice
from .base import Listed, Listing, ModelFolder
from .folders import Entry, entries, is_broken_link, looks_like_a_model

EXTENSIONS = (".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft")
"""yzkee/ComfyUI folder_paths.py, ``supported_pt_extensions``; compared in lower case."""
SKIPPED = ".git"
"""yzkee/ComfyUI folder_paths.py, ``get_filename_list_``."""

TINY_PAIRS = ("taesd", "taesdxl", "taesd3", "taef1", "taef2")
"""Offered where ``vae_approx`` has ``<name>_encoder.*`` and ``<name>_decoder.*``:
yzkee/ComfyUI nodes.py, ``VAELoader.vae_list``."""
TINY_VIDEO = ("taehv", "lighttaew2_1", "lighttaew2_2", "lighttaehy1_5", "taeltx_2", "taeh3")
"""Beginnings of names in ``vae_approx`` that VAELoader offers as they are: the same place."""

KEYS = {
    "checkpoint": "checkpoints",
    "diffusion_model": "diffusion_models",
    "vae": "vae",
    "tiny_vae": "vae_approx",
    "text_encoder": "text_encoders",
}
"""ComfyUI's name of the folder type by role."""


def list_models(folders: Sequence[ModelFolder]) -> Listing:
    """The models of every role, sorted by name as ComfyUI's menus are."""
    notices: list[Notice] = []
    models: list[Listed] = []
    for role in KEYS:
        mine = dict.fromkeys(one.path for one in folders if one.role == role)
        found = list(_role(role, tuple(mine), notices))
        if role == "tiny_vae":
            models += _tiny(found, notices)
        models += found
    return Listing(tuple(models), tuple(dict.fromkeys(notices)))


def _role(role: str, folders: Sequence[str], notices: list[Notice]) -> Iterator[Listed]:
    """yzkee/ComfyUI folder_paths.py: one list over all folders, the first folder's file is used."""
    by_name: dict[str, list[Entry]] = {}
    for folder in folders:
        for entry in entries(folder, notices):
            name = entry.path[len(folder) :].lstrip(os.sep)
            if SKIPPED in name.split(os.sep)[:-1]:
                continue
            if looks_like_a_model(entry.name) or _suffix(entry.name) in EXTENSIONS:
                by_name.setdefault(name, []).append(entry)
    for name in sorted(by_name):
        used: str | None = None
        for entry in by_name[name]:
            hidden = _hidden(entry, used)
            yield Listed(role, name, entry.path, hidden)
            if hidden is None:
                used = entry.path
            elif used is not None:
                notices.append(_shadowed(role, name, used, entry.path))


def _hidden(entry: Entry, used: str | None) -> str | None:
    if _suffix(entry.name) not in EXTENSIONS:
        return f"ComfyUI itself lists no {_suffix(entry.name)} files"
    if is_broken_link(entry.path):
        return "its link leads nowhere"
    return None if used is None else f"a file of the same name comes first: {shown(used)}"


def _shadowed(role: str, name: str, used: str, path: str) -> Notice:
    what = f"{KEYS[role]}/{shown(name)} is read from {shown(used)}; {shown(path)} is never read."
    return Notice("shadowed", what)


def _tiny(found: Sequence[Listed], notices: list[Notice]) -> Iterator[Listed]:
    """What VAELoader's list takes from ``vae_approx``."""
    shown_ones = [one for one in found if one.hidden is None]
    for one in shown_ones:
        if one.name.startswith(TINY_VIDEO):
            yield Listed("vae", one.name, one.path)
    for name in TINY_PAIRS:
        halves = {
            half: [one for one in shown_ones if one.name.startswith(f"{name}_{half}.")]
            for half in ("encoder", "decoder")
        }
        if all(halves.values()):
            yield Listed("vae", name, halves["decoder"][0].path)
        for half, other in (("encoder", "decoder"), ("decoder", "encoder")):
            if halves[half] and not halves[other]:
                what = f"has no {name}_{other} beside it, so VAELoader does not offer {name}"
                notices.append(Notice("tiny-half", f"{shown(halves[half][0].path)} {what}."))


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()
