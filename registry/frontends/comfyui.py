"""ComfyUI: its folders, its lists, and the VAE of a checkpoint or of a saved workflow."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ..naming import shown
from ..values import Notice
from .base import ASKED, BAKED, Effective, Installation, Listed, Listing, ModelFolder
from .comfy_models import KEYS, list_models
from .comfy_workflows import InWorkflow, matched, read_pairings, workflow_files
from .comfy_yaml import DEFAULTS, Registration, placed, read_yaml
from .folders import located
from .launch import Launch, read_launch
from .settings import assigned, read_object

MARKERS = ("folder_paths.py", "nodes.py")
YAML = "extra_model_paths.yaml"
SCRIPT_FOLDER = "python_embeded"
"""Beside ComfyUI's folder in the portable package for Windows, spelt so; its start scripts too."""

_BASE, _MODELS, _USER = "--base-directory", "--models-directory", "--user-directory"
_CONFIG = "--extra-model-paths-config"
_PATHS = (_BASE, _MODELS, _USER, _CONFIG)
"""yzkee/ComfyUI comfy/cli_args.py."""
_MOST_TOLD = 5


class ComfyUI:
    """Fulfils ``Frontend``."""

    name = "comfyui"
    title = "ComfyUI"

    def __init__(self) -> None:
        self._last: tuple[Listing, dict[str, list[InWorkflow]]] | None = None

    def recognises(self, root: str) -> bool:
        """``folder_paths.py`` beside ``nodes.py``."""
        return all(os.path.isfile(os.path.join(root, name)) for name in MARKERS)

    def read(self, root: str) -> Installation:
        """Flags, the yaml files and the interface's settings."""
        root = os.path.abspath(root)
        flags, notices = _launch(root)
        models = _models_folder(root, flags)
        added = list(read_yaml(os.path.join(root, YAML), notices))
        for config in flags.get(_CONFIG, ()):
            if not os.path.isfile(config):
                what = f"{_CONFIG} names {shown(config)}, which is not there: ComfyUI stops."
                notices.append(Notice("yaml-stops-comfyui", what))
            added += read_yaml(config, notices)
        version = assigned(os.path.join(root, "comfyui_version.py"), "__version__")
        if version is None:
            notices.append(Notice("version-unknown", "ComfyUI's version is not known."))
        user = os.path.join(_user_folder(root, flags), "default", "comfy.settings.json")
        options = read_object(user, notices)
        folders = model_folders(models, added)
        return Installation(self.name, root, version, folders, options, flags, tuple(notices))

    def listing(self, installation: Installation) -> Listing:
        """The lists as CheckpointLoaderSimple, UNETLoader, VAELoader and CLIPLoader offer them."""
        return list_models(installation.folders)

    def effective(
        self, installation: Installation, listing: Listing, checkpoint: Listed, has_baked: bool
    ) -> Effective:
        """The checkpoint's own VAE; workflows that take another are told as notices."""
        if self._last is None or self._last[0] is not listing:
            # Read once for a whole library: each checkpoint's question has the same answer ready.
            self._last = (listing, _by_checkpoint(effective_in_workflows(installation, listing)))
        notices = tuple(_told(checkpoint, self._last[1].get(checkpoint.path, ())))
        if checkpoint.role == "diffusion_model":
            how = "UNETLoader reads no VAE: the workflow must load one with VAELoader."
            return Effective(ASKED, None, how, notices)
        if has_baked:
            how = "CheckpointLoaderSimple hands out the VAE that lies in the checkpoint."
            return Effective(BAKED, None, how, notices)
        how = (
            "The checkpoint holds no VAE, so decoding with CheckpointLoaderSimple's ends in "
            "“VAE is invalid: None”: the workflow must load one with VAELoader."
        )
        return Effective(ASKED, None, how, notices)


def effective_in_workflows(installation: Installation, listing: Listing) -> list[InWorkflow]:
    """Each decoding in the saved workflows: workflow, checkpoint, VAE, and how it came about.

    The VAE is a model of the role ``checkpoint`` where the one that lies in it is used; None where
    ComfyUI lists no such name or the workflow does not tell.
    """
    by_name = {(one.role, one.name): one for one in listing.models if one.hidden is None}
    found: list[InWorkflow] = []
    notices: list[Notice] = []
    for path in workflow_files(_user_folder(installation.root, installation.flags), notices):
        found += matched(path, read_pairings(path, notices), by_name)
        found += [InWorkflow(path, None, None, notice.message) for notice in notices]
        notices.clear()
    return found


def model_folders(models: str, added: Sequence[Registration]) -> tuple[ModelFolder, ...]:
    """ComfyUI's folders by role, those below ``models`` and those that yaml files add."""
    own = {key: [os.path.join(models, name) for name in names] for key, names in DEFAULTS.items()}
    sources = {one.path: f"{YAML} ({one.section})" for one in added}
    sources |= {
        path: f"models/{os.path.basename(path)}" for paths in own.values() for path in paths
    }
    by_key = placed(own, added)
    return tuple(
        ModelFolder(role, path, sources[path]) for role, key in KEYS.items() for path in by_key[key]
    )


def _launch(root: str) -> tuple[Mapping[str, tuple[str, ...]], list[Notice]]:
    """The flags of the start scripts, their paths made absolute."""
    above = os.path.dirname(root)
    portable = os.path.isdir(os.path.join(above, SCRIPT_FOLDER))
    launches = [(folder, _scripts(folder)) for folder in ((root, above) if portable else (root,))]
    flags: dict[str, tuple[str, ...]] = {}
    notices: list[Notice] = []
    for folder, launch in launches:
        notices += launch.notices
        for name, values in launch.flags.items():
            if name in _PATHS:
                values = tuple(located(one, folder) for one in values if "\0" not in one)
            flags[name] = tuple(dict.fromkeys((*flags.get(name, ()), *values)))
    for name in (_BASE, _MODELS, _USER):
        if len(flags.get(name, ())) > 1:
            what = f"The start scripts differ in {name}; {shown(flags[name][-1])} was taken."
            notices.append(Notice("start-scripts-differ", what))
    return flags, notices


def _scripts(folder: str) -> Launch:
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith((".bat", ".sh")))
    except OSError:
        names = []
    return read_launch(folder, names[:50])


def _models_folder(root: str, flags: Mapping[str, tuple[str, ...]]) -> str:
    """yzkee/ComfyUI folder_paths.py: ``--models-directory`` before ``--base-directory``."""
    if flags.get(_MODELS):
        return flags[_MODELS][-1]
    return os.path.join((flags.get(_BASE) or (root,))[-1], "models")


def _user_folder(root: str, flags: Mapping[str, tuple[str, ...]]) -> str:
    if flags.get(_USER):
        return flags[_USER][-1]
    return os.path.join((flags.get(_BASE) or (root,))[-1], "user")


def _by_checkpoint(found: Sequence[InWorkflow]) -> dict[str, list[InWorkflow]]:
    """Those that decode a listed checkpoint's latents with something other than its own VAE."""
    other: dict[str, list[InWorkflow]] = {}
    for one in found:
        if one.checkpoint is not None and one.vae != one.checkpoint:
            other.setdefault(one.checkpoint.path, []).append(one)
    return other


def _told(checkpoint: Listed, found: Sequence[InWorkflow]) -> list[Notice]:
    told = [
        Notice("workflow-vae", f"{shown(os.path.basename(one.workflow))}: {one.how}")
        for one in found[:_MOST_TOLD]
    ]
    if len(found) > _MOST_TOLD:
        what = f"{len(found) - _MOST_TOLD} more decodings of {shown(checkpoint.name)} do the same."
        told.append(Notice("workflow-vae", what))
    return told


FRONTEND = ComfyUI()
