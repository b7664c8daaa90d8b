"""The contract between the registry and a database's plain driver; no SQLAlchemy in sight."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeAlias

from ..registry.errors import StoreError

DriverConnection: TypeAlias = Any
"""A connection as PEP 249 knows it; each driver has a type of its own."""

Row = Sequence[Any]
Query = Callable[..., list[Row]]
"""``query(sql, *parameters)``: the rows of a SELECT whose parameters are written ``?``."""


class Database(Protocol):
    """A database that can hold the registry: ``SqliteDatabase`` or ``PostgresDatabase``."""

    @property
    def dialect(self) -> str:
        """``sqlite`` | ``postgresql``."""
        ...

    @property
    def shown(self) -> str:
        """Where it is, for messages: harmless text without a password."""
        ...

    @property
    def machine(self) -> str:
        """Whose paths this process records and sees."""
        ...

    @property
    def tables(self) -> str:
        """A query for the names of all tables."""
        ...

    def reading(self) -> AbstractContextManager[Query]:
        """Queries that all see one and the same state; errors come out as ``StoreError``."""
        ...

    def connect(self, *, foreign_keys: bool = True) -> DriverConnection:
        """A new DB-API connection for writing, for SQLAlchemy's engine."""
        ...

    def fault(self, error: BaseException) -> StoreError | None:
        """What a driver's error means to the user; None for any other error."""
        ...

    def close(self) -> None:
        """Give back what is held open."""
        ...


@contextmanager
def translated(database: Database) -> Iterator[None]:
    """Turns the driver's errors, SQLAlchemy's wrapping of them included, into ``StoreError``."""
    try:
        yield
    except Exception as error:
        fault = database.fault(getattr(error, "orig", None) or error)
        if fault is None:
            raise
        raise fault from error
