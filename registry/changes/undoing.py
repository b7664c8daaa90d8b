"""Takes a run of changes back, but for what is not any more as vaereg left it."""

from __future__ import annotations

import errno
import json
import os
import stat
from contextlib import suppress

from ..errors import NotFound, UsageError, VaeregError
from ..naming import shown
from . import writing
from .copying import marks
from .journal import Journal, locked, runs
from .placing import clear, sync_folder
from .records import Folder, Linked, Recorded, Run, Sent, Written
from .reports import FAILED, GONE, LEFT, MADE, UNDONE, Report, Send, Step

LATEST = "latest"


class _Left(Exception):
    """Something stays as it is; the text says why."""


def journals(folder: str) -> list[Run]:
    """Every run that changed something, the oldest first. Raises ``Unreadable``."""
    return [run for run in runs(folder) if run.steps]


def undo(journal_folder: str, which: str = LATEST, send: Send | None = None) -> Report:
    """Take back a run by its number, or the latest that is not undone yet; the last step first.

    What the user changed since is left and told. A step that fails can be tried again; undoing
    that was interrupted, even killed, goes on where it was. Requests are taken back by ``send``.

    Raises ``NotFound`` where there is nothing to undo, ``UsageError`` where a later run changed
    the same text again, and ``Unreadable``, ``NoSpace`` or ``DatabaseLocked`` for the journal.
    """
    with locked(journal_folder):
        run = _chosen(journals(journal_folder), which)
        journal = Journal(journal_folder, run.id)
        try:
            steps = [_step(one, journal, send) for one in run.open]
            _marked(run, steps, journal)
        finally:
            journal.close()
    return Report(run.id, tuple(step for step in steps if step.outcome != MADE))


def _marked(run: Run, steps: list[Step], journal: Journal) -> None:
    """Write down what is taken back, when it is on the disk: only then is it past undoing."""
    folders = {os.path.dirname(step.path) for step in steps if step.kind != "call"}
    for folder in filter(os.path.isdir, folders):
        with suppress(OSError):
            sync_folder(folder)
    if all(step.outcome != FAILED for step in steps):
        journal.undone_all()
        return
    for one, step in zip(run.open, steps, strict=True):
        if step.outcome != FAILED:
            journal.undone(one.number)


def _chosen(known: list[Run], which: str) -> Run:
    pending = [run for run in known if run.open]
    if which == LATEST:
        if not pending:
            raise NotFound("there is nothing to undo", "vaereg apply --frontend NAME=ROOT --apply")
        return pending[-1]
    run = next((run for run in known if which.isdecimal() and int(which) == int(run.id)), None)
    if run is None:
        ids = ", ".join(run.id for run in pending) or "none"
        raise NotFound(f"there is no run {shown(which)} to undo; there are: {ids}")
    if not run.open:
        raise NotFound(f"run {run.id} is undone already; there is nothing to undo")
    _require_on_top(run, [later for later in pending if int(later.id) > int(run.id)])
    return run


def _require_on_top(run: Run, later: list[Run]) -> None:
    texts = _texts(run)
    for other in reversed(later):
        if both := sorted(texts & _texts(other)):
            raise UsageError(
                f"run {other.id} changed {shown(both[0])} again after run {run.id}",
                f"vaereg apply --undo {other.id}",
            )


def _texts(run: Run) -> set[str]:
    return {step.record.path for step in run.open if isinstance(step.record, Written)}


def _step(one: Recorded, journal: Journal, send: Send | None) -> Step:
    record = one.record
    step = Step(record.kind, record.path, GONE)
    try:
        match record:
            case Folder():
                was_there = _folder(record)
            case Linked():
                was_there = _link(record, one.made_as)
            case Written():
                was_there = _text(record, journal)
            case Sent():
                was_there = _call(record, send)
                # Unlike the others it would be taken back again after a crash.
                journal.undone(one.number)
    except _Left as left:
        step = step.became(LEFT, str(left))
    except OSError as failure:
        why = failure.strerror or type(failure).__name__
        return step.became(FAILED, f"{shown(record.path)} could not be taken back: {why}")
    except VaeregError as failure:
        return step.became(FAILED, failure.message)
    else:
        step = step.became(UNDONE if was_there else GONE)
    # What was never made need not be told of.
    return step if one.done or step.outcome != GONE else step.became(MADE)


def _folder(record: Folder) -> bool:
    try:
        os.rmdir(record.path)
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        raise _Left(f"{shown(record.path)} is no folder any more") from None
    except OSError as failure:
        if failure.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise _Left(f"{shown(record.path)} holds other files") from None
    return True


def _link(record: Linked, made_as: str | None) -> bool:
    clear(record.part)
    try:
        found = os.lstat(record.path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    kind = _kind(record, found)
    if kind is None or (made_as and kind != _SEEN_AS.get(made_as, made_as)):
        raise _Left(f"{shown(record.path)} is not the link that vaereg made")
    if kind == "copy":
        if not os.path.exists(record.source):
            raise _Left(
                f"{shown(record.path)} may be the last copy: {shown(record.source)} is gone"
            )
        # A folder takes a while to remove; cut short, what is left of it is found by its part.
        os.rename(record.path, record.part)
        clear(record.part)
        return True
    if kind == "hard" and found.st_nlink < 2:
        raise _Left(f"{shown(record.path)} is the last name of that model; the others are gone")
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
        raise _Left(f"{shown(record.path)} was changed since; {_kept_at(record, journal)}")
    if record.backup is None:
        os.unlink(record.path)
        return True
    old = journal.kept(record.backup)
    if writing.digest(old) != record.old_digest:
        raise _Left(f"{shown(record.path)} stays: its old content in the journal is damaged")
    before = (record.digest, record.mode, record.mtime_ns)
    if not writing.replace(record.path, old, record.part, *before):
        raise _Left(f"{shown(record.path)} is being changed by another program")
    return True


def _no_text(record: Written, journal: Journal) -> bool:
    if record.backup is None:
        return False
    raise _Left(f"{shown(record.path)} was deleted since; {_kept_at(record, journal)}")


def _kept_at(record: Written, journal: Journal) -> str:
    if record.backup is None:
        return "there was none before"
    return f"what it said before lies in {shown(os.path.join(journal.folder, record.backup))}"


def _call(record: Sent, send: Send | None) -> bool:
    if not record.method:
        raise _Left(f"nothing takes back what {record.path} was asked for")
    if send is None:
        asked = f"{record.method} {record.url} {json.dumps(record.body)}"
        raise _Left(f"no running frontend is known; it is taken back by {shown(asked, 1000)}")
    send(record.method, record.url, record.body)
    return True
