"""Every frontend that vaereg feeds, by name; a module is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from ..errors import UsageError
from ..naming import shown
from .base import Feeder

FEEDERS: Mapping[str, str] = {
    "comfyui": "comfyui",
    "comfy-desktop": "comfyui",
    "a1111": "a1111",
    "reforge": "a1111",
    "forge": "forge",
    "neo": "forge",
    "sdnext": "sdnext",
    "swarmui": "swarmui",
    "fooocus": "fooocus",
    "invokeai": "invokeai",
    "stabilitymatrix": "folder",
    "sdcpp": "sdcpp",
    "sd-scripts": "sd_scripts",
    "kohya": "sd_scripts",
    "diffusers": "diffusers",
}
"""Name -> module of this package with one object ``FEEDER``."""
EXPORTS = tuple(name for name in FEEDERS if name != "stabilitymatrix")


def key_of(name: str) -> str:
    """The frontend's name as it stands here; raises ``UsageError`` with the names there are."""
    key = name.strip().casefold()
    if key not in FEEDERS:
        what = f"there is no frontend called {shown(name)}"
        raise UsageError(what, f"known are {', '.join(FEEDERS)}")
    return key


def feeder(name: str) -> Feeder:
    """What feeds the frontend of that name; raises ``UsageError`` with the names there are."""
    module = import_module(f".{FEEDERS[key_of(name)]}", __package__)
    return cast("Feeder", module.FEEDER)
