"""One plan carried out: fetched, checked before it gets its name, hashed and identified at once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from ..arrival import Arrival
from ..digests import Progress
from ..errors import DownloadBroken, FileError, Unreadable, UnsafePickle
from ..formats import strict_json
from ..formats.catalog import read_header
from ..formats.local import LocalFile
from ..formats.sniff import sniff
from ..intake import Taken, take_in, take_in_folder
from ..naming import shown
from ..sources.base import RemoteFile
from ..transfer.client import Client
from ..transfer.download import Fetched, fetch
from ..transfer.file_names import clean_folder_name, clean_name
from ..transfer.local_copy import holds, is_same
from ..transfer.space import disk_error
from .plan import Plan
from .staging import staged_folder

PICKLED = (".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pickle")
_PICKLES = ("torch-zip", "torch-legacy")
_MODELS = (".safetensors", ".sft", ".gguf", *PICKLED)
_LARGEST_TEXT = 64 << 20
"""Bytes of a configuration or a shard index; merges of tokenizers are some megabytes."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came of a pull."""

    path: str
    taken: Taken
    verified: bool
    """Every file has the hash that its source states."""
    fetched: int
    """Bytes that came over the network."""
    resumed: int
    """Bytes that an interrupted pull had left."""
    via: str
    """``network`` | ``cache`` | ``here``, as in ``Fetched``."""


def require_no_pickle(plan: Plan, allowed: bool) -> None:
    """Raises ``UnsafePickle`` where the offer names a pickle and none is allowed."""
    named = [file.path for file in plan.offer.files if file.path.lower().endswith(PICKLED)]
    if named and not allowed:
        raise _pickle_refused(named[0])


def pull(
    client: Client,
    plan: Plan,
    *,
    allow_pickle: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Pulled:
    """Fetch what a plan names; nothing unchecked or partial ever carries its final name.

    Raises ``SourceError``, ``NoSpace``, and ``FileError`` (``UnsafePickle`` among them) for what
    arrived and is no model.
    """
    require_no_pickle(plan, allow_pickle)
    job = _Job(client, plan, allow_pickle, force, progress)
    try:
        os.makedirs(plan.folder, exist_ok=True)
        return job.file() if plan.offer.root is None else job.folder()
    except OSError as failure:
        raise disk_error(failure, plan.path) from failure


@dataclass(slots=True)
class _Job:
    client: Client
    plan: Plan
    allow_pickle: bool
    force: bool
    progress: Progress | None
    arrivals: dict[str, Arrival] = field(default_factory=dict)

    def file(self) -> Pulled:
        """A single file."""
        found = self._with_local_copy(self.plan.offer.files[0])
        done = self._fetch(found, self.plan.name, self.plan.folder)
        arrival = self.arrivals.get(found.path)
        whole = arrival is not None and arrival.digests is not None
        taken = arrival.taken(done.path) if arrival and whole else take_in(done.path)
        return _pulled(done.path, taken, [done])

    def folder(self) -> Pulled:
        """A diffusers folder: its files are gathered in a hidden one that then gets the name."""
        root = self.plan.offer.root or ""
        tag = (self.plan.offer.origin.revision or "other")[:8]
        place = (self.plan.folder, self.plan.name, tag)
        hold = (self._is_whole, self.client.rest, self.force)
        with staged_folder(*place, *hold) as staged:
            done = {} if staged.here else self._gathered(staged.path, root)
        if staged.here:
            size = sum(file.size or 0 for file in self.plan.offer.files)
            here = Fetched(staged.final, size, "", True, 0, 0, "here")
            return _pulled(staged.final, take_in(staged.final), [here])
        arrived = {
            path: passed
            for path, found in done.items()
            if (arrival := self.arrivals.get(root + path)) and (passed := arrival.passed)
        }
        taken = take_in_folder(staged.final, arrived)
        return _pulled(staged.final, taken, list(done.values()))

    def _gathered(self, folder: str, root: str) -> dict[str, Fetched]:
        done = {}
        for file in self.plan.offer.files:
            relative = file.path.removeprefix(root)
            *outer, name = relative.split("/")
            inner = os.path.join(folder, *(_exactly(part, True) for part in outer))
            os.makedirs(inner, exist_ok=True)
            done[relative] = self._fetch(file, _exactly(name, False), inner)
        return done

    def _is_whole(self, path: str) -> bool:
        """Whether a folder of that name already holds just these files."""
        root = self.plan.offer.root or ""
        return all(
            _holds(os.path.join(path, *file.path.removeprefix(root).split("/")), file)
            for file in self.plan.offer.files
        )

    def _fetch(self, file: RemoteFile, name: str, folder: str) -> Fetched:
        def make_sink(path: str, size: int | None) -> Arrival:
            self.arrivals[file.path] = Arrival(path, size)
            return self.arrivals[file.path]

        return fetch(
            self.client,
            file,
            name,
            folder,
            make_sink=make_sink,
            check=self._check_aside if self._is_aside(name) else self._check,
            progress=self.progress,
            force=self.force,
        )

    def _is_aside(self, name: str) -> bool:
        """Whether it is a configuration or a list of words in a folder, and no weights."""
        return self.plan.offer.root is not None and not name.lower().endswith(_MODELS)

    def _check_aside(self, path: str) -> None:
        """What lies beside weights is text, and a configuration can be read."""
        with open(path, "rb") as file:
            text = file.read(_LARGEST_TEXT + 1)
        try:
            if len(text) > _LARGEST_TEXT:
                raise strict_json.BadJson("is too large")
            if text.lstrip()[:1] in (b"{", b"["):
                strict_json.parse(text.decode())
            elif b"\0" in text:
                raise strict_json.BadJson("is no text")
        except (strict_json.BadJson, UnicodeDecodeError) as fault:
            what = fault if isinstance(fault, strict_json.BadJson) else "is no text"
            raise Unreadable(
                f"a configuration of {shown(self.plan.offer.name)} {what}",
                "nothing was published; the repository is damaged, choose another one",
            ) from None

    def _check(self, path: str) -> None:
        """What arrived is a model, and no pickle unless one is allowed; raises ``FileError``."""
        called = shown(self.plan.offer.name)
        try:
            with LocalFile(path) as file:
                if sniff(file) in _PICKLES and not self.allow_pickle:
                    raise _pickle_refused(self.plan.offer.name)
                read_header(file)
        except FileError as failure:
            said = failure.message.replace(shown(path), called)
            raise type(failure)(said, failure.hint) from failure

    def _with_local_copy(self, file: RemoteFile) -> RemoteFile:
        """A recorded copy elsewhere on the disk is linked instead of fetched again."""
        here = self.plan.here
        if here is None or self.force:
            return file
        return replace(file, fetch_cached=lambda: self.plan.here_path)


def _pickle_refused(name: str) -> UnsafePickle:
    return UnsafePickle(
        f"{shown(name)} is a pickle: programs that load it run whatever code it holds",
        "look for the model in safetensors format, or add --allow-pickle: it is then read by a"
        " machine that runs nothing, and refused if it asks for more than tensors",
    )


def _exactly(name: str, folder: bool) -> str:
    """A name inside a diffusers folder, which must stay as it is; raises ``DownloadBroken``."""
    clean = clean_folder_name if folder else clean_name
    if clean(name, "file") != name:
        raise DownloadBroken(
            f"the repository names a file {shown(name)}, which no model folder holds",
            "nothing was published; report the repository to its host",
        )
    return name


def _holds(path: str, file: RemoteFile) -> bool:
    if file.sha256 is None:
        return file.size is not None and is_same(path, file.size)
    return holds(path, file.size, file.sha256)


def _pulled(path: str, taken: Taken, done: list[Fetched]) -> Pulled:
    ways = {one.via for one in done}
    via = next(way for way in ("network", "cache", "here") if way in ways)
    return Pulled(
        path,
        taken,
        all(one.verified for one in done),
        sum(one.fetched for one in done),
        sum(one.resumed for one in done),
        via,
    )
