"""One file fetched: resumed, in parallel ranges, hashed as it arrives, verified, then published."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..digests import Progress
from ..errors import DownloadBroken, FileError
from ..naming import shown
from ..sources.base import RemoteFile
from .asking import Asker, StartAgain
from .attempt import Attempt
from .client import Answer, Client
from .file_names import clean_name
from .local_copy import holds, is_same, read_through
from .locks import locked
from .partial import Partial, discard_others
from .publish import Target, publish, stage
from .sink import HashSink, MakeSink
from .space import disk_error, require
from .stated import can_verify, key_of, verify
from .tries import Tries

_FALLBACK = "model"
_FRESH_STARTS = 3
"""Times that a file may turn out to be another one before it is given up."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that lies under its final name now."""

    path: str
    """Absolute."""
    size: int
    sha256: str
    verified: bool
    """Whether a hash that the source states was found in the file."""
    fetched: int
    """Bytes that came over the network in this run."""
    resumed: int
    """Bytes that an earlier run had left."""
    via: str
    """``network`` | ``cache`` (the source's own) | ``here`` (it lay there already)."""


def fetch(
    client: Client,
    file: RemoteFile,
    name: str,
    folder: str,
    *,
    make_sink: MakeSink = HashSink,
    check: Callable[[str], None] | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> Fetched:
    """Fetch a file into a folder under a cleaned ``name``; nothing partial ever carries it.

    A file of that name that is the right one is left alone, unless ``force``; another one always
    keeps its name, and the new one gets its hash into its own. ``check`` is called with the path of
    the whole and verified file before it is published, and may raise. ``progress`` hears of bytes
    that are there, at once of those that an earlier run had left, and gets a negative number
    where those turn out to be of no use. Only Ctrl-C stops the ``client``.

    Raises ``SourceError``, ``NotFound``, ``NoSpace``, ``FileError``, ``UsageError`` and what
    ``check`` and the sink raise. What has arrived is kept for the next call, unless it is wrong.
    """
    target = Target(os.path.abspath(folder), clean_name(name, _FALLBACK))
    order = _Order(client, file, target, make_sink, check or _accept, _Meter(progress), force)
    try:
        os.makedirs(target.folder, exist_ok=True)
        with locked(target.lock, client.rest):
            return order.filled()
    except OSError as failure:
        raise disk_error(failure, target.path) from failure


class _Meter:
    """Turns how many bytes there are into how many there are more."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._told = 0

    def tell(self, count: int) -> None:
        if self._progress is not None and count != self._told:
            self._progress(count - self._told)
        self._told = count


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be fetched, and how."""

    client: Client
    file: RemoteFile
    target: Target
    make_sink: MakeSink
    check: Callable[[str], None]
    meter: _Meter
    force: bool

    @property
    def name(self) -> str:
        return self.target.name

    def filled(self) -> Fetched:
        """The file, from the nearest place that has it."""
        if self.force:
            return self._from_network()
        return self._here() or self._from_cache() or self._from_network()

    def _here(self) -> Fetched | None:
        """The right file, where it lies there under its name or a second one."""
        if not can_verify(self.file):
            return None
        paths = [self.target.path]
        if self.file.sha256:
            paths.append(self.target.second(self.file.sha256))
        for path in paths:
            found = self._verified_copy(path, "here")
            if found is not None:
                self.check(path)
                self._partial().discard()
                return found
        return None

    def _from_cache(self) -> Fetched | None:
        """A copy in the source's own cache, linked; None where there is no sound one."""
        path = self.file.fetch_cached() if self.file.fetch_cached else None
        found = self._verified_copy(path, "cache") if path else None
        return found and self._taken_over(found)

    def _from_library(self, fetch: Callable[[], str]) -> Fetched:
        """What only the source's own library can fetch."""
        require(self.target.folder, self.file.size or 0, self.name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = fetch()
        found = self._copy(path, "network")
        return self._taken_over(replace(found, fetched=found.size))

    def _verified_copy(self, path: str, via: str) -> Fetched | None:
        """A file on this disk, where it is what the source states."""
        if not is_same(path, self.file.size):
            return None
        try:
            return self._copy(path, via)
        except (DownloadBroken, OSError):
            self.meter.tell(0)
            return None

    def _copy(self, path: str, via: str) -> Fetched:
        size, sha256 = read_through(path, self.make_sink, self.meter.tell)
        verified = verify(self.file, self.name, path, size, sha256)
        return Fetched(os.path.abspath(path), size, sha256, verified, 0, 0, via)

    def _taken_over(self, found: Fetched) -> Fetched:
        """The same content, under its name in the folder as well."""
        self.check(found.path)
        partial = self._partial()
        partial.discard()
        stage(os.path.realpath(found.path), partial.path)
        return replace(found, path=self._publish(partial, found.sha256))

    def _from_network(self) -> Fetched:
        if self.file.fetch_by_library is not None:
            return self._from_library(self.file.fetch_by_library)
        partial = self._partial()
        partial.load()
        if not (can_verify(self.file) or (partial.version and partial.version.etag)):
            partial.discard()
        try:
            return self._download(partial)
        finally:
            partial.close()

    def _download(self, partial: Partial) -> Fetched:
        asker = Asker(self.client, self.file, self.name)
        tries = Tries(self.client.patience)
        fetched, resumed = 0, partial.there.size
        answer: Answer | None = None
        reason = ""
        for _ in range(1 + _FRESH_STARTS):
            tries.begin()
            attempt = Attempt(self.client, asker, self.file, self.name, partial, tries)
            try:
                sha256 = attempt.run(self.make_sink, self.meter.tell, answer)
                return self._finished(partial, sha256, fetched + attempt.fetched, resumed)
            except StartAgain as again:
                answer, resumed, reason = again.answer, 0, again.reason
                fetched += attempt.fetched
                partial.discard()
            except BaseException as error:
                # What has nothing of a file, or is known to be none, is of no use to a later run.
                if not partial.there.size or isinstance(error, FileError):
                    partial.discard()
                raise
        if answer is not None:
            answer.close()
        raise DownloadBroken(
            f"{shown(self.name)} had to be begun anew {_FRESH_STARTS} times: {reason}",
            "Run the command again later.",
        )

    def _finished(self, partial: Partial, sha256: str, fetched: int, resumed: int) -> Fetched:
        """Verify, check and publish what is there."""
        size = partial.there.size
        try:
            verified = verify(self.file, self.name, partial.path, size, sha256)
            self.check(partial.path)
        except DownloadBroken as broken:
            if resumed:
                raise StartAgain("what an earlier run had left does not fit") from broken
            partial.discard()
            raise
        except Exception:
            partial.discard()
            raise
        path = self._publish(partial, sha256)
        return Fetched(path, size, sha256, verified, fetched, resumed, "network")

    def _publish(self, partial: Partial, sha256: str) -> str:
        path = self.target.path
        size = os.path.getsize(partial.path)
        if self.force or not holds(path, size, sha256):
            path = publish(partial.path, self.target, sha256, self.force)
        partial.discard()
        discard_others(self.target.folder, self.target.name)
        return path

    def _partial(self) -> Partial:
        return Partial(self.target.folder, self.name, key_of(self.file))


def _accept(path: str) -> None:
    """Nothing to object to."""
