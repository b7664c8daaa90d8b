"""Scanning folders into the registry: only what is new or changed is read, the rest is compared."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from .errors import VaeregError
from .intake import Taken, renamed, take_in
from .judging.settling import still_settled
from .ports import Place, Store
from .progress import Watcher
from .values import Artifact, Location, Rejection, Stamp
from .walk import Found, is_gone, walk
from .workers import Stopped, each

FLUSH_SECONDS = 0.5
"""Results are recorded in transactions of this rhythm: a kill loses no more than this."""


@dataclass(slots=True)
class Report:
    """What a scan did; the counts of the contract."""

    files: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    moved: int = 0
    missing: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    seconds: float = 0.0
    newcomers: set[str] = field(default_factory=set)
    """SHA-256 of every content added or changed."""


def scan(
    store: Store,
    roots: Sequence[str],
    jobs: int = 2,
    watcher: Watcher | None = None,
    fresh: bool = False,
    once: bool = False,
) -> Report:
    """Record every model below the roots; ``fresh`` reads unchanged files again too.

    ``once`` takes a file that links show at several paths for one, at the first of them: frontends
    that share models through links show each in all their folders. Interrupted by
    ``KeyboardInterrupt`` it records what it has and raises it again.
    """
    return _Scan(store, roots, jobs, watcher or Watcher(), fresh, once).run()


class _Scan:
    def __init__(
        self,
        store: Store,
        roots: Sequence[str],
        jobs: int,
        watcher: Watcher,
        fresh: bool,
        once: bool,
    ) -> None:
        self.store = store
        self.once = once
        self.counted: set[tuple[int, int, int, int]] = set()
        self.roots = [os.path.abspath(root) for root in roots]
        self.jobs = jobs
        self.watcher = watcher
        self.fresh = fresh
        self.report = Report()
        self.known: Mapping[str, Place] = store.places()
        self.seen: set[str] = set()
        self.stop = threading.Event()

    def run(self) -> Report:
        started = time.monotonic()
        todo = self._compare(entry for root in self.roots for entry in walk(root))
        self.gone = self._gone()
        todo = self._recognise_moved(todo)
        self.watcher.planned(len(todo), sum(found.stamp.size for found in todo))
        self._read(todo)
        self._mark_missing()
        self.report.seconds = round(time.monotonic() - started, 3)
        return self.report

    # -- what the file system says ------------------------------------------------------------

    def _compare(self, entries: Iterable[Found | Rejection]) -> list[Found]:
        """Count what is unchanged; what is left has to be read."""
        todo: list[Found] = []
        returned: list[str] = []
        for entry in entries:
            if isinstance(entry, Rejection):
                self.report.rejected.append(entry)
                self.report.files += not os.path.isdir(entry.path)
                continue
            if entry.path in self.seen:
                continue
            self.seen.add(entry.path)
            if self.once and self._is_shown_elsewhere(entry):
                continue
            self.report.files += 1
            place = self.known.get(entry.path)
            if place is None or place.stamp != entry.stamp or self.fresh:
                todo.append(entry)
            elif place.rejection is not None:
                self.report.rejected.append(place.rejection)
            else:
                self.report.unchanged += 1
                if place.state != "present":
                    returned.append(entry.path)
        if returned:
            self.store.mark(returned, "present")
        return todo

    def _is_shown_elsewhere(self, found: Found) -> bool:
        """Whether this scan counted the same file at another path, or the registry has it there."""
        identity = _identity(found.stamp)
        if identity in self.counted:
            return True
        self.counted.add(identity)
        if found.path in self.known or identity not in self.places:
            return False
        self.report.files += 1
        self.report.unchanged += 1
        return True

    @cached_property
    def places(self) -> set[tuple[int, int, int, int]]:
        """The identities of recorded models that are where they were."""
        return {
            _identity(place.stamp)
            for path, place in self.known.items()
            if place.sha256 is not None and not is_gone(path)
        }

    def _gone(self) -> dict[str, Place]:
        """Recorded models whose file is not there any more, wherever it lay."""
        return {
            path: place
            for path, place in self.known.items()
            if path not in self.seen and place.sha256 is not None and is_gone(path)
        }

    def _recognise_moved(self, todo: list[Found]) -> list[Found]:
        """Files that only changed their place: same inode, size and time, and the old path gone."""
        gone = {_identity(place.stamp): path for path, place in self.gone.items()}
        moves: list[tuple[str, Location]] = []
        rest: list[Found] = []
        for found in todo:
            old = None if self.fresh else gone.get(_identity(found.stamp))
            if old is None or old not in self.gone or found.path in self.known:
                rest.append(found)
            else:
                del self.gone[old]
                moves.append((old, Location(found.path, found.stamp)))
        if moves:
            self.store.relocate(moves)
            self.report.moved += len(moves)
        return rest

    def _mark_missing(self) -> None:
        """Known places below the roots that are not there any more."""
        states: dict[str, set[str]] = {"missing": set(), "offline": set()}
        for root in self.roots:
            state = "missing" if _has_entries(root) else "offline"
            below = root.rstrip(os.sep) + os.sep
            states[state] |= {path for path in self.gone if path.startswith(below) or path == root}
        for state, paths in states.items():
            if paths:
                self.store.mark(sorted(paths), state)
                self.report.missing += len(paths)

    # -- reading ------------------------------------------------------------------------------

    def _read(self, todo: list[Found]) -> None:
        """Read each content once; hard links of one file share the reading."""
        batch = _Batch(self.store, self.known, self.gone, self.report)
        groups = _linked_together(todo)
        try:
            for group, outcome in each(self._take, groups, self.jobs, self.stop):
                for found in group:
                    batch.add(found, _at(outcome, found))
                    self.watcher.finished(found.path)
        finally:
            batch.flush()

    def _take(self, group: list[Found]) -> Taken | Rejection:
        found = group[0]
        try:
            return take_in(found.path, self._advance)
        except VaeregError as failure:
            hint = failure.hint or ""
            message = failure.message + (f". {hint[0].upper()}{hint[1:]}" if hint else "")
            return Rejection(found.path, failure.code, message.rstrip("."))
        except Stopped:
            raise
        except Exception as failure:
            # One hostile file must never end a scan of thousands; the name of the fault is kept.
            reason = f"{type(failure).__name__} while reading it"
            return Rejection(found.path, "unreadable_file", reason)

    def _advance(self, size: int) -> None:
        if self.stop.is_set():
            raise Stopped
        self.watcher.advanced(size)


class _Batch:
    """Results on their way into the registry, a transaction every half second."""

    def __init__(
        self, store: Store, known: Mapping[str, Place], gone: dict[str, Place], report: Report
    ) -> None:
        self.store = store
        self.known = known
        self.gone = gone
        self.report = report
        self.moves: list[tuple[str, Location]] = []
        self.taken: list[Taken] = []
        self.refused: list[tuple[Rejection, Stamp]] = []
        self.flushed = time.monotonic()
        self.contents = {place.sha256 for place in known.values()}

    def add(self, found: Found, outcome: Taken | Rejection) -> None:
        if isinstance(outcome, Rejection):
            self.refused.append((outcome, found.stamp))
            self.report.rejected.append(outcome)
        else:
            self.taken.append(outcome)
            self._count(found, outcome)
        if time.monotonic() - self.flushed > FLUSH_SECONDS:
            self.flush()

    def _count(self, found: Found, taken: Taken) -> None:
        place = self.known.get(found.path)
        sha256 = taken.artifact.digests.sha256
        if place is None or place.sha256 is None:
            left = next((path for path, old in self.gone.items() if old.sha256 == sha256), None)
            if left is None:
                self.report.added += 1
                self.report.newcomers.add(sha256)
            else:
                del self.gone[left]
                self.moves.append((left, taken.location))
                self.report.moved += 1
        elif place.sha256 == sha256:
            self.report.unchanged += 1
        else:
            self.report.changed += 1
            self.report.newcomers.add(sha256)

    def _settled(self, taken: Taken) -> Artifact:
        """Read anew, a content keeps the family that its weights told."""
        sha256 = taken.artifact.digests.sha256
        known = self.store.by_sha256(sha256) if sha256 in self.contents else None
        return still_settled(taken.artifact, known.artifact if known else None)

    def flush(self) -> None:
        if self.moves:
            self.store.relocate(self.moves)
        if self.taken:
            self.store.remember([(self._settled(taken), taken.location) for taken in self.taken])
        if self.refused:
            self.store.reject(self.refused)
        self.taken, self.refused, self.moves = [], [], []
        self.flushed = time.monotonic()


def _identity(stamp: Stamp) -> tuple[int, int, int, int]:
    """What a rename leaves unchanged (the change time is not among it)."""
    return stamp.device, stamp.inode, stamp.size, stamp.mtime_ns


def _linked_together(todo: list[Found]) -> Iterator[list[Found]]:
    """Groups of paths that are hard links or symbolic links of one file, largest files last."""
    groups: dict[tuple[int, int, int, int], list[Found]] = {}
    for found in todo:
        groups.setdefault(_identity(found.stamp), []).append(found)
    return iter(sorted(groups.values(), key=lambda group: group[0].stamp.size))


def _at(outcome: Taken | Rejection, found: Found) -> Taken | Rejection:
    if isinstance(outcome, Rejection):
        return Rejection(found.path, outcome.code, outcome.message)
    if outcome.location.path == found.path:
        return outcome
    return renamed(outcome, found.path, found.stamp)


def _has_entries(root: str) -> bool:
    """Whether a root holds anything; an unplugged drive leaves an empty mount point."""
    try:
        with os.scandir(root) as listing:
            return next(listing, None) is not None
    except OSError:
        return False
