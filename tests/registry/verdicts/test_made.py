"""What a generated picture says of a VAE, beside a cross-decode and alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vaereg.registry.drawing import Drawing, Generated
from vaereg.registry.judging.recording import recalled, says_more
from vaereg.registry.judging.request import Picture, Request
from vaereg.registry.judging.sides import Side
from vaereg.registry.measures import Convention, Cost, Look, Scaling, Scores
from vaereg.registry.ports import StoredVerdict
from vaereg.registry.values import Artifact, Digests, Identity, Verdict
from vaereg.registry.verdicts.made import Made
from vaereg.registry.verdicts.rules import RULES_VERSION

ASKED = (Convention("checkpoint", ("ComfyUI",), Scaling(0.18215)),)
SAME = Scores(
    luma_correlation=1.0,
    chroma_correlation=1.0,
    luma_slope=1.0,
    chroma_slope=1.0,
    contrast_ratio=1.0,
    mean_shift=0.0,
    added_clipping=0.0,
    sharpness_ratio=1.0,
    psnr=60.0,
    ssim=1.0,
    colourfulness_ratio=1.0,
)
DRAWN = Drawing("/d", 4, 512, 512, "cpu", "float32", 1.0, steps=8, text="a photo of a cat")


def made(kind: str = "fine", reference: str | None = "fine", **figures: float) -> Made:
    looks = (Look("checkpoint", replace(SAME, **figures)),) if reference else ()
    return Made.of(DRAWN, Generated(looks, kind, reference, None), "own", ASKED)


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ({}, "compatible"),
        # A vivid VAE on a saturated picture: clipped, or its light and dark moved a little.
        ({"chroma_slope": 1.37, "added_clipping": 0.3, "psnr": 20}, "compatible"),
        ({"chroma_slope": 1.3, "luma_slope": 0.85, "psnr": 22}, "compatible"),
        # Another scale moves both.
        ({"chroma_slope": 1.4, "luma_slope": 1.4, "added_clipping": 0.3}, "degraded"),
        ({"chroma_slope": 0.7, "luma_slope": 0.7, "psnr": 20}, "degraded"),
        # Another space.
        ({"luma_correlation": 0.3, "luma_slope": 0.2}, "incompatible"),
    ],
)
def test_strong_colours_are_a_look_and_another_scale_is_none(
    figures: dict[str, float], verdict: str
) -> None:
    found = made(**figures)
    assert found.verdict == verdict
    if verdict == "compatible" and figures:
        assert "a look, not a fault" in found.message


@pytest.mark.parametrize("reference", ["black", "garbled", "flat", "nan"])
def test_noise_beside_noise_says_nothing(reference: str) -> None:
    assert made(kind=reference if reference != "nan" else "black", reference=reference).verdict is (
        None
    )


def test_without_a_reference_only_nan_tells() -> None:
    assert made(reference=None).verdict is None
    assert made(kind="nan", reference=None).verdict == "incompatible"


def stored(verdict: str = "incompatible", asked: str = "", level: str = "generate"):
    cost = Cost("cpu", "float32", 1.0, 1, asked=asked)
    return StoredVerdict("m", "v", Verdict(verdict, 0.9, ()), RULES_VERSION, level, "now", cost)


def test_a_settled_answer_is_not_replaced_by_an_open_or_a_special_one() -> None:
    assert says_more(stored(), stored("unknown"))
    assert says_more(stored(), stored("compatible", asked="steps=1"))
    assert not says_more(stored(), stored("compatible"))
    assert not says_more(stored(asked="steps=1"), stored("compatible"))
    assert not says_more(stored(level="decode"), stored("unknown"))


def test_the_answer_to_a_special_question_is_none_to_the_plain_one() -> None:
    def side(sha256: str) -> Side:
        artifact = Artifact(Digests(sha256), 1, Identity("safetensors", "vae"))
        return Side(sha256, None, artifact)

    def request(steps: int | None) -> Request:
        return Request("generate", lambda: pytest.fail("asked"), drawn=Picture(steps=steps))

    rows = [stored(asked="steps=1")]
    assert recalled(rows, side("v"), request(None)) is None
    assert recalled(rows, side("v"), request(2)) is None
    assert recalled(rows, side("v"), request(1)) is not None
    assert recalled([stored()], side("v"), request(None)) is not None
