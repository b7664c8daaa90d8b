"""Declared pairs where every checkpoint meets every VAE: their place, their words, their cost."""

from __future__ import annotations

import pytest

from tests.registry.components import denoiser, model, open_between, settled, vae
from vaereg.registry.judging.matrix import Fit, Matrix
from vaereg.registry.ports import StoredVerdict
from vaereg.registry.values import DeclaredPair, Evidence, Latent, Model, Verdict
from vaereg.registry.verdicts.pair import ALTERED_LATENTS, UNRELATED
from vaereg.registry.verdicts.rules import RULES_VERSION

OPEN4 = open_between("sd1", "sdxl", "playground-v2.5", "eq-sdxl")
CHECKPOINT = model("forest", "c0", "checkpoint", denoiser(settled("sd1")))
CHOSEN = model("chosen", "a1", "vae", vae(OPEN4))
OTHER = model("another", "a2", "vae", vae(OPEN4))
KNOWN = model("known", "a3", "vae", vae(settled("sd1")))
WRONG = model("wrong", "a4", "vae", vae(settled("sdxl")))
MODELS = (CHECKPOINT, CHOSEN, OTHER, KNOWN, WRONG)


def declared(*vaes: Model, ref: str = "civitai:1@2") -> list[DeclaredPair]:
    own = CHECKPOINT.artifact.digests.sha256
    return [DeclaredPair(own, one.artifact.digests.sha256, ref) for one in vaes]


def recorded(verdict: str, *rows: Evidence, level: str = "none", **other: int) -> StoredVerdict:
    said = Verdict(verdict, 0.0 if verdict == "unknown" else 0.9, rows)
    hashes = (CHECKPOINT.artifact.digests.sha256, CHOSEN.artifact.digests.sha256)
    version = other.get("rules_version", RULES_VERSION)
    return StoredVerdict(*hashes, said, version, level, "2026-08-22T10:11:12Z")


def row(check: str, outcome: str, found: str = "", expected: str = "the baked VAE") -> Evidence:
    return Evidence(check, outcome, expected, found, f"{check} says {outcome}")


def chosen(fits: list[Fit]) -> Fit:
    return next(fit for fit in fits if fit.vae is CHOSEN)


def test_an_authors_choice_stands_below_evidence_and_above_open_questions() -> None:
    fits = Matrix(MODELS, (), declared(CHOSEN, WRONG)).fits(CHECKPOINT)
    assert [(fit.vae.name, fit.verdict.verdict) for fit in fits] == [
        ("known", "compatible"),
        ("chosen", "compatible"),
        ("another", "unknown"),
        ("wrong", "incompatible"),
    ]
    assert fits[1].reason == "its author's choice (civitai:1@2); its weights were not compared"
    assert "author" not in fits[2].reason
    assert fits[3].reason.endswith("; its author's choice (civitai:1@2)")


def test_models_of_one_class_do_not_share_a_declaration() -> None:
    """The open VAEs are alike to the rules; the author names one, and for one checkpoint."""
    second = model("harbour", "c1", "checkpoint", denoiser(settled("sd1")))
    judged = Matrix((*MODELS, second), (), declared(CHOSEN))
    for checkpoint, verdict in ((second, "unknown"), (CHECKPOINT, "compatible")) * 2:
        assert chosen(judged.fits(checkpoint)).verdict.verdict == verdict


def test_a_choice_borne_out_by_evidence_keeps_its_reason_and_says_so() -> None:
    (fit,) = Matrix(MODELS, (), declared(KNOWN)).fits(CHECKPOINT, [KNOWN])
    assert fit.verdict.confidence == 0.95
    assert fit.reason.startswith("both work in the latent space of")
    assert fit.reason.endswith("; its author's choice (civitai:1@2)")


@pytest.mark.parametrize(
    ("stored", "expected", "says"),
    [
        (recorded("unknown", row("latent-family", "unknown")), "compatible", "not compared"),
        (
            recorded("unknown", row("kinship", "unknown", UNRELATED)),
            "compatible",
            "its weights leave it open",
        ),
        (recorded("unknown", row("kinship", "unknown", ALTERED_LATENTS)), "unknown", "choice"),
        (recorded("unknown", row("kinship", "unknown", "no word of ours")), "compatible", "not"),
        (recorded("unknown", row("kinship", "pass", "x", "some VAE")), "compatible", "not"),
        (
            recorded("unknown", row("colour-response", "unknown"), level="weights"),
            "unknown",
            "colour-response says unknown; its author's choice (civitai:1@2)",
        ),
        (recorded("unknown", row("cross-decode", "unknown"), level="decode"), "unknown", "choice"),
        (
            recorded("incompatible", row("cross-decode", "fail"), level="decode"),
            "incompatible",
            "cross-decode says fail",
        ),
        (
            recorded("compatible", row("cross-decode", "pass"), level="decode"),
            "compatible",
            "cross-decode says pass; its author's choice",
        ),
        (
            recorded("incompatible", row("cross-decode", "fail"), rules_version=RULES_VERSION - 1),
            "compatible",
            "not compared",
        ),
    ],
)
def test_what_a_probe_recorded_stands_above_the_authors_word(
    stored: StoredVerdict, expected: str, says: str
) -> None:
    fit = chosen(Matrix(MODELS, [stored], declared(CHOSEN)).fits(CHECKPOINT))
    assert fit.verdict.verdict == expected
    assert says in fit.reason


def test_the_first_of_several_authors_words_is_shown() -> None:
    pairs = declared(CHOSEN, ref="civitai:1@2") + declared(CHOSEN, ref="civitai:7@8")
    fit = chosen(Matrix(MODELS, (), pairs).fits(CHECKPOINT))
    assert "civitai:1@2" in fit.reason
    assert "civitai:7@8" not in fit.reason


def test_a_whole_library_with_declared_pairs() -> None:
    """500 checkpoints x 200 VAEs; each declared pair is judged by itself, no other is."""
    latents: list[Latent] = [settled("sd1"), settled("sdxl")]
    checkpoints = [
        model(f"c{n}", f"{n:064x}", "checkpoint", denoiser(latents[n % 2])) for n in range(500)
    ]
    vaes = [model(f"v{n}", f"{n + 1000:064x}", "vae", vae(OPEN4)) for n in range(200)]
    pairs = [DeclaredPair(f"{n:064x}", f"{1000 + n % 200:064x}", "civitai:1@2") for n in range(500)]
    judged = Matrix([*checkpoints, *vaes], (), pairs)
    found = [fit for one in checkpoints for fit in judged.fits(one)]
    assert sum(fit.verdict.verdict == "compatible" for fit in found) == 500
