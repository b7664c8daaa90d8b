"""Makes a registry's schema and brings an older one up to date: all steps or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from filelock import FileLock, Timeout
from sqlalchemy import Connection, text

from ..registry.errors import DatabaseLocked, StoreError
from ..registry.naming import shown
from . import copies, schema
from .database import Database, translated
from .session import open_engine
from .sqlite import SqliteDatabase

LOCK_SECONDS = 60.0
"""How long an upgrade waits for another one on the same registry."""

_ADVISORY_LOCK = 0x7661_6572_6567
"""PostgreSQL's lock number for upgrades: ``vaereg`` in ASCII."""


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the schema up to date; the revision before (None: there was none) and the one now.

    Raises ``NewerDatabase`` and other ``StoreError``; then the registry is as it was before.
    """
    if isinstance(database, SqliteDatabase):
        return _upgrade_file(database)
    before = schema.revision_of(database)
    if before != schema.head():
        _migrate(database)
    return before, schema.head()


def _upgrade_file(database: SqliteDatabase) -> tuple[str | None, str]:
    before = schema.revision_of(database)
    if before == schema.head():
        return before, before
    database.create()
    with _locked(database):
        before = schema.revision_of(database)  # another process may have been quicker
        if before is None:
            _migrate(database)
        elif before != schema.head():
            saved = copies.copy_before_upgrade(database)
            try:
                _migrate(database)
            except BaseException:
                # The transaction was rolled back; the copy is for the day when that failed.
                if _revision_or_none(database) != before:
                    copies.put_back(database, saved)
                raise
    return before, schema.head()


def _migrate(database: Database) -> None:
    """Run all missing steps in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS).replace("%", "%%"))
    # Off, since a table is altered on SQLite by copying it and dropping the first, which would
    # delete all that refers to it; and set at connecting, since inside a transaction it is ignored.
    engine = open_engine(database, foreign_keys=False)
    try:
        with translated(database), engine.begin() as connection:
            if database.dialect == "postgresql":
                lock = text("SELECT pg_advisory_xact_lock(:number)")
                connection.execute(lock, {"number": _ADVISORY_LOCK})
            config.attributes["connection"] = connection
            _run(database, config)
            if database.dialect == "sqlite":
                _check_foreign_keys(database, connection)
    finally:
        engine.dispose()


def _run(database: Database, config: Config) -> None:
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        message = f"The registry {database.shown} cannot be upgraded ({shown(str(error))})."
        raise StoreError(message, "Run `vaereg db check`.") from error


def _check_foreign_keys(database: Database, connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).first()
    if broken:
        message = f"Upgrading {database.shown} would leave rows of {broken[0]} without their owner."
        raise StoreError(message, "It was left as it was. Run `vaereg db check`.")


def _revision_or_none(database: Database) -> str | None:
    try:
        return schema.revision_of(database)
    except StoreError:
        return None


@contextmanager
def _locked(database: SqliteDatabase) -> Iterator[None]:
    """One upgrade at a time; where the file system knows no locks, the transaction alone guards."""
    lock = FileLock(f"{database.path}.lock", timeout=LOCK_SECONDS, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        message = (
            f"Another process has been upgrading the registry {database.shown} for a long time."
        )
        raise DatabaseLocked(message, "Wait until it has finished, then try again.") from error
    except NotImplementedError:
        pass
    except OSError as error:
        message = (
            f"The folder of the registry {database.shown} cannot be written ({error.strerror})."
        )
        hint = "Allow writing there, or name another registry with --db."
        raise StoreError(message, hint) from error
    try:
        yield
    finally:
        lock.release()
