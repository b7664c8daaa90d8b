"""Everything that changes the registry, each call one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from ..registry.errors import NotFound
from ..registry.measures import Reading
from ..registry.naming import shown
from ..registry.ports import StoredVerdict
from ..registry.values import Artifact, Evidence, Location, Rejection, Stamp
from . import records, tables
from .database import Database
from .records import Record, path_key
from .session import open_engine, transact

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

Item = TypeVar("Item")

_AT_ONCE = 500
"""Parameters of one statement; SQLite took 999 at most before 3.32."""

_PLACE = ("machine", "path_key")
_DIGESTS = ("autov1", "autov2", "autov3", "blake3", "crc32", "content")


class Writer:
    """Records what the steps of the registry found; safe with several processes at a time."""

    def __init__(self, database: Database, machine: str) -> None:
        self._database = database
        self._machine = machine
        self._engine = open_engine(database)

    def remember(self, found: Sequence[tuple[Artifact, Location]]) -> None:
        """Record artifacts and where they lie; the last entry counts where several agree.

        Digests that are known and missing here are kept; identity and components are replaced.
        """
        artifacts = {artifact.digests.sha256: artifact for artifact, _ in found}
        owners = {place.path: (place, artifact.digests.sha256) for artifact, place in found}

        def work(connection: Connection) -> None:
            rows = map(records.artifact_record, artifacts.values())
            _upsert(connection, tables.artifacts, rows, ("sha256",), keep=_DIGESTS)
            ids = _ids(connection, artifacts)
            _replace_components(connection, {ids[sha]: artifacts[sha] for sha in artifacts})
            places = [self._location(place, ids[sha]) for place, sha in owners.values()]
            _upsert(connection, tables.locations, places, _PLACE)
            self._drop(connection, tables.rejections, owners)

        self._transact(work)

    def relocate(self, moves: Sequence[tuple[str, Location]]) -> None:
        """Move locations to new paths, swaps and chains too; unrecorded old paths are skipped."""
        targets = {place.path: (old, place) for old, place in moves}
        places = tables.locations.c

        def work(connection: Connection) -> None:
            held: dict[str, int] = {}
            for some in _chunks(old for old, _ in moves):
                keys = [path_key(old) for old in some]
                query = select(places.path_key, places.artifact_id)
                query = query.where(places.machine == self._machine, places.path_key.in_(keys))
                held.update((key, owner) for key, owner in connection.execute(query))
            known = {new: move for new, move in targets.items() if path_key(move[0]) in held}
            self._drop(connection, tables.locations, [old for old, _ in known.values()])
            rows = [self._location(place, held[path_key(old)]) for old, place in known.values()]
            _upsert(connection, tables.locations, rows, _PLACE)
            self._drop(connection, tables.rejections, known)

        self._transact(work)

    def reject(self, refused: Sequence[tuple[Rejection, Stamp]]) -> None:
        """Record refused files; what lay at their paths lies there no longer."""
        rows = {
            rejection.path: records.rejection_record(self._machine, rejection, stamp)
            for rejection, stamp in refused
        }

        def work(connection: Connection) -> None:
            _upsert(connection, tables.rejections, rows.values(), _PLACE)
            self._drop(connection, tables.locations, rows)

        self._transact(work)

    def mark(self, paths: Sequence[str], state: str) -> None:
        """Set the state of locations; a refused file that is ``missing`` is no longer listed."""
        places = tables.locations.c

        def work(connection: Connection) -> None:
            for some in _chunks(sorted(map(path_key, paths))):
                change = update(tables.locations).values(state=state)
                here = (places.machine == self._machine, places.path_key.in_(some))
                connection.execute(change.where(*here))
            if state == "missing":
                self._drop(connection, tables.rejections, paths)

        self._transact(work)

    def keep_roots(self, folders: Sequence[str]) -> None:
        """Remember folders as scanned, beside those that are known already."""
        rows = {folder: records.root_record(self._machine, folder) for folder in folders}
        self._transact(lambda here: _upsert(here, tables.roots, rows.values(), _PLACE))

    def forget(self, sha256: str) -> None:
        """Remove a model and all that hangs on it; an unknown one is no error."""
        gone = delete(tables.artifacts).where(tables.artifacts.c.sha256 == sha256.lower())
        self._transact(lambda connection: connection.execute(gone))

    def keep_verdict(self, stored: StoredVerdict) -> None:
        """Record a verdict; raises ``NotFound`` where one of the pair is not recorded."""
        pair = (stored.model_sha256, stored.vae_sha256)

        def work(connection: Connection) -> None:
            ids = _recorded(connection, pair)
            row = records.verdict_record(ids[pair[0]], ids[pair[1]], stored)
            _replace_verdict(connection, row, stored.verdict.evidence)

        self._transact(work)

    def keep_reading(self, sha256: str, reading: Reading) -> None:
        """Record what a model's VAE told; raises ``NotFound`` where the model is not recorded."""

        def work(connection: Connection) -> None:
            ids = _recorded(connection, [sha256.lower()])
            row = records.reading_record(ids[sha256.lower()], reading)
            _upsert(connection, tables.readings, [row], ("artifact_id",))

        self._transact(work)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _transact(self, work: Callable[[Connection], object]) -> None:
        transact(self._database, self._engine, work)

    def _location(self, place: Location, artifact_id: int) -> Record:
        return records.location_record(self._machine, place, artifact_id)

    def _drop(self, connection: Connection, table: Table, paths: Iterable[str]) -> None:
        """Delete this machine's rows at the paths."""
        for some in _chunks(sorted(map(path_key, paths))):
            here = (table.c.machine == self._machine, table.c.path_key.in_(some))
            connection.execute(delete(table).where(*here))


def _replace_components(connection: Connection, artifacts: Mapping[int, Artifact]) -> None:
    """Replace the components of artifacts, given by their ids, with what they hold now.

    Reading the weights costs far more than reading a header: a digest of them that is known and
    missing here is kept.
    """
    components = tables.components
    for ids in _chunks(sorted(artifacts)):
        known = _contents(connection, ids)
        connection.execute(delete(components).where(components.c.artifact_id.in_(ids)))
        parts = {
            (owner, ordinal): part
            for owner in ids
            for ordinal, part in enumerate(artifacts[owner].identity.components)
        }
        rows = [
            records.component_record(
                *key, part, known.get((key[0], part.role, records.text(part.prefix)))
            )
            for key, part in parts.items()
        ]
        _insert(connection, components, rows)
        query = select(components.c.id, components.c.artifact_id, components.c.ordinal)
        keys = connection.execute(query.where(components.c.artifact_id.in_(ids))).all()
        latents = [(own, parts[owner, ordinal].latent) for own, owner, ordinal in keys]
        prints = [records.fingerprint_record(own, latent) for own, latent in latents if latent]
        _insert(connection, tables.fingerprints, prints)


def _contents(connection: Connection, ids: list[int]) -> dict[tuple[int, str, str], str]:
    """The digests of weights that are known, by artifact, role and prefix."""
    parts = tables.components.c
    query = select(parts.artifact_id, parts.role, parts.prefix, parts.content)
    query = query.where(parts.artifact_id.in_(ids), parts.content.is_not(None))
    return {(owner, role, prefix): it for owner, role, prefix, it in connection.execute(query)}


def _replace_verdict(connection: Connection, row: Record, checks: Iterable[Evidence]) -> None:
    """Record a verdict and its checks in place of an older one on the same pair and level."""
    key = ("model_id", "vae_id", "level")
    _upsert(connection, tables.verdicts, [row], key)
    same = [tables.verdicts.c[name] == row[name] for name in key]
    verdict = connection.execute(select(tables.verdicts.c.id).where(*same)).scalar_one()
    evidence = tables.evidence
    connection.execute(delete(evidence).where(evidence.c.verdict_id == verdict))
    rows = [records.evidence_record(verdict, *numbered) for numbered in enumerate(checks)]
    _insert(connection, evidence, rows)


def _ids(connection: Connection, hashes: Iterable[str]) -> dict[str, int]:
    """The ids of the artifacts that are recorded, by SHA-256."""
    artifacts = tables.artifacts.c
    found: dict[str, int] = {}
    for some in _chunks(hashes):
        query = select(artifacts.sha256, artifacts.id).where(artifacts.sha256.in_(some))
        found.update((sha256, own) for sha256, own in connection.execute(query))
    return found


def _recorded(connection: Connection, hashes: Sequence[str]) -> dict[str, int]:
    """As ``_ids``; raises ``NotFound`` where one of them is not recorded."""
    ids = _ids(connection, hashes)
    for sha256 in hashes:
        if sha256 not in ids:
            message = f"The registry knows no model with the SHA-256 {shown(sha256, 64)}."
            raise NotFound(message, "Record it first: vaereg scan DIR.")
    return ids


def _insert(connection: Connection, table: Table, rows: list[Record]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _upsert(
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


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
