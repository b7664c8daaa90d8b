"""AUTOMATIC1111's web UI: how it lists VAEs, and its rules for choosing one.

Sources: AUTOMATIC1111/stable-diffusion-webui 1.10.1 (as kept by
lshqqytiger/stable-diffusion-webui-amdgpu): modules/sd_vae.py, modules/sd_models.py,
modules/shared_options.py, CHANGELOG.md.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..naming import shown
from ..values import Notice
from . import webui
from .base import Effective, Installation, Listed, Listing, ModelFolder
from .choosing import chosen
from .folders import Entry, entries, looks_like_a_model
from .settings import read_text

CHECKPOINTS = (".ckpt", ".safetensors")
VAES = (".ckpt", ".pt", ".safetensors")
"""modules/sd_vae.py ``refresh_vae_list``: one pattern after another, so all of one ending come
before the next; among the checkpoints only ``.vae`` and one of these."""


@dataclass(frozen=True, slots=True)
class A1111:
    """AUTOMATIC1111's web UI, and what keeps its rules."""

    name: str = "a1111"
    title: str = "AUTOMATIC1111"
    suffixes: tuple[str, ...] = CHECKPOINTS

    def recognises(self, root: str) -> bool:
        """By ``webui.py`` and ``modules/sd_vae.py``, without the marks of Forge and SD.Next."""
        return (
            webui.has(root, "webui.py", "modules/sd_vae.py")
            and not webui.has(root, "modules_forge")
            and not webui.has(root, "installer.py")
        )

    def version(self, root: str) -> str | None:
        """The newest release in CHANGELOG.md: its first line is ``## 1.10.1``."""
        text = read_text(os.path.join(root, "CHANGELOG.md"), [], 1 << 20) or ""
        found = re.match(r"\s*##\s+v?(\d+(?:\.\d+)+\S*)", text)
        return found.group(1) if found else None

    def read(self, root: str) -> Installation:
        """Its folders: added ones come first for checkpoints and last for VAEs."""
        opened = webui.opened(root)
        own = os.path.join(opened.models, webui.CHECKPOINT_FOLDER)
        vaes = os.path.join(opened.models, webui.VAE_FOLDER)
        folders = (
            *opened.folder("--ckpt-dir", "checkpoint")[-1:],
            ModelFolder("checkpoint", own, "models/Stable-diffusion"),
            ModelFolder("vae", vaes, "models/VAE"),
            *opened.folder("--vae-dir", "vae")[-1:],
            *(
                ModelFolder("tiny_vae", os.path.join(opened.models, folder), f"models/{folder}")
                for folder in ("VAE-approx", "VAE-taesd")
            ),
        )
        return opened.installation(self.name, self.version(opened.root), folders)

    def listing(self, installation: Installation) -> Listing:
        """Checkpoints and VAEs as the two lists of its page show them, hidden files at the end."""
        notices: list[Notice] = []
        folders = webui.folders_of(installation, "checkpoint")
        models = webui.checkpoints(installation, folders, self.suffixes, notices)
        vaes = _vaes(installation, notices)
        notices += webui.told_broken(vaes)
        tiny = _tiny(installation, notices)
        return Listing((*models, *vaes, *tiny), tuple(dict.fromkeys(notices)))

    def effective(
        self, installation: Installation, listing: Listing, checkpoint: Listed, has_baked: bool
    ) -> Effective:
        """By flag, setting, user metadata and names, see ``choosing``."""
        return chosen(installation, listing, checkpoint, has_baked)


FRONTEND = A1111()


def _vaes(installation: Installation, notices: list[Notice]) -> list[Listed]:
    """The dictionary that ``refresh_vae_list`` fills: the last file of a name wins its place."""
    listed: dict[str, str] = {}
    hidden: list[Listed] = []
    for folder, among_checkpoints in _searched(installation):
        inside = [one for one in entries(folder, notices) if _may_be_vae(one, among_checkpoints)]
        reasons = {one.path: _reason(one, folder, among_checkpoints) for one in inside}
        hidden += [
            Listed("vae", one.name, one.path, why)
            for one in inside
            if (why := reasons[one.path]) is not None
        ]
        for ending in VAES:
            for one in inside:
                if reasons[one.path] is not None or not _normal(one.name).endswith(ending):
                    continue
                if (before := listed.get(one.name)) not in (None, one.path):
                    hidden.append(_shadowed(one, str(before), notices))
                listed[one.name] = one.path
    visible = [Listed("vae", name, path) for name, path in listed.items()]
    return [*visible, *(one for one in hidden if one.path not in listed.values())]


def _searched(installation: Installation) -> Iterator[tuple[str, bool]]:
    """The folders in the order of the patterns; True where only ``.vae.`` files count."""
    added = [one.path for one in installation.folders if one.source == "--ckpt-dir"]
    extra = [one.path for one in installation.folders if one.source == "--vae-dir"]
    for folder in webui.folders_of(installation, "checkpoint"):
        if folder not in added:
            yield folder, True
    for folder in webui.folders_of(installation, "vae"):
        if folder not in extra:
            yield folder, False
    yield from ((folder, True) for folder in added)
    yield from ((folder, False) for folder in extra)


def _may_be_vae(entry: Entry, among_checkpoints: bool) -> bool:
    named = not among_checkpoints or ".vae." in entry.name.lower()
    return named and looks_like_a_model(entry.name)


def _reason(entry: Entry, folder: str, among_checkpoints: bool) -> str | None:
    """Why ``glob`` does not find a file; None where it does."""
    endings = tuple(f".vae{one}" for one in VAES) if among_checkpoints else VAES
    if glob.has_magic(folder):
        return "its folder's path holds brackets, a pattern to the search: nothing is found there"
    if entry.dotted:
        return "names that begin with a dot are left out"
    if _normal(entry.name).endswith(endings):
        return None
    if entry.name.lower().endswith(endings):
        return "its ending is not in small letters"
    return f"only {' '.join(VAES)} files are listed as VAEs"


def _normal(name: str) -> str:
    """As ``fnmatch`` compares names: in any case on Windows, to the letter elsewhere."""
    return os.path.normcase(name)


def _shadowed(entry: Entry, before: str, notices: list[Notice]) -> Listed:
    what = f"Two VAEs are called {shown(entry.name)}: only {shown(entry.path)} is used."
    notices.append(Notice("shadowed", what))
    return Listed("vae", entry.name, before, webui.shadowed(before, entry.path))


def _tiny(installation: Installation, notices: list[Notice]) -> Iterable[Listed]:
    for folder in webui.folders_of(installation, "tiny_vae"):
        for one in entries(folder, notices):
            if looks_like_a_model(one.name):
                yield Listed("tiny_vae", one.name, one.path)
