"""The registry on a PostgreSQL server, shared by several machines: connecting, and its faults."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..registry.errors import (
    DatabaseLocked,
    DatabaseUnreachable,
    MissingDependency,
    StoreError,
    StoreFull,
)
from ..registry.naming import shown as harmless
from .database import Query, Row, translated

if TYPE_CHECKING:
    import psycopg

LOCK_MS = 30_000
"""How long a statement waits for another process's lock, in milliseconds."""

# By SQLSTATE (PostgreSQL's manual, appendix A); None is a connection that never came about.
_FAULTS: dict[str | None, tuple[type[StoreError], str, str]] = {
    None: (
        DatabaseUnreachable,
        "The registry {place} cannot be reached ({text}).",
        "Check the address in --db or VAEREG_DATABASE_URL, and that the server runs.",
    ),
    "55P03": (
        DatabaseLocked,
        "Another process keeps the registry {place} locked.",
        "Wait until it has finished, then try again.",
    ),
    "53100": (
        StoreFull,
        "The disk of the server that holds the registry {place} is full; nothing was recorded.",
        "Free some space there, then try again.",
    ),
    "25006": (
        StoreError,
        "The registry {place} may only be read, so nothing can be recorded in it.",
        "Connect to the primary server, or name another registry with --db.",
    ),
    "42501": (
        StoreError,
        "The registry's user may not do that in {place} ({text}).",
        "Grant the user CREATE on the schema and all rights on vaereg's tables.",
    ),
}
_OTHER = (StoreError, "The registry {place} cannot be used ({text}).", "Run `vaereg db check`.")


class PostgresDatabase:
    """A registry in a PostgreSQL database; one connection is kept for reading."""

    dialect = "postgresql"
    tables = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"

    def __init__(self, conninfo: str, shown: str) -> None:
        """``conninfo`` is an address as libpq reads it, password included; ``shown`` has none."""
        self._conninfo = conninfo
        self.shown = shown
        self._kept: psycopg.Connection[Any] | None = None

    @cached_property
    def machine(self) -> str:
        """A name for this machine that others on the same registry do not have."""
        return machine_id()

    @contextmanager
    def reading(self) -> Iterator[Query]:
        """Queries inside one read-only transaction."""
        with translated(self):
            connection = self._reader()

            def query(sql: str, *parameters: object) -> list[Row]:
                return connection.execute(sql.replace("?", "%s").encode(), parameters).fetchall()

            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield query
            finally:
                if not connection.closed:
                    connection.execute("ROLLBACK")

    def connect(self, *, foreign_keys: bool = True) -> psycopg.Connection[Any]:
        """A connection for writing; foreign keys are always kept here."""
        connection = self._open()
        connection.autocommit = False
        return connection

    def fault(self, error: BaseException) -> StoreError | None:
        """What an error of the driver means to the user."""
        if not hasattr(error, "sqlstate") or not type(error).__module__.startswith("psycopg"):
            return None
        kind, message, hint = _FAULTS.get(error.sqlstate, _OTHER)
        text = harmless(next(iter(str(error).strip().splitlines()), type(error).__name__), 300)
        words = {"place": self.shown, "text": text}
        return kind(message.format(**words), hint)

    def close(self) -> None:
        """Close the connection kept for reading."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _reader(self) -> psycopg.Connection[Any]:
        if self._kept is None or self._kept.closed:
            self._kept = self._open()
        return self._kept

    def _open(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = _driver().connect(
            self._conninfo, autocommit=True, client_encoding="utf8", connect_timeout=10
        )
        connection.execute(f"SET lock_timeout = {LOCK_MS:d}".encode())
        return connection


def machine_id() -> str:
    """The system's id of this machine, hashed as machine-id(5) asks for, else its name."""
    for source in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            own = Path(source).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        if own:
            return hashlib.sha256(f"vaereg:{own}".encode()).hexdigest()[:32]
    return harmless(platform.node() or "unnamed", 60)[:64]


def _driver() -> ModuleType:
    try:
        import psycopg
    except ImportError as error:
        message = "A registry on PostgreSQL needs the package psycopg, which is not installed."
        raise MissingDependency(message, "pip install 'vaereg[postgres]'") from error
    return psycopg
