"""Published hashes of known VAEs and checkpoints: a match names a file and settles its family."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from .families import family
from .values import Component, Identity, Latent, Notice

_TABLE = Path(__file__).parent / "data" / "known_files.json"

_ROLE = {"vae": "vae", "checkpoint": "denoiser"}
"""Which component of a known file the table's family speaks of."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """One published file."""

    sha256: str
    kind: str
    """``vae`` | ``checkpoint``."""
    name: str
    family: str | None
    """None where the sources disagree about the latent family."""
    repository: str | None
    fp16_safe: bool | None
    """Whether half precision is published as safe; None where nothing is published."""
    confidence: str
    """``pinned`` (a downloader verifies this hash) | ``listed`` (stated in a table)."""
    sources: tuple[str, ...]


@cache
def known_files() -> dict[str, KnownFile]:
    """All known files by SHA-256."""
    rows = json.loads(_TABLE.read_text("utf-8"))
    return {row["sha256"]: KnownFile(**(row | {"sources": tuple(row["sources"])})) for row in rows}


def fp16_safe(sha256: str) -> bool | None:
    """What is published of a content's half-precision range; None where nothing is."""
    entry = known_files().get(sha256)
    return None if entry is None else entry.fp16_safe


def recognise(identity: Identity, sha256: str) -> tuple[Identity, str | None]:
    """The identity with what the hash settles, and the published name; unchanged when unknown.

    A family that the header itself settles stands: the hash then only names the file, and a
    disagreement is reported as a notice.
    """
    entry = known_files().get(sha256)
    if entry is None:
        return identity, None
    components = tuple(_settled(part, entry) for part in identity.components)
    clash = any(part.role == _ROLE[entry.kind] and _disagrees(part, entry) for part in components)
    notices = identity.notices
    if clash:
        notices += (
            Notice(
                "known_hash_disagrees",
                f"the hash is published as {entry.name} of family {entry.family}, "
                "but the tensors say otherwise",
            ),
        )
    return replace(identity, components=components, notices=notices), entry.name


def _settled(part: Component, entry: KnownFile) -> Component:
    latent = part.latent
    if (
        part.role != _ROLE[entry.kind]
        or entry.family is None
        or latent is None
        or (latent.family is not None and latent.determined_by == "header")
        or entry.family not in latent.candidates
    ):
        return part
    row = family(entry.family)
    scaling = latent.scaling_factor if latent.scaling_determined_by else row.scaling_factor
    shift = latent.shift_factor if latent.scaling_determined_by else row.shift_factor
    settled = Latent(
        channels=row.channels,
        spatial_factor=row.spatial_factor,
        temporal_factor=row.temporal_factor,
        family=row.id,
        candidates=(row.id,),
        determined_by="known-hash",
        confidence=1.0 if entry.confidence == "pinned" else 0.97,
        scaling_factor=scaling,
        shift_factor=shift,
        scaling_determined_by=latent.scaling_determined_by or "family",
    )
    return replace(part, latent=settled)


def _disagrees(part: Component, entry: KnownFile) -> bool:
    return (
        part.latent is not None
        and entry.family is not None
        and part.latent.family is not None
        and part.latent.family != entry.family
    )
