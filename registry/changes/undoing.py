"""Takes a run of changes back, but for what is not any more as vaereg left it."""

from __future__ import annotations

import errno
import json
import os
import stat
from contextlib import suppress

from ..errors import NotFound, VaeregError
from ..naming import shown
from . import writing
from .copying import marks
from .journal import Journal, locked, runs
from .later_runs import require_on_top
from .placing import clear, sync_folder
from .records import Folder, Linked, Recorded, Run, Sent, Written
from .reports import FAILED, GONE, LEFT, MADE, UNDONE, Left, Report, Step, TakeBack

LATEST = "latest"


def journals(folder: str) -> list[Run]:
    """Every run that changed something, the oldest first. Raises ``Unreadable``."""
    return [run for run in runs(folder) if run.steps]


def undo(
    journal_folder: str,
    which: str = LATEST,
    take_back: TakeBack | None = None,
    url: str | None = None,
) -> Report:
    """Take back a run by its number, or the latest that is not undone yet; the last step first.

    What the user changed since is left and told. A step that fails can be tried again; undoing
    that was interrupted, even killed, goes on where it was. Requests are taken back by
    ``take_back`` of the frontend at ``url``; without it they stay to be undone, and the run is
    the latest no more once nothing else is left of it.

    Raises ``NotFound`` where there is nothing to undo, ``UsageError`` where a later run builds on
    this one, and ``Unreadable``, ``NoSpace`` or ``DatabaseLocked`` for the journal.
    """
    with locked(journal_folder):
        known = journals(journal_folder)
        run = _chosen(known, which, url)
        later = [one for one in known if one.open and int(one.id) > int(run.id)]
        require_on_top(run, later, journal_folder, take_back is not None)
        journal = Journal(journal_folder, run.id)
        try:
            back = _Back(run, journal, take_back)
            steps = [back.step(one) for one in run.open]
            _marked(run, steps, back.waiting, journal)
        finally:
            journal.close()
    return Report(run.id, tuple(step for step in steps if step.outcome != MADE))


def _marked(run: Run, steps: list[Step], waiting: set[int], journal: Journal) -> None:
    """Write down what is taken back, when it is on the disk: only then is it past undoing."""
    folders = {os.path.dirname(step.path) for step in steps if step.kind != "call"}
    for folder in filter(os.path.isdir, folders):
        with suppress(OSError):
            sync_folder(folder)
    pairs = list(zip(run.open, steps, strict=True))
    still = [one for one, step in pairs if step.outcome == FAILED or one.number in waiting]
    if not still:
        journal.undone_all()
        return
    for one, _ in pairs:
        if one not in still:
            journal.undone(one.number)
    if all(isinstance(one.record, Sent) for one in still):
        journal.tried()


def _chosen(known: list[Run], which: str, url: str | None) -> Run:
    pending = [run for run in known if run.open]
    if which == LATEST:
        return _latest(pending, url)
    run = next((run for run in known if which.isdecimal() and int(which) == int(run.id)), None)
    if run is None:
        ids = ", ".join(run.id for run in pending) or "none"
        raise NotFound(f"there is no run {shown(which)} to undo; there are: {ids}")
    if not run.open:
        raise NotFound(f"run {run.id} is undone already; there is nothing to undo")
    return run


def _latest(pending: list[Run], url: str | None) -> Run:
    """The latest; none of which only the requests to another running frontend are left."""
    fresh = [run for run in pending if not run.tried or run.url == url]
    if fresh:
        return fresh[-1]
    if pending:
        left = pending[-1]
        says = f"there is nothing to undo but what run {left.id} told a running frontend"
        raise NotFound(says, hint(left))
    raise NotFound("there is nothing to undo", "vaereg apply --frontend NAME=ROOT --apply")


def hint(run: Run) -> str:
    """The command that takes a run back, with the address of the frontend that it told."""
    told = any(isinstance(one.record, Sent) and one.record.method for one in run.open)
    url = f" --url {run.url or 'URL'}" if told else ""
    return f"vaereg apply --undo {run.id}{url}"


class _Back:
    """One run being taken back."""

    def __init__(self, run: Run, journal: Journal, take_back: TakeBack | None) -> None:
        self.waiting: set[int] = set()
        """Steps that are left, and still to be undone."""
        self._failed = False
        self._run, self._journal, self._take_back = run, journal, take_back

    def step(self, one: Recorded) -> Step:
        """Take one step back; what came of it."""
        step = Step(one.record.kind, one.record.path, GONE)
        try:
            step = step.became(UNDONE if self._act(one) else GONE)
        except Left as left:
            step = step.became(LEFT, str(left))
            if self._failed and isinstance(one.record, Sent):
                # Perhaps only because another request could not be taken back before it.
                self.waiting.add(one.number)
        except OSError as failure:
            why = failure.strerror or type(failure).__name__
            return step.became(FAILED, f"{shown(step.path)} could not be taken back: {why}")
        except VaeregError as failure:
            self._failed = True
            return step.became(FAILED, failure.message)
        if isinstance(one.record, Sent) and one.number not in self.waiting:
            # Unlike the others it would be taken back again after a crash.
            self._journal.undone(one.number)
        # What was never made need not be told of.
        return step if one.done or step.outcome != GONE else step.became(MADE)

    def _act(self, one: Recorded) -> bool:
        match one.record:
            case Folder():
                return _folder(one.record)
            case Linked():
                return _link(one.record, one.made_as)
            case Written():
                return _text(one.record, self._journal)
            case Sent():
                return self._call(one.record, one.number)

    def _call(self, record: Sent, number: int) -> bool:
        if not record.method:
            raise Left(f"nothing takes back what {record.path} was asked for")
        if self._take_back is not None:
            return self._take_back(record)
        self.waiting.add(number)
        asked = f"{record.method} {record.url} {json.dumps(record.body)}"
        raise Left(
            f"no running frontend is known: start it, then {hint(self._run)}; or it is taken back "
            f"by {shown(asked, 1000)}"
        )


def _folder(record: Folder) -> bool:
    try:
        os.rmdir(record.path)
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        raise Left(f"{shown(record.path)} is no folder any more") from None
    except OSError as failure:
        if failure.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise Left(f"{shown(record.path)} holds other files") from None
    return True


def _link(record: Linked, made_as: str | None) -> bool:
    clear(record.part)
    try:
        found = os.lstat(record.path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    kind = _kind(record, found)
    if kind is None or (made_as and kind != _SEEN_AS.get(made_as, made_as)):
        raise Left(f"{shown(record.path)} is not the link that vaereg made")
    if kind == "copy":
        if not os.path.exists(record.source):
            raise Left(f"{shown(record.path)} may be the last copy: {shown(record.source)} is gone")
        # A folder takes a while to remove; cut short, what is left of it is found by its part.
        os.rename(record.path, record.part)
        clear(record.part)
        return True
    if kind == "hard" and found.st_nlink < 2:
        raise Left(f"{shown(record.path)} is the last name of that model; the others are gone")
    os.unlink(record.path)
    return True


_SEEN_AS = {"junction": "symlink"}


def _kind(record: Linked, found: os.stat_result) -> str | None:
    """What the thing at the path is: one of the links that vaereg makes, or None."""
    if _leads_to(record.path) == record.source:
        return "symlink"
    if record.copied is not None and marks(record.path) == record.copied:
        return "copy"
    behind = (found.st_dev, found.st_ino) == (record.device, record.inode)
    return "hard" if behind and stat.S_ISREG(found.st_mode) else None


def _leads_to(path: str) -> str | None:
    """Where a symlink or a junction leads to, as it was given."""
    try:
        # Windows gives junctions and absolute links in the form that lifts its limit on length.
        return os.readlink(path).removeprefix("\\\\?\\")
    except (OSError, ValueError):
        return None


def _text(record: Written, journal: Journal) -> bool:
    clear(record.part)
    there = writing.bytes_of(record.path)
    if there is None:
        return _no_text(record, journal)
    if writing.digest(there) == record.old_digest:
        return False
    if writing.digest(there) != record.digest:
        raise Left(f"{shown(record.path)} was changed since; {_kept_at(record, journal)}")
    if record.backup is None:
        os.unlink(record.path)
        return True
    old = journal.kept(record.backup)
    if writing.digest(old) != record.old_digest:
        raise Left(f"{shown(record.path)} stays: its old content in the journal is damaged")
    before = (record.digest, record.mode, record.mtime_ns)
    if not writing.replace(record.path, old, record.part, *before):
        raise Left(f"{shown(record.path)} is being changed by another program")
    return True


def _no_text(record: Written, journal: Journal) -> bool:
    if record.backup is None:
        return False
    raise Left(f"{shown(record.path)} was deleted since; {_kept_at(record, journal)}")


def _kept_at(record: Written, journal: Journal) -> str:
    if record.backup is None:
        return "there was none before"
    return f"what it said before lies in {shown(os.path.join(journal.folder, record.backup))}"
