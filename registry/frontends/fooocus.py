"""Fooocus: one VAE for every checkpoint, set in config.txt or by the preset it starts with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from ..naming import shown
from ..values import Notice
from .base import BAKED, FILE, NONE, Effective, Installation, Listed, Listing, ModelFolder, flag
from .folders import Entry, entries, is_broken_link, located, looks_like_a_model
from .launch import read_launch
from .settings import assigned, read_object

EXTENSIONS = (".pth", ".ckpt", ".bin", ".safetensors")
"""lllyasviel/Fooocus modules/config.py, ``get_model_filenames``. Its ``.fooocus.patch`` never
matches: ``os.path.splitext`` gives ``.patch``."""
OWN_VAE = "Default (model)"
"""lllyasviel/Fooocus modules/flags.py, ``default_vae``."""

_FOLDERS = (
    ("checkpoint", "path_checkpoints", "checkpoints"),
    ("vae", "path_vae", "vae"),
    ("tiny_vae", "path_vae_approx", "vae_approx"),
)
"""Role, key of config.txt, folder below ``models``: lllyasviel/Fooocus modules/config.py."""


class Fooocus:
    """Fulfils ``Frontend``."""

    name = "fooocus"
    title = "Fooocus"

    def recognises(self, root: str) -> bool:
        """``fooocus_version.py`` beside ``modules``."""
        return os.path.isfile(os.path.join(root, "fooocus_version.py"))

    def read(self, root: str) -> Installation:
        """The default preset, config.txt over it, and the start preset over both."""
        root = os.path.abspath(root)
        notices: list[Notice] = []
        launch = read_launch(*_start(root))
        notices += launch.notices
        options = dict(read_object(os.path.join(root, "presets", "default.json"), notices))
        options |= read_object(os.path.join(root, "config.txt"), notices)
        preset = (launch.flags.get("--preset") or ("",))[-1]
        if preset:
            options |= _preset(root, preset, notices)
        version = assigned(os.path.join(root, "fooocus_version.py"), "version")
        if version is None:
            notices.append(Notice("version-unknown", "Fooocus' version is not known."))
        # lllyasviel/Fooocus modules/default_pipeline.py, assert_model_integrity
        what = "Fooocus stops at every checkpoint that is not of the SDXL kind."
        notices.append(Notice("sdxl-only", what))
        folders = tuple(_folders(root, options, notices))
        return Installation(
            self.name, root, version, folders, options, launch.flags, tuple(notices)
        )

    def listing(self, installation: Installation) -> Listing:
        """The lists of its menus: sub-folders first, links to folders not followed."""
        notices: list[Notice] = []
        models = tuple(one for role, _, _ in _FOLDERS for one in _role(role, installation, notices))
        return Listing(models, tuple(notices))

    def effective(
        self, installation: Installation, listing: Listing, checkpoint: Listed, has_baked: bool
    ) -> Effective:
        """``default_vae``, which the VAE menu of the interface can change for a session."""
        wanted, where = _default_vae(installation)
        if wanted == OWN_VAE:
            if has_baked:
                return Effective(BAKED, None, f"{where} is “{OWN_VAE}”: the checkpoint's own VAE.")
            how = f"{where} is “{OWN_VAE}”, but the checkpoint holds no VAE: decoding fails."
            return Effective(NONE, None, how)
        # modules/util.py, get_file_from_folder_list: the first folder that has the file.
        for folder in installation.folders:
            path = os.path.join(folder.path, wanted)
            if folder.role == "vae" and "\0" not in path and os.path.isfile(path):
                how = f"{where} is {shown(wanted)}, for every checkpoint."
                return Effective(FILE, os.path.abspath(path), how)
        how = f"{where} is {shown(wanted)}, which is not there: Fooocus stops (FileNotFoundError)."
        hint = f"For the checkpoint's own VAE it must be “{OWN_VAE}”."
        return Effective(NONE, None, f"{how} {hint}", (Notice("unknown-vae", how),))


def _default_vae(installation: Installation) -> tuple[str, str]:
    """The setting's value and where it stands; empty counts as the file name ``None``."""
    preset = flag(installation, "--preset")
    where = f"default_vae (config.txt or preset {shown(preset)})" if preset else "default_vae"
    value = installation.options.get("default_vae", OWN_VAE)
    if value is None or value == "":
        return "None", where
    return (value, where) if isinstance(value, str) else (OWN_VAE, where)


def _start(root: str) -> tuple[str, tuple[str, ...]]:
    """Where the start script lies and its name: beside the folder in the package for Windows.

    Of the package's scripts only the plain one counts, the others start with other presets.
    """
    above = os.path.dirname(root)
    packaged = os.path.isdir(os.path.join(above, "python_embeded"))
    return (above, ("run.bat",)) if packaged else (root, ("run.sh", "run.bat"))


def _preset(root: str, name: str, notices: list[Notice]) -> Mapping[str, object]:
    path = os.path.join(root, "presets", f"{name}.json")
    if os.path.dirname(os.path.abspath(path)) != os.path.join(root, "presets"):
        return {}
    return read_object(path, notices)


def _folders(
    root: str, options: Mapping[str, object], notices: list[Notice]
) -> Iterator[ModelFolder]:
    """As ``get_dir_or_set_default``: one folder that is not there makes it take its default."""
    for role, key, name in _FOLDERS:
        own = os.path.join(root, "models", name)
        value = options.get(key)
        given = [value] if isinstance(value, str) else value if isinstance(value, list) else None
        texts = [one for one in given or () if isinstance(one, str) and "\0" not in one]
        paths = [located(one, root) for one in texts]
        if given and len(texts) == len(given) and all(os.path.isdir(path) for path in paths):
            for path in dict.fromkeys(paths):
                yield ModelFolder(role, path, f"config.txt ({key})")
            continue
        if value is not None:
            what = f"{key} names a folder that is not there: Fooocus takes models/{name} instead."
            notices.append(Notice("folder-missing", what))
        yield ModelFolder(role, own, f"models/{name}")


def _role(role: str, installation: Installation, notices: list[Notice]) -> Iterator[Listed]:
    """modules/extra_utils.py, ``get_files_from_folder``; a name leads to the first folder's."""
    used: dict[str, str] = {}
    for folder in installation.folders:
        if folder.role != role:
            continue
        found = [one for one in entries(folder.path, notices) if looks_like_a_model(one.name)]
        for entry in sorted(found, key=_order):
            name = os.path.relpath(entry.path, folder.path)
            hidden = _hidden(entry, used.get(name))
            if hidden is None:
                used[name] = entry.path
            yield Listed(role, name, entry.path, hidden)


def _order(entry: Entry) -> tuple[int, str, str]:
    folder, name = os.path.split(entry.path)
    return (-folder.count(os.sep), folder, name.casefold())


def _hidden(entry: Entry, used: str | None) -> str | None:
    if os.path.splitext(entry.name)[1].lower() not in EXTENSIONS:
        return f"Fooocus lists no {os.path.splitext(entry.name)[1]} files"
    if entry.linked:
        return "it lies behind a link to a folder, which Fooocus does not follow"
    if is_broken_link(entry.path):
        return "its link leads nowhere"
    return None if used is None else f"its name leads to {shown(used)}, which comes first"


FRONTEND = Fooocus()
