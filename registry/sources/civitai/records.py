"""Civitai's records as values: a version and its files, read with care from what its API sends."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ...errors import DownloadBroken

_HASHES = {
    "SHA256": ("sha256", (64,)),
    "AutoV1": ("autov1", (8,)),
    "AutoV2": ("autov2", (10,)),
    "AutoV3": ("autov3", (12, 64)),
    "CRC32": ("crc32", (8,)),
    "BLAKE3": ("blake3", (64,)),
}
"""Civitai's names, those of ``Digests``, and how many digits they have: old records hold the whole
of AutoV3, of which 12 digits are shown (civitai/civitai, src/server/services/file.service.ts)."""
_SHOWN = {"autov3": 12}
_LARGEST = 2**53
"""Of a whole number in JSON as JavaScript writes it."""
_LARGEST_ID = 2**31 - 1
"""Larger ids are refused (civitai/civitai, src/pages/api/v1/models/[id].ts)."""
_PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
_SAFE = (".safetensors", ".sft", ".gguf")
WEIGHTS = ("Model", "Pruned Model", "Diffusion Model", "UNet")
"""File types of main weights (civitai/civitai, src/server/utils/model-helpers.ts)."""
VAE_TYPES = ("VAE",)


@dataclass(frozen=True, slots=True)
class File:
    """One file of a version; every word is its uploader's or the server's claim."""

    id: int
    name: str
    type: str
    size: int | None
    """Bytes; None where the record states no whole number of them."""
    hashes: Mapping[str, str]
    """By the names of ``Digests``, lower case."""
    metadata: Mapping[str, str]
    """``format``, ``fp``, ``size``, ``quantType``, whichever are stated."""
    scans: tuple[tuple[str, str, str], ...]
    """What was scanned for (``pickle``, ``virus``), the result, the message."""
    primary: bool = False
    address: str | None = None
    """As the API gives it, with whatever host; it may answer 404."""

    @property
    def sha256(self) -> str | None:
        """Of the whole file; None where the record has none."""
        return self.hashes.get("sha256")

    @property
    def pickle(self) -> bool:
        """Whether it claims to be a pickle."""
        name = self.name.lower()
        if name.endswith(_SAFE):
            return False
        return name.endswith(_PICKLES) or self.metadata.get("format") == "PickleTensor"

    @property
    def danger(self) -> str | None:
        """What a scan warns of; None where none does."""
        found = (message or what for what, result, message in self.scans if result == "Danger")
        return next(found, None)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a model, with what its model says of itself."""

    id: int
    model: int
    name: str
    model_name: str
    model_type: str
    base_model: str | None = None
    files: tuple[File, ...] = ()
    vae: int | None = None
    """The version that its author links as its VAE."""
    mode: str | None = None
    """``Archived`` | ``TakenDown``."""
    usage: str | None = None
    """``Download``, or what else alone its author allows."""
    early: str | None = None
    """Until when it must be bought; empty where it says no date, None where it need not be."""
    private: bool = False
    """Open to those alone whom its author lets in."""
    author: str | None = None
    published_at: str | None = None
    downloads: int | None = None
    likes: int | None = None
    vaes: tuple[File, ...] = ()
    """The files of a checkpoint's page that are VAEs: its author's own ones and linked ones."""

    @property
    def title(self) -> str:
        """Model and version, as people read it."""
        return " - ".join(part for part in (self.model_name, self.name) if part)

    @property
    def ref(self) -> str:
        """``civitai:MODEL@VERSION``; without the model where the record names none."""
        return f"civitai:{self.model or ''}@{self.id}"

    def ref_of(self, file: File) -> str:
        """``civitai:MODEL@VERSION+FILE``."""
        return f"{self.ref}+{file.id}"


def is_record(value: object) -> bool:
    """Whether a value of an answer is the record of a model or a version: one with an id."""
    return isinstance(value, dict) and _id(value, "id") > 0


def versions_of(record: object) -> tuple[Version, ...]:
    """All versions of a model's record, newest first; those without an id are left out.

    Raises ``DownloadBroken`` where it is no record at all.
    """
    model = _record(record)
    stated = {"id": model.get("id"), **{key: model.get(key) for key in ("name", "type", "mode")}}
    author = _text(_mapping(model.get("creator")), "username")
    rows = [_mapping(row) for row in _list(model.get("modelVersions"))]
    return tuple(
        version_of({"modelId": model.get("id"), **row, "model": stated}, author)
        for row in rows
        if _id(row, "id")
    )


def version_of(record: object, author: str | None = None) -> Version:
    """A version's record; raises ``DownloadBroken`` where it is none with an id."""
    row = _record(record)
    model = _mapping(row.get("model"))
    stats = _mapping(row.get("stats"))
    kind = _text(model, "type") or ""
    files = tuple(_file(file) for file in _list(row.get("files")) if isinstance(file, dict))
    return Version(
        id=_id(row, "id"),
        model=_id(row, "modelId"),
        name=_text(row, "name") or "",
        model_name=_text(model, "name") or "",
        model_type=kind,
        base_model=_text(row, "baseModel"),
        files=tuple(file for file in files if file.id),
        vae=_id(row, "vaeId") or None,
        mode=_text(model, "mode"),
        usage=_text(row, "usageControl"),
        early=_early(row),
        private=row.get("availability") == "Private",
        author=author or _text(_mapping(row.get("creator")), "username"),
        published_at=_text(row, "publishedAt"),
        downloads=_number(stats, "downloadCount"),
        likes=_number(stats, "thumbsUpCount"),
        vaes=tuple(file for file in files if file.type in VAE_TYPES and kind != "VAE"),
    )


def _file(row: dict[str, Any]) -> File:
    metadata = _mapping(row.get("metadata"))
    scans = ((what, _text(row, f"{what}ScanResult")) for what in ("pickle", "virus"))
    return File(
        id=_id(row, "id"),
        name=_text(row, "name") or "",
        type=_text(row, "type") or "Model",
        size=_bytes(row.get("sizeKB")),
        hashes=_hashes(_mapping(row.get("hashes"))),
        metadata={key: value for key, value in metadata.items() if isinstance(value, str)},
        scans=tuple(
            (what, result, _text(row, f"{what}ScanMessage") or "")
            for what, result in scans
            if result is not None
        ),
        primary=row.get("primary") is True,
        address=_text(row, "downloadUrl"),
    )


def _bytes(kib: object) -> int | None:
    """``sizeKB`` is the exact count of bytes over 1024, as a float; rounded ones say too little.

    A whole number is taken for a rounded one: of exact ones only each 1,024th is whole.
    """
    if isinstance(kib, bool) or not isinstance(kib, int | float) or not 0 < kib < 2**43:
        return None
    exact = kib * 1024
    if exact % 1024 == 0:
        return None
    return round(exact) if math.isclose(exact, round(exact), rel_tol=0, abs_tol=1e-3) else None


def _hashes(stated: Mapping[str, Any]) -> dict[str, str]:
    hashes = {}
    for key, (name, lengths) in _HASHES.items():
        value = stated.get(key)
        if isinstance(value, str) and len(value) in lengths and re.fullmatch("[0-9a-fA-F]+", value):
            hashes[name] = value.lower()[: _SHOWN.get(name)]
    return hashes


def _early(row: Mapping[str, Any]) -> str | None:
    """Early access: a date ahead, a sale without end, or the availability that says so."""
    paid = _mapping(row.get("paidAccess"))
    until = _text(row, "earlyAccessDeadline") or _text(paid, "endsAt")
    if row.get("availability") == "EarlyAccess" or paid.get("permanent") is True:
        return until or ""
    return until if until and _ahead(until) else None


def _ahead(moment: str) -> bool:
    """Whether a time lies in the future; one that cannot be read does."""
    try:
        time = datetime.fromisoformat(moment)
    except ValueError:
        return True
    return (time if time.tzinfo else time.replace(tzinfo=UTC)) > datetime.now(UTC)


def _record(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict) and is_record(value):
        return value
    raise DownloadBroken(
        "Civitai's answer is no record of a model",
        "try again later; where VAEREG_CIVITAI_ENDPOINT is set, see whether it is Civitai's API",
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(row: Mapping[str, Any], key: str) -> str | None:
    value = row.get(key)
    return value if isinstance(value, str) and value else None


def _id(row: Mapping[str, Any], key: str) -> int:
    """An id that a REF can hold; 0 where there is none."""
    number = _number(row, key) or 0
    return number if number <= _LARGEST_ID else 0


def _number(row: Mapping[str, Any], key: str) -> int | None:
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return value
    return None
