"""A file on its way: its bytes in a hidden ``.part``, and a journal of which of them are there."""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO

from .spans import Spans

PIECE = 512 << 10
"""Bytes that are written, and noted as written, at once; a kill loses less than that of each
connection. Pieces of 1 MiB and more took a third longer to receive, write and hash on two cores."""
_LONGEST_JOURNAL = 64 << 20


@dataclass(frozen=True, slots=True)
class Version:
    """What a server says of a content: as long as both stay the same, so does the content."""

    etag: str | None
    """Strong ones only (RFC 9110, 8.8.3), with their quotation marks."""
    total: int | None
    """Bytes of the whole file; None where the server does not say."""


class Partial:
    """The part of one content that is there; other contents of the same name have their own.

    The journal's first line is a JSON object, each further line ``start end`` of a written span. A
    line is appended by one write after the bytes it tells of, so a process that is killed leaves
    a true journal, whatever order the spans came in. Its caller holds the lock.
    """

    def __init__(self, folder: str, name: str, key: str) -> None:
        short = hashlib.sha256(key.encode()).hexdigest()[:8]
        self.path = os.path.join(folder, f".{name}.{short}.part")
        self.version: Version | None = None
        self.there = Spans()
        self._key = key
        self._journal_path = f"{self.path}.log"
        self._journal: FileIO | None = None

    def load(self) -> None:
        """Take up what an earlier run left; what does not hang together is removed.

        Raises ``OSError``.
        """
        found = self._read()
        if found is None:
            self.discard()
            return
        version, self.there = found
        self._start_journal(version)

    def begin(self, version: Version) -> None:
        """Start with nothing but what is known of the content. Raises ``OSError``."""
        self.discard()
        with open(self.path, "wb"):
            pass
        self._start_journal(version)

    def writer(self) -> FileIO:
        """An own handle on the bytes, for one thread. Raises ``OSError``."""
        return FileIO(self.path, "r+")

    def note(self, start: int, end: int) -> None:
        """These bytes are written; one thread at a time. Raises ``OSError``."""
        if self._journal is None:
            raise OSError("the partial file was closed")
        self._journal.write(b"%d %d\n" % (start, end))
        self.there.add(start, end)

    def close(self) -> None:
        """Close the journal; both files stay."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def discard(self) -> None:
        """Remove both files. Raises ``OSError`` where the file system does not let it."""
        self.close()
        self.version, self.there = None, Spans()
        for path in (self.path, self._journal_path):
            with suppress(FileNotFoundError):
                os.unlink(path)

    def _read(self) -> tuple[Version, Spans] | None:
        try:
            size = os.stat(self.path).st_size
            with open(self._journal_path, "rb") as file:
                text = file.read(_LONGEST_JOURNAL)
        except FileNotFoundError:
            return None
        # What follows the last line break is a line that a kill or a full disk cut short.
        head, *lines = text.split(b"\n")[:-1] or [b""]
        version = self._version(head)
        if version is None:
            return None
        end = size if version.total is None else min(size, version.total)
        return version, Spans(_span(line, end) for line in lines)

    def _version(self, line: bytes) -> Version | None:
        try:
            head = json.loads(line)
            etag, total = head["etag"], head["total"]
            same = head["key"] == self._key
        except (ValueError, KeyError, TypeError):
            return None
        whole = isinstance(etag, str | None) and isinstance(total, int | None)
        return Version(etag, total) if same and whole else None

    def _start_journal(self, version: Version) -> None:
        head = {"key": self._key, "etag": version.etag, "total": version.total}
        lines = [json.dumps(head), *(f"{start} {end}" for start, end in self.there), ""]
        fresh = f"{self._journal_path}.tmp"
        with open(fresh, "wb") as file:
            file.write("\n".join(lines).encode())
        os.replace(fresh, self._journal_path)
        self._journal = FileIO(self._journal_path, "a")
        self.version = version


def discard_others(folder: str, name: str) -> None:
    """Remove what earlier runs left of other contents of a name; its lock is held.

    A listing that changed, or a source that was given up, would leave gigabytes behind otherwise.
    """
    pattern = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.part(\.log)?(\.tmp)?")
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                os.unlink(entry.path)


def _span(line: bytes, size: int) -> tuple[int, int]:
    """Start and end of a journal line, within the file; an empty span where it says nothing."""
    start, _, end = line.partition(b" ")
    if not (start.isdigit() and end.isdigit() and max(len(start), len(end)) < 20):
        return 0, 0
    return int(start), min(int(end), size)
