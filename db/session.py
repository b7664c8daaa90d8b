"""SQLAlchemy's engine over the registry's database, and transactions beside other processes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ..registry.interrupts import held_back
from .database import Database, translated

Answer = TypeVar("Answer")

_PAUSES = (0.02, 0.04, 0.08, 0.16, 0.32)
"""Seconds to wait at most before the same work is tried again."""

_AGAIN = frozenset({"40001", "40P01", "23503", "23505"})
"""SQLSTATEs of PostgreSQL after which the same work may succeed: serialization failure, deadlock,
and a row that another process inserted or removed meanwhile."""


def open_engine(database: Database, *, foreign_keys: bool = True) -> Engine:
    """An engine whose transactions hold SQLite's write lock from their first statement on."""
    if database.dialect == "sqlite":
        engine = create_engine(
            "sqlite://",
            creator=lambda: database.connect(foreign_keys=foreign_keys),
            poolclass=NullPool,
        )
        event.listen(engine, "begin", _begin_immediate)
        return engine
    return create_engine(
        "postgresql+psycopg://", creator=database.connect, pool_size=1, pool_pre_ping=True
    )


def transact(database: Database, engine: Engine, work: Callable[[Connection], Answer]) -> Answer:
    """Run ``work`` in one transaction, again where another process came in between.

    Raises ``StoreError``; then nothing of the work is recorded.
    """
    with held_back(), translated(database):
        for pause in _PAUSES:
            try:
                return _once(engine, work)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _AGAIN:
                    raise
            time.sleep(random.uniform(0, pause))
        return _once(engine, work)


def _once(engine: Engine, work: Callable[[Connection], Answer]) -> Answer:
    with engine.begin() as connection:
        return work(connection)


def _begin_immediate(connection: Connection) -> None:
    # A plain BEGIN takes the write lock at the first write and fails at once where another process
    # wrote since the first read; waiting for the lock helps only before anything was read.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
