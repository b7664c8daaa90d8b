"""Every kind of frontend that can be asked while it runs, and how one is recognised."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..errors import DownloadBroken, Forbidden, NeedsToken, UsageError
from ..naming import shown
from ..transfer.endpoints import Patience
from .a1111 import A1111
from .address import REMEDY
from .base import Live
from .client import Client
from .comfyui import ComfyUI
from .forge import Forge
from .invokeai import InvokeAI

Make = Callable[[Client, str, str], Live]


class _Kind(NamedTuple):
    make: Make
    title: str


KINDS = {
    "a1111": _Kind(A1111, "AUTOMATIC1111"),
    "reforge": _Kind(A1111, "reForge"),
    "sdnext": _Kind(A1111, "SD.Next"),
    "forge": _Kind(Forge, "Forge"),
    "neo": _Kind(Forge, "Forge Neo"),
    "comfyui": _Kind(ComfyUI, "ComfyUI"),
    "comfy-desktop": _Kind(ComfyUI, "ComfyUI Desktop"),
    "invokeai": _Kind(InvokeAI, "InvokeAI"),
}
"""By ``frontends.base.Frontend.name``. reForge and SD.Next keep AUTOMATIC1111's routes
(Panchovix/stable-diffusion-webui-reForge, vladmandic/sdnext: modules/api/api.py)."""


class _Sign(NamedTuple):
    name: str
    path: str
    shape: Callable[[object], bool]


def _has(key: str) -> Callable[[object], bool]:
    return lambda document: isinstance(document, dict) and key in document


def _rows(document: object) -> bool:
    return isinstance(document, list)


_SIGNS = (
    _Sign("comfyui", "/system_stats", _has("system")),
    _Sign("invokeai", "/api/v1/app/version", _has("version")),
    _Sign("forge", "/sdapi/v1/sd-modules", _rows),
    _Sign("a1111", "/sdapi/v1/sd-vae", _rows),
)
"""In this order: Forge has no ``/sd-vae`` and AUTOMATIC1111 no ``/sd-modules``, and where a fork
has both, the modules are what it reads."""
_WITHOUT_API = "/internal/ping"
"""Answered by the web UIs' page even where their API is off (modules/ui.py, ``setup_ui_api``)."""


def connect(url: str, name: str | None = None, patience: Patience | None = None) -> Live:
    """The running frontend at an address; which one is found out where ``name`` does not say.

    Raises ``UsageError`` for an address or name that is none, ``Offline`` where nothing answers,
    ``NeedsToken`` and ``Forbidden`` where it wants a sign-in, ``DownloadBroken`` for a server of
    another kind.
    """
    client = Client(url, patience)
    if name is not None and name not in KINDS:
        known = ", ".join(KINDS)
        raise UsageError(f"{shown(name)} cannot be asked while it runs", f"These can: {known}.")
    kind = KINDS[name or _recognised(client)]
    found = name or next(key for key, row in KINDS.items() if row is kind)
    return kind.make(client, found, kind.title)


def _recognised(client: Client) -> str:
    locked = False
    for sign in _SIGNS:
        status, document = _look(client, sign.path)
        if status == 200 and sign.shape(document):
            return _variant(client, sign.name)
        locked = locked or status in (401, 403)
    if locked:
        says = f"{client.who} does not accept the sign-in" if client.address.authorization else None
        raise NeedsToken(says or f"{client.who} wants a sign-in", REMEDY)
    if _look(client, _WITHOUT_API)[0] == 200:
        says = f"the web UI at {client.address.place} runs without its API"
        raise Forbidden(says, "Start it with --api.")
    titles = ", ".join(row.title for row in KINDS.values())
    raise DownloadBroken(f"{client.who} is none of {titles}", "Check the address and its port.")


def _look(client: Client, path: str) -> tuple[int, object]:
    """What a path answers; 0 for what is no answer of a frontend's API, such as a web page."""
    try:
        answer = client.ask("GET", client.url(path), handled=range(300, 600))
    except DownloadBroken:
        return 0, None
    return answer.status, answer.document


def _variant(client: Client, name: str) -> str:
    """Neo by the flag that it has in the plural, reForge by the flags that it shares with ComfyUI
    (Haoming02/sd-webui-forge-classic and Panchovix/stable-diffusion-webui-reForge, cmd_args.py)."""
    if name not in ("forge", "a1111"):
        return name
    flags = _look(client, "/sdapi/v1/cmd-flags")[1]
    given = flags if isinstance(flags, dict) else {}
    if name == "forge":
        return "neo" if "vae_dirs" in given else name
    return "reforge" if "vae_in_fp32" in given else name
