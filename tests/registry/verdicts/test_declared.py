"""What an author declares in a verdict: it settles what nothing else tells, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.registry.components import denoiser, open_between, settled, vae
from vaereg.registry.colours.response import Match, Score
from vaereg.registry.colours.scaling import MeasuredScaling
from vaereg.registry.measures import Convention, Scaling, Scores
from vaereg.registry.values import Evidence, Latent, Notice, Verdict
from vaereg.registry.verdicts.crossing import outcome
from vaereg.registry.verdicts.declared import DECLARED, rests_on_word
from vaereg.registry.verdicts.judge import judge, reason
from vaereg.registry.verdicts.pair import (
    ALTERED_LATENTS,
    OTHER_DECODER,
    SAME_WEIGHTS,
    SWAPPED_LATENTS,
    UNCLEAR,
    UNRELATED,
    Pair,
)
from vaereg.registry.verdicts.seen import Seen, View

REF = "civitai:1@2"
OPEN4 = open_between("sd1", "sdxl", "playground-v2.5", "eq-sdxl")
OPEN16 = open_between("sd3", "flux1")
BROKEN = (Notice("inconsistent_shapes", "conv_in and conv_out disagree"),)
SHARP = Scores(1.0, 0.99, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 30.0, 0.95, 1.0)
GOOD = Seen(
    "another", False, SHARP, (View(Convention("one", (), Scaling()), SHARP, outcome(SHARP)),), None
)
NAN = (Notice("not_finite", "12 tensors hold NaN"),)


def pair(wanted: Latent, offered: Latent, **known: object) -> Pair:
    return Pair(denoiser(wanted), vae(offered), **known)  # type: ignore[arg-type]


def colours(space: str | None, certainty: str = "likely", ranked: bool = True) -> Match:
    score = Score(space or "sd1", space or "sd1", "a table", "decoder", 0.9, 0.9)
    return Match(certainty, space, "the colours say so", ranked=(score,) if ranked else ())


def told(verdict: Verdict) -> list[Evidence]:
    return [row for row in verdict.evidence if "author names" in row.message]


LIFTED = {
    "an open VAE": pair(settled("sdxl"), OPEN4),
    "an open VAE of 16 channels": pair(settled("flux1"), OPEN16),
    "a VAE of no known family": pair(settled("sd1"), Latent(4, 8, 1)),
    "a checkpoint of no known family": pair(Latent(4), settled("sd1")),
    "an open checkpoint": pair(OPEN16, settled("sd3")),
    "no kin of the baked VAE": pair(settled("sd1"), OPEN4, baked=vae(OPEN4), relation=UNRELATED),
    "unclear kin": pair(settled("sd1"), OPEN4, baked=vae(OPEN4), relation=UNCLEAR),
    "colours that are like the wanted": pair(settled("sdxl"), OPEN4, match=colours("sdxl")),
    "a decoder alone": replace(
        pair(settled("sd1"), OPEN4), vae=vae(OPEN4, parts=("decoder",))
    ),
    "a VAE that cannot be run": pair(
        settled("sd1"), OPEN4, match=colours(None, "unknown", ranked=False), trouble="no runner"
    ),
    "no other VAE to compare with": pair(
        settled("sd1"),
        OPEN4,
        match=colours(None, "unknown", ranked=False),
        seen=Seen("another", False, None, (), None),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LIFTED)
def test_an_authors_word_settles_what_nothing_else_tells(name: str) -> None:
    before = judge(LIFTED[name])
    verdict = judge(replace(LIFTED[name], declared=REF))
    assert before.verdict == "unknown"
    assert (verdict.verdict, verdict.confidence) == ("compatible", DECLARED)
    (row,) = told(verdict)
    assert (row.check, row.outcome) == ("latent-family", "pass")
    assert REF in row.message
    assert len(verdict.evidence) == len(before.evidence)
    assert reason(verdict) == row.message
    assert rests_on_word(verdict)


def test_the_sentence_says_whether_weights_were_looked_at() -> None:
    unread = judge(replace(LIFTED["an open VAE"], declared=REF))
    read = judge(replace(LIFTED["unclear kin"], declared=REF))
    assert told(unread)[0].message == (
        f"the checkpoint's author names this VAE for it ({REF}); its weights were not compared"
    )
    assert told(read)[0].message.endswith("; its weights leave it open")
    assert any("--probe weights" in line for line in unread.advice)


OPEN = {
    "altered latents": pair(settled("sd1"), OPEN4, baked=vae(OPEN4), relation=ALTERED_LATENTS),
    "another decoder": pair(settled("sd1"), OPEN4, baked=vae(OPEN4), relation=OTHER_DECODER),
    "colours like another space's": pair(settled("sdxl"), OPEN4, match=colours("sd1")),
    "colours of no space": pair(settled("sd1"), OPEN4, match=colours(None, "unknown")),
    "colours of no space, checkpoint open": pair(OPEN16, OPEN16, match=colours(None, "unknown")),
    "a VAE that answers with NaN": pair(
        settled("sd1"), OPEN4, match=colours(None, "unknown", ranked=False)
    ),
    "a VAE that does not give back what it encodes": pair(
        settled("sd1"), OPEN4, seen=Seen("itself", True, None, (), None)
    ),
    "good pictures of swapped latents": pair(
        settled("sd1"), OPEN4, baked=vae(OPEN4), relation=SWAPPED_LATENTS, seen=GOOD
    ),
    "another scaling factor": pair(
        settled("sdxl"),
        OPEN4,
        match=colours("sdxl"),
        scaling=MeasuredScaling(0.5, 0.4, 0.6, "encoder", 0.13025, False),
    ),
    "nothing known of the VAE": pair(settled("sd1"), Latent()),
    "shapes at odds": replace(pair(settled("sd1"), OPEN4), vae=vae(OPEN4, notices=BROKEN)),
}


@pytest.mark.parametrize("name", OPEN)
def test_an_authors_word_does_not_outweigh_doubts(name: str) -> None:
    before = judge(OPEN[name])
    verdict = judge(replace(OPEN[name], declared=REF))
    assert before.verdict == verdict.verdict == "unknown"
    assert verdict.confidence == 0.0
    (row,) = told(verdict)
    assert (row.outcome, row.found) == ("warn", REF)
    assert reason(verdict) == reason(before)


AGAINST = {
    "another family of one shape": pair(settled("sd1"), settled("sdxl")),
    "another number of channels": pair(settled("sdxl"), settled("flux1")),
    "candidates that all miss": pair(settled("flux1"), OPEN4),
    "a known hash": pair(settled("sd1"), settled("sdxl", "known-hash")),
    "a config": pair(settled("sd1"), settled("sdxl", "config")),
    "a pixel model": pair(settled("pixel"), OPEN4),
    "swapped latents": pair(settled("sd1"), OPEN4, baked=vae(OPEN4), relation=SWAPPED_LATENTS),
    "certain colours": pair(settled("sdxl"), OPEN4, match=colours("sd1", "certain")),
    "an encoder alone": replace(pair(settled("sd1"), OPEN4), vae=vae(OPEN4, parts=("encoder",))),
    "weights with NaN": replace(pair(settled("sd1"), OPEN4), vae=vae(OPEN4, notices=NAN)),
}


@pytest.mark.parametrize("name", AGAINST)
def test_evidence_wins_over_an_authors_word_and_the_verdict_says_so(name: str) -> None:
    before = judge(AGAINST[name])
    verdict = judge(replace(AGAINST[name], declared=REF))
    assert before.verdict == verdict.verdict == "incompatible"
    assert verdict.confidence == before.confidence
    (row,) = told(verdict)
    assert (row.outcome, "nevertheless" in row.message, REF in row.message) == ("warn", True, True)
    assert reason(verdict) == reason(before)


BORNE_OUT = {
    "one family": pair(settled("sdxl"), settled("sdxl", "weights", 0.97)),
    "the baked VAE's copy": pair(
        settled("sd1"), OPEN4, baked=vae(OPEN4), relation=SAME_WEIGHTS
    ),
    "another normalisation": pair(settled("cogvideox-5b"), settled("cogvideox")),
}  # fmt: skip


@pytest.mark.parametrize("name", BORNE_OUT)
def test_where_evidence_tells_a_fit_the_word_is_told_and_adds_nothing(name: str) -> None:
    before = judge(BORNE_OUT[name])
    verdict = judge(replace(BORNE_OUT[name], declared=REF))
    assert (verdict.verdict, verdict.confidence) == (before.verdict, before.confidence)
    assert verdict.confidence > DECLARED
    assert verdict.evidence[:-1] == before.evidence
    assert REF in told(verdict)[0].message
    assert reason(verdict) == reason(before)
    assert not rests_on_word(verdict)


def test_the_baked_vae_is_its_authors_choice_already() -> None:
    baked = pair(settled("sdxl"), OPEN4, is_baked=True)
    assert judge(replace(baked, declared=REF)) == judge(baked)
    assert judge(baked).confidence > DECLARED


def test_a_ref_cannot_play_with_the_terminal() -> None:
    verdict = judge(replace(LIFTED["an open VAE"], declared="civitai:1@2\x1b[31m\u202e"))
    assert verdict.verdict == "compatible"
    assert told(verdict)[0].message.isprintable()
