"""vaereg's node pack for ComfyUI: the best VAE of a checkpoint, a guard, and a filtered list."""

from __future__ import annotations

import logging

from .nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
from .routes import register

WEB_DIRECTORY = "./js"

try:
    register()
except Exception as failure:
    # The nodes work without the route: only the list of VAEs stays unfiltered.
    logging.getLogger("vaereg").warning("vaereg: the VAE list is not filtered: %s", failure)

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS", "WEB_DIRECTORY"]
