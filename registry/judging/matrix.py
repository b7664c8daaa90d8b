"""Every checkpoint against every VAE, by rules and recorded verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..known import fp16_safe
from ..ports import LEVELS, StoredVerdict
from ..values import DeclaredPair, Model, Verdict
from ..verdicts.declared import choice, declarations
from ..verdicts.judge import judge, reason
from ..verdicts.pair import RELATIONS, Pair
from ..verdicts.rules import BAKED, RULES_VERSION
from .sides import Side, checkpoint_of, has, vae_of

RANK = {"compatible": 0, "degraded": 1, "unknown": 2, "incompatible": 3}
"""Best first."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One VAE for a checkpoint, judged."""

    vae: Model
    verdict: Verdict
    reason: str
    baked: bool = False
    level: str = "none"
    """The deepest probe behind the verdict, one of ``ports.LEVELS``; ``none``: files alone."""


class Matrix:
    """Every checkpoint against every VAE, by rules and recorded verdicts; no file is opened.

    Models of equal fingerprint are of one class, and each pair of classes is judged once: 500 x 200
    models cost a few hundred judgements. Pairs that an author declares are judged one by one.
    """

    def __init__(
        self,
        models: Sequence[Model],
        stored: Iterable[StoredVerdict],
        declared: Iterable[DeclaredPair] = (),
    ) -> None:
        self.checkpoints = [model for model in models if has(model, "denoiser")]
        self.vaes = [model for model in models if has(model, "vae") and not has(model, "denoiser")]
        self._stored = _strongest(stored)
        self._declared = declarations(declared)
        self._classes: dict[object, int] = {}
        self._class_of: dict[str, int] = {}
        self._judged: dict[tuple[int, int, bool], tuple[Verdict, str]] = {}

    def fits(self, checkpoint: Model, vaes: Sequence[Model] | None = None) -> list[Fit]:
        """The VAEs for a checkpoint, best first; the baked one too, unless some are named."""
        found = [self._fit(checkpoint, vae) for vae in (self.vaes if vaes is None else vaes)]
        own = checkpoint.artifact.identity.component("vae")
        if vaes is None and own is not None and own.parts:
            found.append(self._fit(checkpoint, checkpoint))
        found.sort(key=_best_first)
        return found

    def _fit(self, checkpoint: Model, vae: Model) -> Fit:
        one, other = checkpoint.artifact.digests.sha256, vae.artifact.digests.sha256
        baked = one == other
        found = self._stored.get((one, other)) if self._stored else None
        recorded, level = (found.verdict, found.level) if found else (None, "none")
        ref = self._declared.get((one, other)) if self._declared and not baked else None
        if ref is not None:
            return self._declared_fit(checkpoint, vae, recorded, ref, level)
        if recorded is not None:
            return Fit(vae, recorded, reason(recorded), baked, level)
        alike = (
            self._class_of.get(one) or self._class(checkpoint),
            self._class_of.get(other) or self._class(vae),
            baked,
        )
        judged = self._judged.get(alike)
        if judged is None:
            judged = self._judged[alike] = self._judge(checkpoint, vae, baked)
        return Fit(vae, *judged, baked)

    def _judge(self, checkpoint: Model, vae: Model, baked: bool) -> tuple[Verdict, str]:
        verdict = judge(_pair(checkpoint, vae, baked))
        return verdict, reason(verdict)

    def _declared_fit(
        self, checkpoint: Model, vae: Model, recorded: Verdict | None, ref: str, level: str
    ) -> Fit:
        """A VAE that the checkpoint's author names for it; what a probe recorded stands."""
        verdict = recorded
        if verdict is None or (verdict.verdict == "unknown" and not _was_run(verdict)):
            pair = replace(_pair(checkpoint, vae), relation=_relation(verdict), declared=ref)
            verdict = judge(pair)
        return Fit(vae, verdict, choice(verdict, ref, reason(verdict)), level=level)

    def _class(self, model: Model) -> int:
        """A number from 1 on, shared by all models that the rules cannot tell apart."""
        denoiser, vae = (model.artifact.identity.component(role) for role in ("denoiser", "vae"))
        fingerprint = (
            denoiser and denoiser.latent,
            vae and (vae.latent, vae.parts, vae.notices, vae.content is None),
            fp16_safe(model.artifact.digests.sha256),
        )
        number = self._classes.setdefault(fingerprint, len(self._classes) + 1)
        self._class_of[model.artifact.digests.sha256] = number
        return number


def _pair(checkpoint: Model, vae: Model, baked: bool = False) -> Pair:
    denoiser, decoder = checkpoint_of(Side.of(checkpoint)), vae_of(Side.of(vae))
    own = checkpoint.artifact.identity.component("vae")
    return Pair(denoiser, decoder, own, None, baked, fp16_safe(vae.artifact.digests.sha256))


def _was_run(recorded: Verdict) -> bool:
    """Whether a probe ran the VAE, and did not only compare what the files hold."""
    run = ("colour-response", "cross-decode", "generation")
    return any(found.check in run for found in recorded.evidence)


def _relation(recorded: Verdict | None) -> str | None:
    """How the VAE was found to be related to the baked one, when the pair was checked."""
    rows = recorded.evidence if recorded else ()
    found = (row.found for row in rows if row.check == "kinship" and row.expected == BAKED)
    return next((relation for relation in found if relation in RELATIONS), None)


def _best_first(fit: Fit) -> tuple[int, bool, float, str]:
    return RANK[fit.verdict.verdict], not fit.baked, -fit.verdict.confidence, fit.vae.name


def _strongest(stored: Iterable[StoredVerdict]) -> Mapping[tuple[str, str], StoredVerdict]:
    """For each pair the verdict of the deepest probe, as long as today's rules made it."""
    best: dict[tuple[str, str], StoredVerdict] = {}
    for row in stored:
        key = (row.model_sha256, row.vae_sha256)
        if row.rules_version == RULES_VERSION and (
            key not in best or LEVELS.index(row.level) > LEVELS.index(best[key].level)
        ):
            best[key] = row
    return best
