"""ComfyUI: a folder of links below vaereg's home, and a yaml file of its own that names it.

Source: yzkee/ComfyUI utils/extra_config.py, folder_paths.py, comfy/cli_args.py
(``--extra-model-paths-config``). The user's extra_model_paths.yaml is never written.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..changes.base import WriteText
from ..changes.writing import text_of
from ..errors import FileError
from ..frontends.recorded import sayable
from ..naming import shown
from ..values import Model
from .base import Choice, Feed, Feeder, Order, Refused, Snippet, Wanted
from .building import Draft
from .quoting import quoted
from .shelf import Accepts, Shelf, loadable

ACCEPTS = Accepts("comfyui")
FLAG = "--extra-model-paths-config"
YAML, SECTION, FOLDER = "extra_model_paths.yaml", "vaereg", "vae"
RELOAD = "Press R in ComfyUI, or reload its page: new files are listed."
_WHOLE = 1000
"""Letters of a name that is to be chosen as it stands."""
_FIRST = "# A VAE of the same name in ComfyUI's own models/vae would be loaded in place of these."
_BEHIND = (
    "{path} has the name of another VAE that ComfyUI would load in its place; vaereg link gives it "
    "one of its own"
)
_EXPANDED = ("$", "%", "~")
"""Letters that ComfyUI fills in within ``base_path``."""


def link(order: Order) -> Feed:
    """The VAEs in a folder of vaereg's own, which a yaml file shows to ComfyUI.

    Comfy Desktop starts ComfyUI itself and takes no flag: there the links go to its VAE folder.
    """
    return _shown(order, order.vaes)[0]


def apply(order: Order) -> Feed:
    """As ``link`` for the chosen VAEs: which one decodes is said in each workflow."""
    chosen = {one.vae.artifact.digests.sha256: one.vae for one in order.choices if one.vae}
    feed, names = _shown(order, chosen.values())
    told = [_in_workflow(choice, names) for choice in order.choices]
    plan = replace(feed.plan, reminders=(*feed.plan.reminders, *filter(None, told)))
    return replace(feed, plan=plan)


def export(wanted: Wanted) -> Iterator[Snippet | Refused]:
    """A yaml with the folders in which the models lie, and which VAE is for which checkpoint."""
    files: dict[str, str] = {}
    for vae in wanted.vaes:
        places = loadable(vae, wanted.recorded, ACCEPTS)
        if isinstance(places, Refused):
            yield places
        else:
            files[vae.artifact.digests.sha256] = places[0]
    # An outer folder shows what lies in inner ones under a longer name, which is more often free.
    vaes = sorted(_folders(files.values()), key=len)
    names: dict[str, str] = {}
    for sha256, path in files.items():
        name = _listed_as(path, vaes)
        if isinstance(name, Refused):
            yield name
        else:
            names[sha256] = name
    told = [_in_workflow(choice, names) for choice in wanted.choices]
    said = [(choice, text) for choice, text in zip(wanted.choices, told, strict=True) if text]
    checkpoints = _folders(choice.listed.path for choice, _ in said)
    keys = {"checkpoints": "\n".join(checkpoints), "vae": "\n".join(vaes) if names else ""}
    if checkpoints or names:
        text = yaml_of({key: value for key, value in keys.items() if value})
        lines = [*([_FIRST] if names else []), *(f"# {line}" for _, line in said)]
        yield f"{YAML}, for {FLAG}", "\n".join((*lines, text))


FEEDER = Feeder(export, link, apply)


def yaml_of(keys: dict[str, str]) -> str:
    """One section of folders; several of a kind stand on lines of their own, as ComfyUI wants."""
    import yaml  # type: ignore[import-untyped]

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]
        """Writes texts of several lines as a block, which keeps their ends."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    plain = {
        key: value.replace("\\", "/") if os.name == "nt" else value for key, value in keys.items()
    }
    section = yaml.dump(
        plain, Dumper=Dumper, width=float("inf"), allow_unicode=True, sort_keys=False
    )
    indented = "".join(f"  {line}\n" for line in section.splitlines())
    return f"{SECTION}:\n{indented}".rstrip("\n")


def _shown(order: Order, vaes: Iterable[Model]) -> tuple[Feed, Mapping[str, str]]:
    """The feed that shows some VAEs, and the names that they have then, by SHA-256."""
    draft = Draft(order)
    own = _own_folder(order)
    apart = order.frontend.name == "comfyui"
    shelf = Shelf(order, ACCEPTS, os.path.join(own, FOLDER) if apart else None)
    found = {vae.artifact.digests.sha256: shelf.put(vae) for vae in vaes}
    if shelf.links and apart:
        _point(draft, os.path.join(own, YAML), own)
    elif shelf.links:
        draft.reminders.append(RELOAD)
    names = {sha256: made.name for sha256, made in found.items() if made}
    return draft.feed([shelf]), names


def _own_folder(order: Order) -> str:
    """One for each installation."""
    root = os.path.realpath(order.installation.root)
    mark = hashlib.sha256(os.fsencode(root)).hexdigest()[:8]
    return os.path.join(order.home, "frontends", f"comfyui-{mark}")


def _point(draft: Draft, path: str, own: str) -> None:
    """The yaml file, and the flag to start with where no start script has it yet."""
    if not sayable((own,)):
        draft.take(Refused(path, f"{shown(own)} is a name that UTF-8 cannot say"))
        return
    keys = {FOLDER: FOLDER}
    if not any(letter in own for letter in _EXPANDED):
        keys = {"base_path": own, **keys}
    try:
        before = text_of(path)
    except FileError as failure:
        draft.take(Refused(path, failure.message))
        return
    draft.take(WriteText(path, yaml_of(keys) + "\n", before, "shows that folder to ComfyUI"))
    given = draft.order.installation.flags.get(FLAG, ())
    if path not in given:
        draft.reminders.append(f"Start ComfyUI with {FLAG} {quoted(path)}")
        draft.snippets.append(("flag", f"{FLAG} {quoted(path)}"))
    draft.reminders.append(RELOAD)


def _in_workflow(choice: Choice, names: Mapping[str, str]) -> str | None:
    """What to wire; None where ComfyUI does not show the VAE, which is told elsewhere."""
    name = shown(choice.listed.name)
    if choice.vae is None:
        return f"{name}: take the VAE output of its loader"
    listed = names.get(choice.vae.artifact.digests.sha256)
    return f"{name}: load {shown(listed, _WHOLE)} with VAELoader" if listed else None


def _listed_as(path: str, folders: Sequence[str]) -> str | Refused:
    """What ``VAELoader`` calls a file: its path below a folder.

    The first folder that has such a file is the one that counts (folder_paths.py
    ``get_full_path``): a file behind another's name is not to be had.
    """
    if os.path.dirname(path) not in folders or not sayable((path,)):
        return Refused(path, f"{shown(path)} is a name that no yaml can say")
    for folder in folders:
        if not path.startswith(os.path.join(folder, "")):
            continue
        name = os.path.relpath(path, folder)
        found = (os.path.join(one, name) for one in folders)
        if os.path.samefile(next(one for one in found if os.path.isfile(one)), path):
            return name
    return Refused(path, _BEHIND.format(path=shown(path)))


def _folders(paths: Iterable[str]) -> Sequence[str]:
    """The folders of some files, each once; those that no yaml can say are left out."""
    found = dict.fromkeys(os.path.dirname(path) for path in paths)
    return [path for path in found if sayable((path,)) and "\n" not in path]
