"""InvokeAI's model records over its API: listed, installed in place, changed.

Sources: invoke-ai/InvokeAI, invokeai/app/api/routers/model_manager.py, invokeai/app/services/
model_install/model_install_default.py and model_install_common.py, invokeai/backend/
model_manager/configs/vae.py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from ..changes.base import Call
from ..changes.requests_kept import Refused
from ..errors import DownloadBroken
from ..frontends.base import Listed
from ..naming import display_name, shown
from .address import is_loopback
from .client import Answered, Client, words_of
from .matching import is_absolute

MODELS = "/api/v2/models"
INSTALL = f"{MODELS}/install"
BASES: Mapping[str, tuple[str, ...]] = {
    "sd1": ("sd-1", "sd-2"),
    "sdxl": ("sdxl", "sdxl-refiner"),
    "sd3": ("sd-3",),
    "flux1": ("flux",),
    "flux2": ("flux2",),
    "qwen-image": ("qwen-image", "anima"),
    "wan21": ("wan", "anima"),
    "wan22": ("wan",),
}
"""Latent family -> bases that a VAE of it may be installed under; the first where no main model
says which (invokeai/backend/model_manager/taxonomy.py, ``BaseModelType``)."""
_POLL = 0.25
_NO_ROUTE = (404, 405, 422)
_REFUSED = {
    409: "it has a model of that path already, or the file does not exist where it runs",
    415: "it does not recognise the file as a model",
    424: "it lost the model while it installed it",
}


class NotTaken(Refused):
    """InvokeAI does not do what is asked; the text is a sentence that says why."""


class NotYet(DownloadBroken):
    """InvokeAI has not done yet what is asked, and may do it still."""


@dataclass(frozen=True, slots=True)
class Record:
    """A model as InvokeAI keeps it."""

    key: str
    name: str
    base: str
    type: str
    format: str
    path: str
    """As recorded: relative to its models folder where it lies in it."""
    settings: Mapping[str, object] | None
    """``default_settings``; None where it has none."""
    description: str | None = None

    def listed(self, role: str, root: str | None) -> Listed:
        """As a model of a frontend, by its key's name and absolute path."""
        inside = not is_absolute(self.path)
        path = f"{root}/{self.path}" if inside and root else "" if inside else self.path
        return Listed(role, self.name, path)


class Models:
    """The model manager of one running InvokeAI; everything raises ``SourceError``."""

    def __init__(self, client: Client, wait: float) -> None:
        self.client = client
        self._wait = wait

    def url(self, path: str) -> str:
        """The address of a path below the model manager's."""
        return self.client.url(MODELS + path)

    def of_type(self, *kinds: str) -> list[Record]:
        """All records of these types: ``main``, ``vae``, ``unknown``."""
        document = self.client.get(f"{MODELS}/")
        rows = document.get("models") if isinstance(document, dict) else None
        if not isinstance(rows, list):
            raise self._nonsense()
        return [self._record(row) for row in rows if _field(row, "type") in kinds]

    def record(self, key: str) -> Record:
        """One record, read now."""
        return self._record(self.client.get(f"{MODELS}/i/{quote(key, safe='')}"))

    def row(self, url: str) -> Mapping[str, object] | None:
        """One record at its address, with all its fields; None where there is none any more."""
        answer = self.client.ask("GET", url, handled=(404,))
        if answer.status == 404:
            return None
        if not isinstance(answer.document, dict):
            raise self._nonsense()
        return answer.document

    def read(self, row: Mapping[str, object]) -> Record:
        """A record of its fields."""
        return self._record(row)

    def root(self) -> str | None:
        """Its models folder; None where it does not tell."""
        answer = self.client.ask("GET", self.url("/models_dir"), handled=_NO_ROUTE)
        told = answer.document
        return told.rstrip("/") if isinstance(told, str) and is_absolute(told) else None

    def of(self, record: Record) -> str:
        """The address of a record."""
        return self.url(f"/i/{quote(record.key, safe='')}")

    def patch(self, record: Record, changes: Mapping[str, object], undo: object) -> Call:
        """The request that changes a record."""
        url = self.of(record)
        why = f"{shown(record.name)}: {', '.join(changes)}"
        return Call("PATCH", url, dict(changes), why, ("PATCH", url, undo))

    def send(self, call: Call) -> None:
        """Make a request that changes a record; raises ``NotTaken`` where it is refused."""
        answer = self.client.ask(call.method, call.url, call.body, handled=(400, 409, 422, 500))
        if answer.status >= 300:
            raise NotTaken(f"InvokeAI refuses to change {call.why}{self._because(answer)}.")

    def install_call(self, path: str, base: str, family: str) -> Call:
        """The request that installs a file or folder in place: ``inplace=false`` would move it.

        Nothing can take it back beforehand, as the record's key is made by InvokeAI.
        """
        query = [("source", path), ("inplace", "true")]
        body = {
            "name": display_name(path.replace("\\", "/")),
            "base": base,
            "type": "vae",
            "description": f"Latent family {family}, found by vaereg from its weights.",
        }
        return Call("POST", self.client.url(INSTALL, query), body, "install in place")

    def install(self, call: Call) -> Record:
        """Install and wait for it, bounded; raises ``NotTaken``."""
        answer = self.client.ask(call.method, call.url, call.body, handled=tuple(_REFUSED))
        if answer.status in _REFUSED:
            raise NotTaken(
                f"InvokeAI does not install it: {_REFUSED[answer.status]}{self._because(answer)}."
            )
        return self._finished(answer.document)

    def removal(self, record: Record) -> tuple[str, str, object] | None:
        """What unregisters an installed model; None unless it surely leaves the file in place.

        ``delete`` removes files inside its models folder (model_install_default.py).
        """
        root = self.root()
        if root is None or not is_absolute(record.path) or _inside(record.path, root):
            return None
        if is_loopback(self.client.address.base) and _leads_inside(record.path, root):
            return None
        return "DELETE", self.of(record), None

    def _finished(self, job: object) -> Record:
        until = time.monotonic() + self._wait
        while True:
            status, number = _field(job, "status"), _field(job, "id")
            if not isinstance(status, str) or not isinstance(number, int):
                raise self._nonsense()
            if status == "completed":
                return self._record(_field(job, "config_out"))
            if status in ("error", "cancelled"):
                words = _field(job, "error") or _field(job, "error_reason") or status
                raise NotTaken(f"InvokeAI cannot install it: {self.client.address.quoted(words)}.")
            if time.monotonic() >= until:
                says = f"InvokeAI is still installing it after {self._wait:.0f} s"
                raise NotYet(f"{says} ({shown(status)}); ask again later.")
            time.sleep(_POLL)
            job = self.client.get(f"{MODELS}/install/{number}")

    def _record(self, row: object) -> Record:
        if not isinstance(row, dict):
            raise self._nonsense()
        texts = [row.get(key) for key in ("key", "name", "base", "type", "format", "path")]
        settings = row.get("default_settings")
        if not texts[0] or not all(isinstance(text, str) for text in texts):
            raise self._nonsense()
        found = settings if isinstance(settings, dict) else None
        key, name, base, kind, form, path = map(str, texts)
        told = row.get("description")
        return Record(
            key, name, base, kind, form, path, found, told if isinstance(told, str) else None
        )

    def _because(self, answer: Answered) -> str:
        words = words_of(answer.document)
        return f" ({self.client.address.quoted(words)})" if words else ""

    def _nonsense(self) -> DownloadBroken:
        says = f"{self.client.who} does not answer as InvokeAI's model manager does"
        return DownloadBroken(says, "Its version may be one that vaereg does not know.")


def _field(document: object, name: str) -> object:
    return document.get(name) if isinstance(document, dict) else None


def _inside(path: str, root: str) -> bool:
    return (
        f"{path}/".replace("\\", "/")
        .casefold()
        .startswith(f"{root}/".replace("\\", "/").casefold())
    )


def _leads_inside(path: str, root: str) -> bool:
    """Whether links lead from the one into the other, where both are of this machine."""
    from os.path import realpath

    return _inside(realpath(path), realpath(root))
