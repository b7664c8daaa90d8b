"""The registry read once: what many climbs ask for again and again stays in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from ..measures import Reading
from ..ports import Place, Store, StoredVerdict
from ..values import Artifact, DeclaredPair, Location, Model, Origin, Rejection, Stamp


class Snapshot:
    """A ``Store`` that reads models, readings, verdicts and pairs once.

    What is written goes through to the registry at once and shows in later answers. What other
    processes write meanwhile does not.
    """

    def __init__(self, store: Store, unread: bool = False) -> None:
        """``unread``: as if no reading were recorded, so that each VAE is read anew, once."""
        self._store = store
        self._unread = unread
        self.learnt = 0
        """How often something new was found out of a model."""

    @cached_property
    def _models(self) -> dict[str, Model]:
        return {model.artifact.digests.sha256: model for model in self._store.models()}

    @cached_property
    def _listed(self) -> tuple[Model, ...]:
        return tuple(self._models.values())

    @cached_property
    def _readings(self) -> dict[str, Reading]:
        return {} if self._unread else dict(self._store.readings())

    @cached_property
    def _verdicts(self) -> dict[tuple[str, str], dict[str, StoredVerdict]]:
        found: dict[tuple[str, str], dict[str, StoredVerdict]] = defaultdict(dict)
        for row in self._store.verdicts():
            found[row.model_sha256, row.vae_sha256][row.level] = row
        return found

    @cached_property
    def _pairs(self) -> tuple[DeclaredPair, ...]:
        return self._store.pairs()

    # -- what is kept in memory ---------------------------------------------------------------

    def models(self) -> tuple[Model, ...]:
        """As the store's."""
        return self._listed

    def by_sha256(self, sha256: str) -> Model | None:
        """As the store's."""
        return self._models.get(sha256)

    def readings(self) -> Mapping[str, Reading]:
        """As the store's, save those that are to be made anew."""
        return self._readings

    def verdicts(self) -> tuple[StoredVerdict, ...]:
        """As the store's."""
        return tuple(row for rows in self._verdicts.values() for row in rows.values())

    def of_pair(self, model: str, vae: str) -> tuple[StoredVerdict, ...]:
        """As the store's."""
        return tuple(self._verdicts.get((model, vae), {}).values())

    def pairs(self) -> tuple[DeclaredPair, ...]:
        """As the store's."""
        return self._pairs

    def remember(self, found: Sequence[tuple[Artifact, Location]]) -> None:
        """As the store's."""
        self._store.remember(found)
        self.learnt += 1
        vars(self).pop("_listed", None)
        known = [(self._models.get(artifact.digests.sha256), artifact) for artifact, _ in found]
        if any(model is None for model, _ in known):
            vars(self).pop("_models")
            return
        for model, artifact in known:
            if model is not None:
                self._models[artifact.digests.sha256] = replace(model, artifact=artifact)

    def keep_verdict(self, stored: StoredVerdict) -> None:
        """As the store's."""
        self._store.keep_verdict(stored)
        self._verdicts[stored.model_sha256, stored.vae_sha256][stored.level] = stored

    def keep_reading(self, sha256: str, reading: Reading) -> None:
        """As the store's."""
        self._store.keep_reading(sha256, reading)
        self._readings[sha256] = reading

    # -- what goes through --------------------------------------------------------------------

    def places(self) -> Mapping[str, Place]:
        """As the store's."""
        return self._store.places()

    def rejections(self) -> tuple[Rejection, ...]:
        """As the store's."""
        return self._store.rejections()

    def roots(self) -> tuple[str, ...]:
        """As the store's."""
        return self._store.roots()

    def origins(self) -> Mapping[str, tuple[Origin, ...]]:
        """As the store's."""
        return self._store.origins()

    def lookups(self, source: str) -> Mapping[str, tuple[bool, str]]:
        """As the store's."""
        return self._store.lookups(source)

    def relocate(self, moves: Sequence[tuple[str, Location]]) -> None:
        """As the store's; models are read anew afterwards."""
        self._store.relocate(moves)
        self._forget_models()

    def reject(self, refused: Sequence[tuple[Rejection, Stamp]]) -> None:
        """As the store's; models are read anew afterwards."""
        self._store.reject(refused)
        self._forget_models()

    def mark(self, paths: Sequence[str], state: str) -> None:
        """As the store's; models are read anew afterwards."""
        self._store.mark(paths, state)
        self._forget_models()

    def forget(self, sha256: str) -> None:
        """As the store's; everything is read anew afterwards."""
        self._store.forget(sha256)
        self._forget_models()
        for name in ("_readings", "_verdicts"):
            vars(self).pop(name, None)

    def keep_roots(self, folders: Sequence[str]) -> None:
        """As the store's."""
        self._store.keep_roots(folders)

    def keep_origin(self, sha256: str, origin: Origin) -> None:
        """As the store's; models are read anew afterwards, one may have got a name."""
        self._store.keep_origin(sha256, origin)
        self._forget_models()

    def keep_pairs(self, pairs: Sequence[DeclaredPair]) -> None:
        """As the store's."""
        self._store.keep_pairs(pairs)
        vars(self).pop("_pairs", None)

    def keep_lookups(self, source: str, answers: Mapping[str, bool]) -> None:
        """As the store's."""
        self._store.keep_lookups(source, answers)

    def close(self) -> None:
        """As the store's."""
        self._store.close()

    def _forget_models(self) -> None:
        for name in ("_models", "_listed"):
            vars(self).pop(name, None)
