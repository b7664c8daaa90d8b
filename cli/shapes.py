"""Values as the JSON shapes that users and frontends rely on; keys are fixed by the interface."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ..registry.errors import VaeregError
from ..registry.values import (
    Component,
    Digests,
    Evidence,
    Identity,
    Latent,
    Location,
    Model,
    Notice,
    Origin,
    Rejection,
    Verdict,
)

if TYPE_CHECKING:
    from ..registry.judging.matrix import Fit
    from ..registry.judging.sides import Side
    from ..registry.measures import Health
    from ..registry.scan import Report

Json = dict[str, object]


def identity(path: str, found: Identity, size: int, bytes_read: int) -> Json:
    """The ``inspect`` document without hashes and health."""
    return {
        "path": path,
        "size": size,
        "format": found.format,
        "kind": found.kind,
        "components": [component(part) for part in found.components],
        "health": None,
        "bytes_read": bytes_read,
        "warnings": [notice(note) for note in found.all_notices],
    }


def component(part: Component) -> Json:
    """A component, with its latent space where it has one."""
    return {
        "role": part.role,
        "architecture": part.architecture,
        "layout": part.layout,
        "prefix": part.prefix,
        "parts": list(part.parts),
        "dtypes": list(part.dtypes),
        "tensors": part.tensors,
        "parameters": part.parameters,
        "latent": latent(part.latent) if part.latent else None,
    }


def latent(known: Latent) -> Json:
    """A latent space and how it is known."""
    document = asdict(known)
    document["candidates"] = list(known.candidates)
    factor = known.spatial_factor
    document["spatial_factor"] = int(factor) if factor and factor == int(factor) else factor
    return document


def notice(note: Notice) -> Json:
    """A warning."""
    return {"code": note.code, "message": note.message}


def hashes(digests: Digests) -> Json:
    """All digests of a content; null for those that nobody computed or published."""
    return asdict(digests) | {"sha256": digests.sha256 or None}


def health(found: Health) -> Json:
    """The soundness of weights; the lists beyond the interface only where they name something."""
    document: Json = {
        "finite": found.finite,
        "nan_tensors": list(found.nan_tensors),
        "inf_tensors": list(found.inf_tensors),
        "zero_tensors": found.zero_tensors,
        "archive_crc": found.archive_crc,
        "fp16_safe": found.fp16_safe,
    }
    further = {"zeroed_tails": found.zeroed_tails, "huge_tensors": found.huge_tensors}
    return document | {key: list(names) for key, names in further.items() if names}


def failure(path: str, error: VaeregError) -> Json:
    """A REF of several that could not be read."""
    return {
        "path": path,
        "error": error_of(error),
    }


def error_of(error: VaeregError) -> Json:
    """What stands under the key ``error``."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def scan(report: Report) -> Json:
    """The ``scan`` document."""
    return {
        "files": report.files,
        "added": report.added,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "moved": report.moved,
        "missing": report.missing,
        "rejected": [rejection(entry) for entry in report.rejected],
        "seconds": report.seconds,
    }


def rejection(entry: Rejection) -> Json:
    """A file that could not be taken in."""
    return {"path": entry.path, "code": entry.code, "message": entry.message}


def side(one: Side, role: str) -> Json:
    """One model of a pair; ``role`` says whose latent family counts."""
    part = one.artifact.identity.component(role)
    known = part.latent if part and part.latent else Latent()
    return {
        "name": one.name,
        "path": one.path,
        **({"ref": one.ref} if one.ref else {}),
        "sha256": one.artifact.digests.sha256 or None,
        "kind": one.artifact.identity.kind,
        "family": known.family,
        "candidates": list(known.candidates),
        "known_as": one.artifact.known_as,
    }


def verdict(judged: Verdict) -> Json:
    """A verdict with its evidence."""
    return {
        "verdict": judged.verdict,
        "confidence": judged.confidence,
        "evidence": [evidence(found) for found in judged.evidence],
        "advice": list(judged.advice),
    }


def evidence(found: Evidence) -> Json:
    """One check."""
    return asdict(found)


def fit(found: Fit) -> Json:
    """One VAE of ``list --compatible``."""
    return {
        "name": found.vae.name,
        "path": found.vae.path,
        "verdict": found.verdict.verdict,
        "reason": found.reason,
        "baked": found.baked,
        "level": found.level,
    }


def model(found: Model) -> Json:
    """A registered model, as ``list`` tells it."""
    artifact = found.artifact
    part = artifact.identity.leading
    known = part.latent if part and part.latent else Latent()
    return {
        "name": found.name,
        "path": found.path,
        "kind": artifact.identity.kind,
        "format": artifact.identity.format,
        "size": artifact.size,
        "sha256": artifact.digests.sha256,
        "known_as": artifact.known_as,
        "family": known.family,
        "candidates": list(known.candidates),
        "determined_by": known.determined_by,
        "scaling_factor": known.scaling_factor,
        "baked_vae": has_baked_vae(found),
        "state": found.state,
    }


def has_baked_vae(found: Model) -> bool:
    """Whether a checkpoint brings a VAE of its own."""
    identity = found.artifact.identity
    vae = identity.component("vae")
    return bool(identity.component("denoiser") and vae and vae.parts)


def location(place: Location) -> Json:
    """One place where a model lies."""
    return {"path": place.path, "state": place.state, "size": place.stamp.size}


def origin(page: Origin) -> Json:
    """One place where a model was published."""
    return asdict(page)


def declared(sha256: str, name: str | None, ref: str) -> Json:
    """The other side of a pair that an author declares; no name where it is not recorded."""
    return {"sha256": sha256, "name": name, "ref": ref}
