"""reForge, and Forge before its second edition: A1111's rules on a loader of their own.

Source: Panchovix/stable-diffusion-webui-reForge, modules/sd_vae.py, modules_forge/forge_version.py.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from . import webui
from .a1111 import A1111
from .settings import assigned, read_text


@dataclass(frozen=True, slots=True)
class ReForge(A1111):
    """reForge: the list and ``sd_vae`` are A1111's."""

    name: str = "reforge"
    title: str = "reForge"

    def recognises(self, root: str) -> bool:
        """By ``modules_forge`` and ``ldm_patched``, without Forge's additional modules."""
        return webui.has(root, "webui.py", "modules_forge", "ldm_patched") and not has_modules(root)

    def version(self, root: str) -> str | None:
        """As ``modules_forge/forge_version.py`` says: ``2.0.0dev-v1.10.1RC``."""
        return assigned(os.path.join(root, "modules_forge", "forge_version.py"), "version")


FRONTEND = ReForge()


def has_modules(root: str) -> bool:
    """Whether its main entry knows ``forge_additional_modules``: then Forge's rules hold."""
    entry = os.path.join(root, "modules_forge", "main_entry.py")
    return "forge_additional_modules" in (read_text(entry, [], 1 << 18) or "")
