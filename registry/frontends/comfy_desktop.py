"""Comfy Desktop: ComfyUI in an application that keeps its settings in the user's data folder."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..naming import shown
from ..values import Notice
from .base import Installation
from .comfy_yaml import Registration, read_yaml
from .comfyui import ComfyUI, model_folders
from .folders import located
from .settings import read_object

YAML = "extra_models_config.yaml"
SETTINGS = "config.json"
"""``basePath`` is the folder that the user chose: Comfy-Org/desktop
src/store/desktopSettings.ts."""


class ComfyDesktop(ComfyUI):
    """Fulfils ``Frontend``; its lists and choices are ComfyUI's."""

    name = "comfy-desktop"
    title = "Comfy Desktop"

    def recognises(self, root: str) -> bool:
        """The yaml file that it writes for the ComfyUI inside it."""
        return os.path.isfile(os.path.join(root, YAML))

    def read(self, root: str) -> Installation:
        """The yaml file, which names the folder that the user chose, and the settings."""
        root = os.path.abspath(root)
        notices = [Notice("version-unknown", "The version of ComfyUI in it is not known.")]
        path = os.path.join(root, YAML)
        added = read_yaml(path, notices)
        options = read_object(os.path.join(root, SETTINGS), notices)
        chosen = options.get("basePath")
        usable = isinstance(chosen, str) and chosen and "\0" not in chosen
        base = located(str(chosen), root) if usable else _above(added)
        if base is None:
            what = f"{shown(path)} and {SETTINGS} name no folder for models."
            notices.append(Notice("base-unknown", what))
            return Installation(self.name, root, None, (), options, {}, tuple(notices))
        # Comfy-Org/desktop src/config/comfyServerConfig.ts and src/main-process/comfyServer.ts:
        # it starts ComfyUI with these.
        flags = {
            "--base-directory": (base,),
            "--user-directory": (os.path.join(base, "user"),),
            "--extra-model-paths-config": (path,),
        }
        folders = model_folders(os.path.join(base, "models"), added)
        return Installation(self.name, root, None, folders, options, flags, tuple(notices))


def _above(added: Sequence[Registration]) -> str | None:
    """The chosen folder as the yaml file implies it: its sections hold ``models/checkpoints``."""
    below = os.path.join(os.sep + "models", "checkpoints")
    own = [one for one in added if one.key == "checkpoints" and one.section.startswith("comfyui")]
    return next((one.path.removesuffix(below) for one in own if one.path.endswith(below)), None)


FRONTEND = ComfyDesktop()
