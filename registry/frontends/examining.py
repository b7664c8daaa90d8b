"""For every checkpoint of every frontend the VAE it would really use, and whether that fits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..colours.scaling import scaling_of
from ..judging.matrix import Matrix
from ..judging.sides import Side
from ..naming import shown
from ..ports import StoredVerdict
from ..values import DeclaredPair, Model, Notice, Rejection, Verdict
from .base import BAKED, FILE, Effective, Installation, Listed, Listing
from .catalog import frontend
from .recorded import Recorded
from .support import SUPPORT, frontend_support

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
        if self.verdict is None:
            stops = self.model is not None and self.effective.kind == "none"
            return "fail" if stops else "unknown"
        return {"compatible": "pass", "degraded": "warn", "incompatible": "fail"}.get(
            self.verdict.verdict, "unknown"
        )


@dataclass(frozen=True, slots=True)
class Examined:
    """One frontend's installation with what it lists and what it would decode with."""

    installation: Installation
    listing: Listing
    pairings: tuple[Pairing, ...]
    """Several of a checkpoint where saved workflows decode it with another VAE."""

    @property
    def fine(self) -> int:
        """Checkpoints of which every pairing fits."""
        bad = {one.checkpoint.path for one in self.pairings if one.outcome != "pass"}
        return len({one.checkpoint.path for one in self.pairings} - bad)

    @property
    def title(self) -> str:
        """The frontend's name for people."""
        return frontend(self.installation.frontend).title


def examine(
    installations: Sequence[Installation],
    models: Sequence[Model],
    stored: Iterable[StoredVerdict] = (),
    declared: Iterable[DeclaredPair] = (),
    rejections: Iterable[Rejection] = (),
) -> tuple[Examined, ...]:
    """Every installation's checkpoints with their effective VAEs and the verdicts on those pairs.

    Verdicts come from the registry and from headers; no weights are read. A file that is not what
    was recorded is not judged.
    """
    refused = {entry.path: entry.message for entry in rejections}
    bench = _Bench(Recorded(models), Matrix(models, stored, declared), refused)
    return tuple(_examined(one, bench) for one in installations)


@dataclass(frozen=True, slots=True)
class _Bench:
    recorded: Recorded
    matrix: Matrix
    refused: Mapping[str, str]

    def unjudged(self, path: str, what: str) -> tuple[Verdict | None, str]:
        """What can be said of a file that is not recorded as it lies there."""
        if not os.path.exists(path):
            return Verdict("incompatible", 0.99, ()), f"{what} is not there: {shown(path)}"
        if path in self.refused:
            return Verdict("incompatible", 0.99, ()), f"{what} {self.refused[path]}"
        return None, f"{what} is not recorded as it is now: vaereg scan --frontend reads it"


def _examined(installation: Installation, bench: _Bench) -> Examined:
    rules = frontend(installation.frontend)
    listing = rules.listing(installation)
    pairings = []
    for checkpoint in listing.of("checkpoint", "diffusion_model"):
        model = bench.recorded.at(checkpoint.path)
        if model is not None and model.artifact.identity.component("denoiser") is None:
            continue  # A VAE or a LoRA that lies among the checkpoints: the listing says so.
        # Of a file that was never read nothing is said, least of all that it has no VAE.
        baked = model is None or _has_baked(model)
        effective = rules.effective(installation, listing, checkpoint, baked)
        pairings.append(_pairing(installation, checkpoint, effective, bench))
    pairings += _in_workflows(installation, listing, bench)
    return Examined(installation, listing, tuple(pairings))


def _in_workflows(installation: Installation, listing: Listing, bench: _Bench) -> Iterator[Pairing]:
    """What saved workflows decode with another VAE than the checkpoint's own."""
    if not installation.frontend.startswith("comfy"):
        return
    from .comfyui import effective_in_workflows

    for found in effective_in_workflows(installation, listing):
        if found.checkpoint is None or found.vae is None or found.vae == found.checkpoint:
            continue
        how = f"saved workflow {os.path.basename(found.workflow)}: {found.how}"
        effective = Effective(FILE, found.vae.path, how)
        yield _pairing(installation, found.checkpoint, effective, bench)


def _pairing(
    installation: Installation, checkpoint: Listed, effective: Effective, bench: _Bench
) -> Pairing:
    model = bench.recorded.at(checkpoint.path)

    def told(vae: Model | None, verdict: Verdict | None, reason: str) -> Pairing:
        return Pairing(checkpoint, effective, model, vae, verdict, reason)

    if model is None:
        return told(None, None, bench.unjudged(checkpoint.path, "the checkpoint")[1])
    vae = model if effective.kind == BAKED else None
    if effective.kind == FILE and effective.vae is not None:
        vae = bench.recorded.at(effective.vae)
        if vae is None:
            return told(None, *bench.unjudged(effective.vae, "that VAE"))
        if vae.artifact.identity.component("vae") is None:
            found = vae.artifact.identity.kind.replace("_", " ")
            return told(vae, Verdict("incompatible", 0.99, ()), f"that file is no VAE ({found})")
    if vae is None:
        return told(None, None, effective.how)
    if vae is model and model.artifact.identity.component("vae") is None:
        return told(None, None, "the checkpoint has no VAE baked in")
    fit = bench.matrix.fits(model, [vae])[0]
    fault = _fault(installation.frontend, model, vae, effective)
    if fault is not None and fit.verdict.verdict in ("compatible", "degraded", "unknown"):
        return told(vae, Verdict("incompatible", 0.9, fit.verdict.evidence), fault)
    scaled = _scaling_clash(model, effective)
    if scaled is not None and fit.verdict.verdict == "compatible":
        return told(vae, Verdict("degraded", 0.85, fit.verdict.evidence), scaled)
    return told(vae, fit.verdict, fit.reason)


def _fault(name: str, model: Model, vae: Model, effective: Effective) -> str | None:
    """Why the frontend cannot use the file at all; None where it can, as far as known."""
    if name not in SUPPORT:
        return None
    side = Side.of(vae)
    if effective.kind == FILE:
        side = Side(vae.name, effective.vae, vae.artifact)
    found = frontend_support(name, side, Side.of(model), effective.kind == BAKED)
    return found.message if found.outcome == "fail" else None


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
