"""InvokeAI's records as they were: requests taken back, but for what the user changed or uses."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from ..changes.records import Sent
from ..changes.reports import Left
from ..errors import DownloadBroken
from ..naming import shown
from .invoke_models import INSTALL, Models, Record

_SETTINGS, _VAE = "default_settings", "vae"


def take_back(models: Models, sent: Sent) -> bool:
    """``reports.TakeBack``: a VAE unregistered, or a record's fields put back."""
    return _unregister(models, sent) if sent.method == "DELETE" else _put_back(models, sent)


def _unregister(models: Models, sent: Sent) -> bool:
    """The file itself stays where it is: that is looked at again, for ``delete`` may remove it."""
    record = _installed(models, sent)
    if record is None:
        return False
    _require_unused(models, record)
    if (removal := models.removal(record)) is None:
        raise Left(f"{shown(record.name)} stays registered: its file could go with it")
    method, url, body = removal
    models.client.send(method, url, body)
    if models.row(url) is not None:
        raise _not_done(models, f"{shown(record.name)} is still registered")
    return True


def _installed(models: Models, sent: Sent) -> Record | None:
    """The record of a VAE that was installed; by its path where the key was never learnt."""
    parts = urlsplit(sent.url)
    if not parts.path.endswith(INSTALL):
        row = models.row(sent.url)
        return models.read(row) if row is not None else None
    source = parse_qs(parts.query).get("source", [""])[0]
    found = [one for one in models.of_type("vae", "unknown") if one.path == source]
    if not found:
        return None
    body = sent.sets if isinstance(sent.sets, dict) else {}
    told = found[0].description is not None
    ours = (found[0].description, body.get("description"))
    names = (found[0].name, body.get("name"))
    if (ours[0] != ours[1]) if told else (names[0] != names[1]):
        raise Left(f"{shown(source)} is registered, but not as vaereg asked for it")
    return found[0]


def _put_back(models: Models, sent: Sent) -> bool:
    row = models.row(sent.url)
    if row is None:
        return False
    before, ours = (one if isinstance(one, dict) else {} for one in (sent.body, sent.sets))
    now = {key: row.get(key) for key in before}
    if all(_part(key, now) == _part(key, before) for key in before):
        return False
    record = models.read(row)
    if strange := [key for key in ours if _part(key, row) != _part(key, ours)]:
        what = "default VAE" if strange[0] == _SETTINGS else strange[0]
        value = shown(str(_part(strange[0], row) or "none"))
        raise Left(f"the {what} of {shown(record.name)} is {value} by now: it stays")
    if record.type == "vae":
        _require_unused(models, record)
    wanted = {key: _merged(key, row, before) for key in before}
    models.client.send(sent.method, sent.url, wanted)
    read = models.row(sent.url) or {}
    for key in before:
        if _part(key, read) != _part(key, before):
            raise _not_done(models, f"{key} of {shown(record.name)} is not as it was")
    return True


def _part(key: str, fields: Mapping[str, object]) -> object:
    """Of the default settings only the VAE was changed."""
    value = fields.get(key)
    if key != _SETTINGS:
        return value
    return (value.get(_VAE) if isinstance(value, dict) else None) or None


def _merged(key: str, row: Mapping[str, object], before: Mapping[str, object]) -> object:
    """The old value; default settings with all that the user changed besides."""
    then, now = before[key], row.get(key)
    if key != _SETTINGS or not isinstance(now, dict):
        return then
    others = {name: value for name, value in now.items() if name != _VAE}
    if then is None:
        return None if not any(value is not None for value in others.values()) else others
    return {**others, _VAE: then[_VAE]} if isinstance(then, dict) and _VAE in then else others


def _require_unused(models: Models, record: Record) -> None:
    """Raises ``Left`` where a main model has the VAE by default."""
    for main in models.of_type("main"):
        if (main.settings or {}).get(_VAE) == record.key:
            says = f"{shown(record.name)} is the default VAE of {shown(main.name)} by now"
            raise Left(f"{says}: it stays")


def _not_done(models: Models, what: str) -> DownloadBroken:
    says = f"{models.client.who} answered that it is done, but {what}"
    return DownloadBroken(says, "Its console says why.")
