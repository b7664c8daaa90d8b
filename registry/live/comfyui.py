"""A running ComfyUI: nothing to set, but lists to look up what a workflow's node must say.

Sources: comfyanonymous/ComfyUI, server.py, app/model_manager.py, nodes.py (``VAELoader``).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ..changes.base import Plan
from ..changes.records import Sent
from ..changes.reports import Left
from ..changes.requests_kept import Keep, unkept
from ..errors import DownloadBroken, NotFound
from ..frontends.base import Listed
from ..naming import shown
from .base import Confirmed
from .client import Client
from .matching import find, is_absolute

_FOLDERS = {
    "checkpoint": "checkpoints",
    "diffusion_model": "diffusion_models",
    "vae": "vae",
    "tiny_vae": "vae_approx",
    "text_encoder": "text_encoders",
}
"""Role -> folder: comfyanonymous/ComfyUI, folder_paths.py."""
_NODE = "VAELoader"


class ComfyUI:
    """Fulfils ``base.Live``."""

    def __init__(self, client: Client, name: str = "comfyui", title: str = "ComfyUI") -> None:
        self.name, self.title, self.url = name, title, client.address.base
        client.title = title
        self.send = client.send
        self._client = client

    def models(self, role: str) -> list[Listed]:
        """The files of one folder by the names that its nodes take, with paths where it tells."""
        folder = _FOLDERS.get(role)
        if folder is None:
            return []
        names = self._texts(self._client.get(f"/models/{folder}"))
        paths = self._paths(folder)
        return [Listed(role, name, paths.get(name, "")) for name in names]

    def options(self) -> Mapping[str, object]:
        """None that concern a VAE: every workflow says for itself."""
        return {}

    def flags(self) -> Mapping[str, object]:
        """Its command line, which ``/system_stats`` tells, as ``argv``."""
        stats = self._client.get("/system_stats")
        system = stats.get("system") if isinstance(stats, dict) else None
        argv = system.get("argv") if isinstance(system, dict) else None
        return {"argv": argv} if isinstance(argv, list) else {}

    def current_vae(self, checkpoint: str | None = None) -> str | None:
        """None: it has no such setting."""
        return None

    def plan_vae(
        self, vae: str | None, checkpoint: str | None = None, family: str | None = None
    ) -> Plan:
        """No request; what to enter into the node, as a snippet."""
        told = self.set_vae(vae, checkpoint, family)
        snippets = ((f"{_NODE}.vae_name", told.value),) if told.value else ()
        return Plan(self.name, self.url, (), (), (told.message,), snippets)

    def take_back(self, sent: Sent) -> bool:
        """It takes no request, so there is none to take back."""
        raise Left(f"{self.title} has no setting to take back")

    def check_vae(
        self,
        vae: str | None,
        checkpoint: str | None = None,
        family: str | None = None,
        before: str | None = None,
    ) -> Confirmed:
        """As ``set_vae``, which sets nothing either."""
        return self.set_vae(vae, checkpoint, family)

    def set_vae(
        self,
        vae: str | None,
        checkpoint: str | None = None,
        family: str | None = None,
        keep: Keep = unkept,
    ) -> Confirmed:
        """Nothing is set: says which value the workflow's node takes, in its own spelling."""
        says = "ComfyUI has no VAE that holds for all workflows:"
        if vae is None:
            says += " in each, connect the checkpoint loader's own VAE output to VAEDecode."
            return Confirmed(self.name, None, None, False, says)
        match = find(self._choices(), vae, "VAE", self._client.address, self.title)
        says += f" in each, set vae_name of the node {_NODE} to {shown(match.model.name)}."
        says += match.caution
        return Confirmed(self.name, None, None, False, says, value=match.model.name)

    def _choices(self) -> list[Listed]:
        """What the node takes: files, and names that stand for several (``taesdxl``)."""
        files = {one.name: one for one in self.models("vae")}
        names = self._texts(_options(self._client.get(f"/object_info/{_NODE}")))
        return [files.get(name, Listed("vae", name, "")) for name in names]

    def _paths(self, folder: str) -> Mapping[str, str]:
        """Name -> absolute path, by ``/experiment/models``; empty where it has no such route."""
        try:
            roots = self._roots(folder)
            rows = self._client.get(f"/experiment/models/{quote(folder)}")
        except NotFound:
            return {}
        found: dict[str, str] = {}
        for row in rows if isinstance(rows, list) else []:
            name, place = _named(row)
            if name and 0 <= place < len(roots):
                found.setdefault(name, _joined(roots[place], name))
        return found

    def _roots(self, folder: str) -> list[str]:
        rows = self._client.get("/experiment/models")
        listed = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        found: object = next(
            (row.get("folders") for row in listed if row.get("name") == folder), []
        )
        return self._texts(found)

    def _texts(self, value: object) -> list[str]:
        if not isinstance(value, list):
            says = f"{self._client.who} does not answer with a list of its models"
            raise DownloadBroken(says, "Check the address; another program may answer there.")
        return [one for one in value if isinstance(one, str)]


def _options(document: object) -> object:
    """The values of ``vae_name``: a list in a list, or ``["COMBO", {"options": [...]}]`` of newer
    nodes (comfy_api/latest/_io.py)."""
    for key in (_NODE, "input", "required", "vae_name"):
        document = document.get(key) if isinstance(document, dict) else None
    spec = document if isinstance(document, list) and document else [None]
    newer = spec[1].get("options") if len(spec) > 1 and isinstance(spec[1], dict) else None
    return spec[0] if isinstance(spec[0], list) else newer


def _named(row: object) -> tuple[str | None, int]:
    if not isinstance(row, dict):
        return None, -1
    name, place = row.get("name"), row.get("pathIndex")
    return (name if isinstance(name, str) else None), (place if isinstance(place, int) else -1)


def _joined(root: str, name: str) -> str:
    """A path in the spelling of the frontend's system, which need not be this one."""
    between = "\\" if is_absolute(root) and "\\" in root and "/" not in root else "/"
    return root.rstrip("/\\") + between + name
