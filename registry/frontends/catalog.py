"""Every frontend that vaereg knows, by name; a module is imported only when it is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from ..errors import UsageError
from ..naming import shown
from .base import Frontend


@dataclass(frozen=True, slots=True)
class Row:
    """Where a frontend's module is, and what tells its folder from others."""

    module: str
    """A module of this package with one object ``FRONTEND``."""
    hints: tuple[str, ...]
    """Names directly in its folder; a folder with none of them is no installation of it."""
    markers: str
    """What its folder is recognised by, for messages."""


FRONTENDS: Mapping[str, Row] = {
    "neo": Row("neo", ("modules_forge",), "webui.py and modules_forge/ of Forge Neo"),
    "reforge": Row("reforge", ("modules_forge",), "webui.py, modules_forge/ and ldm_patched/"),
    "forge": Row("forge", ("modules_forge",), "webui.py and modules_forge/"),
    "sdnext": Row("sdnext", ("installer.py",), "webui.py and installer.py"),
    "a1111": Row("a1111", ("webui.py",), "webui.py and modules/sd_vae.py"),
    "comfyui": Row("comfyui", ("folder_paths.py",), "folder_paths.py and nodes.py"),
    "comfy-desktop": Row(
        "comfy_desktop", ("extra_models_config.yaml",), "extra_models_config.yaml"
    ),
    "fooocus": Row("fooocus", ("fooocus_version.py",), "fooocus_version.py"),
    "swarmui": Row("swarmui", ("Data", "SwarmUI.sln"), "Data/Settings.fds"),
    "invokeai": Row("invokeai", ("invokeai.yaml", "databases"), "invokeai.yaml or its database"),
    "stabilitymatrix": Row(
        "stabilitymatrix",
        ("library.json", "Data", ".sm-portable", "Packages"),
        "library.json, .sm-portable or Packages/ beside Models/",
    ),
}
"""In the order in which a folder is tried: Forge and its kin keep A1111's files, so come first."""


def frontend(name: str) -> Frontend:
    """The frontend of that name; raises ``UsageError`` with the names there are."""
    row = FRONTENDS.get(name.strip().casefold())
    if row is None:
        what = f"there is no frontend called {shown(name)}"
        raise UsageError(what, f"Known are: {', '.join(FRONTENDS)}.")
    module = import_module(f".{row.module}", __package__)
    return cast("Frontend", module.FRONTEND)
