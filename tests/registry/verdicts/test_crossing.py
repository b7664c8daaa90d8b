"""The rule of the cross-decode: one outcome for each kind of picture, in words that say why."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from vaereg.registry.measures import HalfRange, Scores
from vaereg.registry.verdicts.crossing import VERDICT_OF, half_outcome, outcome, trusted

SAME = Scores(
    luma_correlation=1.0,
    chroma_correlation=0.99,
    luma_slope=1.0,
    chroma_slope=1.0,
    contrast_ratio=1.0,
    mean_shift=0.0,
    added_clipping=0.0,
    sharpness_ratio=1.0,
    psnr=30.0,
    ssim=0.95,
    colourfulness_ratio=1.0,
)

CASES = [
    ("match", {}, "30 dB"),
    ("match", {"psnr": 19.1, "ssim": 0.61}, "0.61"),
    ("nan", {"finite": False}, "not finite"),
    ("nan", {"finite": False, "luma_slope": 0.5}, "not finite"),
    ("broken", {"luma_correlation": 0.79, "luma_slope": 0.68, "chroma_correlation": -0.34}, "0.79"),
    ("broken", {"luma_slope": 0.2}, "0.20"),
    ("broken", {"contrast_ratio": 0.05}, "falls apart"),
    ("broken", {"chroma_correlation": 0.5}, "wrong"),
    ("washed", {"luma_slope": 0.62, "chroma_slope": 0.42}, "multiplied by about 0.62"),
    ("washed", {"luma_slope": 0.5, "chroma_correlation": 0.55}, "multiplied by about 0.50"),
    ("burnt", {"added_clipping": 0.2}, "20%"),
    ("burnt", {"luma_slope": 1.3, "chroma_slope": 1.4}, "multiplied by about 1.30"),
    ("vivid", {"luma_slope": 1.03, "chroma_slope": 1.36, "psnr": 24.0}, "1.36"),
    ("vivid", {"luma_slope": 1.12, "chroma_slope": 1.5}, "not a fault"),
    ("cast", {"chroma_correlation": 0.85}, "0.85"),
    ("cast", {"mean_shift": -0.12}, "-0.12"),
    ("blurry", {"sharpness_ratio": 0.2}, "20%"),
    ("blurry", {"sharpness_ratio": 0.2, "chroma_slope": 0.7}, "20%"),
    ("duller", {"chroma_slope": 0.6}, "0.60"),
    ("degraded", {"psnr": 17.0}, "17 dB"),
    ("degraded", {"ssim": 0.5}, "0.50"),
    ("degraded", {"channel_agreement": -0.9}, "swapped or negated"),
    ("degraded", {"channel_agreement": 0.1, "chroma_slope": 1.4}, "swapped or negated"),
]


@pytest.mark.parametrize(("name", "changes", "words"), CASES)
def test_each_kind_of_picture_has_its_outcome(name: str, changes: dict, words: str) -> None:
    found = outcome(replace(SAME, **changes))
    assert found.name == name
    assert words in found.message


def test_every_outcome_has_a_verdict() -> None:
    assert {name for name, _, _ in CASES} == set(VERDICT_OF)
    assert {name for name, verdict in VERDICT_OF.items() if verdict == "compatible"} == {
        "match",
        "vivid",
    }
    assert {name for name, verdict in VERDICT_OF.items() if verdict == "incompatible"} == {
        "broken",
        "nan",
    }


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"chroma_slope": 1.4}, True),
        ({"psnr": 21.0, "sharpness_ratio": 0.2}, True),
        ({"finite": False}, False),
        ({"luma_correlation": 0.9}, False),
        ({"chroma_correlation": 0.6}, False),
        ({"luma_slope": 0.6}, False),
        ({"chroma_slope": 0.1}, False),
        ({"luma_slope": 1.8}, False),
    ],
)
def test_only_a_reference_that_works_may_judge(changes: dict, good: bool) -> None:
    assert trusted(replace(SAME, **changes)) is good


@pytest.mark.parametrize(
    ("largest", "overflowing", "expected"),
    [
        (1000.0, None, "safe"),
        (16384.0, None, "safe"),
        (30000.0, None, "risk"),
        (65504.0, None, "risk"),
        (70000.0, None, "overflow"),
        (math.inf, None, "overflow"),
        (math.nan, 0, "overflow"),
        (1000.0, 0, "safe"),
        (1000.0, 12, "overflow"),
        (70000.0, 0, "risk"),
    ],
)
def test_half_precision(largest: float, overflowing: int | None, expected: str) -> None:
    assert half_outcome(HalfRange(largest, "decoder.conv_out", overflowing)) == expected
