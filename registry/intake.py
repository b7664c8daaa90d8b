"""Taking a file or folder in: header, digests and identity of one unchanged content."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace

from .digests import Progress, digest_file
from .errors import Unreadable
from .formats.catalog import read_header, read_path
from .formats.local import LocalFile
from .identify.identify import identify, identify_folder
from .known import recognise
from .naming import shown
from .values import Artifact, Digests, Folder, Identity, Location, Stamp
from .walk import folder_stamp

_FOLDER_FILES = (".json", ".safetensors", ".bin", ".gguf", ".pt", ".ckpt", ".txt", ".model")
"""What counts as content of a diffusers folder; pictures and read-mes do not."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A file or folder as it was found."""

    artifact: Artifact
    location: Location


def look(path: str) -> tuple[Identity, int, int]:
    """What a file or folder is, by its headers alone: identity, size and bytes read.

    Raises ``NotFound`` and ``FileError``.
    """
    if os.path.isdir(path):
        found = read_path(path)
        assert isinstance(found, Folder)
        return identify_folder(found), found.size, 0
    with LocalFile(path) as file:
        header = read_header(file)
        return identify(header), file.size, file.bytes_read


def take_in(path: str, progress: Progress | None = None) -> Taken:
    """Read, hash and identify a file or diffusers folder.

    The file system's stamp is compared before and after; a file that changed is read once more.
    Raises ``NotFound`` and ``FileError``.
    """
    once = _folder_once if os.path.isdir(path) else _file_once
    taken = once(path, progress) or once(path, progress)
    if taken is None:
        raise Unreadable(
            f"{shown(path)} changed while it was read",
            "wait until nothing writes to it, then run the command again",
        )
    return taken


def _file_once(path: str, progress: Progress | None) -> Taken | None:
    with LocalFile(path) as file:
        before = file.stamp()
        header = read_header(file)
        digests = digest_file(file, progress)
        if file.stamp() != before or not _same_file(path, before):
            return None
    return _taken(path, before, identify(header), digests)


def _same_file(path: str, stamp: Stamp) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (stamp.device, stamp.inode)


def _folder_once(path: str, progress: Progress | None) -> Taken | None:
    before = _stamp(path)
    folder = read_path(path)
    assert isinstance(folder, Folder)
    manifest = hashlib.sha256()
    for relative in _contents(path):
        with LocalFile(os.path.join(path, relative)) as file:
            digest = digest_file(file, progress).sha256
        manifest.update(f"{digest}  {relative}\n".encode("utf-8", "surrogateescape"))
    if _stamp(path) != before:
        return None
    return _taken(path, before, identify_folder(folder), Digests(manifest.hexdigest()))


def _stamp(path: str) -> Stamp:
    try:
        return folder_stamp(path)
    except OSError as failure:
        raise Unreadable(f"{shown(path)} cannot be read: {failure.strerror}") from failure


def _contents(path: str) -> list[str]:
    """Relative paths of a diffusers folder's own files, in order, forward slashes."""
    found: list[str] = []
    for base, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        relative = os.path.relpath(base, path)
        if relative != "." and relative.count(os.sep) >= 1:
            folders.clear()
        prefix = "" if relative == "." else relative.replace(os.sep, "/") + "/"
        found += [
            prefix + name
            for name in names
            if name.casefold().endswith(_FOLDER_FILES) and not name.startswith(".")
        ]
    return sorted(found)


def _taken(path: str, stamp: Stamp, identity: Identity, digests: Digests) -> Taken:
    identity, known_as = recognise(identity, digests.sha256)
    artifact = Artifact(digests, stamp.size, identity, known_as)
    return Taken(artifact, Location(os.path.abspath(path), stamp))


def renamed(taken: Taken, path: str, stamp: Stamp) -> Taken:
    """The same content at another place: a hard link or a moved file."""
    return replace(taken, location=Location(path, stamp))
