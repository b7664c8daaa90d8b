"""What the web UIs that descend from AUTOMATIC1111 answer alike: settings, flags, model lists.

Source: AUTOMATIC1111/stable-diffusion-webui, modules/api/api.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..changes.base import Call
from ..changes.records import Sent
from ..changes.reports import Left
from ..errors import DownloadBroken
from ..frontends.base import Listed
from ..naming import shown
from .client import Client
from .matching import Match, find, plain

API = "/sdapi/v1"
OPTIONS = f"{API}/options"
CHECKPOINT = "sd_model_checkpoint"


class WebUi:
    """What the descendants have in common of ``base.Live``."""

    def __init__(self, client: Client, name: str, title: str) -> None:
        self.name, self.title, self.url = name, title, client.address.base
        client.title = title
        self.send = client.send
        self._client = client

    def options(self) -> Mapping[str, object]:
        """Its settings; raises ``SourceError``."""
        return _options(self._client)

    def flags(self) -> Mapping[str, object]:
        """Its launch flags, as argparse names them; raises ``SourceError``."""
        return _mapping(self._client, self._client.get(f"{API}/cmd-flags"), "launch flags")


def _options(client: Client) -> Mapping[str, object]:
    return _mapping(client, client.get(OPTIONS), "settings")


def listed(client: Client, path: str, role: str, name: str = "model_name") -> list[Listed]:
    """The models of one list; raises ``SourceError``."""
    rows = client.get(API + path)
    if not isinstance(rows, list):
        raise _nonsense(client, "models")
    return [_model(client, row, role, name) for row in rows]


def checkpoints(client: Client) -> list[Listed]:
    """The checkpoints by their titles, which is what the setting holds; raises ``SourceError``."""
    return listed(client, "/sd-models", "checkpoint", "title")


def checkpoint(client: Client, wanted: str) -> Match:
    """One checkpoint; raises ``NotFound``, ``Ambiguous`` and ``SourceError``."""
    return find(checkpoints(client), wanted, "checkpoint", client.address, client.title)


def change(client: Client, before: Mapping[str, object], wanted: Mapping[str, object]) -> Call:
    """The request that sets settings, and the one that sets them back."""
    url = client.url(OPTIONS)
    undo = {key: before.get(key) for key in wanted}
    why = ", ".join(f"{key} = {shown(str(value), 80)}" for key, value in wanted.items())
    return Call("POST", url, dict(wanted), why, ("POST", url, undo))


def take_back(client: Client, sent: Sent, along: str | None = None) -> bool:
    """``reports.TakeBack`` for settings, each by itself; ``along`` goes with whatever is sent.

    What is neither as it was set nor as it was before is the user's by now. Raises ``Left`` and
    ``SourceError``.
    """
    before, ours = (one if isinstance(one, dict) else {} for one in (sent.body, sent.sets))
    now = _options(client)
    moved = [key for key in before if not _same(key, now.get(key), before[key])]
    theirs = [key for key in moved if key in ours and not _same(key, now.get(key), ours[key])]
    # A frontend that had no checkpoint takes none for an answer.
    back = {key: before[key] for key in moved if key not in theirs and before[key] is not None}
    says = ", ".join(f"{key} is {shown(str(now.get(key)))} by now" for key in theirs)
    if not back:
        if theirs:
            raise Left(f"{says}: not what vaereg set, so it stays")
        return False
    extra = {along: now[along]} if along and along not in back and now.get(along) else {}
    client.send(sent.method, sent.url, {**extra, **back})
    read = _options(client)
    for key in back:
        if not _same(key, read.get(key), back[key]):
            what = f"{key} is {shown(str(read.get(key)))} and not {shown(str(back[key]))}"
            raise DownloadBroken(
                f"{client.who} answered that it is done, but {what}", "Its console says why."
            )
    if theirs:
        raise Left(f"{says} and stays; {', '.join(back)} is as before")
    return True


def is_checkpoint(setting: object, title: str) -> bool:
    """Whether a setting names a checkpoint; loading it appends its hash to its title."""
    return isinstance(setting, str) and plain(setting) == plain(title)


def text(value: object) -> str | None:
    """A setting that is a text and not empty."""
    return value if isinstance(value, str) and value else None


def _same(key: str, now: object, then: object) -> bool:
    """Titles without their hashes, and lists in any order: Neo sorts its own."""
    if key == CHECKPOINT and isinstance(then, str):
        return is_checkpoint(now, then)
    if isinstance(now, list) and isinstance(then, list):
        return sorted(map(str, now)) == sorted(map(str, then))
    return now == then


def _model(client: Client, row: object, role: str, key: str) -> Listed:
    name = row.get(key) if isinstance(row, dict) else None
    path = row.get("filename") if isinstance(row, dict) else None
    if not isinstance(name, str) or not name:
        raise _nonsense(client, "models")
    return Listed(role, name, path if isinstance(path, str) else "")


def _mapping(client: Client, document: object, what: str) -> Mapping[str, object]:
    if not isinstance(document, dict):
        raise _nonsense(client, what)
    return document


def _nonsense(client: Client, what: str) -> DownloadBroken:
    says = f"{client.who} does not answer with a list of its {what}"
    return DownloadBroken(says, "Check the address; another program may answer there.")
