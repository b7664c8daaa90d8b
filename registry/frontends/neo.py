"""Forge Neo: Forge with folders that can be given again and again, and modules for each preset.

Sources: Haoming02/sd-webui-forge-classic, branch ``neo``: modules_forge/main_entry.py,
modules_forge/presets.py, modules/cmd_args.py, modules/launch_utils.py, modules/sd_models.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..naming import shown
from ..values import Notice
from . import webui
from .base import Effective, Installation, Listed, Listing, ModelFolder
from .folders import located
from .forge import MODULES, Forge, inert, own_folders, wanted_modules
from .forge_modules import taken_in
from .settings import assigned, read_text

KEY = "forge_additional_modules"
FLAGS = (
    ("checkpoint", "--ckpt-dirs"),
    ("vae", "--vae-dirs"),
    ("text_encoder", "--text-encoder-dirs"),
)
A1111_HOME = (
    ("checkpoint", "Stable-diffusion"),
    ("text_encoder", "text_encoder"),
    ("vae", "VAE"),
)
COMFY_HOME = (
    ("checkpoint", "checkpoints"),
    ("checkpoint", "diffusion_models"),
    ("checkpoint", "unet"),
    ("text_encoder", "clip"),
    ("text_encoder", "text_encoders"),
    ("vae", "vae"),
)
"""modules/launch_utils.py ``configure_a1111_reference`` and ``configure_comfy_reference``: each
folder directly below the home, else below its ``models``."""


@dataclass(frozen=True, slots=True)
class Neo(Forge):
    """Forge Neo."""

    name: str = "neo"
    title: str = "Forge Neo"
    suffixes: tuple[str, ...] = (*MODULES, "pth", "sft")

    def recognises(self, root: str) -> bool:
        """By its presets, or by what its version file calls itself."""
        if not webui.has(root, "webui.py", "modules_forge"):
            return False
        return webui.has(root, "modules_forge/presets.py") or _says(root, "version") == "neo"

    def read(self, root: str) -> Installation:
        """Its folders; ``--model-ref`` replaces ``models``, the others add to it."""
        opened = webui.opened(root, models_flag="--model-ref")
        added = [folder for role, name in FLAGS for folder in opened.folder(name, role)]
        for name, rows in (
            ("--forge-ref-a1111-home", A1111_HOME),
            ("--forge-ref-comfy-home", COMFY_HOME),
        ):
            for home in opened.flags.get(name, ())[-1:]:
                added += _below(located(home, opened.root), rows, name)
        for path in opened.flags.get("--forge-ref-comfy-yaml", ())[-1:]:
            added += _from_yaml(located(path, opened.root), opened.notices)
        checkpoints = [one for one in added if one.role == "checkpoint"]
        rest = [one for one in added if one.role != "checkpoint"]
        folders = (*checkpoints, *own_folders(opened.models), *rest)
        return opened.installation(self.name, _says(opened.root, "release"), folders)

    def listing(self, installation: Installation) -> Listing:
        """As Forge's, sorted; which of two equal names wins is left to chance there."""
        found = Forge.listing(self, installation)
        uncertain = [
            Notice("shadowed", f"{note.message} Neo goes through its folders in no fixed order.")
            if note.code == "shadowed"
            else note
            for note in found.notices
        ]
        models = sorted(found.models, key=lambda one: (one.role == "checkpoint", one.name))
        return Listing(tuple(models), tuple(uncertain))

    def effective(
        self, installation: Installation, listing: Listing, checkpoint: Listed, has_baked: bool
    ) -> Effective:
        """As Forge's, with the modules of the preset that the checkpoint is chosen in."""
        notices = list(inert(installation))
        key = _key_for(installation.options, checkpoint, notices)
        wanted = wanted_modules(installation.options, key)
        return taken_in(installation, listing, checkpoint, has_baked, wanted, key, notices)


FRONTEND = Neo()


def _says(root: str, name: str) -> str | None:
    return assigned(os.path.join(root, "modules_forge", "forge_version.py"), name)


def _key_for(options: Mapping[str, object], checkpoint: Listed, notices: list[Notice]) -> str:
    """``forge_additional_modules``, or that of another preset whose checkpoint this is."""
    names = (checkpoint.name, os.path.basename(checkpoint.path))
    current = str(options.get("sd_model_checkpoint", "")).partition(" [")[0]
    own = f"{KEY}_{options.get('forge_preset', 'sd')}"
    if own in options and sorted(wanted_modules(options, own)) != sorted(
        wanted_modules(options, KEY)
    ):
        what = f"{KEY} differs from {own}: choosing the preset again puts the latter in force."
        notices.append(Notice("preset-differs", what))
    if current in names:
        return KEY
    for key, value in options.items():
        preset = key.removeprefix("forge_checkpoint_")
        if preset != key and str(value).partition(" [")[0] in names:
            what = f"It is the checkpoint of the preset {shown(preset)}: its modules are used."
            notices.append(Notice("preset", what))
            return f"{KEY}_{preset}"
    return KEY


def _below(home: str, rows: Iterable[tuple[str, str]], source: str) -> Iterator[ModelFolder]:
    for role, name in rows:
        places = (os.path.join(home, name), os.path.join(home, "models", name))
        found = next((place for place in places if os.path.exists(place)), None)
        if found is not None:
            yield ModelFolder(role, found, source)


def _from_yaml(path: str, notices: list[Notice]) -> Iterator[ModelFolder]:
    """modules/launch_utils.py ``configure_comfy_yaml``: a text or a list for each key, only
    folders that are there; unlike ComfyUI it does not split a text at its lines."""
    import yaml  # type: ignore[import-untyped]

    try:
        sections = yaml.safe_load(read_text(path, notices, 1 << 20) or "{}")
    except (yaml.YAMLError, ValueError, RecursionError):
        notices.append(Notice("settings-damaged", f"{shown(path)} is no valid YAML."))
        return
    for section in sections.values() if isinstance(sections, dict) else ():
        if not isinstance(section, dict):
            continue
        base = str(section.get("base_path", ""))
        for role, name in COMFY_HOME:
            value = section.get(name)
            for one in value if isinstance(value, list) else [value]:
                folder = located(os.path.join(base, str(one)), os.path.dirname(path))
                if one is not None and os.path.isdir(folder):
                    yield ModelFolder(role, folder, "--forge-ref-comfy-yaml")
