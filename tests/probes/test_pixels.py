"""The figures of two sets of pictures answer to what was done to them."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from vaereg.probes.pictures import card  # noqa: E402
from vaereg.probes.pictures.pixels import compare, variety  # noqa: E402
from vaereg.registry.verdicts.crossing import outcome  # noqa: E402


def luma_of(pictures):
    weights = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)
    return (pictures * weights).sum(1, keepdim=True)


def saturated(pictures, more):
    grey = luma_of(pictures)
    return grey + more * (pictures - grey)


def soft(pictures):
    """Low contrast, so that nothing below is clipped."""
    return pictures * 0.5


CHANGES = {
    "same": (lambda p: p, {"luma_slope": 1, "chroma_slope": 1, "psnr": 99, "ssim": 1}),
    "half contrast": (
        lambda p: p * 0.5,
        {"luma_slope": 0.5, "chroma_slope": 0.5, "contrast_ratio": 0.5, "sharpness_ratio": 0.25},
    ),
    "vivid": (
        lambda p: saturated(p, 1.4),
        {"luma_slope": 1, "chroma_slope": 1.4, "chroma_correlation": 1, "colourfulness_ratio": 1.4},
    ),
    "grey": (
        lambda p: saturated(p, 0),
        {"luma_correlation": 1, "chroma_slope": 0, "chroma_correlation": 0},
    ),
    "negative": (lambda p: -p, {"luma_correlation": -1, "chroma_correlation": -1}),
    "brighter": (lambda p: p + 0.2, {"mean_shift": 0.1, "luma_correlation": 1, "psnr": 20}),
    "redder": (
        lambda p: p + torch.tensor([0.3, 0, 0]).reshape(1, 3, 1, 1),
        {"mean_shift": 0.15},
    ),
    "empty": (lambda p: p * 0, {"contrast_ratio": 0, "luma_slope": 0, "luma_correlation": 0}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_shows_in_its_figure(name: str) -> None:
    base = soft(card.test_card())
    change, expected = CHANGES[name]
    scores = compare(base, change(base))
    for figure, value in expected.items():
        assert getattr(scores, figure) == pytest.approx(value, abs=0.02), figure


def test_clipping_is_counted_beyond_the_reference() -> None:
    base = soft(card.test_card())
    scores = compare(base, base * 4)
    assert scores.added_clipping > 0.15
    assert compare(base * 4, base * 4).added_clipping == 0


def test_blur_and_noise_show_in_sharpness() -> None:
    base = card.test_card()
    blurred = torch.nn.functional.avg_pool2d(base, 5, 1, 2)
    noise = torch.randn(base.shape, generator=torch.Generator().manual_seed(1)) * 0.1
    assert compare(base, blurred).sharpness_ratio < 0.25
    assert compare(base, base + noise).sharpness_ratio > 1.3


def test_similarity_of_a_shifted_constant_is_as_published() -> None:
    """With no variance only the luminance term is left: (2 x y + c) / (x x + y y + c)."""
    x, y = 0.5, 0.75
    scores = compare(torch.full((1, 3, 64, 64), 2 * x - 1), torch.full((1, 3, 64, 64), 2 * y - 1))
    assert scores.ssim == pytest.approx((2 * x * y + 1e-4) / (x * x + y * y + 1e-4), abs=1e-6)
    assert scores.psnr == pytest.approx(-20 * math.log10(0.25), abs=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_number_that_is_not_finite_is_told(bad: float) -> None:
    base = card.test_card()
    spoilt = base.clone()
    spoilt[3, 1, 5, 7] = bad
    scores = compare(base, spoilt)
    assert not scores.finite
    assert outcome(scores).name == "nan"
    assert all(math.isfinite(getattr(scores, name)) for name in scores.__dataclass_fields__)


def test_a_grey_picture_does_not_vote_on_colour() -> None:
    coloured = soft(card.test_card())
    grey = saturated(coloured[:3], 0)
    base = torch.cat([coloured[:2], grey])
    scores = compare(base, saturated(base, 1.4))
    assert scores.chroma_slope == pytest.approx(1.4, abs=0.02)
    assert compare(grey, grey).chroma_correlation == 1
    assert compare(grey, coloured[:3]).chroma_correlation == 0


def test_variety_tells_plain_pictures() -> None:
    assert variety(torch.full((1, 3, 128, 128), 0.3)) == (0, 0)
    assert min(variety(card.test_card())) > 0.1


@pytest.mark.gpu
def test_pictures_on_a_gpu_get_the_same_figures() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    base = card.test_card()
    other = saturated(base, 1.3) * 0.9
    here, there = compare(base, other), compare(base.cuda(), other.cuda())
    for name in here.__dataclass_fields__:
        assert getattr(here, name) == pytest.approx(getattr(there, name), abs=1e-3)
