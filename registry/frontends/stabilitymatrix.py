"""Stability Matrix: a library of models that it hands to the frontends it installs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from ..naming import shown
from ..values import Notice
from .base import ASKED, Effective, Installation, Listed, Listing, ModelFolder
from .folders import entries, is_broken_link, located, looks_like_a_model
from .settings import read_object

LIBRARY = "library.json"
PORTABLE = ".sm-portable"
SETTINGS = "settings.json"
SIDECAR = ".cm-info.json"
"""Beside each model that it downloaded, in place of the model's ending."""

_FOLDERS = (
    ("checkpoint", "StableDiffusion"),
    ("diffusion_model", "DiffusionModels"),
    ("vae", "VAE"),
    ("tiny_vae", "ApproxVAE"),
    ("text_encoder", "TextEncoders"),
)
"""Role and folder: LykosAI/StabilityMatrix StabilityMatrix.Core/Models/SharedFolderType.cs."""


class StabilityMatrix:
    """Fulfils ``Frontend``."""

    name = "stabilitymatrix"
    title = "Stability Matrix"

    def recognises(self, root: str) -> bool:
        """The library, the application's folder beside it, or where it notes its library."""
        return library(root) is not None

    def read(self, root: str) -> Installation:
        """The library's settings; its root is the library, wherever it was named from."""
        root = library(os.path.abspath(root)) or os.path.abspath(root)
        notices: list[Notice] = []
        options = read_object(os.path.join(root, SETTINGS), notices)
        other = options.get("ModelDirectoryOverride")
        models = os.path.join(root, "Models")
        source = "Models"
        if isinstance(other, str) and other.strip() and "\0" not in other:
            models, source = located(other, root), "ModelDirectoryOverride"
        version = "Stability Matrix's version is not known; nothing here hangs on it."
        notices.append(Notice("version-unknown", version))
        for path in packages(options, root):
            if not os.path.isdir(path):
                notices.append(Notice("package-gone", f"{shown(path)} is listed and not there."))
        folders = tuple(
            ModelFolder(role, os.path.join(models, name), f"{source}/{name}")
            for role, name in _FOLDERS
        )
        return Installation(self.name, root, None, folders, options, {}, tuple(notices))

    def listing(self, installation: Installation) -> Listing:
        """The library by folder; the same files show up in every package it is handed to."""
        notices: list[Notice] = []
        models = tuple(one for folder in installation.folders for one in _folder(folder, notices))
        return Listing(models, tuple(notices))

    def effective(
        self, installation: Installation, listing: Listing, checkpoint: Listed, has_baked: bool
    ) -> Effective:
        """It makes no pictures: each package follows its own rules."""
        names = sorted(os.path.basename(one) for one in packages(installation.options, ""))
        which = f" ({', '.join(shown(one) for one in names)})" if names else ""
        how = f"Stability Matrix hands its models to its packages{which}; each decides by itself."
        return Effective(ASKED, None, how)


def library(root: str) -> str | None:
    """The library that a folder is, holds or names; None where it does not.

    LykosAI/StabilityMatrix StabilityMatrix.Core/Services/SettingsManager.cs, ``TryFindLibrary``:
    ``Data/.sm-portable`` beside the application, else ``LibraryPath`` in library.json.
    """
    for folder in (root, os.path.join(root, "Data")):
        if os.path.isfile(os.path.join(folder, PORTABLE)):
            return folder
    named = read_object(os.path.join(root, LIBRARY), []).get("LibraryPath")
    if isinstance(named, str) and named.strip() and "\0" not in named:
        return located(named, root)
    parts = (os.path.join(root, "Models"), os.path.join(root, "Packages"))
    is_one = os.path.isfile(os.path.join(root, SETTINGS)) and all(map(os.path.isdir, parts))
    return root if is_one else None


def packages(options: Mapping[str, object], root: str) -> tuple[str, ...]:
    """The folders of the frontends that it installed, of a library's settings.

    ``InstalledPackages`` with ``LibraryPath`` relative to the library:
    LykosAI/StabilityMatrix StabilityMatrix.Core/Models/InstalledPackage.cs.
    """
    listed = options.get("InstalledPackages")
    found = []
    for one in listed if isinstance(listed, list) else ():
        values = [one.get("LibraryPath"), one.get("Path")] if isinstance(one, dict) else []
        path = next((text for text in values if isinstance(text, str) and text), None)
        if path is not None and "\0" not in path:
            found.append(located(path, root))
    return tuple(dict.fromkeys(found))


def sidecar(path: str) -> Mapping[str, object]:
    """What it noted of a model: ``BaseModel``, ``Hashes``, ``ModelId`` ...; empty for none.

    A claim of the page it was downloaded from, never evidence.
    """
    return read_object(os.path.splitext(path)[0] + SIDECAR, [])


def _folder(folder: ModelFolder, notices: list[Notice]) -> Iterator[Listed]:
    found = [one for one in entries(folder.path, notices) if looks_like_a_model(one.name)]
    for entry in sorted(found, key=lambda one: one.path):
        name = os.path.relpath(entry.path, folder.path)
        hidden = "its link leads nowhere" if is_broken_link(entry.path) else None
        yield Listed(folder.role, name, entry.path, hidden)


FRONTEND = StabilityMatrix()
