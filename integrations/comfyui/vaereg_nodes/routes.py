"""What the page asks the server: which of ComfyUI's VAEs fit the checkpoint of a workflow."""

from __future__ import annotations

import asyncio
from typing import Any

from .nodes import CHECKPOINT_INPUTS, REGISTRY, path_of, vae_files

PATH = "/vaereg/compatible"


def answer(name: object, folder: object) -> dict[str, Any]:
    """The VAEs for a checkpoint, by name; ``available`` is false where the registry is silent."""
    path = path_of(str(folder), name) if folder in CHECKPOINT_INPUTS.values() else None
    found = REGISTRY.sorted_for(path, vae_files()) if path else None
    if found is None:
        return {"available": False, "fits": [], "open": [], "unfit": []}
    return {
        "available": True,
        "fits": list(found.fits),
        "open": list(found.open),
        "unfit": list(found.unfit),
    }


def register() -> None:
    """Add the route to ComfyUI's server (Comfy-Org/ComfyUI server.py: PromptServer.routes)."""
    from aiohttp import web
    from server import PromptServer

    @PromptServer.instance.routes.get(PATH)
    async def compatible(request: Any) -> Any:  # noqa: ANN401 - aiohttp's own objects
        query = request.rel_url.query
        name, folder = query.get("name"), query.get("folder", "checkpoints")
        # The command takes a moment, and the server has one thread for everything.
        loop = asyncio.get_running_loop()
        return web.json_response(await loop.run_in_executor(None, answer, name, folder))
