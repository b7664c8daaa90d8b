"""What a file or folder holds below each component's prefix, for looking at its text encoders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ..formats.base import ByteSource
from ..formats.catalog import read_header, read_path
from ..formats.local import LocalFile
from ..identify.view import View
from ..values import Folder, Header
from ..weights import below, open_weights

if TYPE_CHECKING:
    from ..weights import Floats

Reader = Callable[[str], "Floats"]
"""Gives a tensor's values by its full name; may raise ``FileError``, remotely ``SourceError``."""


@dataclass(frozen=True, slots=True)
class Part:
    """What lies below one prefix."""

    view: View
    config: Mapping[str, object] = field(default_factory=dict)
    """``config.json`` of a diffusers folder; empty in a single file."""
    read: Reader | None = None
    """By the names of the view; None where only headers are at hand."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A model's tensors by prefix, and the texts beside them."""

    part: Callable[[str], Part]
    """By ``Component.prefix``; an empty view where nothing lies below it."""
    metadata: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def opened(path: str) -> Iterator[Contents]:
    """A file or diffusers folder on the disk; raises ``NotFound`` and ``FileError``."""
    if os.path.isdir(path):
        folder = read_path(path)
        assert isinstance(folder, Folder)
        yield of_folder(folder, partial(_read_in_folder, path))
        return
    with LocalFile(path) as source:
        yield of_source(source)


def of_source(source: ByteSource) -> Contents:
    """One open file, local or remote; raises ``FileError``, remotely ``SourceError`` too."""
    header = read_header(source)
    return of_header(header, below(source, header).read)


def of_header(header: Header, read: Reader | None = None) -> Contents:
    """A file's header, with what reads values by the names in it."""

    def part(prefix: str) -> Part:
        reader = partial(_read_below, read, prefix) if read else None
        return Part(View.below(header.tensors, prefix), read=reader)

    return Contents(part, header.metadata)


def of_folder(folder: Folder, read: Reader | None = None) -> Contents:
    """A diffusers folder; values are read by ``sub-folder/name``."""
    parts = {part.name: part for part in folder.parts}
    headers = [part.header for part in folder.parts if part.header]

    def part(prefix: str) -> Part:
        name, _, inner = prefix.rpartition("/")
        found = parts.get(name)
        tensors = found.header.tensors if found and found.header else {}
        reader = partial(_read_below, read, prefix) if read else None
        config = found.config if found and not inner else {}
        return Part(View.below(tensors, inner), config, reader)

    metadata: dict[str, str] = {}
    for header in headers:
        metadata |= header.metadata
    return Contents(part, metadata)


def unread() -> Contents:
    """Of a model that is known by what was recorded alone."""
    return Contents(lambda prefix: Part(View({}, prefix)))


def _read_below(read: Reader, prefix: str, name: str) -> Floats:
    return read(prefix + name)


def _read_in_folder(path: str, name: str) -> Floats:
    folder, slash, inner = name.rpartition("/")
    with open_weights(path, folder + slash) as weights:
        return weights.read(inner)
