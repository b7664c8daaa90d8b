"""Copies of a SQLite registry by SQLite's backup API: whole also while others write."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from ..registry.errors import StoreError, UsageError
from ..registry.naming import shown
from .database import translated
from .sqlite import SqliteDatabase, make_private

KEPT = 3
"""How many copies made before upgrades are kept."""


def copy(database: SqliteDatabase, target: Path) -> Path:
    """Copy the registry to ``target``, which must not exist; a copy that is not whole is not kept.

    Copying the file itself would leave out what still lies in the write-ahead log.
    """
    if target.exists():
        message = f"{shown(str(target), 1000)} exists already."
        raise UsageError(message, "Name a file that does not exist yet.")
    part = SqliteDatabase(target.with_name(f".{target.name}.{os.getpid()}.part"))
    try:
        make_private(part.path)
        _fill(part, database)
        part.path.replace(target)
    except OSError as error:
        message = f"The copy {shown(str(target), 1000)} cannot be written ({error.strerror})."
        raise StoreError(message, "Name a file in a folder that may be written to.") from error
    finally:
        with suppress(OSError):
            part.path.unlink()
    return target


def copy_beside(database: SqliteDatabase, word: str, folder: Path | None = None) -> Path:
    """Copy the registry to ``NAME.<word>-YYYYMMDDTHHMMSSZ`` in a folder, by default its own."""
    folder = folder or database.path.parent
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    stem = f"{database.path.name}.{word}-{stamp}"
    names = (stem, *(f"{stem}-{number}" for number in range(2, 100)))
    free = (folder.absolute() / name for name in names)
    return copy(database, next(path for path in free if not path.exists()))


def copy_before_upgrade(database: SqliteDatabase) -> Path:
    """Copy the registry to ``NAME.backup-...`` and let only the newest copies of that kind stay."""
    made = copy_beside(database, "backup")
    for old in backups(database)[:-KEPT]:
        old.unlink(missing_ok=True)
    return made


def backups(database: SqliteDatabase) -> list[Path]:
    """The copies made before upgrades, oldest first."""
    start = f"{database.path.name}.backup-"
    return sorted(path for path in database.path.parent.iterdir() if path.name.startswith(start))


def beside(database: SqliteDatabase) -> list[Path]:
    """Every copy of the registry in its folder, oldest first."""
    starts = (f"{database.path.name}.backup-", f"{database.path.name}.saved-")
    if not database.path.parent.is_dir():
        return []
    found = (path for path in database.path.parent.iterdir() if path.name.startswith(starts))
    return sorted(found, key=lambda path: path.name.rpartition("-")[2])


def put_back(database: SqliteDatabase, saved: Path) -> None:
    """Overwrite the registry's content with a copy's, in one transaction."""
    with (
        translated(database),
        closing(database.connect()) as connection,
        closing(SqliteDatabase(saved).open_for_reading()) as source,
    ):
        source.backup(connection)


def _fill(part: SqliteDatabase, database: SqliteDatabase) -> None:
    with translated(database):
        source = database.open_for_reading()
    copied = sqlite3.connect(part.path, isolation_level=None)
    with translated(part), closing(source), closing(copied):
        source.backup(copied)
        # One file by itself, without a log beside it.
        copied.execute("PRAGMA journal_mode=DELETE")
        answer = copied.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if answer != "ok":
        message = f"The registry {database.shown} is damaged, so its copy is too ({shown(answer)})."
        raise StoreError(message, "Run `vaereg db check`; an older copy may still be whole.")
