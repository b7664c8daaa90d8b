"""A running InvokeAI: a VAE is installed in place under its true base, and set for a main model.

Its own guess of the base is from the file's name (invoke-ai/InvokeAI, invokeai/backend/
model_manager/configs/vae.py; pull request 6524), so the base always goes with the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..changes.base import Call, Plan
from ..changes.records import Sent
from ..changes.requests_kept import Keep, unkept
from ..errors import NotFound, UsageError
from ..families import families
from ..frontends.base import Listed
from ..naming import shown
from .base import Confirmed
from .client import Client
from .invoke_models import BASES, Models, NotTaken, NotYet, Record
from .invoke_undo import take_back
from .matching import find, is_absolute

_WAIT = 180.0
"""Seconds for an install in place: InvokeAI hashes the file."""
KEY = "KEY_OF_THE_INSTALLED_VAE"
"""Stands in a plan for what only the answer to an install tells."""
_TYPES = {"checkpoint": "main", "vae": "vae"}
_SINGLE_FILE_SCALE = 0.18215
"""What a single file is decoded with, whatever it is: huggingface/diffusers, loaders/
single_file_utils.py; invokeai/backend/model_manager/load/model_loaders/vae.py."""


class InvokeAI:
    """Fulfils ``base.Live``; a VAE is kept for each main model, none for all."""

    def __init__(
        self,
        client: Client,
        name: str = "invokeai",
        title: str = "InvokeAI",
        wait: float = _WAIT,
    ) -> None:
        self.name, self.title, self.url = name, title, client.address.base
        client.title = title
        self.send = client.send
        self._models = Models(client, wait)

    def models(self, role: str) -> list[Listed]:
        """Main models and VAEs; several may share a name."""
        kind = _TYPES.get(role)
        if kind is None:
            return []
        root = self._models.root()
        return [record.listed(role, root) for record in self._models.of_type(kind)]

    def options(self) -> Mapping[str, object]:
        """None for all models."""
        return {}

    def flags(self) -> Mapping[str, object]:
        """Its models folder, where it tells."""
        root = self._models.root()
        return {"models_dir": root} if root else {}

    def current_vae(self, checkpoint: str | None = None) -> str | None:
        """The name of a main model's default VAE; None for its own, and without a checkpoint."""
        return self._named(self._main(checkpoint)) if checkpoint else None

    def plan_vae(
        self, vae: str | None, checkpoint: str | None = None, family: str | None = None
    ) -> Plan:
        """The requests; of a VAE that is still to be installed ``KEY`` stands for its key.

        Those with ``KEY`` are to be read, and only ``set_vae`` can make them.
        """
        main, found = self._main(checkpoint), self._vae(vae)
        kept = "The main model's other default settings stay."
        try:
            base = self._base(main, family, found) if vae else ""
        except NotTaken as why:
            return Plan(self.name, self.url, (), (str(why),))
        if vae is None or found is not None:
            planned = (self._rebase(found, base), self._setting(main, found))
            return Plan(self.name, self.url, tuple(call for call in planned if call), (kept,))
        call = self._models.install_call(vae, base, str(family))
        return Plan(self.name, self.url, (call, *self._after(main, base)), (kept,))

    def _after(self, main: Record, base: str) -> tuple[Call, Call]:
        """What follows an install, as far as it is known before it."""
        url, why = self._models.url(f"/i/{KEY}"), "only where InvokeAI guesses another base"
        mended = Call("PATCH", url, {"base": base, "type": "vae"}, why)
        settings = {"default_settings": {**(main.settings or {}), "vae": KEY}}
        why = f"once it is installed, it becomes the default VAE of {shown(main.name)}"
        return mended, Call("PATCH", self._models.of(main), settings, why)

    def take_back(self, sent: Sent) -> bool:
        """A VAE that any main model uses by now stays registered."""
        return take_back(self._models, sent)

    def check_vae(
        self,
        vae: str | None,
        checkpoint: str | None = None,
        family: str | None = None,
        before: str | None = None,
    ) -> Confirmed:
        """Reads the records again; nothing is set."""
        main = self._main(checkpoint)
        try:
            found = self._vae(vae)
            base = self._base(main, family, found) if vae else ""
        except NotTaken as why:
            return Confirmed(self.name, before, self._named(main), False, str(why))
        if vae and found is None:
            says = f"InvokeAI has not installed {shown(vae)}."
            return Confirmed(self.name, before, self._named(main), False, says)
        return self._confirmed(main, found, base, before, ())

    def set_vae(
        self,
        vae: str | None,
        checkpoint: str | None = None,
        family: str | None = None,
        keep: Keep = unkept,
    ) -> Confirmed:
        """Install the VAE in place where it is not, under its base, and make it the default."""
        main = self._main(checkpoint)
        before, done = self._named(main), list[Call]()
        try:
            found = self._vae(vae)
            base = self._base(main, family, found) if vae else ""
            if vae and found is None:
                call = self._models.install_call(vae, base, str(family))
                # Cut off before the key is known, the record is found by the path.
                with keep(replace(call, undo=("DELETE", call.url, None))) as underway:
                    found = self._models.install(call)
                    underway.call = replace(call, undo=self._models.removal(found))
                done.append(underway.call)
            for planned in (self._rebase(found, base), self._setting(main, found)):
                if planned is not None:
                    with keep(planned):
                        self._models.send(planned)
                    done.append(planned)
        except (NotTaken, NotYet) as why:
            return Confirmed(self.name, before, before, False, str(why), tuple(done))
        return self._confirmed(main, found, base, before, tuple(done))

    def _confirmed(
        self,
        main: Record,
        wanted: Record | None,
        base: str,
        before: str | None,
        calls: tuple[Call, ...],
    ) -> Confirmed:
        read = self._models.record(main.key)
        now = self._named(read)
        key, name = (wanted.key, shown(wanted.name)) if wanted else (None, "its own VAE")
        lost = [
            field for field, value in _others(main).items() if _others(read).get(field) != value
        ]
        says, took = f"The default VAE of {shown(main.name)} is {name} now.", True
        if _default(read) != key:
            says, took = (
                f"InvokeAI answered that it is done, but {shown(main.name)} has none.",
                False,
            )
            says = says.replace("none", shown(now)) if now else says
        elif wanted and (again := self._models.record(wanted.key)).base != base:
            says = f"{name} is set, but InvokeAI keeps it under {shown(again.base)}, not {base}:"
            says, took = f"{says} its page will not offer it for {shown(main.name)}.", False
        elif lost:
            says, took = f"{says} But it changed {', '.join(map(shown, lost))} too.", False
        return Confirmed(self.name, before, now, took, says + _scale(wanted, base), calls)

    def _main(self, checkpoint: str | None) -> Record:
        if checkpoint is None:
            says = "InvokeAI keeps a VAE for each main model, and none for all"
            raise UsageError(says, "Say for which checkpoint it is to be set.")
        return self._chosen("checkpoint", checkpoint, "main")

    def _vae(self, vae: str | None) -> Record | None:
        """The record of a VAE; None for one that is still to be installed.

        Only an absolute path is ever installed: anything else may be taken for a repository, and
        downloaded (model_install_default.py, ``_guess_source``).
        """
        if vae is None:
            return None
        try:
            return self._chosen("VAE", vae, "vae", "unknown")
        except NotFound:
            if is_absolute(vae):
                return None
            raise

    def _chosen(self, role: str, wanted: str, *types: str) -> Record:
        """By key, path or name; a path never by the file's name alone."""
        records = self._models.of_type(*types)
        by_key = next((one for one in records if one.key == wanted), None)
        if by_key is not None:
            return by_key
        root, client = self._models.root(), self._models.client
        listed = [one.listed(role, root) for one in records]
        match = find(listed, wanted, role, client.address, self.title)
        if not match.sure:
            raise NotFound(f"{self.title} has no {role} at {shown(wanted)}", "Install it there.")
        return next(one for one, shape in zip(records, listed, strict=True) if shape is match.model)

    def _base(self, main: Record, family: str | None, found: Record | None) -> str:
        """The base that a VAE must have to serve a main model.

        Raises ``NotTaken`` where no VAE of that family serves it, ``UsageError`` where nobody says
        what family it is: InvokeAI's guess is never relied on.
        """
        if family is None:
            if found is not None and found.base == main.base:
                return main.base
            says = "InvokeAI must be told what a VAE is for, and the latent family is not known"
            raise UsageError(
                says, "Let vaereg look at its weights first: vaereg inspect --weights."
            )
        bases = BASES.get(family, ())
        if main.base in bases:
            return main.base
        name = families()[family].name if family in families() else family
        says = f"{shown(main.name)} is of base {shown(main.base)} in InvokeAI, and a VAE of"
        serves = " and ".join(bases) or "no base that it knows"
        raise NotTaken(f"{says} {shown(name)} serves {serves}.")

    def _rebase(self, found: Record | None, base: str) -> Call | None:
        """The request that mends a base that InvokeAI guessed wrong; None where it is right.

        Recent builds refuse a base that their guess contradicts, and record an unknown model.
        """
        if found is None or (found.base == base and found.type == "vae"):
            return None
        changes: dict[str, object] = {"base": base}
        if found.type != "vae":
            folder = "." not in found.path.replace("\\", "/").split("/")[-1]
            changes |= {"type": "vae", "format": "diffusers" if folder else "checkpoint"}
        before = {"base": found.base, "type": found.type, "format": found.format}
        return self._models.patch(found, changes, {key: before[key] for key in changes})

    def _setting(self, main: Record, found: Record | None) -> Call | None:
        key = found.key if found else None
        if _default(main) == key:
            return None
        wanted = {**(main.settings or {}), "vae": key}
        undo = {"default_settings": dict(main.settings) if main.settings is not None else None}
        return self._models.patch(main, {"default_settings": wanted}, undo)

    def _named(self, main: Record) -> str | None:
        """The name of a main model's default VAE, its key where there is no such record."""
        key = _default(main)
        if key is None:
            return None
        return next((one.name for one in self._models.of_type("vae") if one.key == key), key)


def _default(main: Record) -> str | None:
    value = (main.settings or {}).get("vae")
    return value if isinstance(value, str) and value else None


def _others(main: Record) -> Mapping[str, object]:
    settings = main.settings or {}
    return {key: value for key, value in settings.items() if key != "vae" and value is not None}


def _scale(wanted: Record | None, base: str) -> str:
    if wanted is None or base != "sdxl" or wanted.format == "diffusers":
        return ""
    return (
        f" InvokeAI decodes a single file with the scaling factor {_SINGLE_FILE_SCALE}, where that"
        " of SDXL is 0.13025: if colours are washed out, give it the VAE as a diffusers folder"
        " (vaereg convert --layout diffusers)."
    )
