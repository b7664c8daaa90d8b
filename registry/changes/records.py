"""What a journal says of a run of changes, as immutable values, and how its lines become them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias


class BadJournal(Exception):
    """A line is not what vaereg writes."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that was not there."""

    kind: ClassVar[str] = "folder"
    path: str


@dataclass(frozen=True, slots=True)
class Linked:
    """A link to a model; ``device`` and ``inode`` are those of the file behind ``source``."""

    kind: ClassVar[str] = "link"
    path: str
    source: str
    device: int
    inode: int
    part: str
    """Where a copy is written before it gets its name."""
    copied: str | None = None
    """What tells the copy from any other file; None while there is no copy."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text file made or replaced."""

    kind: ClassVar[str] = "text"
    path: str
    digest: str
    """SHA-256 of the new content."""
    part: str
    """Where it is written before it gets its name."""
    backup: str | None = None
    """The old content's file in the journal; None where there was none."""
    old_digest: str = ""
    mode: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """A request to a running frontend, and the one that takes it back; without any password."""

    kind: ClassVar[str] = "call"
    path: str
    """The URL without secrets, for people."""
    method: str = ""
    url: str = ""
    body: object = None
    """Of the request that takes it back; no method where nothing does."""
    sets: object = None
    """What was sent: only what still says so is taken back."""


Record: TypeAlias = Folder | Linked | Written | Sent
_KINDS: Mapping[str, type[Record]] = {one.kind: one for one in (Folder, Linked, Written, Sent)}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One step of a run, as its journal tells."""

    number: int
    record: Record
    done: bool
    """Whether it was marked as made; one that was not may have been made all the same."""
    undone: bool
    made_as: str | None = None
    """The kind of a link that was marked as made."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of changes, as its journal tells."""

    id: str
    frontend: str
    root: str
    started: str
    """RFC 3339, UTC."""
    steps: tuple[Recorded, ...]
    ended: bool
    """False where it was interrupted."""
    undone: bool
    url: str = ""
    """Of the running frontend that was told, without any password."""
    tried: bool = False
    """Whether all is taken back but requests for which no running frontend was at hand."""

    @property
    def partly_undone(self) -> bool:
        """Whether something was taken back, and something not."""
        return bool(self.open) and any(step.undone for step in self.steps)

    @property
    def open(self) -> tuple[Recorded, ...]:
        """What is still to be undone, the last made first."""
        return tuple(step for step in reversed(self.steps) if not (self.undone or step.undone))


def run_of(id: str, lines: Sequence[bytes]) -> Run:
    """The run that a journal's whole lines tell of, at least one. Raises ``BadJournal``."""
    try:
        return _run(id, [json.loads(line) for line in lines])
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        raise BadJournal from None


def _run(id: str, lines: list[Any]) -> Run:
    head, *rest = lines
    records: dict[int, Record] = {}
    done: dict[int, str | None] = {}
    marks: dict[str, set[object]] = {"undone": set(), "ended": set(), "tried": set()}
    for line in rest:
        if "begin" in line:
            begun = int(line.pop("begin"))
            records[begun] = _record(line)
        elif "done" in line:
            done[line["done"]] = line["as"]
        else:
            mark, number = next(iter(line.items()))
            marks[mark].add(number)
    steps = tuple(
        Recorded(number, record, number in done, number in marks["undone"], done.get(number))
        for number, record in sorted(records.items())
    )
    frontend, root, started = (str(head[word]) for word in ("frontend", "root", "started"))
    undone = "all" in marks["undone"]
    ended, tried = bool(marks["ended"]), bool(marks["tried"])
    return Run(id, frontend, root, started, steps, ended, undone, str(head.get("url", "")), tried)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "str | None": (str, type(None)),
    "object": (object,),
}


def _record(line: dict[str, Any]) -> Record:
    record = _KINDS[line.pop("kind")](**line)
    for one in fields(record):
        if not isinstance(getattr(record, one.name), _TYPES[str(one.type)]):
            raise ValueError(one.name)
    return record
