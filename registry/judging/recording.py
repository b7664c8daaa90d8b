"""Verdicts in the registry: which recorded one answers a question, and how one is kept."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime

from ..errors import NotFound, StoreError
from ..measures import Cost
from ..ports import LEVELS, Store, StoredVerdict
from ..values import Verdict
from ..verdicts.declared import rests_on_word
from ..verdicts.rules import RULES_VERSION
from .request import Answer, Request
from .sides import Side


def recalled(of_pair: Iterable[StoredVerdict], vae: Side, request: Request) -> Answer | None:
    """A recorded answer to the same question of a probe as deep as asked, its pictures still there.

    ``of_pair`` is what is recorded of the pair asked about. An open question is always asked again,
    and so is what rests on an author's word.
    """
    if request.again or request.probe == "none":
        return None
    levels = LEVELS[max(LEVELS.index("weights"), LEVELS.index(request.level)) :]
    found = [
        row
        for row in of_pair
        if row.rules_version == RULES_VERSION
        and row.level in levels
        and _asked(row) == request.asked
        and row.verdict.verdict != "unknown"
        and not rests_on_word(row.verdict)
        and all(os.path.exists(path) for path in row.images)
        and (not row.images or request.picture in row.images)
    ]
    if not found:
        return None
    row = max(found, key=lambda each: LEVELS.index(each.level))
    steps = (f"recalled from {row.decided_at}",)
    return Answer(row.verdict, row.level, vae, steps, row.cost, row.images)


def to_keep(model: Side, answer: Answer) -> StoredVerdict:
    """An answer as it is recorded, decided now."""
    return stored_now(model, answer.vae, answer.verdict, answer.level, answer.cost, answer.images)


def stored_now(
    model: Side, vae: Side, verdict: Verdict, level: str, cost: Cost | None, images: tuple[str, ...]
) -> StoredVerdict:
    """A verdict as it is recorded, decided now under today's rules."""
    return StoredVerdict(
        model.artifact.digests.sha256,
        vae.artifact.digests.sha256,
        verdict,
        RULES_VERSION,
        level,
        datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        cost,
        images,
    )


def remember(store: Store, stored: StoredVerdict) -> tuple[str, ...]:
    """Record a verdict, unless a recorded one of that depth says more.

    An open one does not replace a settled one, nor the answer to a special question that to the
    plain one. Notes where the registry cannot be written to: that spoils no answer.
    """
    try:
        known = store.of_pair(stored.model_sha256, stored.vae_sha256)
        if any(says_more(row, stored) for row in known):
            return ()
        store.keep_verdict(stored)
    except (StoreError, NotFound) as failure:
        return (f"the verdict is not recorded. {failure.message}",)
    return ()


def _asked(row: StoredVerdict) -> str:
    return row.cost.asked if row.cost else ""


def says_more(row: StoredVerdict, new: StoredVerdict) -> bool:
    """Whether a recorded verdict on a pair stays where a new one of its depth comes."""
    if (row.level, row.rules_version) != (new.level, new.rules_version):
        return False
    if row.verdict.verdict == "unknown":
        return False
    return new.verdict.verdict == "unknown" or bool(_asked(new) and not _asked(row))
