"""Models, versions and files to put up on the Civitai server, and their records as its API words
them (civitai/civitai, src/server/services/model-search.service.ts and the routes below
src/pages/api/v1)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from blake3 import blake3

from .storage import Content, size_of

WEIGHT_TYPES = ("Model", "Pruned Model", "Diffusion Model", "UNet")
_FORMATS = {
    ".safetensors": "SafeTensor",
    ".ckpt": "PickleTensor",
    ".pt": "PickleTensor",
    ".gguf": "GGUF",
}


@dataclass(frozen=True)
class File:
    """One upload; without ``hashes`` the server computes them all."""

    name: str
    content: Content
    type: str = "Model"
    fp: str | None = None
    size: str | None = None
    format: str | None = None
    hashes: Mapping[str, str] | None = None
    pickle_scan: str = "Success"
    virus_scan: str = "Success"
    scan_message: str | None = None
    size_kb: float | None = None
    """In place of the true one."""
    id: int = 0

    @property
    def metadata(self) -> dict[str, str]:
        """What is stated of the variant; keys without a value are left out."""
        guessed = _FORMATS.get(Path(self.name).suffix, "Other")
        stated = {"format": self.format or guessed, "size": self.size, "fp": self.fp}
        return {key: value for key, value in stated.items() if value}

    @property
    def score(self) -> float:
        """How likely it is a version's primary file."""
        points = 1000 + 1000 * (self.type in WEIGHT_TYPES)
        points += 100 if self.metadata["format"] == "SafeTensor" else -100
        points += 10 if self.size == "pruned" else -10
        return points + (1 if self.fp == "fp16" else -1)


@dataclass(frozen=True)
class Version:
    """One version; ``vae`` is the version that its author links as its VAE."""

    name: str
    base_model: str = "SD 1.5"
    files: tuple[File, ...] = ()
    vae: int | None = None
    availability: str = "Public"
    early_until: str | None = None
    usage: str = "Download"
    status: str = "Published"
    downloads: int | None = 0
    published_at: str = "2025-05-01T10:00:00.000Z"
    id: int = 0

    @property
    def primary(self) -> File | None:
        """The best scored file, the first of equals."""
        return max(self.files, key=lambda file: file.score, default=None)


@dataclass(frozen=True)
class Model:
    """One model's page, its newest version first."""

    name: str
    type: str = "VAE"
    versions: tuple[Version, ...] = ()
    creator: str | None = "someone"
    mode: str | None = None
    ghost: bool = False
    """Found by a search and filtered out of its page afterwards."""
    real_person: bool = False
    id: int = 0

    @property
    def downloads(self) -> int:
        """Of all versions."""
        return sum(version.downloads or 0 for version in self.versions)


@dataclass
class Catalogue:
    """Everything that was put up, by id."""

    models: dict[int, Model] = field(default_factory=dict)
    _last: int = 100

    def add(self, model: Model) -> Model:
        """Put a model up; ids that are 0 are given."""
        versions = tuple(
            replace(
                version,
                id=version.id or self._given(),
                files=tuple(replace(file, id=file.id or self._given()) for file in version.files),
            )
            for version in model.versions
        )
        kept = replace(model, id=model.id or self._given(), versions=versions)
        self.models[kept.id] = kept
        return kept

    def versions(self) -> Iterator[tuple[Model, Version]]:
        """Every version with its model."""
        for model in self.models.values():
            for version in model.versions:
                yield model, version

    def version(self, identifier: int) -> tuple[Model, Version] | None:
        """A version with its model."""
        return next((pair for pair in self.versions() if pair[1].id == identifier), None)

    def linked(self, version: Version) -> list[File]:
        """The linked VAE's main files, lowest id first."""
        found = self.version(version.vae) if version.vae else None
        files = [file for file in found[1].files if file.type == "Model"] if found else []
        return sorted(files, key=lambda file: file.id)

    def _given(self) -> int:
        self._last += 1
        return self._last


_seen: dict[int, tuple[Content, dict[str, str]]] = {}


def hashes_of(content: Content) -> dict[str, str]:
    """All that the scanner computes, in upper case (civitai/model-scanner, HashTask.cs)."""
    kept = _seen.get(id(content))
    if kept is None or kept[0] is not content:
        data = content if isinstance(content, bytes) else content.read_bytes()
        kept = _seen[id(content)] = (content, _hashes(data))
    return kept[1]


def _hashes(data: bytes) -> dict[str, str]:
    sha256 = hashlib.sha256(data).hexdigest()
    found = {
        "AutoV2": sha256[:10],
        "SHA256": sha256,
        "CRC32": struct.pack("<I", zlib.crc32(data)).hex(),
        "BLAKE3": blake3(data).hexdigest(),
    }
    if len(data) >= 0x200000:
        found["AutoV1"] = hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8]
    if len(data) > 8:
        header = struct.unpack("<Q", data[:8])[0]
        rest = data[8 + header :] if header < 16 << 20 else data[8:]
        found["AutoV3"] = hashlib.sha256(rest).hexdigest()[:12]
    return {name: value.upper() for name, value in found.items()}


def file_record(file: File, host: str, version: int, primary: bool, shown_type: str) -> dict:
    """A file as it stands in a version's record; no version id inside."""
    asked = [f"type={shown_type.replace(' ', '%20')}"]
    asked += [f"{key}={value}" for key, value in file.metadata.items()]
    address = f"http://{host}/api/download/models/{version}"
    record: dict[str, Any] = {
        "id": file.id,
        "sizeKB": size_of(file.content) / 1024 if file.size_kb is None else file.size_kb,
        "name": file.name,
        "type": shown_type,
        "pickleScanResult": file.pickle_scan,
        "pickleScanMessage": file.scan_message,
        "virusScanResult": file.virus_scan,
        "virusScanMessage": None,
        "scannedAt": "2025-05-01T10:05:00.000Z",
        "metadata": file.metadata,
        "hashes": dict(hashes_of(file.content) if file.hashes is None else file.hashes),
        "downloadUrl": address if primary else f"{address}?{'&'.join(asked)}",
    }
    return record | ({"primary": True} if primary else {})


def version_record(version: Version, host: str, linked: list[File], full: bool) -> dict:
    """A version with its files; ``full`` as its own route gives it."""
    primary = version.primary
    files = [
        file_record(file, host, version.id, file is primary, file.type) for file in version.files
    ]
    files += [file_record(file, host, version.id, False, "VAE") for file in linked]
    if full:
        files = [{"primary": False, **file} for file in files]
    return {
        "id": version.id,
        "name": version.name,
        "baseModel": version.base_model,
        "baseModelType": "Standard",
        "publishedAt": version.published_at,
        "availability": version.availability,
        "nsfwLevel": 1,
        "description": None,
        "trainedWords": [],
        "earlyAccessDeadline": version.early_until,
        "stats": {"downloadCount": version.downloads, "thumbsUpCount": 3, "thumbsDownCount": 0},
        "files": files,
        "images": [],
        "downloadUrl": f"http://{host}/api/download/models/{version.id}",
    }
