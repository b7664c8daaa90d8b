"""ComfyUI's extra_model_paths.yaml, read by the rules that ComfyUI itself reads it by."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..naming import shown
from ..values import Notice
from .plain_yaml import MOST_BYTES, BadYaml, parse
from .settings import read_text

LEGACY = {"unet": "diffusion_models", "clip": "text_encoders"}
"""yzkee/ComfyUI folder_paths.py, ``map_legacy``."""

DEFAULTS = {
    "checkpoints": ("checkpoints",),
    "diffusion_models": ("unet", "diffusion_models"),
    "vae": ("vae",),
    "vae_approx": ("vae_approx",),
    "text_encoders": ("text_encoders", "clip"),
}
"""The folders below ``models`` by key, in ComfyUI's order: yzkee/ComfyUI folder_paths.py."""

OTHER_KEYS = frozenset(
    (
        "audio_encoders",
        "classifiers",
        "clip_vision",
        "configs",
        "controlnet",
        "custom_nodes",
        "diffusers",
        "embeddings",
        "gligen",
        "hypernetworks",
        "latent_upscale_models",
        "loras",
        "model_patches",
        "photomaker",
        "style_models",
        "upscale_models",
    )
)
"""Keys of ComfyUI that hold nothing for this registry: yzkee/ComfyUI folder_paths.py."""

_VARIABLE = re.compile(r"\$\{?(\w+)|%(\w+)%")
_SECRET = re.compile(r"TOKEN|KEY|SECRET|PASS|CREDENTIAL|AUTH", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True)
class Registration:
    """One folder that the file adds to ComfyUI's own."""

    key: str
    """ComfyUI's name of the folder type, aliases resolved: ``vae``, ``diffusion_models`` ..."""
    path: str
    """Absolute and normalised; it need not exist."""
    at_front: bool
    """``is_default``: before the folders that are there already, which turns lines round."""
    section: str


def read_yaml(path: str, notices: list[Notice]) -> tuple[Registration, ...]:
    """The folders that a file adds, in its order; empty where there is none or it is damaged."""
    text = read_text(path, notices, MOST_BYTES)
    if text is None:
        return ()
    sections = _parsed(text, path, notices)
    return tuple(
        added for name, section in sections for added in _section(name, section, path, notices)
    )


def placed(
    folders: Mapping[str, Iterable[str]], added: Iterable[Registration]
) -> dict[str, tuple[str, ...]]:
    """The folders by key after ComfyUI registered what the files add.

    yzkee/ComfyUI folder_paths.py, ``add_model_folder_path``: at the end, or at the front with
    ``is_default``; a path that is there already only moves.
    """
    found = {key: list(paths) for key, paths in folders.items()}
    for one in added:
        paths = found.setdefault(one.key, [])
        if one.path in paths:
            if not one.at_front:
                continue
            paths.remove(one.path)
        paths.insert(0 if one.at_front else len(paths), one.path)
    return {key: tuple(paths) for key, paths in found.items()}


def _parsed(text: str, path: str, notices: list[Notice]) -> list[tuple[str, object]]:
    """The file's sections; a file at which ComfyUI itself would stop is told."""
    try:
        value = parse(text)
    except BadYaml as fault:
        hint = ' (in double quotes a backslash must be doubled: write "/")' if "\\" in text else ""
        notices.append(_stops(path, f"{fault}{hint}"))
        return []
    if not isinstance(value, dict):
        notices.append(_stops(path, "holds no section: comment out the whole file or remove it"))
        return []
    return [(str(name), section) for name, section in value.items()]


def _section(
    name: str, section: object, path: str, notices: list[Notice]
) -> Iterator[Registration]:
    """As ``load_extra_path_config``: ``base_path`` and ``is_default`` apply wherever they stand."""
    if section is None:
        return
    if not isinstance(section, dict):
        notices.append(_stops(path, f"has no keys below {shown(name)}"))
        return
    base = section.get("base_path", "")
    if not isinstance(base, str):
        notices.append(_stops(path, f"has a base_path in {shown(name)} that is no text"))
        return
    start = _base(base, path, notices)
    for key, value in section.items():
        if key in ("base_path", "is_default"):
            continue
        if not isinstance(value, str):
            what = f"has {_kind(value)} at {shown(str(key))} where ComfyUI splits a text at its"
            notices.append(_stops(path, f"{what} line ends: write the folders below {key}: |"))
            continue
        notices += _unknown(str(key), path)
        folder = LEGACY.get(str(key), str(key))
        for line in value.split("\n"):
            full = os.path.normpath(os.path.join(start, line))
            if line and _is_path(full):
                notices += _doubts(folder, line, full, path)
                yield Registration(folder, full, bool(section.get("is_default")), name)


def _is_path(text: str) -> bool:
    """Whether this system can have a file of that name at all."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _base(base: str, path: str, notices: list[Notice]) -> str:
    """Where relative folders start; variables that may be secrets are not filled in."""
    folder = os.path.dirname(os.path.abspath(path))
    names = [one or other for one, other in _VARIABLE.findall(base)]
    if any(_SECRET.search(name) for name in names):
        notices.append(_notice("yaml-variable", path, f"names {shown(base)}; it was not filled in"))
        return os.path.join(folder, base)
    # A missing or empty base_path leaves lines relative to the file's own folder.
    return os.path.join(folder, os.path.expandvars(os.path.expanduser(base)))


def _doubts(key: str, line: str, full: str, path: str) -> Iterator[Notice]:
    """Why a folder that the file names is not there; ComfyUI says nothing about it."""
    if key not in DEFAULTS or os.path.isdir(full):
        return
    why = "which is not there"
    if line != line.strip():
        why = "with blanks at its end or beginning, which count"
    elif os.name != "nt" and _DRIVE.match(line):
        why = "which is a path of Windows"
    elif line.startswith(("~", "$", "%")):
        why = "where ~ and variables are not filled in: only in base_path they are"
    elif " " in line and all(os.path.isdir(one) for one in _pieces(line, full)):
        why = "several folders that folding (>) joined to one line: write | instead"
    yield _notice("folder-missing", path, f"names {shown(full)} for {key}, {why}")


def _pieces(line: str, full: str) -> list[str]:
    start = full[: len(full) - len(os.path.normpath(line))]
    return [os.path.join(start, piece) for piece in line.split()]


def _unknown(key: str, path: str) -> Iterator[Notice]:
    """A key that differs from one of ComfyUI's only in spelling: no loader looks there."""
    known = (*DEFAULTS, *LEGACY)
    if key in known or key in OTHER_KEYS:
        return
    near = difflib.get_close_matches(key.casefold(), (*known, *OTHER_KEYS), 1, 0.8)
    if near and near[0] in known:
        what = f"has a key {shown(key)} that no loader of ComfyUI reads: it is spelt {near[0]}"
        yield _notice("yaml-unknown-key", path, what)


def _kind(value: object) -> str:
    kinds = {list: "a list", dict: "a section", bool: "a truth value", type(None): "nothing"}
    return kinds.get(type(value), "a number")


def _stops(path: str, what: str) -> Notice:
    return _notice("yaml-stops-comfyui", path, f"{what}; ComfyUI stops at it when it starts")


def _notice(code: str, path: str, what: str) -> Notice:
    return Notice(code, f"{shown(path)} {what}.")
