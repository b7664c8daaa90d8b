"""The quick reads of the registry: plain SQL over the driver, importing no SQLAlchemy."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ..registry.errors import StoreError
from ..registry.ports import Place, StoredVerdict
from ..registry.values import DeclaredPair, Model, Origin, Rejection
from . import queries, rows
from .database import Database, Query, Row

Value = TypeVar("Value")

if TYPE_CHECKING:
    from ..registry.measures import Reading


class Reader:
    """Answers questions about the registry; each answer is one consistent state of it."""

    def __init__(self, database: Database, machine: str) -> None:
        self._database = database
        self._machine = machine

    def models(self) -> tuple[Model, ...]:
        """Every model by name, case aside."""
        with self._reading() as query:
            parts = _grouped(query(queries.COMPONENTS), rows.component_from)
            places = _grouped(query(queries.LOCATIONS, self._machine), rows.location_from)
            found = [
                rows.model_from(row, parts[row[0]], places[row[0]])
                for row in query(queries.ARTIFACTS)
            ]
        found.sort(key=lambda model: (model.name.casefold(), model.name, model.id))
        return tuple(found)

    def by_sha256(self, sha256: str) -> Model | None:
        """The model with that content."""
        with self._reading() as query:
            for row in query(queries.ARTIFACT, sha256.lower()):
                parts = query(queries.COMPONENTS_OF, row[0])
                places = query(queries.LOCATIONS_OF, self._machine, row[0])
                return rows.model_from(
                    row, map(rows.component_from, parts), map(rows.location_from, places)
                )
        return None

    def places(self) -> Mapping[str, Place]:
        """Every recorded location and every rejected file of this machine, by path."""
        with self._reading() as query:
            refused = map(rows.refused_place_from, query(queries.REJECTIONS, self._machine))
            held = map(rows.place_from, query(queries.PLACES, self._machine))
            return dict(refused) | dict(held)

    def rejections(self) -> tuple[Rejection, ...]:
        """Every file of this machine that scans could not take in, by path."""
        with self._reading() as query:
            return tuple(map(rows.rejection_from, query(queries.REJECTIONS, self._machine)))

    def roots(self) -> tuple[str, ...]:
        """The folders that were scanned on this machine, by path."""
        with self._reading() as query:
            return tuple(os.fsdecode(row[0]) for row in query(queries.ROOTS, self._machine))

    def verdicts(self) -> tuple[StoredVerdict, ...]:
        """Every recorded verdict, oldest first."""
        with self._reading() as query:
            checks = _grouped(query(queries.EVIDENCE), rows.evidence_from)
            return tuple(rows.verdict_from(row, checks[row[0]]) for row in query(queries.VERDICTS))

    def of_pair(self, model: str, vae: str) -> tuple[StoredVerdict, ...]:
        """The recorded verdicts on one pair, by their SHA-256s."""
        with self._reading() as query:
            return tuple(
                rows.verdict_from(row, map(rows.evidence_from, query(queries.EVIDENCE_OF, row[0])))
                for row in query(queries.VERDICTS_OF, model, vae)
            )

    def readings(self) -> Mapping[str, Reading]:
        """Every reading that today's probes would make alike, by the model's SHA-256."""
        with self._reading() as query:
            from ..registry.measures import PROBES_VERSION
            from .reading_rows import reading_from

            return dict(map(reading_from, query(queries.READINGS, PROBES_VERSION)))

    def origins(self) -> Mapping[str, tuple[Origin, ...]]:
        """Where each model was published, by its SHA-256; the first recorded first."""
        with self._reading() as query:
            found = _grouped(query(queries.ORIGINS), lambda row: Origin(*row[1:]))
        return {sha256: tuple(origins) for sha256, origins in found.items()}

    def pairs(self) -> tuple[DeclaredPair, ...]:
        """Every declared pair, by its hashes."""
        with self._reading() as query:
            return tuple(DeclaredPair(*row) for row in query(queries.PAIRS))

    def lookups(self, source: str) -> Mapping[str, tuple[bool, str]]:
        """What a source answered last, and when, by SHA-256."""
        with self._reading() as query:
            found = query(queries.LOOKUPS, source)
            return {sha256: (bool(known), when) for sha256, known, when in found}

    @contextmanager
    def _reading(self) -> Iterator[Query]:
        """Also turns a row that makes no sense into an error that says what to do."""
        with self._database.reading() as query:
            try:
                yield query
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                message = f"The registry {self._database.shown} holds a row that makes no sense."
                raise StoreError(message, "Run `vaereg db check`.") from error


class Nothing:
    """The answers of a registry that was never written to."""

    def models(self) -> tuple[Model, ...]:
        """No model."""
        return ()

    def by_sha256(self, sha256: str) -> Model | None:
        """No model."""
        return None

    def places(self) -> Mapping[str, Place]:
        """No place."""
        return {}

    def rejections(self) -> tuple[Rejection, ...]:
        """No refused file."""
        return ()

    def roots(self) -> tuple[str, ...]:
        """No folder."""
        return ()

    def verdicts(self) -> tuple[StoredVerdict, ...]:
        """No verdict."""
        return ()

    def of_pair(self, model: str, vae: str) -> tuple[StoredVerdict, ...]:
        """No verdict."""
        return ()

    def readings(self) -> Mapping[str, Reading]:
        """No reading."""
        return {}

    def origins(self) -> Mapping[str, tuple[Origin, ...]]:
        """No origin."""
        return {}

    def pairs(self) -> tuple[DeclaredPair, ...]:
        """No pair."""
        return ()

    def lookups(self, source: str) -> Mapping[str, tuple[bool, str]]:
        """No answer."""
        return {}


def _grouped(found: Iterable[Row], make: Callable[[Row], Value]) -> Mapping[Any, list[Value]]:
    """Values by the id or hash of their owner, which is each row's first column."""
    groups: defaultdict[Any, list[Value]] = defaultdict(list)
    for row in found:
        groups[row[0]].append(make(row))
    return groups
