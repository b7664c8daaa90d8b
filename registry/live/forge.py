"""A running Forge or Neo: a list of modules beside the checkpoint, in which the VAE is one.

Sources: lllyasviel/stable-diffusion-webui-forge, modules/api/api.py, modules_forge/main_entry.py
(``modules_change``), issue 1915; Haoming02/sd-webui-forge-classic (neo), the same files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..changes.base import Call, Plan
from ..changes.records import Sent
from ..changes.requests_kept import Keep, unkept
from ..errors import NotFound
from ..frontends.base import Listed
from ..naming import shown
from .base import Confirmed
from .client import Client
from .matching import Match, find, same_path
from .modules import TEXT_ENCODER, Modules, kind_of, sorted_out
from .webui import (
    CHECKPOINT,
    WebUi,
    change,
    checkpoint,
    checkpoints,
    is_checkpoint,
    listed,
    take_back,
    text,
)

MODULES = "forge_additional_modules"
_PRESET = "forge_preset"


class Forge(WebUi):
    """Fulfils ``base.Live``; ``sd_vae`` stands among its settings, and nothing reads it."""

    def __init__(self, client: Client, name: str = "forge", title: str = "Forge") -> None:
        super().__init__(client, name, title)

    def models(self, role: str) -> list[Listed]:
        """Checkpoints; and its modules, told apart by what they are."""
        if role == "checkpoint":
            return checkpoints(self._client)
        modules = self._modules() if role in ("vae", "text_encoder") else []
        paths = [one.path for one in modules]
        vaes = sorted_out(paths, self.flags(), self._client.address).vaes
        kept = [one for one in modules if (one.path in vaes) == (role == "vae")]
        return [Listed(role, one.name, one.path) for one in kept]

    def current_vae(self, checkpoint: str | None = None) -> str | None:
        """The VAE among the modules that are set, by its path; None for the checkpoint's own.

        The last of several, which replaces the others' weights (backend/loader.py,
        ``replace_state_dict``). One list holds for every checkpoint.
        """
        return _last(self._set(self.options()).vaes)

    def plan_vae(
        self, vae: str | None, checkpoint: str | None = None, family: str | None = None
    ) -> Plan:
        """The one request that ``set_vae`` sends."""
        return self._planned(vae, checkpoint, self.options())[0]

    def take_back(self, sent: Sent) -> bool:
        """The modules go with the checkpoint, as they do when they are set."""
        return take_back(self._client, sent, along=CHECKPOINT)

    def check_vae(
        self,
        vae: str | None,
        checkpoint: str | None = None,
        family: str | None = None,
        before: str | None = None,
    ) -> Confirmed:
        """Reads the settings again; nothing is set."""
        plan, match = self._planned(vae, checkpoint, self.options())
        calls = tuple(call for call in plan.changes if isinstance(call, Call))
        return replace(self._confirmed(calls, match, before), calls=())

    def set_vae(
        self,
        vae: str | None,
        checkpoint: str | None = None,
        family: str | None = None,
        keep: Keep = unkept,
    ) -> Confirmed:
        """Set the VAE beside the text encoders that are set, with the checkpoint; read it again.

        That reading matters: names that Forge does not know are dropped without a word.
        """
        read = self.options()
        before = _last(self._set(read).vaes)
        plan, match = self._planned(vae, checkpoint, read)
        calls = tuple(call for call in plan.changes if isinstance(call, Call))
        for call in calls:
            with keep(call):
                self._client.ask(call.method, call.url, call.body, loads=True)
        return self._confirmed(calls, match, before)

    def _confirmed(
        self, calls: tuple[Call, ...], match: Match | None, before: str | None
    ) -> Confirmed:
        read = self.options()
        now = self._set(read)
        wanted = calls[0].body if calls and isinstance(calls[0].body, dict) else {}
        says, took = _outcome(self.title, now, match, wanted, read)
        undo = calls[0].undo[2] if calls and calls[0].undo else None
        changed = isinstance(undo, dict) and any(read.get(key) != undo[key] for key in undo)
        if took:
            says += _preset(read) + (match.caution if match else "")
        return Confirmed(self.name, before, _last(now.vaes), took, says, calls if changed else ())

    def _planned(
        self, vae: str | None, wanted: str | None, read: Mapping[str, object]
    ) -> tuple[Plan, Match | None]:
        match = self._find(vae)
        now = self._set(read)
        chosen = (match.model.path or match.model.name,) if match else ()
        title = (
            checkpoint(self._client, wanted).model.name if wanted else text(read.get(CHECKPOINT))
        )
        body: dict[str, object] = {CHECKPOINT: title} if title else {}
        body[MODULES] = [*(path for path in now.others if path not in chosen), *chosen]
        same = _alike(_paths(read), _texts(body[MODULES]))
        same = same and (not wanted or is_checkpoint(read.get(CHECKPOINT), title or ""))
        calls = () if same else (change(self._client, read, body),)
        kept = [f"{shown(path)} stays among the modules." for path in now.others]
        kept += [f"{shown(path)} is taken out." for path in now.vaes if path not in chosen]
        return Plan(self.name, self.url, calls, tuple(kept)), match

    def _find(self, vae: str | None) -> Match | None:
        if vae is None:
            return None
        match = find(self._modules(), vae, "module", self._client.address, self.title)
        if kind_of(match.model.path, self.flags(), self._client.address) == TEXT_ENCODER:
            raise NotFound(f"{shown(match.model.name)} is no VAE", "Name one of its VAEs.")
        return match

    def _modules(self) -> list[Listed]:
        return listed(self._client, "/sd-modules", "vae")

    def _set(self, read: Mapping[str, object]) -> Modules:
        paths = _paths(read)
        return sorted_out(paths, self.flags() if paths else {}, self._client.address)


def _outcome(
    title: str,
    now: Modules,
    match: Match | None,
    wanted: Mapping[str, object],
    read: Mapping[str, object],
) -> tuple[str, bool]:
    """What came of it in sentences, and whether it took."""
    path = (match.model.path or match.model.name) if match else None
    name = shown(match.model.name) if match else "the checkpoint's own VAE"
    asked = _texts(wanted.get(MODULES, []))
    lost = [one for one in asked if one != path and not _among(one, now.vaes + now.others)]
    if not is_checkpoint(read.get(CHECKPOINT), text(wanted.get(CHECKPOINT)) or "") and wanted:
        return f"{title} did not change to the checkpoint; its console says why.", False
    if path and not _among(path, now.vaes + now.others):
        return f"{title} dropped {name} without a word: refresh its list of modules.", False
    stray = [one for one in now.vaes if not path or not same_path(one, path)]
    if stray:
        return f"{title} still has {shown(stray[0])} among its modules.", False
    if lost:
        says = f"{name} is set, but {title} dropped {shown(lost[0])}, which it no longer finds."
        return says, False
    kept = f"; kept: {', '.join(shown(one) for one in now.others)}" if now.others else ""
    return f"{MODULES} holds {name} now{kept}.", True


def _preset(read: Mapping[str, object]) -> str:
    """Neo keeps a list for every preset of its page, which choosing the preset brings back."""
    preset = text(read.get(_PRESET))
    if preset and f"{MODULES}_{preset}" in read:
        return (
            f" Its page keeps a list of its own for the preset {shown(preset)}: set it there too."
        )
    return ""


def _paths(read: Mapping[str, object]) -> list[str]:
    return _texts(read.get(MODULES))


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _among(path: str, paths: Sequence[str]) -> bool:
    return any(same_path(path, one) for one in paths)


def _alike(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether two lists hold the same; Neo sorts what it is given."""
    return sorted(first) == sorted(second)


def _last(paths: Sequence[str]) -> str | None:
    return paths[-1] if paths else None
