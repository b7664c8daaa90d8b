"""InvokeAI's database of models, read without writing a byte beside it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..formats.strict_json import BadJson, parse_quickly
from ..naming import shown
from ..values import Notice
from .folders import located

MOST_COPIED = 256 * 1024 * 1024
"""Bytes of a database in use that are copied to see what is not merged into it yet."""
MOST_RECORDS = 50_000
MOST_BYTES = 16 * 1024 * 1024
"""One record; a real one has some 2 kB."""
MOST_STEPS = 20_000_000
"""Instructions of SQLite; reading the records takes some dozen each."""
_TRIES = 3
_QUERY = "SELECT id, config FROM models LIMIT ?"
"""invoke-ai/InvokeAI invokeai/app/services/model_records/model_records_sql.py: the other columns
are made from ``config``."""


@dataclass(frozen=True, slots=True)
class Record:
    """A model that is installed in InvokeAI."""

    key: str
    name: str
    base: str
    """``sd-1``, ``sdxl``, ``flux`` ...; of a VAE guessed from the file's name."""
    type: str
    """``main``, ``vae``, ``t5_encoder`` ..."""
    format: str
    """``diffusers`` for a folder, ``checkpoint`` for a single file, ``gguf_quantized`` ..."""
    path: str
    """Absolute; a relative one starts at the folder of models."""
    default_vae: str | None = None
    """``default_settings.vae``: the key of a VAE, ``default``, or None where it is not set."""


def read_records(path: str, models: str, notices: list[Notice]) -> tuple[Record, ...]:
    """Every model by type, base and name; empty with a notice where they cannot be read.

    ``models`` is where relative paths start. Neither the database nor its folder is touched, also
    while InvokeAI runs.
    """
    if not os.path.isfile(path):
        return ()
    try:
        rows = _rows(path, notices)
    except (sqlite3.Error, OSError, ValueError) as failure:
        what = f"{shown(path)} cannot be read as InvokeAI's database: {shown(str(failure))}."
        notices.append(Notice("database-unreadable", what))
        return ()
    found = [record for row in rows if (record := _record(row, models))]
    if len(found) < len(rows):
        what = f"{len(rows) - len(found)} records of {shown(path)} are not understood."
        notices.append(Notice("records-unknown", what))
    return tuple(sorted(found, key=lambda one: (one.type, one.base, one.name, one.format)))


def _rows(path: str, notices: list[Notice]) -> list[tuple[object, object]]:
    """What is not merged into the file yet lies in its ``-wal``, which only a copy may read:
    SQLite would make or change files beside the original (sqlite.org/wal.html, section 5)."""
    path = os.path.realpath(path)
    if not _stamp(f"{path}-wal")[0]:
        return _select(path)
    for _ in range(_TRIES):
        with tempfile.TemporaryDirectory(prefix="vaereg-") as folder:
            copy = _copied(path, folder)
            if copy is not None:
                return _select(copy, whole=True)
    what = f"What InvokeAI changed last is not merged into {shown(path)} yet and was not seen."
    notices.append(Notice("database-in-use", what))
    return _select(path)


def _copied(path: str, folder: str) -> str | None:
    """A copy with what is not merged yet; None where it changed meanwhile or is too large."""
    log, copy = f"{path}-wal", os.path.join(folder, "records.db")
    before = (_stamp(path), _stamp(log))
    if before[0][0] + before[1][0] > MOST_COPIED:
        return None
    shutil.copyfile(path, copy)
    if before[1][0]:
        shutil.copyfile(log, f"{copy}-wal")
    return copy if (_stamp(path), _stamp(log)) == before else None


def _stamp(path: str) -> tuple[int, int]:
    """Size and time of change; zeros where there is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return (status.st_size, status.st_mtime_ns)


def _select(path: str, whole: bool = False) -> list[tuple[object, object]]:
    mode = "mode=rw" if whole else "mode=ro&immutable=1"
    address = f"{Path(path).as_uri()}?{mode}"
    with closing(sqlite3.connect(address, uri=True, timeout=1.0)) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        _limit(connection)
        return connection.execute(_QUERY, (MOST_RECORDS,)).fetchall()


def _limit(connection: sqlite3.Connection) -> None:
    """A damaged or hostile file must not keep SQLite busy for ever."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    steps: Iterator[int] = iter(range(MOST_STEPS // 10_000))
    connection.set_progress_handler(lambda: int(next(steps, None) is None), 10_000)


def _record(row: tuple[object, object], models: str) -> Record | None:
    key, text = row
    if not isinstance(key, str) or not isinstance(text, str):
        return None
    try:
        config = parse_quickly(text)
    except BadJson:
        return None
    if not isinstance(config, Mapping):
        return None
    words = [config.get(name) for name in ("name", "base", "type", "format", "path")]
    name, base, kind, form, path = (one if isinstance(one, str) else "" for one in words)
    if not path or "\0" in path:
        return None
    defaults = config.get("default_settings")
    vae = defaults.get("vae") if isinstance(defaults, Mapping) else None
    place = located(path, models)
    return Record(key, name, base, kind, form, place, vae if isinstance(vae, str) else None)
