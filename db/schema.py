"""Which schema this vaereg reads and writes, and which one a database has."""

from __future__ import annotations

from pathlib import Path

from ..registry.errors import NewerDatabase, StoreError
from ..registry.naming import shown
from .database import Database
from .sqlite import SqliteDatabase

REVISIONS = ("m001", "m002", "m003")
"""Every revision, oldest first; the last is what this vaereg reads and writes."""

MIGRATIONS = Path(__file__).parent / "migrations"


def head() -> str:
    """The revision that this vaereg reads and writes."""
    return REVISIONS[-1]


def revision_of(database: Database) -> str | None:
    """The revision a database has, None where it is still empty.

    Raises ``NewerDatabase`` for a revision unknown here, ``StoreError`` where the database belongs
    to another program or cannot be read. Imports neither SQLAlchemy nor Alembic.
    """
    if isinstance(database, SqliteDatabase) and database.is_empty():
        return None
    with database.reading() as query:
        tables = {row[0] for row in query(database.tables)}
        versions = (
            query("SELECT version_num FROM alembic_version") if "alembic_version" in tables else []
        )
    shared = database.dialect == "postgresql" and "artifacts" not in tables
    if not versions and (shared or not tables - {"alembic_version"}):
        return None
    if not versions or "artifacts" not in tables:
        raise StoreError(
            f"The database {database.shown} belongs to another program: it has other tables.",
            "Name a database of vaereg's own with --db or VAEREG_DATABASE_URL.",
        )
    found = str(versions[0][0])
    if found not in REVISIONS:
        raise NewerDatabase(
            f"The registry {database.shown} has the schema {shown(found)}, "
            f"and this vaereg knows schemas up to {head()}.",
            "Update vaereg (pip install --upgrade vaereg), or name another registry with --db.",
        )
    return found
