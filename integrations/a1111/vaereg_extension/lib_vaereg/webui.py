"""How AUTOMATIC1111, reForge and Forge name, list and load VAEs; nothing of theirs is changed here.

AUTOMATIC1111/stable-diffusion-webui modules/sd_vae.py, modules/sd_models.py;
lllyasviel/stable-diffusion-webui-forge modules_forge/main_entry.py.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import Any


def module(name: str) -> ModuleType | None:
    """A module of the webui; None where this one does not have it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def forge() -> ModuleType | None:
    """Forge's own list of VAEs and text encoders; None in the others.

    In Forge ``modules.sd_vae`` is a dead copy. reForge has a ``modules_forge`` too, without a list.
    """
    entry = module("modules_forge.main_entry")
    return entry if isinstance(getattr(entry, "module_list", None), dict) else None


def option(name: str, otherwise: Any) -> Any:  # noqa: ANN401 - whatever the setting holds
    """A setting, or what holds where it was never set."""
    from modules import shared

    return getattr(shared.opts, name, otherwise)


def vae_files() -> dict[str, str]:
    """Every VAE that the webui lists, name to path; in Forge the text encoders too."""
    entry = forge()
    listed = entry.module_list if entry else getattr(module("modules.sd_vae"), "vae_dict", {})
    return {name: path for name, path in listed.items() if isinstance(path, str)}


def chosen_names() -> set[str]:
    """What the user has chosen in the list: it stays there whatever is known of it."""
    if forge():
        return {os.path.basename(path) for path in option("forge_additional_modules", [])}
    return {option("sd_vae", "Automatic")}


def selected_checkpoint() -> str | None:
    """The path of the checkpoint chosen in the settings; asking does not load it."""
    from modules import sd_models

    info = sd_models.get_closet_checkpoint_match(option("sd_model_checkpoint", None))
    return getattr(info, "filename", None)


def loaded_pairs(p: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - the webui's own object
    """Checkpoint and VAE of a picture about to be made, by path; a baked VAE by its checkpoint's.

    Forge names VAEs and text encoders alike: each stands there beside the checkpoint.
    """
    if forge():
        from modules import sd_models

        loading = sd_models.model_data.forge_loading_parameters
        checkpoint = getattr(loading.get("checkpoint_info"), "filename", None)
        files = loading.get("additional_modules") or []
    else:
        checkpoint = p.sd_model.sd_checkpoint_info.filename
        files = [getattr(module("modules.sd_vae"), "loaded_vae_file", None) or checkpoint]
    return [(checkpoint, file) for file in files] if checkpoint else []


def is_automatic() -> bool:
    """Whether the user leaves the VAE to the webui."""
    return option("sd_vae", "Automatic") in ("Automatic", "auto")
