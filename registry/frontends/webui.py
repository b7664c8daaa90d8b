"""What the family of AUTOMATIC1111's web UI shares: its folders, its lists, its user metadata."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..naming import shown
from ..values import Notice
from .base import Installation, Listed, ModelFolder, flag
from .folders import Entry, entries, is_broken_link, located, looks_like_a_model
from .launch import read_launch
from .settings import begins_with_mark, read_object

CHECKPOINT_FOLDER, VAE_FOLDER, TEXT_ENCODER_FOLDER = "Stable-diffusion", "VAE", "text_encoder"
NOT_CHECKPOINTS = (".vae.ckpt", ".vae.safetensors", ".vae.pt")
"""Left to the list of VAEs: ``ext_blacklist`` of AUTOMATIC1111/stable-diffusion-webui,
modules/sd_models.py, and an ending that no checkpoint has there."""
MOST_SUSPECT = 1 << 30
"""Bytes; a larger file among the checkpoints is one, whatever its name."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An installation's start scripts and settings, before its folders are named."""

    root: str
    models: str
    """Absolute path of its ``models`` folder."""
    options: Mapping[str, object]
    flags: Mapping[str, tuple[str, ...]]
    notices: list[Notice] = field(default_factory=list)

    def folder(self, flag_name: str, role: str) -> tuple[ModelFolder, ...]:
        """The folders that a flag adds, one for each time it is given."""
        return tuple(
            ModelFolder(role, located(value, self.root), flag_name)
            for value in self.flags.get(flag_name, ())
        )

    def installation(
        self, frontend: str, version: str | None, folders: Iterable[ModelFolder]
    ) -> Installation:
        """All of it; a version that is not known and folders that are not there become notices."""
        kept = tuple(dict.fromkeys(folders))
        if version is None:
            self.notices.append(Notice("version-unknown", "The version is not known."))
        for one in kept:
            if one.source.startswith("--") and not os.path.isdir(one.path):
                what = f"{one.source} names {shown(one.path)}, which is no folder: it is ignored."
                self.notices.append(Notice("no-folder", what))
        notices = tuple(dict.fromkeys(self.notices))
        return Installation(frontend, self.root, version, kept, self.options, self.flags, notices)


def opened(root: str, models_flag: str = "--models-dir") -> Opened:
    """Reads start scripts and ``config.json``; nothing that is missing or damaged stops it.

    ``--data-dir`` moves the models and the settings, ``models_flag`` the models alone,
    ``--ui-settings-file`` the settings (AUTOMATIC1111/stable-diffusion-webui,
    modules/paths_internal.py and modules/cmd_args.py).
    """
    root = os.path.abspath(root)
    launch = read_launch(root)
    notices = list(launch.notices)
    bare = Installation("", root, None, (), flags=launch.flags)
    data = located(flag(bare, "--data-dir") or root, root)
    models = flag(bare, models_flag)
    settings = located(flag(bare, "--ui-settings-file") or os.path.join(data, "config.json"), root)
    options = _readable(settings, notices, "it starts with its default settings")
    return Opened(
        root,
        located(models, root) if models else os.path.join(data, "models"),
        options,
        launch.flags,
        notices,
    )


def has(root: str, *names: str) -> bool:
    """Whether all of these lie below a folder, given with slashes."""
    return all(os.path.exists(os.path.join(root, *name.split("/"))) for name in names)


def stem(path: str) -> str:
    """A file's name without its last ending, as ``os.path.splitext`` parts it."""
    return os.path.splitext(os.path.basename(path))[0]


def natural(text: str) -> list[tuple[bool, int, str]]:
    """Sort key with numbers as numbers: modules/util.py ``natural_sort_key`` of A1111."""
    return [
        (not part.isdecimal(), int(part[:18]) if part.isdecimal() else 0, part.lower())
        for part in re.split("([0-9]+)", text)
    ]


def checkpoints(
    installation: Installation,
    folders: Iterable[str],
    suffixes: Sequence[str],
    notices: list[Notice],
    naming: Callable[[str], str] | None = None,
) -> list[Listed]:
    """The checkpoints as ``list_models`` finds them: ``--ckpt``, then each folder in natural order.

    Folder links are followed; endings count in any case, except the excluded ones. Named by the
    path below their folder (modules/sd_models.py ``CheckpointInfo`` of A1111).
    """
    found: dict[str, Listed] = {}
    forced = flag(installation, "--ckpt")
    if forced is not None and os.path.isfile(path := located(forced, installation.root)):
        name = os.path.basename(path)
        found[path] = Listed("checkpoint", naming(name) if naming else name, path)
    for folder in folders:
        inside = sorted(
            entries(folder, notices),
            key=lambda entry: (natural(os.path.dirname(entry.path)), natural(entry.name)),
        )
        for entry in inside:
            if entry.path in found or entry.name.endswith(NOT_CHECKPOINTS):
                continue
            if looks_like_a_model(entry.name):
                found[entry.path] = _checkpoint(entry, folder, suffixes, naming)
    notices += _vaes_among(found.values())
    return list(found.values())


def folders_of(installation: Installation, *roles: str) -> list[str]:
    """The paths of the folders of some roles, each once, in their order."""
    return list(dict.fromkeys(one.path for one in installation.folders if one.role in roles))


def shadowed(path: str, by: str) -> str:
    """Why a file is hidden whose name is taken by a later one."""
    return f"hidden by {by}, which has the same name and is listed later"


def user_metadata(checkpoint: str, notices: list[Notice]) -> Mapping[str, object]:
    """The ``<stem>.json`` beside a checkpoint: modules/extra_networks.py of A1111."""
    path = os.path.splitext(checkpoint)[0] + ".json"
    return _readable(path, notices, "it goes by none")


def _readable(path: str, notices: list[Notice], instead: str) -> Mapping[str, object]:
    """A JSON object as the web UI's own ``json.load`` has it: none behind a byte order mark.

    AUTOMATIC1111/stable-diffusion-webui modules/options.py and modules/extra_networks.py.
    """
    options = read_object(path, notices)
    if not options or not begins_with_mark(path):
        return options
    what = f"{shown(path)} begins with a byte order mark, which the web UI cannot read: {instead}."
    notices.append(Notice("settings-mark", what))
    return {}


def by_name(models: Iterable[Listed]) -> dict[str, str]:
    """The visible models' paths by the name that the frontend shows."""
    return {one.name: one.path for one in models if one.hidden is None}


def told_broken(models: Iterable[Listed]) -> list[Notice]:
    """A notice for each visible model that is a link to nowhere."""
    return [
        Notice("broken-link", f"{shown(one.name)} is listed, but it is a link that leads nowhere.")
        for one in models
        if one.hidden is None and is_broken_link(one.path)
    ]


def _checkpoint(
    entry: Entry, folder: str, suffixes: Sequence[str], naming: Callable[[str], str] | None
) -> Listed:
    name = os.path.relpath(entry.path, folder)
    hidden = None
    if os.path.splitext(entry.name)[1].lower() not in suffixes:
        hidden = f"only {' '.join(suffixes)} files are listed as checkpoints"
    elif is_broken_link(entry.path):
        hidden = "a link that leads nowhere"
    return Listed("checkpoint", naming(name) if naming else name, entry.path, hidden)


def _vaes_among(listed: Iterable[Listed]) -> list[Notice]:
    """A VAE without ``.vae.`` in its name is offered as a checkpoint; told by its header."""
    return [
        Notice("vae-as-checkpoint", f"{shown(one.name)} is a VAE, but is listed as a checkpoint.")
        for one in listed
        if one.hidden is None and "vae" in one.name.lower() and _is_vae(one.path)
    ]


def _is_vae(path: str) -> bool:
    from ..errors import VaeregError
    from ..formats.catalog import open_local, read_header
    from ..identify.identify import identify

    try:
        if os.stat(path).st_size >= MOST_SUSPECT:
            return False
        with open_local(path) as source:
            return identify(read_header(source)).kind == "vae"
    except (OSError, VaeregError):
        return False
