"""Folding the evidence of all rules into one verdict."""

from __future__ import annotations

from ..values import Evidence, Verdict
from .pair import Pair, row
from .rules import RULES


def judge(pair: Pair) -> Verdict:
    """Every rule's evidence folded into one verdict.

    Any failure makes the pair ``incompatible``; an open family ``unknown``; another normalisation
    that the files do not settle ``degraded``.
    """
    evidence = tuple(found for rule in RULES if (found := rule(pair)) is not None)
    outcome = {found.check: found.outcome for found in evidence}
    if "fail" in outcome.values():
        return Verdict("incompatible", _confidence_against(pair, evidence), evidence)
    if outcome.get("latent-family") != "pass":
        return Verdict("unknown", 0.0, evidence, _advice(pair))
    if outcome.get("normalisation") == "warn" and not _carries_its_normalisation(pair):
        return Verdict("degraded", _confidence(pair), evidence, _advice(pair))
    return Verdict("compatible", _confidence(pair), evidence, _advice(pair))


def reason(verdict: Verdict) -> str:
    """The one sentence that says most about a verdict."""
    order = {
        "incompatible": ("fail",),
        "unknown": ("unknown",),
        "degraded": ("warn",),
        "compatible": ("pass",),
    }[verdict.verdict]
    telling = [found for found in verdict.evidence if found.outcome in order]
    if verdict.verdict in ("compatible", "unknown"):
        telling.sort(key=lambda found: found.check != "latent-family")
    if verdict.verdict == "degraded":
        telling.sort(key=lambda found: found.check != "normalisation")
    return telling[0].message if telling else ""


def _carries_its_normalisation(pair: Pair) -> bool:
    """The checkpoint's family is known to bring its own figures for the other family's VAE."""
    want, have = row(pair.wanted), row(pair.offered)
    return bool(want and have and have.id in want.interchangeable_with)


def _advice(pair: Pair) -> tuple[str, ...]:
    advice = []
    if pair.fits is None and not pair.is_baked and not pair.kin_of_baked:
        advice.append("run a probe of the weights to settle it: vaereg check --probe weights")
    if pair.fp16_safe is False:
        advice.append("run this VAE in fp32 or bf16")
    if pair.baked is not None and not pair.is_baked:
        advice.append("the checkpoint has a VAE baked in: it works without an external one")
    return tuple(advice)


def _confidence(pair: Pair) -> float:
    if pair.kin_of_baked:
        return 0.97
    if pair.is_baked and pair.offered.family is None:
        return 0.8
    return round(min(pair.wanted.confidence, pair.offered.confidence) or 0.9, 2)


def _confidence_against(pair: Pair, evidence: tuple[Evidence, ...]) -> float:
    """A shape that cannot fit is certain; a clash of families is as sure as the families are."""
    hard = {"parts", "latent-channels", "spatial-factor", "temporal-factor"}
    if any(found.outcome == "fail" and found.check in hard for found in evidence):
        return 0.99
    return round(min(pair.wanted.confidence or 0.9, pair.offered.confidence or 0.9), 2)
