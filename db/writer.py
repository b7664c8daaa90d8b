"""Everything that changes the registry, each call one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import Connection, Table, delete, func, select, update

from ..registry.measures import Reading
from ..registry.ports import StoredVerdict
from ..registry.values import (
    Artifact,
    DeclaredPair,
    Evidence,
    Location,
    Origin,
    Rejection,
    Stamp,
)
from . import records, tables
from .database import Database
from .records import Record, path_key
from .session import open_engine, transact
from .statements import add, chunks, ids_of, recorded, upsert

_PLACE = ("machine", "path_key")
_PAIR = ("model_sha256", "vae_sha256", "ref_key")
_KEPT = ("autov1", "autov2", "autov3", "blake3", "crc32", "content", "known_as")


class Writer:
    """Records what the steps of the registry found; safe with several processes at a time."""

    def __init__(self, database: Database, machine: str) -> None:
        self._database = database
        self._machine = machine
        self._engine = open_engine(database)

    def remember(self, found: Sequence[tuple[Artifact, Location]]) -> None:
        """Record artifacts and where they lie; the last entry counts where several agree.

        Digests and a name that are known and missing here are kept; identity and components are
        replaced.
        """
        artifacts = {artifact.digests.sha256: artifact for artifact, _ in found}
        owners = {place.path: (place, artifact.digests.sha256) for artifact, place in found}

        def work(connection: Connection) -> None:
            rows = map(records.artifact_record, artifacts.values())
            upsert(connection, tables.artifacts, rows, ("sha256",), keep=_KEPT)
            ids = ids_of(connection, artifacts)
            _replace_components(connection, {ids[sha]: artifacts[sha] for sha in artifacts})
            places = [self._location(place, ids[sha]) for place, sha in owners.values()]
            upsert(connection, tables.locations, places, _PLACE)
            self._drop(connection, tables.rejections, owners)

        self._transact(work)

    def relocate(self, moves: Sequence[tuple[str, Location]]) -> None:
        """Move locations to new paths, swaps and chains too; unrecorded old paths are skipped."""
        targets = {place.path: (old, place) for old, place in moves}
        places = tables.locations.c

        def work(connection: Connection) -> None:
            held: dict[str, int] = {}
            for some in chunks(old for old, _ in moves):
                keys = [path_key(old) for old in some]
                query = select(places.path_key, places.artifact_id)
                query = query.where(places.machine == self._machine, places.path_key.in_(keys))
                held.update((key, owner) for key, owner in connection.execute(query))
            known = {new: move for new, move in targets.items() if path_key(move[0]) in held}
            self._drop(connection, tables.locations, [old for old, _ in known.values()])
            rows = [self._location(place, held[path_key(old)]) for old, place in known.values()]
            upsert(connection, tables.locations, rows, _PLACE)
            self._drop(connection, tables.rejections, known)

        self._transact(work)

    def reject(self, refused: Sequence[tuple[Rejection, Stamp]]) -> None:
        """Record refused files; what lay at their paths lies there no longer."""
        rows = {
            rejection.path: records.rejection_record(self._machine, rejection, stamp)
            for rejection, stamp in refused
        }

        def work(connection: Connection) -> None:
            upsert(connection, tables.rejections, rows.values(), _PLACE)
            self._drop(connection, tables.locations, rows)

        self._transact(work)

    def mark(self, paths: Sequence[str], state: str) -> None:
        """Set the state of locations; a refused file that is ``missing`` is no longer listed."""
        places = tables.locations.c

        def work(connection: Connection) -> None:
            for some in chunks(sorted(map(path_key, paths))):
                change = update(tables.locations).values(state=state)
                here = (places.machine == self._machine, places.path_key.in_(some))
                connection.execute(change.where(*here))
            if state == "missing":
                self._drop(connection, tables.rejections, paths)

        self._transact(work)

    def keep_roots(self, folders: Sequence[str]) -> None:
        """Remember folders as scanned, beside those that are known already."""
        rows = {folder: records.root_record(self._machine, folder) for folder in folders}
        self._transact(lambda here: upsert(here, tables.roots, rows.values(), _PLACE))

    def forget(self, sha256: str) -> None:
        """Remove a model and all that hangs on it; an unknown one is no error."""
        gone = delete(tables.artifacts).where(tables.artifacts.c.sha256 == sha256.lower())
        self._transact(lambda connection: connection.execute(gone))

    def keep_verdict(self, stored: StoredVerdict) -> None:
        """Record a verdict; raises ``NotFound`` where one of the pair is not recorded."""
        pair = (stored.model_sha256, stored.vae_sha256)

        def work(connection: Connection) -> None:
            ids = recorded(connection, pair)
            row = records.verdict_record(ids[pair[0]], ids[pair[1]], stored)
            _replace_verdict(connection, row, stored.verdict.evidence)

        self._transact(work)

    def keep_reading(self, sha256: str, reading: Reading) -> None:
        """Record what a model's VAE told; raises ``NotFound`` where the model is not recorded."""

        def work(connection: Connection) -> None:
            ids = recorded(connection, [sha256.lower()])
            row = records.reading_record(ids[sha256.lower()], reading)
            upsert(connection, tables.readings, [row], ("artifact_id",))

        self._transact(work)

    def keep_origin(self, sha256: str, origin: Origin) -> None:
        """Record where a model was published; raises ``NotFound`` where it is not recorded."""
        artifacts, own = tables.artifacts, sha256.lower()

        def work(connection: Connection) -> None:
            row = records.origin_record(recorded(connection, [own])[own], origin)
            upsert(connection, tables.origins, [row], ("artifact_id", "ref_key"))
            unnamed = func.coalesce(artifacts.c.known_as, "") == ""
            change = update(artifacts).where(artifacts.c.id == row["artifact_id"], unnamed)
            if row["name"]:
                connection.execute(change.values(known_as=row["name"]))

        self._transact(work)

    def keep_pairs(self, pairs: Sequence[DeclaredPair]) -> None:
        """Record pairs that authors declare, beside those that are known already."""
        rows = list(map(records.pair_record, pairs))
        self._transact(lambda here: upsert(here, tables.declared_pairs, rows, _PAIR))

    def keep_lookups(self, source: str, answers: Mapping[str, bool]) -> None:
        """Record which SHA-256s a source knew, in place of older answers."""
        rows = [records.lookup_record(source, *answer) for answer in answers.items()]
        self._transact(lambda here: upsert(here, tables.lookups, rows, ("source", "sha256")))

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _transact(self, work: Callable[[Connection], object]) -> None:
        transact(self._database, self._engine, work)

    def _location(self, place: Location, artifact_id: int) -> Record:
        return records.location_record(self._machine, place, artifact_id)

    def _drop(self, connection: Connection, table: Table, paths: Iterable[str]) -> None:
        """Delete this machine's rows at the paths."""
        for some in chunks(sorted(map(path_key, paths))):
            here = (table.c.machine == self._machine, table.c.path_key.in_(some))
            connection.execute(delete(table).where(*here))


def _replace_components(connection: Connection, artifacts: Mapping[int, Artifact]) -> None:
    """Replace the components of artifacts, given by their ids, with what they hold now.

    Reading the weights costs far more than reading a header: a digest of them that is known and
    missing here is kept.
    """
    components = tables.components
    for ids in chunks(sorted(artifacts)):
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
        add(connection, components, rows)
        query = select(components.c.id, components.c.artifact_id, components.c.ordinal)
        keys = connection.execute(query.where(components.c.artifact_id.in_(ids))).all()
        latents = [(own, parts[owner, ordinal].latent) for own, owner, ordinal in keys]
        prints = [records.fingerprint_record(own, latent) for own, latent in latents if latent]
        add(connection, tables.fingerprints, prints)


def _contents(connection: Connection, ids: list[int]) -> dict[tuple[int, str, str], str]:
    """The digests of weights that are known, by artifact, role and prefix."""
    parts = tables.components.c
    query = select(parts.artifact_id, parts.role, parts.prefix, parts.content)
    query = query.where(parts.artifact_id.in_(ids), parts.content.is_not(None))
    return {(owner, role, prefix): it for owner, role, prefix, it in connection.execute(query)}


def _replace_verdict(connection: Connection, row: Record, checks: Iterable[Evidence]) -> None:
    """Record a verdict and its checks in place of an older one on the same pair and level."""
    key = ("model_id", "vae_id", "level")
    upsert(connection, tables.verdicts, [row], key)
    same = [tables.verdicts.c[name] == row[name] for name in key]
    verdict = connection.execute(select(tables.verdicts.c.id).where(*same)).scalar_one()
    evidence = tables.evidence
    connection.execute(delete(evidence).where(evidence.c.verdict_id == verdict))
    rows = [records.evidence_record(verdict, *numbered) for numbered in enumerate(checks)]
    add(connection, evidence, rows)
