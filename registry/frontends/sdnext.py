"""SD.Next: how it lists checkpoints and VAEs, and its rules for choosing one.

Sources: vladmandic/sdnext: modules/sd_vae.py, modules/sd_checkpoint.py, modules/modelloader.py,
modules/files_cache.py, modules/paths.py, modules/cmd_args.py, CHANGELOG.md.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..naming import shown
from ..values import Notice
from . import webui
from .base import Effective, Installation, Listed, Listing, ModelFolder, flag
from .folders import Entry, entries, located, looks_like_a_model
from .launch import read_launch
from .sdnext_choosing import chosen, is_vae_folder
from .settings import read_object, read_text

SUFFIX = ".safetensors"
FOLDERS = (
    ("checkpoint", "ckpt_dir", "Stable-diffusion"),
    ("vae", "vae_dir", "VAE"),
    ("text_encoder", "te_dir", "Text-encoder"),
    ("diffusion_model", "unet_dir", "UNET"),
)
"""Role, the setting that names the folder, and where it is below ``models`` by default."""
VARIABLES = (
    ("SD_VAE", "--vae"),
    ("SD_DATADIR", "--data-dir"),
    ("SD_MODELSDIR", "--models-dir"),
    ("SD_CONFIG", "--config"),
    ("SD_MODEL", "--ckpt"),
)
"""modules/cmd_args.py: the variable holds where the flag is not given."""


@dataclass(frozen=True, slots=True)
class SDNext:
    """vladmandic's SD.Next."""

    name: str = "sdnext"
    title: str = "SD.Next"

    def recognises(self, root: str) -> bool:
        """By ``webui.py`` beside ``installer.py``."""
        return webui.has(root, "webui.py", "installer.py")

    def read(self, root: str) -> Installation:
        """Its folders as its settings name them; relative ones begin at its data folder."""
        root = os.path.abspath(root)
        launch = read_launch(root)
        notices = list(launch.notices)
        flags = dict(launch.flags)
        for variable, name in VARIABLES:
            if name not in flags and variable in launch.variables:
                flags[name] = (launch.variables[variable],)
        bare = Installation("", root, None, (), flags=flags)
        data = located(flag(bare, "--data-dir") or root, root)
        options = read_object(located(flag(bare, "--config") or "config.json", data), notices)
        models = located(flag(bare, "--models-dir") or _text(options, "models_dir", "models"), data)
        opened = webui.Opened(root, models, options, flags, notices)
        notices += _environment(flags)
        return opened.installation(self.name, _version(root), _folders(opened, data))

    def listing(self, installation: Installation) -> Listing:
        """Checkpoints without their ending, diffusers folders, VAE files and folders."""
        notices: list[Notice] = []
        models = webui.checkpoints(
            installation, _single(installation), (SUFFIX,), notices, _stemmed
        )
        models.sort(key=lambda one: one.path)
        vaes = _vaes(installation, notices)
        notices += webui.told_broken(vaes)
        pipelines = list(_pipelines(installation, notices))
        return Listing((*models, *pipelines, *vaes), tuple(dict.fromkeys(notices)))

    def effective(
        self, installation: Installation, listing: Listing, checkpoint: Listed, has_baked: bool
    ) -> Effective:
        """By flag, setting, a VAE beside the checkpoint and names, see ``sdnext_choosing``."""
        return chosen(installation, listing, checkpoint, has_baked)


FRONTEND = SDNext()


def _text(options: Mapping[str, object], key: str, default: str) -> str:
    value = options.get(key)
    return value if isinstance(value, str) and value.strip() else default


def _version(root: str) -> str | None:
    """The newest date of CHANGELOG.md, whose entries begin ``## Update for 2025-09-10``."""
    text = read_text(os.path.join(root, "CHANGELOG.md"), [], 4 << 20) or ""
    found = re.search(r"^##\s+Update for (\d{4}-\d\d-\d\d)", text[:4000], re.MULTILINE)
    return found.group(1) if found else None


def _folders(opened: webui.Opened, data: str) -> Iterator[ModelFolder]:
    for role, key, name in FOLDERS:
        default = os.path.join(opened.models, name)
        path = located(_text(opened.options, key, default), data)
        yield ModelFolder(role, path, key if key in opened.options else f"models/{name}")
    own = os.path.join(opened.models, webui.CHECKPOINT_FOLDER)
    yield ModelFolder("checkpoint", own, "models/Stable-diffusion")
    pipelines = _text(opened.options, "diffusers_dir", os.path.join(opened.models, "Diffusers"))
    yield ModelFolder("checkpoint", located(pipelines, data), "diffusers_dir")


def _environment(flags: Mapping[str, tuple[str, ...]]) -> Iterator[Notice]:
    if "SD_VAE" in os.environ and "--vae" not in flags:
        what = "SD_VAE is set in this environment: where SD.Next is started in it, it rules."
        yield Notice("environment", what)


def _single(installation: Installation) -> list[str]:
    """The folders of single-file checkpoints."""
    rows = (one for one in installation.folders if one.role == "checkpoint")
    return list(dict.fromkeys(one.path for one in rows if one.source != "diffusers_dir"))


def _stemmed(name: str) -> str:
    return os.path.splitext(name)[0]


def _pipelines(installation: Installation, notices: list[Notice]) -> Iterator[Listed]:
    """Diffusers models: Hugging Face's cache folders and plain folders with an index."""
    for folder in (one.path for one in installation.folders if one.source == "diffusers_dir"):
        try:
            names = sorted(os.listdir(folder))
        except (OSError, ValueError):
            continue
        for name in names[:10_000]:
            path = _snapshot(os.path.join(folder, name))
            if path is not None:
                told = name.removeprefix("models--").replace("--", "/")
                yield Listed("checkpoint", f"{os.path.basename(folder)}/{told}", path)


def _snapshot(folder: str) -> str | None:
    """A folder with ``model_index.json``: itself or the newest below ``snapshots``."""
    if os.path.isfile(os.path.join(folder, "model_index.json")):
        return folder
    inside = glob.escape(os.path.join(folder, "snapshots"))
    found = [os.path.dirname(one) for one in glob.glob(f"{inside}/*/model_index.json")]
    return max(found, key=os.path.getmtime, default=None)


def _vaes(installation: Installation, notices: list[Notice]) -> list[Listed]:
    """``refresh_vae_list``: ``.vae`` files among checkpoints, then files, then folders."""
    listed: dict[str, str] = {}
    hidden: list[Listed] = []
    searched = {
        place: list(entries(place[0], notices)) for place in dict.fromkeys(_searched(installation))
    }
    for (folder, ending), inside in searched.items():
        for entry in inside:
            if not looks_like_a_model(entry.name) or not _may_be_vae(entry.name, ending):
                continue
            if (why := _reason(entry, folder, ending)) is None:
                _put(listed, hidden, entry.name, entry.path, notices)
            else:
                hidden.append(Listed("vae", entry.name, entry.path, why))
    for (folder, ending), inside in searched.items():
        if ending == SUFFIX or os.path.basename(folder) == webui.VAE_FOLDER:
            for name, path in dict.fromkeys(_described(inside, folder)):
                _put(listed, hidden, name, path, notices)
                if not is_vae_folder(path):
                    notices.append(_bogus(name, path))
    visible = [Listed("vae", name, path) for name, path in listed.items()]
    return [*visible, *(one for one in hidden if one.path not in listed.values())]


def _searched(installation: Installation) -> Iterator[tuple[str, str]]:
    """Folders and the ending that counts there, in the order of the patterns."""
    own = [one.path for one in installation.folders if one.source == "models/Stable-diffusion"]
    yield from ((os.path.join(path, webui.VAE_FOLDER), ".vae" + SUFFIX) for path in own[-1:])
    checkpoints = [one for one in installation.folders if one.role == "checkpoint"]
    yield checkpoints[0].path, ".vae" + SUFFIX
    yield from ((path, SUFFIX) for path in webui.folders_of(installation, "vae"))


def _may_be_vae(name: str, ending: str) -> bool:
    return ending == SUFFIX or ".vae." in name.lower()


def _reason(entry: Entry, folder: str, ending: str) -> str | None:
    if glob.has_magic(folder):
        return "its folder's path holds brackets, a pattern to the search: nothing is found there"
    if entry.dotted:
        return "names that begin with a dot are left out"
    if os.path.normcase(entry.name).endswith(ending):
        return None
    if entry.name.lower().endswith(ending):
        return "its ending is not in small letters"
    return f"only {SUFFIX} files are listed as VAEs"


def _described(inside: Iterable[Entry], folder: str) -> Iterator[tuple[str, str]]:
    """Every folder in which any ``.json`` lies is a VAE to SD.Next, but one called ``VAE``."""
    if glob.has_magic(folder):
        return
    for entry in inside:
        if entry.name.endswith(".json") and not entry.dotted:
            path = os.path.abspath(os.path.dirname(entry.path))
            if os.path.basename(path) != "VAE":
                yield os.path.basename(path), path


def _put(
    listed: dict[str, str], hidden: list[Listed], name: str, path: str, notices: list[Notice]
) -> None:
    before = listed.get(name)
    if before is not None and before != path:
        hidden.append(Listed("vae", name, before, webui.shadowed(before, path)))
        what = f"Two VAEs are called {shown(name)}: only {shown(path)} is used."
        notices.append(Notice("shadowed", what))
    listed[name] = path


def _bogus(name: str, path: str) -> Notice:
    what = (
        f"{shown(name)} is listed as a VAE although it is none: a .json file lies in "
        f"{shown(path)}. Choosing it fails and leaves the checkpoint's own."
    )
    return Notice("bogus-entry", what)
