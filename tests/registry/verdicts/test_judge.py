"""Which pairs fit: the verdict and the sentence that a user reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.registry.components import denoiser, open_between, settled, vae
from vaereg.registry.families import families
from vaereg.registry.values import Notice, Verdict
from vaereg.registry.verdicts.judge import judge, reason
from vaereg.registry.verdicts.pair import (
    ALTERED_LATENTS,
    KIN,
    OTHER_DECODER,
    SAME_ENCODER,
    SAME_LINEAGE,
    SAME_WEIGHTS,
    SWAPPED_LATENTS,
    UNCLEAR,
    UNRELATED,
    Pair,
)

OPEN4 = open_between("sd1", "sdxl", "playground-v2.5", "eq-sdxl")
OPEN16 = open_between("sd3", "flux1")


def outcome(verdict: Verdict, check: str) -> str | None:
    return next((found.outcome for found in verdict.evidence if found.check == check), None)


@pytest.mark.parametrize("name", [name for name in families() if name != "pixel"])
def test_a_vae_of_the_checkpoints_family_fits(name: str) -> None:
    verdict = judge(Pair(denoiser(settled(name)), vae(settled(name))))
    assert verdict.verdict == "compatible"
    assert 0 < verdict.confidence <= 1
    assert reason(verdict)


@pytest.mark.parametrize(
    ("checkpoint", "offered", "check", "says"),
    [
        ("sd1", "sdxl", "latent-family", "colours come out garbled"),
        ("sd3", "flux1", "latent-family", "colours come out garbled"),
        ("sdxl", "flux1", "latent-channels", "refuses it or stops with a shape error (expected 16"),
        ("sd1", "sd-x4-upscaler", "spatial-factor", "wrong size"),
        ("flux1", "wan21", "temporal-factor", "shape error"),
        ("pixel", "sd1", "latent-family", "takes no VAE"),
        ("flux1", "flux2", "latent-channels", "shape error"),
    ],
)
def test_a_vae_of_another_family_does_not_fit_and_the_sentence_says_what_one_sees(
    checkpoint: str, offered: str, check: str, says: str
) -> None:
    verdict = judge(Pair(denoiser(settled(checkpoint)), vae(settled(offered))))
    assert verdict.verdict == "incompatible"
    assert outcome(verdict, check) == "fail"
    assert says in " ".join(found.message for found in verdict.evidence if found.outcome == "fail")


@pytest.mark.parametrize(
    ("checkpoint", "offered"), [("sd1", OPEN4), ("sdxl", OPEN4), ("flux1", OPEN16)]
)
def test_where_shapes_leave_it_open_the_verdict_is_unknown_and_advises_a_probe(
    checkpoint: str, offered: object
) -> None:
    verdict = judge(Pair(denoiser(settled(checkpoint)), vae(offered)))  # type: ignore[arg-type]
    assert verdict.verdict == "unknown"
    assert outcome(verdict, "latent-family") == "unknown"
    assert any("--probe" in line for line in verdict.advice)


def test_open_candidates_that_all_miss_are_incompatible() -> None:
    assert judge(Pair(denoiser(settled("flux1")), vae(OPEN4))).verdict == "incompatible"


def test_open_candidates_that_all_fit_are_compatible() -> None:
    wan = open_between("wan21", "qwen-image")
    assert judge(Pair(denoiser(settled("wan21")), vae(wan))).verdict == "compatible"


def test_a_checkpoint_of_unknown_family_is_never_called_compatible() -> None:
    nothing = open_between("ostris-d16", "sd3")
    assert judge(Pair(denoiser(nothing), vae(settled("sd3")))).verdict == "unknown"


def test_an_unknown_vae_of_the_right_shape_is_never_called_compatible() -> None:
    from vaereg.registry.values import Latent

    assert judge(Pair(denoiser(settled("sd1")), vae(Latent(4, 8, 1)))).verdict == "unknown"


@pytest.mark.parametrize(
    ("checkpoint", "offered", "expected"),
    [
        ("playground-v2.5", "sdxl", "compatible"),
        ("sdxl-flux2", "flux2", "compatible"),
        ("qwen-image", "wan21", "compatible"),
        ("cogvideox-5b", "cogvideox", "degraded"),
    ],
)
def test_one_space_under_several_normalisations(
    checkpoint: str, offered: str, expected: str
) -> None:
    assert judge(Pair(denoiser(settled(checkpoint)), vae(settled(offered)))).verdict == expected


def test_a_decoder_alone_can_decode_and_says_what_it_cannot() -> None:
    verdict = judge(Pair(denoiser(settled("sd1")), vae(settled("sd1"), parts=("decoder",))))
    assert verdict.verdict == "compatible"
    assert outcome(verdict, "parts") == "warn"


def test_an_encoder_alone_cannot_decode() -> None:
    verdict = judge(Pair(denoiser(settled("sd1")), vae(settled("sd1"), parts=("encoder",))))
    assert verdict.verdict == "incompatible"
    assert "encoder only" in reason(verdict)


def test_a_damaged_vae_does_not_fit() -> None:
    damage = (Notice("parts_missing", "12 tensors of decoder.up.3 are missing"),)
    verdict = judge(Pair(denoiser(settled("sd1")), vae(settled("sd1"), notices=damage)))
    assert verdict.verdict == "incompatible"
    assert "decoder.up.3" in reason(verdict)


def test_the_baked_vae_fits_although_its_shape_leaves_the_family_open() -> None:
    verdict = judge(Pair(denoiser(settled("sdxl")), vae(OPEN4), is_baked=True))
    assert verdict.verdict == "compatible"
    assert verdict.confidence < 0.9


def test_a_baked_vae_of_a_foreign_family_is_found_out() -> None:
    verdict = judge(Pair(denoiser(settled("sdxl")), vae(settled("sd1")), is_baked=True))
    assert verdict.verdict == "incompatible"


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        *((relation, "compatible") for relation in KIN),
        (SWAPPED_LATENTS, "incompatible"),
        *((it, "unknown") for it in (ALTERED_LATENTS, OTHER_DECODER, UNRELATED, UNCLEAR)),
    ],
)
def test_kinship_with_the_baked_vae_settles_what_shapes_leave_open(
    relation: str, expected: str
) -> None:
    pair = Pair(denoiser(settled("sd1")), vae(OPEN4), vae(OPEN4), relation)
    verdict = judge(pair)
    assert verdict.verdict == expected
    says = {"unknown": "unknown", "incompatible": "fail", "compatible": "pass"}
    assert outcome(verdict, "kinship") == says[expected]


@pytest.mark.parametrize(
    ("relation", "dtype", "says"),
    [
        (SAME_WEIGHTS, "float16", "same weights as the VAE baked"),
        (SAME_WEIGHTS, "float32", "same weights in single precision as the VAE baked"),
        (SAME_ENCODER, "float16", "decoder finetuned from the VAE baked"),
        (UNRELATED, "float16", "unrelated to the VAE baked"),
    ],
)
def test_kinship_is_told_in_words(relation: str, dtype: str, says: str) -> None:
    offered = replace(vae(OPEN4), dtypes=(dtype,))
    verdict = judge(Pair(denoiser(settled("sd1")), offered, vae(OPEN4), relation))
    told = next(found for found in verdict.evidence if found.check == "kinship")
    assert told.message.startswith(says)
    assert told.found == relation


@pytest.mark.parametrize("relation", [SAME_WEIGHTS, SAME_LINEAGE])
def test_kinship_does_not_outweigh_another_family(relation: str) -> None:
    """A finetune of SDXL's VAE whose latents were moved on purpose, or a foreign VAE baked in."""
    offered = vae(settled("eq-sdxl"))
    verdict = judge(Pair(denoiser(settled("sdxl")), offered, vae(OPEN4), relation))
    assert verdict.verdict == "incompatible"


def test_half_precision_overflow_is_told_without_changing_the_verdict() -> None:
    verdict = judge(Pair(denoiser(settled("sdxl")), vae(settled("sdxl")), fp16_safe=False))
    assert verdict.verdict == "compatible"
    assert outcome(verdict, "fp16-range") == "warn"
    assert any("fp32" in line for line in verdict.advice)
