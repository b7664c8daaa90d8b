"""SwarmUI: its folders by Data/Settings.fds, and its automatic choice of a VAE."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace

from ..naming import shown
from ..values import Notice
from .base import (
    AUTOMATIC,
    BAKED,
    FILE,
    NONE,
    Effective,
    Installation,
    Listed,
    Listing,
    ModelFolder,
    visible,
)
from .fds import BadFds, Section, at, parse
from .folders import Entry, entries, is_broken_link, located, looks_like_a_model
from .settings import read_text
from .swarm_classes import VaeClass, class_of_checkpoint, class_of_vae

SETTINGS = os.path.join("Data", "Settings.fds")
USERS = os.path.join("Data", "Users.ldb")

EXTENSIONS = (
    ".safetensors",
    ".sft",
    ".gguf",
    ".engine",
    ".ckpt",
    ".pt",
    ".pth",
    ".bin",
)
"""The last four as “legacy”: mcmonkeyprojects/SwarmUI src/Text2Image/T2IModelHandler.cs."""

_FOLDERS = (
    ("checkpoint", "SDModelFolder", "Stable-Diffusion"),
    ("diffusion_model", None, "diffusion_models;unet"),
    ("vae", "SDVAEFolder", "VAE"),
    ("text_encoder", "SDClipFolder", "text_encoders;clip"),
)
"""Role, key below ``Paths``, its default: mcmonkeyprojects/SwarmUI src/Core/Settings.cs and
src/Core/Program.cs (``BuildModelLists``)."""


class SwarmUI:
    """Fulfils ``Frontend``."""

    name = "swarmui"
    title = "SwarmUI"

    def __init__(self) -> None:
        self._classes: tuple[Listing, dict[str, list[Listed]]] | None = None

    def recognises(self, root: str) -> bool:
        """The settings that its first start writes."""
        return os.path.isfile(os.path.join(root, SETTINGS))

    def read(self, root: str) -> Installation:
        """Data/Settings.fds; the settings of single users lie in a database that is not read."""
        root = os.path.abspath(root)
        notices: list[Notice] = []
        options = _settings(os.path.join(root, SETTINGS), notices)
        version = _version(root)
        if version is None:
            notices.append(Notice("version-unknown", "SwarmUI's version is not known."))
        if os.path.isfile(os.path.join(root, USERS)):
            what = f"What a user set for himself is in {USERS}, which is not read; it comes first."
            notices.append(Notice("user-settings", what))
        folders = tuple(_folders(root, options))
        return Installation(self.name, root, version, folders, options, {}, tuple(notices))

    def listing(self, installation: Installation) -> Listing:
        """The lists as its menus offer them: names with slashes, the first root's file counts."""
        notices: list[Notice] = []
        models: list[Listed] = []
        # Checkpoints and bare denoisers are one list to SwarmUI.
        for roles in (("checkpoint", "diffusion_model"), ("vae",), ("text_encoder",)):
            folders = [one for one in installation.folders if one.role in roles]
            models += _set(folders, notices)
        return Listing(tuple(models), tuple(notices))

    def effective(
        self, installation: Installation, listing: Listing, checkpoint: Listed, has_baked: bool
    ) -> Effective:
        """The VAE of “Automatic”: the user's default, a known file, the first of the class."""
        default_set = any(_default(installation, one) for one in VaeClass.overriding())
        if has_baked and not default_set:
            return Effective(BAKED, None, "No default VAE is set: the checkpoint's own VAE.")
        notices: list[Notice] = []
        kind = class_of_checkpoint(checkpoint.path, notices)
        found = self._chosen(installation, listing, kind, has_baked)
        return replace(found, notices=(*notices, *found.notices))

    def _chosen(
        self,
        installation: Installation,
        listing: Listing,
        kind: VaeClass | None,
        has_baked: bool,
    ) -> Effective:
        """mcmonkeyprojects/SwarmUI src/BuiltinExtensions/ComfyUIBackend: ``DoVaeLoader``, and the
        step on ``AutomaticVAE``, by which a default replaces the VAE in a checkpoint."""
        default = _default(installation, kind) if kind else None
        if kind is not None and default and (kind.overrides or not has_baked):
            return _default_vae(listing, kind, default)
        if has_baked:
            how = "The default VAEs that are set are for other classes: the checkpoint's own VAE."
            return Effective(BAKED, None, how)
        if kind is None:
            how = "SwarmUI's class of this checkpoint is not known here: it picks a VAE itself."
            return Effective(AUTOMATIC, None, how)
        known = visible(listing.of("vae"), kind.known) if kind.known else None
        if known is not None:
            how = f"No default VAE is set: {shown(known.name)}, which SwarmUI knows by that name."
            return Effective(FILE, known.path, how)
        return self._first(listing, kind)

    def _first(self, listing: Listing, kind: VaeClass) -> Effective:
        """The VAEs that SwarmUI takes for the class; the order of several is not settled."""
        if self._classes is None or self._classes[0] is not listing:
            self._classes = (listing, _by_class(listing))
        found = self._classes[1].get(kind.id, [])
        if len(found) == 1:
            how = f"The only VAE whose metadata declares {kind.id}: {shown(found[0].name)}."
            return Effective(FILE, found[0].path, how)
        if found:
            names = ", ".join(shown(one.name) for one in found[:5])
            how = (
                f"{len(found)} VAEs declare {kind.id} in their metadata; any of them may be taken."
            )
            told = Notice("several-vaes", f"{how} They are: {names}. Set {kind.setting} to choose.")
            return Effective(AUTOMATIC, None, how, (told,))
        if kind.known is None:
            how = f"No VAE declares {kind.id} in its metadata and {kind.setting} is not set."
            return Effective(NONE, None, how)
        how = f"No VAE declares {kind.id} in its metadata: SwarmUI downloads {kind.known}."
        return Effective(AUTOMATIC, None, how)


def _default(installation: Installation, kind: VaeClass) -> str | None:
    value = at(installation.options, "DefaultUser", "VAEs", kind.setting) if kind.setting else None
    return value if isinstance(value, str) and value.strip().lower() not in ("", "none") else None


def _default_vae(listing: Listing, kind: VaeClass, name: str) -> Effective:
    """By its name, with or without the ending, as SwarmUI matches names."""
    vaes = listing.of("vae")
    wanted = name.replace("\\", "/").casefold()
    found = visible(vaes, name) or next(
        (one for one in vaes if wanted in (one.name.casefold(), _stem(one.name).casefold())), None
    )
    where = f"DefaultUser: VAEs: {kind.setting} in {SETTINGS}"
    if found is not None:
        return Effective(FILE, found.path, f"{where} is {shown(name)}.")
    how = f"{where} is {shown(name)}, which SwarmUI does not list: the workflow fails."
    return Effective(NONE, None, how, (Notice("unknown-vae", how),))


def _by_class(listing: Listing) -> dict[str, list[Listed]]:
    found: dict[str, list[Listed]] = {}
    for one in listing.of("vae"):
        kind = class_of_vae(one.path)
        if kind is not None:
            found.setdefault(kind.id, []).append(one)
    return found


def _settings(path: str, notices: list[Notice]) -> Section:
    text = read_text(path, notices)
    try:
        return parse(text or "")
    except BadFds as fault:
        what = f"{shown(path)} {fault}; SwarmUI's defaults were taken."
        notices.append(Notice("settings-damaged", what))
        return {}


def _version(root: str) -> str | None:
    text = read_text(os.path.join(root, "src", "SwarmUI.csproj"), [], 256 * 1024)
    found = re.search(r"<Version>([0-9.]{1,40})</Version>", text or "")
    return found.group(1) if found else None


def _folders(root: str, options: Section) -> Iterator[ModelFolder]:
    """Every folder below every root, in that order; both settings are lists with semicolons."""
    for role, key, default in _FOLDERS:
        value = at(options, "Paths", key) if key else default
        names = _parts(value if isinstance(value, str) else default)
        roots = at(options, "Paths", "ModelRoot")
        for start in _parts(roots if isinstance(roots, str) else "Models"):
            for name in names:
                path = located(name, located(start, root))
                source = f"{os.path.join(start, name)} ({SETTINGS})" if key else name
                yield ModelFolder(role, path, source)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip() and "\0" not in part]


def _set(folders: list[ModelFolder], notices: list[Notice]) -> Iterator[Listed]:
    """One of SwarmUI's lists."""
    used: dict[str, str] = {}
    for folder in folders:
        found = [one for one in entries(folder.path, notices) if _is_model(one)]
        for entry in sorted(found, key=lambda one: one.path):
            name = os.path.relpath(entry.path, folder.path).replace(os.sep, "/")
            hidden = _hidden(entry, used.get(name))
            if hidden is None:
                used[name] = entry.path
            elif name in used:
                what = (
                    f"{shown(name)} is read from {shown(used[name])}; {shown(entry.path)} is not."
                )
                notices.append(Notice("shadowed", what))
            yield Listed(folder.role, name, entry.path, hidden)


def _is_model(entry: Entry) -> bool:
    return entry.name.endswith(EXTENSIONS) or looks_like_a_model(entry.name)


def _hidden(entry: Entry, used: str | None) -> str | None:
    if not entry.name.endswith(EXTENSIONS):
        return "SwarmUI knows the file's ending in lower case only"
    if entry.dotted:
        return "SwarmUI skips names that begin with a dot"
    if is_broken_link(entry.path):
        return "its link leads nowhere"
    return None if used is None else f"a file of the same name comes first: {shown(used)}"


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


FRONTEND = SwarmUI()
