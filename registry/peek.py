"""A look into a model that is not on the disk: headers and configs by byte ranges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from .errors import Unreadable, UnsupportedFormat
from .formats.catalog import read_header
from .formats.diffusers_folder import read_folder
from .formats.weight_files import choose
from .identify.identify import identify, identify_folder
from .known import recognise
from .naming import shown
from .sources.base import Offer, RemoteFile
from .transfer.client import Client
from .transfer.remote_bytes import RemoteBytes
from .values import Artifact, Digests, Folder, Header, Identity, Notice
from .weights import below

if TYPE_CHECKING:
    from .weights import Floats

_HASHING = {"huggingface": "Hugging Face", "civitai": "Civitai"}
"""Services that hash what is uploaded to them; what another server states proves nothing."""
ON_TRUST = 0.9
"""Confidence in a family by a hash that a service states."""


@dataclass(frozen=True, slots=True)
class Peek:
    """What a remote model is, and what it cost to tell."""

    artifact: Artifact
    """Its digests are published ones; the SHA-256 is empty where none is published."""
    bytes_read: int
    requests: int
    """Requests for bytes; those to an API come on top."""
    found: Header | Folder | None = field(default=None, repr=False, compare=False)
    """What was read; None where the model is on this machine."""
    read: Callable[[str], Floats] | None = field(default=None, repr=False, compare=False)
    """A small tensor's values by its name, or by ``sub-folder/name``: a request for each that is
    read. Raises ``FileError`` and ``SourceError``."""


def peek(client: Client, offer: Offer) -> Peek:
    """Read the headers of what an offer holds.

    Raises ``FileError`` for what is no model, ``SourceError`` where it cannot be had.
    """
    if offer.root is None:
        return _file(client, offer)
    folder = _RemoteFolder(client, offer)
    found = read_folder(folder, read_header)
    identity = identify_folder(found)
    read = sum(source.bytes_read for source in folder.opened)
    asked = sum(source.requests for source in folder.opened)
    artifact = Artifact(Digests(""), found.size, identity)
    return Peek(artifact, read, asked, found, partial(_read_in_folder, folder, found))


def _file(client: Client, offer: Offer) -> Peek:
    file = offer.files[0]
    source = RemoteBytes(client, file)
    try:
        header = read_header(source)
        identity: Identity = identify(header)
        size = source.size
    finally:
        source.close()
    known_as = None
    if offer.origin.source in _HASHING:
        identity, known_as = recognise(identity, file.sha256 or "")
        identity = _on_trust(identity, offer.origin.source)
    artifact = Artifact(published(file), size, identity, known_as)
    read = partial(_read, source, header)
    return Peek(artifact, source.bytes_read, source.requests, header, read)


def _read(source: RemoteBytes, header: Header, name: str) -> Floats:
    try:
        return below(source, header).read(name)
    finally:
        source.close()


def _read_in_folder(folder: _RemoteFolder, found: Folder, name: str) -> Floats:
    """A tensor of a part whose weights are in one file: text encoders of CLIP's kind always are."""
    where, slash, inner = name.rpartition("/")
    at = PurePosixPath(where)
    header = next((part.header for part in found.parts if part.name == where), None)
    chosen = choose(path.name for path in map(PurePosixPath, folder.files()) if path.parent == at)
    if header is None or chosen is None or chosen.sharded:
        raise UnsupportedFormat(f"{shown(name)} of {shown(folder.name)} lies in several files")
    return _read(folder.open(where + slash + chosen.name), header, inner)


def _on_trust(identity: Identity, service: str) -> Identity:
    """What rests on a hash that a service states, and nobody computed here, said as such."""
    parts = []
    for part in identity.components:
        known = part.latent
        if known is not None and known.determined_by == "known-hash":
            note = Notice(
                "hash_stated",
                f"its family rests on the SHA-256 that {_HASHING[service]} states; a download"
                " proves it",
            )
            latent = replace(known, confidence=min(known.confidence, ON_TRUST))
            part = replace(part, latent=latent, notices=(*part.notices, note))
        parts.append(part)
    return replace(identity, components=tuple(parts))


def published(file: RemoteFile) -> Digests:
    """The digests that a source states for a file; an empty SHA-256 where it states none."""
    names = ("autov1", "autov2", "autov3", "blake3", "crc32")
    stated = {name: file.hashes[name] for name in names if name in file.hashes}
    return Digests(file.sha256 or "", **stated)


@dataclass(slots=True)
class _RemoteFolder:
    """The files of a diffusers folder at a source, as a ``FolderSource``."""

    client: Client
    offer: Offer
    opened: list[RemoteBytes] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.offer.ref)

    def files(self) -> Mapping[str, int]:
        return {path: file.size or 0 for path, file in self._below().items()}

    def open(self, path: str) -> RemoteBytes:
        file = self._below().get(path)
        if file is None:
            raise Unreadable(f"{shown(self.name)} has no file {shown(path)}")
        source = RemoteBytes(self.client, file)
        self.opened.append(source)
        return source

    def _below(self) -> Mapping[str, RemoteFile]:
        root = self.offer.root or ""
        return {file.path.removeprefix(root): file for file in self.offer.files}
