"""Taking a file or folder in: header, digests and identity of one unchanged content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from .digests import Progress, digest_file, stream
from .errors import Unreadable
from .formats.catalog import read_header, read_path
from .formats.local import LocalFile
from .identify.identify import identify, identify_folder
from .known import recognise
from .measures import Health
from .naming import shown
from .soundness.findings import Findings, Plan, plan_of, vae_names
from .soundness.weight_pass import WeightPass
from .values import Artifact, Digests, Folder, Header, Identity, Location, Stamp
from .walk import folder_stamp

_FOLDER_FILES = (".json", ".safetensors", ".bin", ".gguf", ".pt", ".ckpt", ".txt", ".model")
"""What counts as content of a diffusers folder; pictures and read-mes do not."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A file of weights that was hashed and measured already, while it was downloaded."""

    digests: Digests
    header: Header
    sweep: WeightPass


@dataclass(frozen=True, slots=True)
class Taken:
    """A file or folder as it was found."""

    artifact: Artifact
    location: Location
    health: Health | None = None
    """Of the tensors that were passed over; None where there were none."""


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


def take_in(path: str, progress: Progress | None = None, whole: bool = False) -> Taken:
    """Read, hash and identify a file or diffusers folder.

    The VAE's tensors are measured while the bytes pass by, with ``whole`` all tensors: that gives
    ``Component.content``, ``Digests.content`` where every tensor was measured, and notices of what
    is wrong with them. The file system's stamp is compared before and after; a file that changed is
    read once more. Raises ``NotFound`` and ``FileError``.
    """
    once = _folder_once if os.path.isdir(path) else _file_once
    taken = once(path, progress, whole) or once(path, progress, whole)
    if taken is None:
        raise Unreadable(
            f"{shown(path)} changed while it was read",
            "wait until nothing writes to it, then run the command again",
        )
    return taken


def take_in_folder(path: str, arrived: Mapping[str, Passed]) -> Taken:
    """A downloaded diffusers folder; files named in ``arrived`` (relative paths) are not read.

    Raises ``NotFound`` and ``FileError``.
    """
    taken = _folder_once(path, None, False, arrived)
    return taken or take_in(path)


def examine(path: str, progress: Progress | None = None) -> tuple[Identity, int, Health | None]:
    """Identity with notices of what is wrong, size, and health of all weights; hashes nothing.

    Raises ``NotFound`` and ``FileError``.
    """
    if os.path.isdir(path):
        return _examined_folder(path, progress)
    with LocalFile(path) as file:
        header = read_header(file)
        identity = identify(header)
        findings = Findings(len(header.tensors))
        sweep = WeightPass(file, header, header.tensors)
        stream(file, (sweep,), progress)
        findings.add(file, header, sweep)
    return findings.told(identity), file.size, findings.health


def _examined_folder(path: str, progress: Progress | None) -> tuple[Identity, int, Health | None]:
    folder = read_path(path)
    assert isinstance(folder, Folder)
    identity = identify_folder(folder)
    findings = Findings(_tensors_of(folder))
    for name, share in plan_of(path, folder, identity, whole=True).items():
        with LocalFile(name) as file:
            header = read_header(file)
            sweep = WeightPass(file, header, share[1])
            stream(file, (sweep,), progress)
            findings.add(file, header, sweep, share[0])
    return findings.told(identity), folder.size, findings.health


def _file_once(path: str, progress: Progress | None, whole: bool) -> Taken | None:
    with LocalFile(path) as file:
        before = file.stamp()
        header = read_header(file)
        identity = identify(header)
        findings = Findings(len(header.tensors))
        names = list(header.tensors) if whole else vae_names(identity, header.tensors)
        sweeps = [WeightPass(file, header, names)] if names else []
        digests = digest_file(file, progress, sweeps)
        if file.stamp() != before or not _same_file(path, before):
            return None
        for sweep in sweeps:
            findings.add(file, header, sweep)
    return assembled(path, before, identity, digests, findings)


def _same_file(path: str, stamp: Stamp) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (stamp.device, stamp.inode)


def _folder_once(
    path: str,
    progress: Progress | None,
    whole: bool,
    arrived: Mapping[str, Passed] = MappingProxyType({}),
) -> Taken | None:
    before = _stamp(path)
    folder = read_path(path)
    assert isinstance(folder, Folder)
    identity = identify_folder(folder)
    findings = Findings(_tensors_of(folder))
    plan = plan_of(path, folder, identity, whole)
    manifest = hashlib.sha256()
    for relative in _contents(path):
        with LocalFile(os.path.join(path, relative)) as file:
            passed = arrived.get(relative)
            digest = (
                _passed(file, plan, findings, passed)
                if passed
                else _digested(file, plan, findings, progress)
            ).sha256
        manifest.update(f"{digest}  {relative}\n".encode("utf-8", "surrogateescape"))
    if _stamp(path) != before:
        return None
    return assembled(path, before, identity, Digests(manifest.hexdigest()), findings)


def _passed(file: LocalFile, plan: Plan, findings: Findings, passed: Passed) -> Digests:
    """A folder's file that was measured while it arrived."""
    share = plan.get(os.path.normpath(file.name))
    if share is not None:
        findings.add(file, passed.header, passed.sweep, share[0])
    return passed.digests


def _digested(
    file: LocalFile, plan: Plan, findings: Findings, progress: Progress | None
) -> Digests:
    """A folder's file hashed, and passed over where the plan names it."""
    share = plan.get(os.path.normpath(file.name))
    if share is None:
        return digest_file(file, progress)
    prefix, names = share
    header = read_header(file)
    sweep = WeightPass(file, header, names)
    digests = digest_file(file, progress, (sweep,))
    findings.add(file, header, sweep, prefix)
    return digests


def _tensors_of(folder: Folder) -> int:
    return sum(len(part.header.tensors) for part in folder.parts if part.header)


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


def assembled(
    path: str, stamp: Stamp, identity: Identity, digests: Digests, findings: Findings
) -> Taken:
    """What headers, digests and passes over the weights make of a file or folder."""
    digests = replace(digests, content=findings.content(identity))
    identity, known_as = recognise(findings.told(identity), digests.sha256)
    artifact = Artifact(digests, stamp.size, identity, known_as)
    return Taken(artifact, Location(os.path.abspath(path), stamp), findings.health)


def renamed(taken: Taken, path: str, stamp: Stamp) -> Taken:
    """The same content at another place: a hard link or a moved file."""
    return replace(taken, location=Location(path, stamp))
