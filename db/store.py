"""The registry's store: ``registry.ports.Store`` over SQLite or PostgreSQL.

Reading imports the driver alone; SQLAlchemy and Alembic take longer to import than a listing may
last, so they come in only when something is written or the schema must be made or brought up to
date. That is why this file imports ``upgrade`` and ``writer`` inside its methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..registry.errors import StoreError
from ..registry.interrupts import held_back
from ..registry.ports import Place, StoredVerdict
from ..registry.values import (
    Artifact,
    DeclaredPair,
    Location,
    Model,
    Origin,
    Rejection,
    Stamp,
)
from . import copies, schema
from .address import database_of, default_url
from .database import Database
from .reader import Nothing, Reader
from .sqlite import SqliteDatabase

if TYPE_CHECKING:
    from ..registry.measures import Reading
    from .writer import Writer


def open_store(url: str, home: Path, machine: str | None = None) -> RegistryStore:
    """The registry at ``url``; an empty one means the SQLite file in the data folder ``home``.

    Nothing is opened before the first call. ``machine`` names whose paths are recorded and seen,
    by default this machine's. Raises ``UsageError`` for an address that names no such database.
    """
    return RegistryStore(database_of(url or default_url(home)), machine)


class RegistryStore:
    """Remembers models, places and verdicts, for one thread at a time.

    Every method may raise ``StoreError``; then nothing of that call is recorded.
    """

    def __init__(self, database: Database, machine: str | None = None) -> None:
        self._database = database
        self._machine = machine or database.machine
        self._reader: Reader | None = None
        self._writer: Writer | None = None

    def __enter__(self) -> RegistryStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def places(self) -> Mapping[str, Place]:
        """Every recorded location and every rejected file, by path."""
        return self._reading().places()

    def models(self) -> tuple[Model, ...]:
        """Every model with its components and locations, by name."""
        return self._reading().models()

    def by_sha256(self, sha256: str) -> Model | None:
        """The model with that content."""
        return self._reading().by_sha256(sha256)

    def verdicts(self) -> tuple[StoredVerdict, ...]:
        """Every recorded verdict, evidence included."""
        return self._reading().verdicts()

    def of_pair(self, model: str, vae: str) -> tuple[StoredVerdict, ...]:
        """The recorded verdicts on one pair, by their SHA-256s, evidence included."""
        return self._reading().of_pair(model, vae)

    def readings(self) -> Mapping[str, Reading]:
        """Every recorded reading, by the model's SHA-256."""
        return self._reading().readings()

    def rejections(self) -> tuple[Rejection, ...]:
        """Every file that scans could not take in, by path."""
        return self._reading().rejections()

    def roots(self) -> tuple[str, ...]:
        """The folders that were scanned on this machine."""
        return self._reading().roots()

    def origins(self) -> Mapping[str, tuple[Origin, ...]]:
        """Every recorded origin, by the model's SHA-256."""
        return self._reading().origins()

    def pairs(self) -> tuple[DeclaredPair, ...]:
        """Every declared pair."""
        return self._reading().pairs()

    def lookups(self, source: str) -> Mapping[str, tuple[bool, str]]:
        """What a source answered last, by SHA-256: whether it knew it, and when."""
        return self._reading().lookups(source)

    def remember(self, found: Sequence[tuple[Artifact, Location]]) -> None:
        """Record artifacts and where they lie, all in one transaction."""
        self._writing().remember(found)

    def relocate(self, moves: Sequence[tuple[str, Location]]) -> None:
        """Record that the file at each old path now lies at the new location."""
        self._writing().relocate(moves)

    def reject(self, refused: Sequence[tuple[Rejection, Stamp]]) -> None:
        """Record files that could not be taken in."""
        self._writing().reject(refused)

    def mark(self, paths: Sequence[str], state: str) -> None:
        """Set the state of recorded locations."""
        self._writing().mark(paths, state)

    def forget(self, sha256: str) -> None:
        """Remove a model, its locations, components and verdicts."""
        self._writing().forget(sha256)

    def keep_roots(self, folders: Sequence[str]) -> None:
        """Remember folders as scanned."""
        self._writing().keep_roots(folders)

    def keep_verdict(self, stored: StoredVerdict) -> None:
        """Record a verdict; raises ``NotFound`` where one of the pair is not recorded."""
        self._writing().keep_verdict(stored)

    def keep_reading(self, sha256: str, reading: Reading) -> None:
        """Record what running a model's VAE told; raises ``NotFound`` for an unknown model."""
        self._writing().keep_reading(sha256, reading)

    def keep_origin(self, sha256: str, origin: Origin) -> None:
        """Record where a model was published; raises ``NotFound`` for an unknown model."""
        self._writing().keep_origin(sha256, origin)

    def keep_pairs(self, pairs: Sequence[DeclaredPair]) -> None:
        """Record pairs that authors declare."""
        self._writing().keep_pairs(pairs)

    def keep_lookups(self, source: str, answers: Mapping[str, bool]) -> None:
        """Record which of these SHA-256s a source knew."""
        self._writing().keep_lookups(source, answers)

    def close(self) -> None:
        """Give the database back."""
        if self._writer is not None:
            self._writer.close()
        self._database.close()

    def _reading(self) -> Reader | Nothing:
        if self._reader is None:
            if self._is_absent():
                return Nothing()
            with held_back():
                self._bring_up_to_date()
            self._reader = Reader(self._database, self._machine)
        return self._reader

    def _is_absent(self) -> bool:
        """Whether there is no registry yet: asking what it holds must not make one.

        Raises ``StoreError`` for a file of no bytes beside copies of a registry that had some.
        """
        if not isinstance(self._database, SqliteDatabase) or not self._database.is_empty():
            return False
        saved = copies.beside(self._database)
        if self._database.path.exists() and saved:
            raise StoreError(
                f"The registry {self._database.shown} is empty (0 bytes), but a copy is beside it.",
                f"Put the copy back: cp '{saved[-1]}' '{self._database.shown}', or remove the empty"
                " file and run `vaereg scan` again.",
            )
        return True

    def _writing(self) -> Writer:
        if self._writer is None:
            self._is_absent()
            with held_back():
                self._bring_up_to_date()
                # Half an import is worse than none: what comes after it would fail strangely.
                from .writer import Writer

                self._writer = Writer(self._database, self._machine)
        return self._writer

    def _bring_up_to_date(self) -> None:
        if schema.revision_of(self._database) != schema.head():
            from .upgrade import upgrade

            upgrade(self._database)
