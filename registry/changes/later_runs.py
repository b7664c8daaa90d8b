"""Whether a later run builds on an earlier one, which then cannot be taken back before it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import PurePath

from ..errors import UsageError
from ..naming import shown
from .records import Linked, Recorded, Run, Sent, Written


def require_on_top(run: Run, later: Sequence[Run], folder: str, live: bool) -> None:
    """Raises ``UsageError`` where a later run, the newest last, builds on what ``run`` made.

    ``folder`` is that of the journals. Requests count only where they could be taken back now,
    with ``live``.
    """
    for other in reversed(later):
        for rule in _RULES if live else _RULES[:-1]:
            if (why := rule(run, other, folder)) is not None:
                url = f" --url {other.url}" if other.url and _of(other, Sent) else ""
                says = f"run {other.id} {why} run {run.id}"
                raise UsageError(says, f"vaereg apply --undo {other.id}{url}")


def _same_text(run: Run, later: Run, folder: str) -> str | None:
    both = _paths(run, Written) & _paths(later, Written)
    return f"changed {shown(min(both))} again after" if both else None


def _names_a_link(run: Run, later: Run, folder: str) -> str | None:
    """A text that brought in the name of a link would point at nothing."""
    names = {os.path.basename(path): path for path in _paths(run, Linked)}
    for step in _of(later, Written):
        now, before = _texts(step.record, os.path.join(folder, later.id))
        for name, path in names.items():
            if any(now.count(one) > before.count(one) for one in _spellings(name)):
                where = shown(step.record.path)
                return f"wrote the name of {shown(path)} into {where}; that link is of"
    return None


def _links_on_a_link(run: Run, later: Run, folder: str) -> str | None:
    ours = _paths(run, Linked)
    found = [step.record.path for step in _of(later, Linked) if _source(step) in ours]
    return f"made {shown(found[0])} of a link of" if found else None


def _shown_by_a_text(run: Run, later: Run, folder: str) -> str | None:
    """A text that vaereg made, such as a yaml of its own, shows the folder of later links."""
    made = [one.record.path for one in _of(run, Written) if _is_new(one)]
    for path in made:
        for link in _paths(later, Linked):
            if PurePath(os.path.dirname(path)) in PurePath(link).parents:
                return f"made {shown(link)}, which is shown by {shown(path)} of"
    return None


def _names_in_a_request(run: Run, later: Run, folder: str) -> str | None:
    """A request that set the name of a link, or the same setting again."""
    urls = {step.record.url for step in _of(run, Sent) if isinstance(step.record, Sent)}
    names = [os.path.basename(path) for path in _paths(run, Linked)]
    for step in _of(later, Sent):
        record = step.record
        if isinstance(record, Sent) and record.method:
            said = json.dumps(record.sets, ensure_ascii=False)
            if record.url in urls or any(json.dumps(name)[1:-1] in said for name in names):
                return "told the running frontend what builds on"
    return None


_Rule = Callable[[Run, Run, str], str | None]
_RULES: tuple[_Rule, ...] = (
    _same_text,
    _names_a_link,
    _links_on_a_link,
    _shown_by_a_text,
    _names_in_a_request,
)


def _of(run: Run, kind: type[Linked | Written | Sent]) -> list[Recorded]:
    return [step for step in run.open if isinstance(step.record, kind)]


def _paths(run: Run, kind: type[Linked | Written]) -> set[str]:
    return {step.record.path for step in _of(run, kind)}


def _source(step: Recorded) -> str:
    return step.record.source if isinstance(step.record, Linked) else ""


def _is_new(step: Recorded) -> bool:
    return isinstance(step.record, Written) and step.record.backup is None


def _texts(record: object, journal: str) -> tuple[str, str]:
    """What a text says now, and what it said before its run."""
    assert isinstance(record, Written)
    before = _read(os.path.join(journal, record.backup)) if record.backup else ""
    return _read(record.path), before


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def _spellings(name: str) -> set[str]:
    return {name, json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}
