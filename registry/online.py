"""Names for recorded files: Civitai asked by hash, in batches, its answers kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from .ports import Store
from .values import DeclaredPair, Model, Origin

SOURCE = "civitai"
BATCH = 100
"""Hashes asked for at a time and recorded together: an interrupted look-up goes on there."""
ASK_AGAIN = timedelta(days=14)
"""A file that was unknown may have been published since."""


class Finding(Protocol):
    """What a source says of one content."""

    @property
    def origin(self) -> Origin:
        """Where it was published."""
        ...

    @property
    def declared_vaes(self) -> tuple[str, ...]:
        """SHA-256 of VAEs that its author names for it."""
        ...


Ask = Callable[[Sequence[str]], Mapping[str, Finding]]
"""SHA-256s -> what is known of them."""


@dataclass(slots=True)
class Named:
    """What a look-up did."""

    asked: int = 0
    known: int = 0
    remembered: int = 0
    """Hashes that had been asked for before."""
    found: list[tuple[Model, Origin]] = field(default_factory=list)


def look_up(store: Store, ask: Ask, report: Named, *, again: bool = False) -> None:
    """Ask for every recorded file, record its origin and the VAEs that its author names.

    With ``again`` those asked for before too. Raises ``SourceError``; what was answered until then
    is recorded and stands in ``report``.
    """
    models = {
        model.artifact.digests.sha256: model
        for model in store.models()
        if model.locations and model.artifact.identity.format != "diffusers"
    }
    answered: Mapping[str, tuple[bool, str]] = {} if again else store.lookups(SOURCE)
    todo = [sha256 for sha256 in models if _worth_asking(answered.get(sha256))]
    report.remembered = len(models) - len(todo)
    for start in range(0, len(todo), BATCH):
        batch = todo[start : start + BATCH]
        found = ask(batch)
        for sha256, finding in found.items():
            if sha256 in models:
                store.keep_origin(sha256, finding.origin)
                _keep_pairs(store, sha256, finding)
                report.found.append((models[sha256], finding.origin))
        store.keep_lookups(SOURCE, {sha256: sha256 in found for sha256 in batch})
        report.asked += len(batch)
        report.known += sum(sha256 in found for sha256 in batch)


def _keep_pairs(store: Store, sha256: str, finding: Finding) -> None:
    ref = finding.origin.ref
    store.keep_pairs([DeclaredPair(sha256, vae, ref) for vae in finding.declared_vaes])


def _worth_asking(answer: tuple[bool, str] | None) -> bool:
    if answer is None:
        return True
    known, when = answer
    return not known and datetime.now(UTC) - datetime.fromisoformat(when) > ASK_AGAIN
