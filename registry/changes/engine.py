"""Carries a plan out: what lies there is left alone, and each step is written down before it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime

from ..naming import shown
from ..transfer.addresses import without_secrets
from . import linking, making, requests_kept, writing
from .base import Call, Change, Link, Plan, WriteText
from .journal import Journal, created, locked
from .placing import Conflict
from .reports import CONFLICT, FAILED, MADE, MAKE, SAME, Report, Send, Step
from .requests_kept import Requests

_Act = Callable[[Change, Step], Step]
Later = Callable[[Requests], None]
"""Makes the requests that only the answers of others tell, each kept before it is sent; raises
nothing but what ends the whole run."""


def preview(plan: Plan) -> list[Step]:
    """What each change would come to now, in the plan's order; writes nothing.

    A text or request that names a model which cannot be linked is a conflict too: it would point
    at something else or at nothing.
    """
    return _steps(plan, lambda _, step: step.became(MAKE))


def carry_out(
    plan: Plan,
    journal_folder: str,
    send: Send | None = None,
    later: Later | None = None,
    url: str = "",
) -> Report:
    """Make every change that is no conflict, in the plan's order; the rest is told.

    One process at a time makes changes with a folder of journals; a second one waits. Each change
    is looked at again just before it is made. One that fails does not keep the others from being
    made, but for those that name it. Interrupted at any moment, even killed, what was made can be
    undone. ``later`` comes after them, in the same run; ``url`` is where a frontend is told,
    without any password. Raises ``NoSpace``, ``Unreadable`` or ``DatabaseLocked`` where the
    journal cannot be written: then nothing more is made.
    """
    with locked(journal_folder):
        looked = preview(plan)
        if later is None and not any(step.outcome == MAKE for step in looked):
            return Report(None, tuple(looked))
        started = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        journal = created(journal_folder, plan.frontend, plan.root, started, url)
        try:
            steps = _steps(plan, lambda change, step: _made(change, step, journal, send))
            if later is not None:
                requests = Requests(journal)
                later(requests)
                steps += requests.steps
            journal.ended()
        finally:
            journal.close()
    return Report(journal.id if journal.begun else None, tuple(steps))


def _steps(plan: Plan, act: _Act) -> list[Step]:
    """One step for each change: as ``act`` has it where it is neither so already nor a conflict."""
    steps: list[Step] = []
    seen: set[str] = set()
    missing: list[str] = []
    for change in plan.changes:
        step = _named(change)
        try:
            _require_once(change, seen)
            _require_links(change, missing)
            step = step.became(SAME) if _is_so(change) else act(change, step)
        except Conflict as conflict:
            step = step.became(CONFLICT, str(conflict))
        if isinstance(change, Link) and step.outcome in (CONFLICT, FAILED):
            missing.append(os.path.basename(change.target))
        steps.append(step)
    return steps


def _named(change: Change) -> Step:
    match change:
        case Link(target=path):
            return Step("link", path, MAKE, change.why)
        case WriteText(path=path):
            return Step("text", path, MAKE, change.why)
        case Call(url=url):
            return Step("call", without_secrets(url), MAKE, change.why)


def _require_once(change: Change, seen: set[str]) -> None:
    """Two changes of one file would each be made from what the other does away with."""
    if isinstance(change, Call):
        return
    path = change.target if isinstance(change, Link) else change.path
    name = os.path.normpath(path).casefold()
    if name in seen:
        raise Conflict(f"{shown(path)} is in this plan twice")
    seen.add(name)


def _require_links(change: Change, missing: list[str]) -> None:
    """A text or request that brings in a name needs the model to be there under it."""
    if isinstance(change, Link) or not missing:
        return
    before = ""
    if isinstance(change, WriteText):
        text, before = change.content, change.before or ""
    else:
        text = json.dumps(change.body, ensure_ascii=False, default=str)
    for name in filter(None, missing):
        for spelt in {name, json.dumps(name)[1:-1]}:
            if text.count(spelt) > before.count(spelt):
                raise Conflict(f"it names {shown(name)}, which could not be linked")


def _is_so(change: Change) -> bool:
    match change:
        case Link():
            return linking.check(change)
        case WriteText():
            return writing.check(change)
        case Call():
            return False


def _made(change: Change, step: Step, journal: Journal, send: Send | None) -> Step:
    try:
        match change:
            case Link():
                return step.became(MADE, made_as=making.link(change, journal))
            case WriteText():
                making.write(change, journal)
            case Call():
                requests_kept.call(change, journal, send)
        return step.became(MADE)
    except OSError as failure:
        why = failure.strerror or type(failure).__name__
        return step.became(FAILED, f"{shown(step.path)} could not be made: {why}")
    except requests_kept.NotSent as failure:
        return step.became(FAILED, str(failure))
