"""What was changed, written down before it is made, so that it can be undone after any crash.

A folder ``0001``, ``0002`` ... for each run, with ``journal.jsonl`` and the texts that were
replaced. Every line is one JSON object: ``run`` (once, first), ``begin`` (step, kind and what is
about to be made; a later one for the same step takes its place), ``done``, ``undone``, ``ended``,
``tried`` (of undoing it, only requests are left). A line that a crash cut short tells of nothing:
no step is made before its line is on the disk.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from io import FileIO

from ..errors import DatabaseLocked, NoSpace, Unreadable, VaeregError
from ..naming import shown
from .placing import sync_folder
from .records import BadJournal, Record, Run, run_of

PATIENCE = 60.0
"""Seconds to wait for another process that is changing things."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FILE = "journal.jsonl"


class Journal:
    """The journal of one run, open for writing. Everything it raises is a ``VaeregError``."""

    def __init__(self, folder: str, id: str) -> None:
        self.id = id
        self.folder = os.path.join(folder, id)
        self._next = 0
        with _told(self.folder):
            self._file = FileIO(os.path.join(self.folder, _FILE), "a+")
            self._forget_cut_line()

    @property
    def begun(self) -> bool:
        """Whether anything was about to be made."""
        return self._next > 0

    def start(self, frontend: str, root: str, started: str, url: str = "") -> None:
        """The first line of a new run; ``url`` where a running frontend is told."""
        head = {"run": 1, "frontend": frontend, "root": root, "started": started}
        self._append(head | ({"url": url} if url else {}))
        with _told(self.folder):
            sync_folder(self.folder)
            sync_folder(os.path.dirname(self.folder))

    def begin(self, record: Record, number: int | None = None) -> int:
        """Write down what is about to be made, on the disk before this returns; its number."""
        if number is None:
            number, self._next = self._next, self._next + 1
        self._append({"begin": number, "kind": record.kind, **asdict(record)})
        return number

    def done(self, number: int, made_as: str | None = None) -> None:
        """The step was made. The next line takes it to the disk: undoing does without it."""
        self._append({"done": number, "as": made_as}, sync=False)

    def undone(self, number: int) -> None:
        """Nothing is left to undo of the step: taken back, never made, or the user's now."""
        self._append({"undone": number}, sync=False)

    def ended(self) -> None:
        """The run went to its end."""
        self._append({"ended": True})

    def tried(self) -> None:
        """Only requests are left to be taken back, for which no running frontend was at hand."""
        self._append({"tried": True})

    def undone_all(self) -> None:
        """The whole run was undone."""
        self._append({"undone": "all"})

    def keep(self, data: bytes) -> str:
        """Keep a text that is about to be replaced; the name of its file in the journal."""
        name = f"{self._next:04}.before"
        with _told(self.folder):
            with open(os.path.join(self.folder, name), "wb") as file:
                os.chmod(file.name, 0o600)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self.folder)
        return name

    def kept(self, name: str) -> bytes:
        """A text that was kept. Raises ``OSError``."""
        with open(os.path.join(self.folder, os.path.basename(name)), "rb") as file:
            return file.read()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, line: Mapping[str, object], sync: bool = True) -> None:
        with _told(self.folder):
            data = json.dumps(line).encode() + b"\n"
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if sync:
                os.fsync(self._file.fileno())

    def _forget_cut_line(self) -> None:
        self._file.seek(0)
        whole = self._file.read().rfind(b"\n") + 1
        self._file.truncate(whole)


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Have the journals of a folder, which is made, for this process alone.

    Raises ``DatabaseLocked`` where another process keeps them for longer than ``PATIENCE``.
    """
    from filelock import FileLock, Timeout

    with _told(folder):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        lock = FileLock(os.path.join(folder, ".lock"))
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            raise DatabaseLocked(
                f"another vaereg is still changing things: it holds the lock in {shown(folder)}",
                "wait for it to end, then run the command again",
            ) from None
    try:
        yield
    finally:
        lock.release()


def created(folder: str, frontend: str, root: str, started: str, url: str = "") -> Journal:
    """A new journal, its first line on the disk; the caller holds the lock."""
    with _told(folder):
        name = f"{max(map(int, _numbers(folder)), default=0) + 1:04}"
        os.mkdir(os.path.join(folder, name), mode=0o700)
    journal = Journal(folder, name)
    try:
        journal.start(frontend, root, started, url)
    except BaseException:
        journal.close()
        raise
    return journal


def runs(folder: str) -> list[Run]:
    """Every run that a folder of journals tells of, the oldest first.

    A run that was cut off before its first line changed nothing and is left out. Raises
    ``Unreadable`` for a journal that is damaged.
    """
    with _told(folder):
        found = [_read(folder, name) for name in sorted(_numbers(folder), key=int)]
    return [run for run in found if run is not None]


def _numbers(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        return []
    return [name for name in os.listdir(folder) if name.isascii() and name.isdigit()]


def _read(folder: str, name: str) -> Run | None:
    try:
        with open(os.path.join(folder, name, _FILE), "rb") as file:
            text = file.read()
    except FileNotFoundError:
        return None
    lines = text.split(b"\n")[:-1]
    try:
        return run_of(name, lines) if lines else None
    except BadJournal:
        raise Unreadable(
            f"the journal {shown(os.path.join(folder, name, _FILE))} is damaged",
            "what it replaced lies beside it in .before files; put them back by hand and delete it",
        ) from None


@contextmanager
def _told(folder: str) -> Iterator[None]:
    """Turn what the journal's disk refuses into the registry's errors."""
    try:
        yield
    except (OSError, NotImplementedError) as failure:
        why = getattr(failure, "strerror", None) or type(failure).__name__
        kind: type[VaeregError] = (
            NoSpace if getattr(failure, "errno", None) in _FULL else Unreadable
        )
        raise kind(
            f"the journal in {shown(folder)} could not be used: {why}; nothing more was changed",
            "mend that, then look at what was made and undo it with: vaereg apply --undo",
        ) from failure
