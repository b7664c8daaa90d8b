"""A running AUTOMATIC1111, or reForge: one setting, ``sd_vae``, that much can overrule.

Sources: AUTOMATIC1111/stable-diffusion-webui 1.10.1, modules/api/api.py, modules/sd_vae.py,
modules/options.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from os.path import splitext

from ..changes.base import Call, Plan
from ..changes.records import Sent
from ..changes.requests_kept import Keep, unkept
from ..frontends.base import Listed
from ..naming import shown
from .base import Confirmed
from .client import Client
from .matching import Match, find, plain
from .webui import (
    API,
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

BAKED, AUTOMATIC = "None", "Automatic"
_OVERRIDES = "sd_vae_overrides_per_model_preferences"
_FORCING = {"vae_path": "--vae-path", "vae": "--vae"}
"""Flags that force a VAE: AUTOMATIC1111, modules/cmd_args.py; vladmandic/sdnext,
modules/cmd_args.py."""


class A1111(WebUi):
    """Fulfils ``base.Live``."""

    def __init__(self, client: Client, name: str = "a1111", title: str = "AUTOMATIC1111") -> None:
        super().__init__(client, name, title)

    def models(self, role: str) -> list[Listed]:
        """Checkpoints and VAEs; it lists no others."""
        if role == "checkpoint":
            return checkpoints(self._client)
        return listed(self._client, "/sd-vae", "vae") if role == "vae" else []

    def current_vae(self, checkpoint: str | None = None) -> str | None:
        """``Automatic``, ``None`` for the checkpoint's own, or a file's name; a forced one's path.

        One setting holds for every checkpoint.
        """
        forced = _forced(self.flags())
        return forced[1] if forced else text(self.options().get("sd_vae"))

    def plan_vae(
        self, vae: str | None, checkpoint: str | None = None, family: str | None = None
    ) -> Plan:
        """The one request that ``set_vae`` sends; a forced VAE is told, and nothing sent."""
        return self._planned(vae, checkpoint)[0]

    def take_back(self, sent: Sent) -> bool:
        """Its list of VAEs is read anew before, or it would take a name for none."""
        self._client.ask("POST", self._client.url(f"{API}/refresh-vae"), handled=range(300, 600))
        return take_back(self._client, sent)

    def check_vae(
        self,
        vae: str | None,
        checkpoint: str | None = None,
        family: str | None = None,
        before: str | None = None,
    ) -> Confirmed:
        """Reads the settings again; nothing is set."""
        plan, match = self._planned(vae, checkpoint)
        if match is None:
            return Confirmed(self.name, before, self.current_vae(), False, " ".join(plan.kept))
        return replace(self._confirmed(plan, match, before), calls=())

    def set_vae(
        self,
        vae: str | None,
        checkpoint: str | None = None,
        family: str | None = None,
        keep: Keep = unkept,
    ) -> Confirmed:
        """Set ``sd_vae``, with a checkpoint both; then read the setting again.

        That reading matters: the answer is 200 whether or not the VAE could be loaded, and one
        that could not is followed by the old setting (modules/options.py, ``Options.set``).
        """
        plan, match = self._planned(vae, checkpoint)
        before = self.current_vae()
        if match is None:
            return Confirmed(self.name, before, before, False, " ".join(plan.kept))
        for call in plan.changes:
            if isinstance(call, Call):
                with keep(call):
                    self._client.ask(call.method, call.url, call.body, loads=True)
        return self._confirmed(plan, match, before)

    def _confirmed(self, plan: Plan, match: Match, before: str | None) -> Confirmed:
        read = self.options()
        now, name = text(read.get("sd_vae")), match.model.name
        calls = tuple(call for call in plan.changes if isinstance(call, Call))
        wanted = _wanted(calls)
        title = wanted.get(CHECKPOINT)
        switched = title is None or is_checkpoint(read.get(CHECKPOINT), str(title))
        says, took = _outcome(self.title, now, name, switched)
        if took and name != AUTOMATIC and read.get(_OVERRIDES) is False:
            caution, took = _preferred(read, name, self.models("vae"))
            says += caution
        changed = any(read.get(key) != value for key, value in _undo(calls).items())
        return Confirmed(
            self.name, before, now, took, says + match.caution, calls if changed else ()
        )

    def _planned(self, vae: str | None, wanted: str | None) -> tuple[Plan, Match | None]:
        before, forced = self.options(), _forced(self.flags())
        if forced is not None:
            says = (
                f"{self.title} was started with {forced[0]} {shown(forced[1])}, which forces that"
                " VAE and disables every setting of it; start it without."
            )
            return Plan(self.name, self.url, (), (says,)), None
        match = self._find(vae)
        settings = {CHECKPOINT: checkpoint(self._client, wanted).model.name} if wanted else {}
        settings["sd_vae"] = match.model.name
        same = all(before.get(key) == value for key, value in settings.items())
        kept = (f"sd_vae is {shown(match.model.name)} already.",) if same else ()
        calls = () if same else (change(self._client, before, settings),)
        return Plan(self.name, self.url, calls, kept), match

    def _find(self, vae: str | None) -> Match:
        """The VAE among those listed, the list read anew: a name that is not in it is taken for
        the checkpoint's own VAE without an error (modules/sd_vae.py, ``resolve_vae``)."""
        if vae in (None, BAKED, AUTOMATIC):
            return Match(Listed("vae", vae or BAKED, ""), sure=True)
        self._client.ask("POST", self._client.url(f"{API}/refresh-vae"), loads=True)
        return find(self.models("vae"), str(vae), "VAE", self._client.address, self.title)


def _forced(given: Mapping[str, object]) -> tuple[str, str] | None:
    """The flag that forces a VAE, and the VAE."""
    found = ((flag, text(given.get(key))) for key, flag in _FORCING.items())
    return next(((flag, path) for flag, path in found if path), None)


def _outcome(title: str, now: str | None, name: str, switched: bool) -> tuple[str, bool]:
    """What came of it in sentences, and whether it took."""
    if not switched:
        return f"{title} did not change to the checkpoint; its console says why.", False
    if now != name:
        says = f"{title} answered that it is done, but sd_vae is {shown(now or 'unset')} again:"
        return f"{says} it could not load {shown(name)}. Its console says why.", False
    return f"sd_vae is {shown(name)} now.", True


def _preferred(read: Mapping[str, object], name: str, vaes: list[Listed]) -> tuple[str, bool]:
    """What wins over the setting where the user prefers it to, and whether the setting holds.

    modules/sd_vae.py, ``resolve_vae``: the checkpoint's metadata, which its API does not tell,
    then the first VAE whose name begins with the checkpoint's.
    """
    file = (text(read.get(CHECKPOINT)) or "").replace("\\", "/").split("/")[-1]
    stem = splitext(plain(file))[0]
    near = next((one.name for one in vaes if stem and one.name.startswith(stem)), name)
    if near != name:
        says = f" But {_OVERRIDES} is off, and {shown(near)} begins with the checkpoint's name:"
        return f"{says} that one is used. Switch {_OVERRIDES} on.", False
    says = f" But {_OVERRIDES} is off: a VAE in the checkpoint's metadata would win over it."
    return says, True


def _wanted(calls: tuple[Call, ...]) -> Mapping[str, object]:
    bodies = [call.body for call in calls if isinstance(call.body, dict)]
    return bodies[0] if bodies else {}


def _undo(calls: tuple[Call, ...]) -> Mapping[str, object]:
    bodies = [call.undo[2] for call in calls if call.undo and isinstance(call.undo[2], dict)]
    return bodies[0] if bodies else {}
