"""Forge: VAEs and text encoders are additional modules, and ``sd_vae`` is inert.

Sources: lllyasviel/stable-diffusion-webui-forge: modules_forge/main_entry.py, modules/sd_vae.py,
modules/shared_options.py, modules/launch_utils.py. How modules are taken in: ``forge_modules``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..naming import shown
from ..values import Notice
from . import webui
from .base import Effective, Installation, Listed, Listing, ModelFolder, flag
from .folders import Entry, entries, located, looks_like_a_model
from .forge_modules import taken_in
from .reforge import has_modules
from .settings import assigned

CHECKPOINTS = (".ckpt", ".safetensors", ".gguf")
MODULES = ("ckpt", "pt", "bin", "safetensors", "gguf")
"""modules_forge/main_entry.py ``refresh_models``: the name's end, without a dot, to the letter."""
HOME = (("--ckpt-dir", "models/Stable-diffusion"), ("--vae-dir", "models/VAE"))
"""modules/launch_utils.py ``configure_forge_reference_checkout``: flags that
``--forge-ref-a1111-home`` stands for, each only where the folder is there and it is not given."""


@dataclass(frozen=True, slots=True)
class Forge:
    """lllyasviel's Forge since its second edition."""

    name: str = "forge"
    title: str = "Forge"
    suffixes: tuple[str, ...] = MODULES

    def recognises(self, root: str) -> bool:
        """By ``webui.py`` and ``modules_forge``, unless its main entry knows no modules."""
        if not webui.has(root, "webui.py", "modules_forge"):
            return False
        return has_modules(root) or not webui.has(root, "ldm_patched")

    def read(self, root: str) -> Installation:
        """Its folders: VAEs and text encoders are one list, the added ones later."""
        opened = webui.opened(root)
        home = flag(Installation("", root, None, (), flags=opened.flags), "--forge-ref-a1111-home")
        folders = (
            *self._added(opened, home, "--ckpt-dir", "checkpoint"),
            *own_folders(opened.models),
            *self._added(opened, home, "--vae-dir", "vae"),
            *opened.folder("--text-encoder-dir", "text_encoder")[-1:],
        )
        version = assigned(os.path.join(root, "modules_forge", "forge_version.py"), "version")
        return opened.installation(self.name, version, folders)

    def listing(self, installation: Installation) -> Listing:
        """The two lists of its page: checkpoints, and modules under their base names."""
        notices: list[Notice] = []
        folders = webui.folders_of(installation, "checkpoint")
        models = webui.checkpoints(installation, folders, CHECKPOINTS, notices)
        modules = module_list(installation, self.suffixes, notices)
        notices += webui.told_broken(modules)
        return Listing((*models, *modules), tuple(dict.fromkeys(notices)))

    def effective(
        self, installation: Installation, listing: Listing, checkpoint: Listed, has_baked: bool
    ) -> Effective:
        """The last VAE among ``forge_additional_modules`` that its loader takes, else the baked."""
        notices = [*inert(installation), *_asked_by_card(checkpoint, listing)]
        key = "forge_additional_modules"
        wanted = wanted_modules(installation.options, key)
        return taken_in(installation, listing, checkpoint, has_baked, wanted, key, notices)

    def _added(
        self, opened: webui.Opened, home: str | None, name: str, role: str
    ) -> Iterator[ModelFolder]:
        given = opened.folder(name, role)
        if given or home is None:
            yield from given[-1:]
            return
        path = os.path.join(located(home, opened.root), dict(HOME)[name])
        if os.path.exists(path):
            yield ModelFolder(role, path, "--forge-ref-a1111-home")


FRONTEND = Forge()


def own_folders(models: str) -> tuple[ModelFolder, ...]:
    """The folders below ``models``; in the list of modules text encoders come after VAEs."""
    rows = (
        ("checkpoint", webui.CHECKPOINT_FOLDER),
        ("vae", webui.VAE_FOLDER),
        ("text_encoder", webui.TEXT_ENCODER_FOLDER),
        ("tiny_vae", "VAE-approx"),
        ("tiny_vae", "VAE-taesd"),
    )
    return tuple(
        ModelFolder(role, os.path.join(models, name), f"models/{name}") for role, name in rows
    )


def module_list(
    installation: Installation, suffixes: tuple[str, ...], notices: list[Notice]
) -> list[Listed]:
    """``module_list``: base name to path over all folders, the later file wins."""
    listed: dict[str, Listed] = {}
    hidden: list[Listed] = []
    for folder in installation.folders:
        if folder.role not in ("vae", "text_encoder"):
            continue
        for entry in entries(folder.path, notices):
            if not looks_like_a_model(entry.name):
                continue
            one = Listed(folder.role, entry.name, entry.path, _reason(entry, suffixes))
            if one.hidden is not None:
                hidden.append(one)
                continue
            before = listed.get(entry.name)
            if before is not None and before.path != one.path:
                hidden.append(_shadowed(before, one, notices))
            listed[entry.name] = one
    return [*listed.values(), *hidden]


def wanted_modules(options: Mapping[str, object], key: str) -> list[str]:
    """A setting's list of paths or base names; what is no list of texts counts as empty."""
    value = options.get(key)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def inert(installation: Installation) -> Iterator[Notice]:
    """Settings and flags of A1111 that Forge reads and does nothing with."""
    setting = str(installation.options.get("sd_vae", "Automatic"))
    if setting not in ("Automatic", "None"):
        what = f"sd_vae is {shown(setting)}, but Forge does nothing with it: choose modules."
        yield Notice("dead-setting", what)
    for name in ("--vae-path", "--no-half-vae"):
        if name in installation.flags:
            yield Notice("dead-flag", f"{name} is given, but nothing in Forge reads it.")


def _asked_by_card(checkpoint: Listed, listing: Listing) -> Iterable[Notice]:
    """User metadata ``vae_te``, else ``vae``: applied only when its card is clicked."""
    notices: list[Notice] = []
    metadata = webui.user_metadata(checkpoint.path, notices)
    wanted = metadata.get("vae_te", metadata.get("vae"))
    names = [wanted] if isinstance(wanted, str) else wanted if isinstance(wanted, list) else []
    texts = [shown(str(one)) for one in names if one not in ("", "Automatic")]
    if texts:
        what = f"Its user metadata asks for {', '.join(texts)}: Forge obeys only when the "
        notices.append(Notice("metadata-by-card", f"{what}checkpoint is chosen by its card."))
    return notices


def _reason(entry: Entry, suffixes: tuple[str, ...]) -> str | None:
    if entry.linked:
        return "it lies behind a link to a folder, which is not followed"
    if entry.name.endswith(suffixes):
        return None
    if entry.name.lower().endswith(suffixes):
        return "its ending is not in small letters"
    return f"its ending is none of {' '.join(suffixes)}"


def _shadowed(before: Listed, after: Listed, notices: list[Notice]) -> Listed:
    what = f"Two modules are called {shown(after.name)}: only {shown(after.path)} is used."
    notices.append(Notice("shadowed", what))
    return Listed(before.role, before.name, before.path, webui.shadowed(before.path, after.path))
