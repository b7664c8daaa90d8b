"""For every checkpoint of every frontend the VAE it would really use, and whether that fits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..colours.scaling import scaling_of
from ..judging.matrix import Matrix
from ..naming import shown
from ..ports import StoredVerdict
from ..values import DeclaredPair, Model, Notice, Verdict
from .base import BAKED, FILE, Effective, Installation, Listed, Listing
from .catalog import frontend

CLOSE = 0.02
"""Scaling factors that differ by less, as a share, give the same pictures."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """One checkpoint in one frontend, and the VAE that it would be decoded with."""

    checkpoint: Listed
    effective: Effective
    model: Model | None
    """The checkpoint as recorded; None where it is not."""
    vae: Model | None
    """The VAE as recorded: the checkpoint itself for a baked one."""
    verdict: Verdict | None
    """None where there is nothing to judge: not recorded, or the user chooses each time."""
    reason: str
    """What says most about it, as a sentence."""

    @property
    def outcome(self) -> str:
        """``pass`` | ``warn`` | ``fail`` | ``unknown``."""
        if self.effective.kind == "none":
            return "fail"
        if self.verdict is None:
            return "unknown"
        return {"compatible": "pass", "degraded": "warn", "incompatible": "fail"}.get(
            self.verdict.verdict, "unknown"
        )


@dataclass(frozen=True, slots=True)
class Examined:
    """One frontend's installation with what it lists and what it would decode with."""

    installation: Installation
    listing: Listing
    pairings: tuple[Pairing, ...]

    @property
    def title(self) -> str:
        """The frontend's name for people."""
        return frontend(self.installation.frontend).title


def examine(
    installations: Sequence[Installation],
    models: Sequence[Model],
    stored: Iterable[StoredVerdict] = (),
    declared: Iterable[DeclaredPair] = (),
) -> tuple[Examined, ...]:
    """Every installation's checkpoints with their effective VAEs and the verdicts on those pairs.

    Verdicts come from the registry and from headers; no weights are read.
    """
    recorded = _Recorded(models)
    matrix = Matrix(models, stored, declared)
    return tuple(_examined(one, recorded, matrix) for one in installations)


def _examined(installation: Installation, recorded: _Recorded, matrix: Matrix) -> Examined:
    rules = frontend(installation.frontend)
    listing = rules.listing(installation)
    pairings = []
    for checkpoint in listing.of("checkpoint", "diffusion_model"):
        model = recorded.at(checkpoint.path)
        if model is not None and model.artifact.identity.component("denoiser") is None:
            continue  # A VAE or a LoRA that lies among the checkpoints: the listing says so.
        effective = rules.effective(installation, listing, checkpoint, _has_baked(model))
        pairings.append(_pairing(checkpoint, effective, model, recorded, matrix))
    return Examined(installation, listing, tuple(pairings))


def _pairing(
    checkpoint: Listed,
    effective: Effective,
    model: Model | None,
    recorded: _Recorded,
    matrix: Matrix,
) -> Pairing:
    def told(vae: Model | None, verdict: Verdict | None, reason: str) -> Pairing:
        return Pairing(checkpoint, effective, model, vae, verdict, reason)

    if model is None:
        return told(None, None, "the checkpoint is not recorded: vaereg scan --frontend reads it")
    vae = model if effective.kind == BAKED else None
    if effective.kind == FILE and effective.vae is not None:
        vae = recorded.at(effective.vae)
        if vae is None:
            return told(None, None, "that VAE is not recorded: vaereg scan --frontend reads it")
        if vae.artifact.identity.component("vae") is None:
            found = vae.artifact.identity.kind.replace("_", " ")
            return told(vae, Verdict("incompatible", 0.99, ()), f"that file is no VAE ({found})")
    if vae is None:
        return told(None, None, effective.how)
    if vae is model and model.artifact.identity.component("vae") is None:
        return told(None, None, "the checkpoint has no VAE baked in")
    fit = matrix.fits(model, [vae])[0]
    scaled = _scaling_clash(model, effective)
    if scaled is not None and fit.verdict.verdict == "compatible":
        return told(vae, Verdict("degraded", 0.85, fit.verdict.evidence), scaled)
    return told(vae, fit.verdict, fit.reason)


def _scaling_clash(model: Model, effective: Effective) -> str | None:
    """What is wrong where the frontend undoes another scaling factor than the checkpoint's."""
    denoiser = model.artifact.identity.component("denoiser")
    wanted = scaling_of(denoiser.latent) if denoiser and denoiser.latent else None
    used = effective.scaling_factor
    if used is None or wanted is None or wanted.std:
        return None
    if abs(used / wanted.scale - 1) <= CLOSE:
        return None
    return (
        f"this frontend would undo scaling factor {used:g}, not the checkpoint's "
        f"{wanted.scale:g}: washed-out or burnt pictures"
    )


def _has_baked(model: Model | None) -> bool:
    vae = model.artifact.identity.component("vae") if model else None
    return vae is not None and "decoder" in vae.parts


class _Recorded:
    """The registry's models by path, and by inode where a frontend shows them through links."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._by_path: dict[str, Model] = {}
        self._by_inode: dict[tuple[int, int], Model] = {}
        for model in models:
            for place in model.locations:
                self._by_path[place.path] = model
                self._by_inode[place.stamp.device, place.stamp.inode] = model

    def at(self, path: str) -> Model | None:
        """The model that lies at a path, through links too."""
        found = self._by_path.get(path)
        if found is not None:
            return found
        try:
            status = os.stat(path)
        except OSError:
            return None
        return self._by_inode.get((status.st_dev, status.st_ino))


def notices(examined: Examined) -> Iterator[Notice]:
    """Everything worth knowing of an installation, each once: its own, its lists', its rules'."""
    seen: dict[tuple[str, str], Notice] = {}
    hidden = (
        Notice("hidden", f"{shown(one.path)} is not shown: {one.hidden}")
        for one in examined.listing.models
        if one.hidden
    )
    for notice in (*examined.installation.notices, *examined.listing.notices, *hidden):
        seen.setdefault((notice.code, notice.message), notice)
    yield from seen.values()
