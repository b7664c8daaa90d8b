"""Folding the evidence of all rules into one verdict."""

from __future__ import annotations

from dataclasses import replace

from ..values import Evidence, Verdict
from .declared import weighed
from .measured import MEASURED
from .pair import Pair, row
from .rules import RULES

SPACE_OPEN = 0.85
"""Confidence in pictures while only the checkpoint's own VAE says which space it works in: that one
may be the wrong one."""
HARD = {"parts", "latent-channels", "spatial-factor", "temporal-factor", "health"}
"""Checks whose failure no picture can mend."""


def judge(pair: Pair) -> Verdict:
    """Every rule's evidence folded into one verdict.

    What cannot fit by its shape or is damaged is ``incompatible``. Where a cross-decode was made
    with a working reference, its pictures decide; a generated picture can only break that, and
    decides where there is no other. Else any failure makes the pair
    ``incompatible``; an open family, or latents unlike those of its kin, ``unknown``; another
    normalisation that the files do not settle ``degraded``. What the checkpoint's author declares
    comes last, and counts only where nothing else tells.
    """
    return weighed(_by_evidence(pair), pair)


def _by_evidence(pair: Pair) -> Verdict:
    evidence = _evidence(pair)
    failed = {found.check for found in evidence if found.outcome == "fail"}
    view = pair.seen.decisive if pair.seen else None
    if failed & HARD or pair.wanted.family == "pixel":
        return Verdict("incompatible", _confidence_against(pair, evidence), evidence)
    made = pair.made.verdict if pair.made else None
    if view is not None:
        return _lowered(_by_pictures(pair, view.verdict, failed, evidence), pair)
    if made is not None:
        return _by_pictures(pair, made, failed - {"generation"}, evidence)
    if failed:
        return Verdict("incompatible", _confidence_against(pair, evidence), evidence)
    passed = {found.check for found in evidence if found.outcome == "pass"}
    if "latent-family" not in passed or pair.doubted or pair.strange or pair.falls_apart:
        return Verdict("unknown", 0.0, evidence, _advice(pair))
    outcome = {found.check: found.outcome for found in evidence}
    verdict = "compatible"
    if outcome.get("normalisation") == "warn" and not _carries_its_normalisation(pair):
        verdict = "degraded"
    return Verdict(verdict, _confidence(pair), evidence, _advice(pair))


def _evidence(pair: Pair) -> tuple[Evidence, ...]:
    """Every rule's; what was measured of the half-precision range replaces what is published."""
    found = [said for rule in (*RULES, *MEASURED) if (said := rule(pair)) is not None]
    ranges = [said for said in found if said.check == "fp16-range"]
    return tuple(said for said in found if said.check != "fp16-range" or said is ranges[-1])


def _lowered(verdict: Verdict, pair: Pair) -> Verdict:
    """A cross-decode's verdict beside a generated picture: what breaks that one counts.

    How pale or strong it looks is left to the test card, which is made to show it: on a single
    drawn picture a vivid VAE can pass for a washed one (measured on coloured shapes).
    """
    broken = pair.made is not None and pair.made.verdict == "incompatible"
    if broken and verdict.verdict != "incompatible":
        return replace(verdict, verdict="incompatible", confidence=0.97)
    return verdict


def _by_pictures(
    pair: Pair, verdict: str, failed: set[str], evidence: tuple[Evidence, ...]
) -> Verdict:
    """The verdict that pictures speak for, weighed with what else is known.

    A fit that the family or the colours speak against stays open. Colours of no family make a poor
    picture a misfit, since a washed or shifted one is what swapped channels and mixed decoders
    give, and a good picture a VAE whose encoder does not belong to it.
    """
    if verdict == "compatible" and failed & {"latent-family", "colour-response", "kinship"}:
        return Verdict("unknown", 0.0, evidence, _advice(pair))
    if verdict == "degraded" and (pair.strange or "kinship" in failed):
        return Verdict("incompatible", 0.9, evidence, _advice(pair))
    if pair.strange and pair.match and pair.match.halves == "both" and verdict == "compatible":
        advice = (_FOREIGN_ENCODER, *_advice(pair))
        return Verdict("degraded", 0.85, evidence, advice)
    sure = {"compatible": 0.97, "degraded": 0.9, "incompatible": 0.99}[verdict]
    if len(pair.wanted_spaces) != 1 and not pair.same_weights:
        sure = min(sure, SPACE_OPEN)
    return Verdict(verdict, sure, evidence, _advice(pair))


_FOREIGN_ENCODER = (
    "its decoder fits, but its encoder does not belong to it: use it for text to image, not for "
    "image to image"
)


def reason(verdict: Verdict) -> str:
    """The one sentence that says most about a verdict."""
    order = {
        "incompatible": ("fail",),
        "unknown": ("unknown",),
        "degraded": ("warn",),
        "compatible": ("pass",),
    }[verdict.verdict]
    telling = [found for found in verdict.evidence if found.outcome in order]
    pictures = [found.check for found in telling if found.check in ("cross-decode", "generation")]
    if pictures:
        telling.sort(key=lambda found: found.check != pictures[-1])
    elif verdict.verdict in ("compatible", "unknown"):
        telling.sort(key=lambda found: found.check != "latent-family")
    elif verdict.verdict == "degraded":
        telling.sort(key=lambda found: found.check != "normalisation")
    said = telling[0].message if telling else ""
    overflows = any(f.check == "fp16-range" and f.outcome == "warn" for f in verdict.evidence)
    return f"{said}; not in half precision" if overflows and verdict.verdict != "unknown" else said


def _carries_its_normalisation(pair: Pair) -> bool:
    """The checkpoint's family is known to bring its own figures for the other family's VAE."""
    want, have = row(pair.wanted), row(pair.offered)
    return bool(want and have and have.id in want.interchangeable_with)


def _advice(pair: Pair) -> tuple[str, ...]:
    advice = []
    unread = pair.match is None and pair.seen is None and pair.made is None
    if pair.fits is None and unread and not pair.is_baked and not pair.kin_of_baked:
        advice.append("run a probe of the weights to settle it: vaereg check --probe weights")
    if pair.seen is None and pair.made is None and pair.fp16_safe is False:
        advice.append("run this VAE in fp32 or bf16")
    if pair.baked is not None and not pair.is_baked and pair.baked_trusted is not False:
        advice.append("the checkpoint has a VAE baked in: it works without an external one")
    return tuple(advice)


def _confidence(pair: Pair) -> float:
    if pair.kin_of_baked or pair.kin is not None:
        if pair.match is not None and pair.match.certainty == "certain":
            return 0.97 if pair.same_weights else 0.9
        return 0.9 if pair.same_weights else 0.85
    if pair.is_baked and pair.offered.family is None:
        return 0.8
    return round(min(pair.wanted.confidence, pair.offered.confidence) or 0.9, 2)


def _confidence_against(pair: Pair, evidence: tuple[Evidence, ...]) -> float:
    """A shape that cannot fit is certain; a clash of families is as sure as the families are."""
    if any(found.outcome == "fail" and found.check in HARD for found in evidence):
        return 0.99
    return round(min(pair.wanted.confidence or 0.9, pair.offered.confidence or 0.9), 2)
