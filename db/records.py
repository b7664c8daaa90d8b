r"""Rows for the tables from values.

What a database cannot hold is changed on the way in: NUL and lone surrogates in texts become
``\u0000`` ... (PostgreSQL refuses both, SQLite the latter), infinities and NaN become unknown, and
numbers of elements are capped at 2**63 - 1. Paths and file system numbers come back exactly.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ..registry.measures import PROBES_VERSION, Reading
from ..registry.naming import shown
from ..registry.ports import StoredVerdict
from ..registry.values import (
    Artifact,
    Component,
    DeclaredPair,
    Evidence,
    Latent,
    Location,
    Notice,
    Origin,
    Rejection,
    Stamp,
)

Record = dict[str, Any]

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_LARGEST = 2**63 - 1


def artifact_record(artifact: Artifact) -> Record:
    """A row of ``artifacts``."""
    digests, identity = artifact.digests, artifact.identity
    return {
        "sha256": digests.sha256,
        "autov1": digests.autov1,
        "autov2": digests.autov2,
        "autov3": digests.autov3,
        "blake3": digests.blake3,
        "crc32": digests.crc32,
        "content": digests.content,
        "size": _count(artifact.size),
        "format": text(identity.format),
        "kind": text(identity.kind),
        "known_as": optional(artifact.known_as),
        "notices": _notices(identity.notices),
        "identified_at": now(),
    }


def component_record(
    artifact_id: int, ordinal: int, component: Component, content: str | None = None
) -> Record:
    """A row of ``components``; ``content`` is the digest it had before."""
    return {
        "artifact_id": artifact_id,
        "ordinal": ordinal,
        "role": text(component.role),
        "architecture": text(component.architecture),
        "layout": text(component.layout),
        "prefix": text(component.prefix),
        "parts": json.dumps(component.parts),
        "dtypes": json.dumps(component.dtypes),
        "tensors": _count(component.tensors),
        "parameters": _count(component.parameters),
        "notices": _notices(component.notices),
        "content": component.content or content,
    }


def fingerprint_record(component_id: int, latent: Latent) -> Record:
    """A row of ``fingerprints``."""
    return {
        "component_id": component_id,
        "channels": None if latent.channels is None else _count(latent.channels),
        "spatial_factor": _number(latent.spatial_factor),
        "temporal_factor": None
        if latent.temporal_factor is None
        else _count(latent.temporal_factor),
        "family": optional(latent.family),
        "candidates": json.dumps(latent.candidates),
        "determined_by": optional(latent.determined_by),
        "confidence": _number(latent.confidence) or 0.0,
        "scaling_factor": _number(latent.scaling_factor),
        "shift_factor": _number(latent.shift_factor),
        "scaling_determined_by": optional(latent.scaling_determined_by),
    }


def location_record(machine: str, location: Location, artifact_id: int) -> Record:
    """A row of ``locations``."""
    place = _path(machine, location.path) | _stamp(location.stamp)
    return {**place, "artifact_id": artifact_id, "state": location.state}


def rejection_record(machine: str, rejection: Rejection, stamp: Stamp) -> Record:
    """A row of ``rejections``."""
    place = _path(machine, rejection.path) | _stamp(stamp)
    return {**place, "code": text(rejection.code), "message": text(rejection.message)}


def root_record(machine: str, folder: str) -> Record:
    """A row of ``roots``."""
    return _path(machine, folder)


def verdict_record(model_id: int, vae_id: int, stored: StoredVerdict) -> Record:
    """A row of ``verdicts``."""
    return {
        "model_id": model_id,
        "vae_id": vae_id,
        "level": text(stored.level),
        "verdict": text(stored.verdict.verdict),
        "confidence": _number(stored.verdict.confidence) or 0.0,
        "rules_version": stored.rules_version,
        "decided_at": text(stored.decided_at),
        "advice": json.dumps(stored.verdict.advice),
        "cost": None if stored.cost is None else json.dumps(asdict(stored.cost)),
        "images": json.dumps(stored.images),
    }


def reading_record(artifact_id: int, reading: Reading) -> Record:
    """A row of ``readings``; Python's JSON keeps every float, and NaN and infinities too."""
    return {
        "artifact_id": artifact_id,
        "probes_version": PROBES_VERSION,
        "response": None if reading.response is None else json.dumps(asdict(reading.response)),
        "fit": None if reading.fit is None else json.dumps(asdict(reading.fit)),
        "finite": json.dumps(reading.finite),
        "contrast": None if reading.contrast is None else json.dumps(reading.contrast),
        "trouble": optional(reading.trouble),
        "recorded_at": now(),
    }


def evidence_record(verdict_id: int, ordinal: int, evidence: Evidence) -> Record:
    """A row of ``evidence``."""
    return {
        "verdict_id": verdict_id,
        "ordinal": ordinal,
        "check_name": text(evidence.check),
        "outcome": text(evidence.outcome),
        "expected": optional(evidence.expected),
        "found": optional(evidence.found),
        "message": text(evidence.message),
    }


def origin_record(artifact_id: int, origin: Origin) -> Record:
    """A row of ``origins``."""
    return {
        "artifact_id": artifact_id,
        "source": text(origin.source),
        **_ref(origin.ref),
        "revision": optional(origin.revision),
        "url": None if origin.url is None else text(bare_address(origin.url)),
        "name": optional(origin.name),
        "declared": optional(origin.declared),
        "recorded_at": now(),
    }


def pair_record(pair: DeclaredPair) -> Record:
    """A row of ``declared_pairs``."""
    hashes = {"model_sha256": pair.model_sha256.lower(), "vae_sha256": pair.vae_sha256.lower()}
    return {**hashes, **_ref(pair.ref), "recorded_at": now()}


def lookup_record(source: str, sha256: str, known: bool) -> Record:
    """A row of ``lookups``."""
    return {"source": source, "sha256": sha256.lower(), "known": known, "looked_up_at": now()}


def bare_address(url: str) -> str:
    """An address without what may hold a secret: user, password, query, fragment."""
    return re.sub(r"(?<=//)[^/]*@", "", re.split("[?#]", url, maxsplit=1)[0])


def path_key(path: str) -> str:
    """What a path is found by: the SHA-256 of its bytes."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()


def text(words: str) -> str:
    """A text that both databases can hold."""
    return _UNSTORABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", words)


def optional(words: str | None) -> str | None:
    """A text that both databases can hold, or None."""
    return None if words is None else text(words)


def now() -> str:
    """The time of recording: RFC 3339, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _path(machine: str, path: str) -> Record:
    return {
        "machine": machine,
        "path_key": path_key(path),
        "path": os.fsencode(path),
        "shown": shown(path, 1000),
        "seen_at": now(),
    }


def _ref(ref: str) -> Record:
    """A REF, and what it is found by; one that is an address loses what may hold a secret."""
    kept = text(bare_address(ref) if "://" in ref else ref)
    return {"ref_key": hashlib.sha256(kept.encode()).hexdigest(), "ref": kept}


def _stamp(stamp: Stamp) -> Record:
    return {
        "size": _count(stamp.size),
        "mtime_ns": str(stamp.mtime_ns),
        "ctime_ns": str(stamp.ctime_ns),
        "device": str(stamp.device),
        "inode": str(stamp.inode),
    }


def _notices(notices: Iterable[Notice]) -> str:
    return json.dumps([[notice.code, notice.message] for notice in notices])


def _count(number: int) -> int:
    return min(number, _LARGEST)


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
