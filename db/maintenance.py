"""Keeping the registry in order: upgrading, copying and checking it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from ..registry.errors import StoreError, UsageError
from ..registry.naming import shown
from ..registry.values import Finding
from . import copies, schema
from .address import database_of, default_url
from .database import Database
from .reader import Reader
from .sqlite import SqliteDatabase

PASS, WARN, FAIL = "pass", "warn", "fail"
Outcome = tuple[str, str]
"""``pass``, ``warn`` or ``fail``, and the sentence that says what was found."""


def upgrade(url: str, home: Path) -> tuple[str | None, str]:
    """Bring the registry's schema up to date; the revision before, None for a new one, and now."""
    from .upgrade import upgrade as bring_up_to_date

    database = database_of(url or default_url(home))
    try:
        return bring_up_to_date(database)
    finally:
        database.close()


def backup(url: str, target: Path | None = None) -> Path:
    """Copy a SQLite registry to a file or into a folder, by default its own; the copy's path.

    Raises ``UsageError`` for PostgreSQL and where the target exists, ``StoreError`` where the
    registry is damaged or missing.
    """
    database = database_of(url)
    if not isinstance(database, SqliteDatabase):
        message = f"The registry {database.shown} lies on a PostgreSQL server."
        raise UsageError(
            message, "Copy it with PostgreSQL's own tool: pg_dump --format=custom --file=FILE URL"
        )
    if database.is_empty():
        raise StoreError(
            f"There is no registry at {database.shown} yet.", "vaereg scan DIR makes one."
        )
    if target is not None and not target.is_dir():
        return copies.copy(database, target.absolute())
    return copies.copy_beside(database, "saved", target)


def check(url: str) -> tuple[Finding, ...]:
    """Look for damage; never raises for what it finds, and changes nothing."""
    database = database_of(url)
    try:
        return tuple(_findings(database))
    finally:
        database.close()


def _findings(database: Database) -> Iterator[Finding]:
    if isinstance(database, SqliteDatabase):
        if _is_absent(database):
            message = f"There is no registry at {database.shown} yet; the first scan makes one."
            yield Finding("registry", PASS, message)
            return
        yield _checked("integrity", database, _integrity)
        yield _checked("journal", database, _journal)
        yield _checked("foreign-keys", database, _foreign_keys)
    yield _checked("schema", database, _schema)
    yield _checked("contents", database, _contents)


def _is_absent(database: SqliteDatabase) -> bool:
    try:
        return database.is_empty()
    except StoreError:
        return False


def _checked(name: str, database: Database, test: Callable[[Database], Outcome]) -> Finding:
    try:
        return Finding(name, *test(database))
    except StoreError as error:
        return Finding(name, FAIL, " ".join(filter(None, (error.message, error.hint))))


def _integrity(database: Database) -> Outcome:
    with database.reading() as query:
        answers = [str(row[0]) for row in query("PRAGMA integrity_check(5)")]
    if answers == ["ok"]:
        return PASS, f"The file {database.shown} is whole."
    return FAIL, (
        f"The file {database.shown} is damaged ({shown('; '.join(answers))}). Put the newest copy "
        "back in its place (*.backup-*, *.saved-*), or move it away and run `vaereg scan` again."
    )


def _foreign_keys(database: Database) -> Outcome:
    with database.reading() as query:
        broken = query("PRAGMA foreign_key_check")
    if not broken:
        return PASS, "Every row has its owner."
    names = ", ".join(sorted({str(row[0]) for row in broken}))
    return FAIL, f"{len(broken)} rows of {shown(names)} have lost their owner; put a copy back."


def _journal(database: Database) -> Outcome:
    with database.reading() as query:
        mode = str(query("PRAGMA journal_mode")[0][0])
    version = sqlite3.sqlite_version
    if mode == "wal" and not _log_is_sound(sqlite3.sqlite_version_info):
        return WARN, (
            f"SQLite {version} with a write-ahead log: versions before 3.51.3 can, very rarely, "
            "lose writes of several processes at once; prefer a Python with a newer SQLite."
        )
    return PASS, f"SQLite {version}, journal mode {shown(mode)}."


def _log_is_sound(version: tuple[int, ...]) -> bool:
    """Whether the WAL-reset race is mended: https://www.sqlite.org/wal.html#walresetbug."""
    branch, patch = version[:2], version[2]
    mended = {(3, 44): 6, (3, 50): 7}
    return version >= (3, 51, 3) or (branch in mended and patch >= mended[branch])


def _schema(database: Database) -> Outcome:
    found = schema.revision_of(database)
    if found == schema.head():
        return PASS, f"The schema is {found}, the newest."
    return (
        FAIL,
        f"The schema is {found or 'missing'}, the newest is {schema.head()}: vaereg db upgrade.",
    )


_STRAYS = {
    "verdicts without evidence": """
        SELECT count(*) FROM verdicts v
        WHERE NOT EXISTS (SELECT 1 FROM evidence e WHERE e.verdict_id = v.id)""",
    "VAEs and denoisers without a fingerprint": """
        SELECT count(*) FROM components c WHERE c.role IN ('vae', 'denoiser')
        AND NOT EXISTS (SELECT 1 FROM fingerprints f WHERE f.component_id = c.id)""",
}


def _contents(database: Database) -> Outcome:
    """Whether every row can be turned into a value."""
    if schema.revision_of(database) != schema.head():
        return PASS, "Not read before the schema is up to date."
    reader = Reader(database, database.machine)
    models, verdicts, places = reader.models(), reader.verdicts(), reader.places()
    with database.reading() as query:
        strays = {name: query(sql)[0][0] for name, sql in _STRAYS.items()}
    told = "".join(f", {count} {name}" for name, count in strays.items() if count)
    return PASS, f"{len(models)} models, {len(places)} files here, {len(verdicts)} verdicts{told}."
