"""One change made: written down first, then made, then marked as made."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

from ..naming import shown
from . import linking, writing
from .base import Link, WriteText
from .journal import Journal
from .placing import Conflict, missing_folders, part_of
from .records import Folder, Linked, Written


def link(wanted: Link, journal: Journal) -> str:
    """Make a link; the kind it was made as.

    Raises ``Conflict`` where its name was taken meanwhile, and ``OSError``.
    """
    _make_folders(wanted.target, journal)
    behind, part = os.stat(wanted.source), part_of(wanted.target)
    record = Linked(wanted.target, wanted.source, behind.st_dev, behind.st_ino, part)
    number = journal.begin(record)

    def copied(marks: str) -> None:
        journal.begin(replace(record, copied=marks), number)

    try:
        made_as = linking.make(wanted, part, copied)
    except FileExistsError:
        journal.undone(number)
        raise Conflict(f"{shown(wanted.target)} was made by another program just now") from None
    journal.done(number, made_as)
    return made_as


def write(change: WriteText, journal: Journal) -> None:
    """Write a text, the old one kept in the journal first.

    Raises ``Conflict`` where the file was changed meanwhile, and ``OSError``.
    """
    # A settings file that is a symlink stays one: what it leads to is replaced.
    path = os.path.realpath(change.path)
    _make_folders(path, journal)
    data, part = writing.encoded(change.content), part_of(path)
    record = Written(path, writing.digest(data), part)
    if change.before is None:
        number = journal.begin(record)
        try:
            writing.make(path, data, part)
            made = True
        except FileExistsError:
            made = False
    else:
        record = _backed_up(record, writing.encoded(change.before), journal)
        number = journal.begin(record)
        made = writing.replace(path, data, part, record.old_digest, record.mode)
    if not made:
        journal.undone(number)
        raise Conflict(f"{shown(path)} was changed by another program just now")
    journal.done(number)


def _make_folders(path: str, journal: Journal) -> None:
    for folder in missing_folders(path):
        number = journal.begin(Folder(folder))
        try:
            os.mkdir(folder)
        except FileExistsError:
            journal.undone(number)
        else:
            journal.done(number)


def _backed_up(record: Written, before: bytes, journal: Journal) -> Written:
    """With the old content kept in the journal, as the plan knew it, and what it bore."""
    there = os.stat(record.path)
    return replace(
        record,
        backup=journal.keep(before),
        old_digest=writing.digest(before),
        mode=stat.S_IMODE(there.st_mode),
        mtime_ns=there.st_mtime_ns,
    )
