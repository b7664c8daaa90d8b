"""The registry in a SQLite file: opening it by the rules that keep it whole, and its faults."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..registry.errors import DatabaseLocked, StoreError, StoreFull
from ..registry.naming import shown as harmless
from .database import Query, Row, translated
from .disks import is_local

BUSY_MS = 30_000
"""How long a connection waits for another one's lock, in milliseconds."""

_DAMAGED = (
    StoreError,
    "The registry {place} is damaged or no SQLite database ({text}).",
    "Nothing was deleted. `vaereg db check` tells more; put the newest copy back in its place "
    "({place}.backup-* or {place}.saved-*), or move the file away and run `vaereg scan` again.",
)
_FAULTS: dict[int, tuple[type[StoreError], str, str]] = {
    sqlite3.SQLITE_BUSY: (
        DatabaseLocked,
        "Another process keeps the registry {place} locked.",
        "Wait until it has finished, then try again.",
    ),
    sqlite3.SQLITE_READONLY: (
        StoreError,
        "The registry {place} may only be read, so nothing can be recorded in it.",
        "Allow writing to the file and its folder, or name another registry with --db.",
    ),
    sqlite3.SQLITE_IOERR: (
        StoreError,
        "The disk failed while the registry {place} was read or written ({text}).",
        "Check the disk and its connection, then run `vaereg db check`.",
    ),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FULL: (
        StoreFull,
        "The disk that holds the registry {place} is full; this change was not recorded.",
        "Free some space, then try again.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        StoreError,
        "The registry {place} cannot be opened.",
        "Check that it is a file, that its folder exists, and that both may be read and written.",
    ),
}
_FAULTS[sqlite3.SQLITE_LOCKED] = _FAULTS[sqlite3.SQLITE_BUSY]
_OTHER = (StoreError, "The registry {place} cannot be used ({text}).", "Run `vaereg db check`.")


@dataclass(frozen=True, slots=True)
class SqliteDatabase:
    """A registry in one SQLite file; connections live no longer than one task."""

    path: Path
    """Absolute."""

    dialect = "sqlite"
    tables = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'"
    )
    machine = "local"
    """One for all: the file belongs to the machine it lies on. A container that is started anew has
    another name each time, and must still find the paths on its volume."""

    @property
    def shown(self) -> str:
        """The path, harmless for a terminal."""
        return harmless(str(self.path), 1000)

    def create(self) -> None:
        """Make the file, readable by its owner alone, and its folders, where they are missing."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_private(self.path)
        except OSError as error:
            message = f"The registry {self.shown} cannot be created ({error.strerror})."
            hint = "Choose a folder that may be written to: --home DIR or --db sqlite:///FILE."
            raise StoreError(message, hint) from error

    def is_empty(self) -> bool:
        """Whether there is no file, or one of no bytes."""
        try:
            return not self.path.exists() or (self.path.is_file() and not self.path.stat().st_size)
        except OSError as error:
            message = f"The registry {self.shown} cannot be reached ({error.strerror})."
            raise StoreError(
                message, "Check the path given by --db or VAEREG_DATABASE_URL."
            ) from error

    @contextmanager
    def reading(self) -> Iterator[Query]:
        """Queries inside one read transaction."""
        with translated(self), closing(self.open_for_reading()) as connection:

            def query(sql: str, *parameters: object) -> list[Row]:
                return connection.execute(sql, parameters).fetchall()

            connection.execute("BEGIN")
            yield query

    def open_for_reading(self) -> sqlite3.Connection:
        """Also where nothing may be written: then SQLite can make no shared memory for its log.

        Without a log or a journal left behind the file is complete by itself and is read as it is.
        """
        connection = self._open("mode=rw")
        try:
            connection.execute("PRAGMA query_only=ON")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            primary = error.sqlite_errorcode & 0xFF
            if primary not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or self._has_log():
                raise
            return self._open("mode=ro&immutable=1")
        except BaseException:
            connection.close()
            raise
        return connection

    def connect(self, *, foreign_keys: bool = True) -> sqlite3.Connection:
        """A connection for writing; transactions begin only by an explicit BEGIN."""
        connection = self._open("mode=rw")
        try:
            connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
            synchronous = "NORMAL" if self._journal(connection) == "wal" else "FULL"
            connection.execute(f"PRAGMA synchronous={synchronous}")
        except BaseException:
            connection.close()
            raise
        return connection

    def fault(self, error: BaseException) -> StoreError | None:
        """What an error of SQLite means to the user."""
        if not isinstance(error, sqlite3.Error):
            return None
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
        kind, message, hint = _FAULTS.get(primary, _OTHER)
        words = {"place": self.shown, "text": harmless(str(error))}
        return kind(message.format(**words), hint.format(**words))

    def close(self) -> None:
        """Nothing is held open."""

    def _open(self, query: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?{query}", uri=True, isolation_level=None, timeout=BUSY_MS / 1000
        )
        try:
            # mmap_size stays 0: a file cut short under a memory map would kill the process.
            connection.execute("PRAGMA mmap_size=0")
        except BaseException:
            connection.close()
            raise
        return connection

    def _has_log(self) -> bool:
        sides = (Path(f"{self.path}{end}") for end in ("-wal", "-journal"))
        return any(side.exists() and side.stat().st_size for side in sides)

    def _journal(self, connection: sqlite3.Connection) -> str:
        """Use the write-ahead log on local disks only; the mode that SQLite then answers."""
        wanted = "wal" if is_local(self.path) else "delete"
        mode = str(connection.execute("PRAGMA journal_mode").fetchone()[0])
        if mode != wanted:
            # Where another connection holds the file, the mode it has does for now.
            with suppress(sqlite3.OperationalError):
                mode = str(connection.execute(f"PRAGMA journal_mode={wanted}").fetchone()[0])
        return mode


def make_private(path: Path) -> None:
    """Make an empty file that its owner alone may read, unless it is there; raises ``OSError``."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
