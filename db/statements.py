"""Statements that every change of the registry is made of, in words that both databases know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, Table, func, insert, select

from ..registry.errors import NotFound
from ..registry.naming import shown
from . import tables
from .records import Record

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

Item = TypeVar("Item")

_AT_ONCE = 500
"""Parameters of one statement; SQLite took 999 at most before 3.32."""


def ids_of(connection: Connection, hashes: Iterable[str]) -> dict[str, int]:
    """The ids of the artifacts that are recorded, by SHA-256."""
    artifacts = tables.artifacts.c
    found: dict[str, int] = {}
    for some in chunks(hashes):
        query = select(artifacts.sha256, artifacts.id).where(artifacts.sha256.in_(some))
        found.update((sha256, own) for sha256, own in connection.execute(query))
    return found


def recorded(connection: Connection, hashes: Sequence[str]) -> dict[str, int]:
    """As ``ids_of``; raises ``NotFound`` where one of them is not recorded."""
    ids = ids_of(connection, hashes)
    for sha256 in hashes:
        if sha256 not in ids:
            message = f"The registry knows no model with the SHA-256 {shown(sha256, 64)}."
            raise NotFound(message, "Record it first: vaereg scan DIR.")
    return ids


def add(connection: Connection, table: Table, rows: list[Record]) -> None:
    """Insert rows, if there are any."""
    if rows:
        connection.execute(insert(table), rows)


def upsert(
    connection: Connection,
    table: Table,
    rows: Iterable[Record],
    key: tuple[str, ...],
    keep: tuple[str, ...] = (),
) -> None:
    """Insert rows or overwrite those of the same key; columns in ``keep`` never turn to NULL."""
    # One order in all processes: PostgreSQL locks row by row, and two orders would be a deadlock.
    ordered = sorted(rows, key=lambda row: (row.get("path", b""), *(row[name] for name in key)))
    if not ordered:
        return
    statement = _insert_into(table, connection.dialect.name)
    fresh = statement.excluded
    changes = {
        name: func.coalesce(fresh[name], table.c[name]) if name in keep else fresh[name]
        for name in ordered[0]
        if name not in key
    }
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes), ordered)


def _insert_into(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    """An ``INSERT`` that knows ``ON CONFLICT``; the other dialect's import takes 20 ms."""
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items, as many at a time as one statement takes."""
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
