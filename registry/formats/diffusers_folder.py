"""Model folders as diffusers and transformers write them: configurations and weights' headers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing

from ..errors import FileError, Unreadable, UnsupportedFormat
from ..naming import shown
from ..values import Folder, FolderPart, Header, Notice
from . import strict_json
from .base import ByteSource, FolderSource
from .faults import Damaged
from .shards import merged, weight_map
from .weight_files import choose, foreign_kind

ReadHeader = Callable[[ByteSource], Header]

_INDEX = "model_index.json"
_CONFIG = "config.json"
_SCHEDULER = "scheduler"
_SCHEDULER_CONFIG = "scheduler/scheduler_config.json"
_WITHOUT_WEIGHTS = ("safety_checker", "feature_extractor", "tokenizer", _SCHEDULER)
_LARGEST_CONFIG = 4 * 1024 * 1024
_LARGEST_SHARD_INDEX = 64 * 1024 * 1024
_AGAIN = "Download it again."


def is_model_folder(names: Iterable[str]) -> bool:
    """Whether files of these names, relative to a folder, make the folder a model of its own."""
    names = set(names)
    return _INDEX in names or (_CONFIG in names and choose(_directly(names, "")) is not None)


def read_folder(folder: FolderSource, read_header: ReadHeader) -> Folder:
    """What a model folder says of itself; weights are read by ``read_header`` alone.

    A part without weights and a missing shard are notices. Raises ``Unreadable`` naming the file
    for damaged parts, ``UnsupportedFormat`` for a folder that is no model.
    """
    return _Reading(folder, read_header).folder()


class _Reading:
    """One reading of a folder; remembers which files belong to the model and what was noticed."""

    def __init__(self, source: FolderSource, read_header: ReadHeader) -> None:
        self._source = source
        self._read_header = read_header
        self._files = source.files()
        self._used: set[str] = set()
        self._notices: list[Notice] = []

    def folder(self) -> Folder:
        index = self._object(_INDEX) if _INDEX in self._files else {}
        parts = tuple(self._pipeline(index)) if _INDEX in self._files else (self._single(),)
        size = sum(self._files[path] for path in self._used)
        return Folder(index, parts, size, tuple(self._notices))

    def _pipeline(self, index: Mapping[str, object]) -> Iterator[FolderPart]:
        if _SCHEDULER_CONFIG in self._files:
            yield FolderPart(_SCHEDULER, self._object(_SCHEDULER_CONFIG), None)
        inner = {path.split("/", 1)[0] for path in self._files if "/" in path}
        for name in sorted(inner):
            names = _directly(self._files, f"{name}/")
            is_part = _CONFIG in names or (name in index and choose(names))
            if is_part and not name.startswith(_WITHOUT_WEIGHTS):
                yield self._part(name)

    def _single(self) -> FolderPart:
        part = self._part("") if _CONFIG in self._files else None
        if part and ("_class_name" in part.config or is_model_folder(self._files)):
            return part
        raise UnsupportedFormat(
            f"{shown(self._source.name)} is no model folder: it has neither {_INDEX} nor {_CONFIG} "
            "beside weights",
            "Name a file in it, or the folder of one model.",
        )

    def _part(self, name: str) -> FolderPart:
        prefix = f"{name}/" if name else ""
        config = self._object(prefix + _CONFIG) if prefix + _CONFIG in self._files else {}
        return FolderPart(name, config, self._weights(prefix))

    def _weights(self, prefix: str) -> Header | None:
        names = _directly(self._files, prefix)
        chosen = choose(names)
        if chosen is None:
            self._notices.append(_no_weights(prefix, foreign_kind(names)))
            return None
        path = prefix + chosen.name
        return self._sharded(prefix, path) if chosen.sharded else self._header(path)

    def _sharded(self, prefix: str, index: str) -> Header | None:
        content = self._object(index, _LARGEST_SHARD_INDEX)
        try:
            places = weight_map(content)
        except Damaged as fault:
            raise Unreadable(f"{self._called(index)} {fault}", _AGAIN) from None
        shards = sorted(set(places.values()))
        present = [shard for shard in shards if prefix + shard in self._files]
        headers = {shard: self._header(prefix + shard) for shard in present}
        self._notices += [_missing_shard(prefix + s) for s in shards if s not in headers]
        if not headers:
            return None
        header = merged(headers, places)
        lost = [name for name, s in places.items() if s in headers and name not in header.tensors]
        self._notices += [_missing_tensors(index, lost)] if lost else []
        return header

    def _header(self, path: str) -> Header:
        self._used.add(path)
        with closing(self._source.open(path)) as source:
            try:
                return self._read_header(source)
            except FileError as error:
                if shown(path) in error.message:
                    raise
                raise type(error)(f"{self._called(path)}: {error.message}", error.hint) from error

    def _object(self, path: str, limit: int = _LARGEST_CONFIG) -> Mapping[str, object]:
        """A file's JSON object; every key a text, everything else as it was parsed."""
        self._used.add(path)
        size = self._files[path]
        if size > limit:
            raise Unreadable(f"{self._called(path)} has {size:,} bytes, too many for a {path}")
        with closing(self._source.open(path)) as source:
            raw = source.read(0, source.size)
        try:
            content = strict_json.parse(raw.decode())
        except UnicodeDecodeError:
            raise Unreadable(f"{self._called(path)} is not UTF-8 text", _AGAIN) from None
        except strict_json.BadJson as error:
            raise Unreadable(f"{self._called(path)} {error}", _AGAIN) from None
        if not isinstance(content, dict):
            raise Unreadable(f"{self._called(path)} holds no JSON object", _AGAIN)
        return content

    def _called(self, path: str) -> str:
        return shown(f"{self._source.name}/{path}")


def _directly(paths: Iterable[str], prefix: str) -> list[str]:
    """Names of the files that lie in a folder itself, not deeper."""
    cut = len(prefix)
    return [path[cut:] for path in paths if path.startswith(prefix) and "/" not in path[cut:]]


def _no_weights(prefix: str, foreign: str | None) -> Notice:
    where = shown(prefix.rstrip("/")) or "the folder"
    if foreign:
        return Notice("no_weights", f"{where} holds {foreign} weights, which vaereg does not read")
    return Notice("no_weights", f"{where} has a configuration but no weights; download them too")


def _missing_shard(path: str) -> Notice:
    return Notice("missing_shard", f"{shown(path)} is missing; download it too")


def _missing_tensors(index: str, names: list[str]) -> Notice:
    says = f"{shown(index)} promises {len(names)} tensors that no shard holds"
    return Notice("missing_tensors", f"{says}, such as {shown(names[0])}")
