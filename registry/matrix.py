"""Every checkpoint against every VAE, by rules and recorded verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .known import known_files
from .ports import StoredVerdict
from .sides import Side, checkpoint_of, has, vae_of
from .values import Model, Verdict
from .verdicts.judge import judge, reason
from .verdicts.pair import Pair
from .verdicts.rules import RULES_VERSION

RANK = {"compatible": 0, "degraded": 1, "unknown": 2, "incompatible": 3}
"""Best first."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One VAE for a checkpoint, judged."""

    vae: Model
    verdict: Verdict
    reason: str
    baked: bool = False


class Matrix:
    """Every checkpoint against every VAE, by rules and recorded verdicts; no file is opened.

    Models with equal fingerprints share one judgement, so 500 x 200 pairs cost a few hundred.
    """

    def __init__(self, models: Sequence[Model], stored: Iterable[StoredVerdict]) -> None:
        self.checkpoints = [model for model in models if has(model, "denoiser")]
        self.vaes = [model for model in models if has(model, "vae") and not has(model, "denoiser")]
        self._stored = _strongest(stored)
        self._judged: dict[tuple[object, ...], tuple[Verdict, str]] = {}

    def fits(self, checkpoint: Model, vaes: Sequence[Model] | None = None) -> list[Fit]:
        """The VAEs for a checkpoint, best first; the baked one too."""
        own = checkpoint.artifact.identity.component("vae")
        found = [] if own is None else [self._fit(checkpoint, checkpoint)]
        found += [self._fit(checkpoint, vae) for vae in (self.vaes if vaes is None else vaes)]
        found.sort(key=_best_first)
        return found

    def _fit(self, checkpoint: Model, vae: Model) -> Fit:
        baked = checkpoint is vae
        key = (checkpoint.artifact.digests.sha256, vae.artifact.digests.sha256)
        recorded = self._stored.get(key)
        if recorded is not None:
            return Fit(vae, recorded, reason(recorded), baked)
        denoiser = checkpoint_of(Side.of(checkpoint))
        decoder = vae_of(Side.of(vae))
        entry = known_files().get(vae.artifact.digests.sha256)
        safe = None if entry is None else entry.fp16_safe
        alike = (denoiser.latent, decoder.latent, decoder.parts, decoder.notices, baked, safe)
        if alike not in self._judged:
            verdict = judge(Pair(denoiser, decoder, None, None, baked, safe))
            self._judged[alike] = verdict, reason(verdict)
        return Fit(vae, *self._judged[alike], baked)


def _best_first(fit: Fit) -> tuple[int, bool, float, str]:
    return RANK[fit.verdict.verdict], not fit.baked, -fit.verdict.confidence, fit.vae.name


_LEVELS = ("none", "weights", "decode", "generate")


def _strongest(stored: Iterable[StoredVerdict]) -> Mapping[tuple[str, str], Verdict]:
    """For each pair the verdict of the deepest probe, as long as today's rules made it."""
    best: dict[tuple[str, str], StoredVerdict] = {}
    for row in stored:
        key = (row.model_sha256, row.vae_sha256)
        if row.rules_version == RULES_VERSION and (
            key not in best or _LEVELS.index(row.level) > _LEVELS.index(best[key].level)
        ):
            best[key] = row
    return {key: row.verdict for key, row in best.items()}
