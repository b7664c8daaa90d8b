"""Quick ways to count give what the definitions give."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from vaereg.probes.pictures.card import test_card as card  # noqa: E402
from vaereg.probes.pictures.pixels import compare  # noqa: E402
from vaereg.probes.pictures.planes import deviation, laplacian, windowed  # noqa: E402

torch.set_num_threads(1)


def window():
    """Of 11 x 11, sigma 1.5, adding up to 1."""
    line = torch.tensor([math.exp(-(place**2) / 4.5) for place in range(-5, 6)]).double()
    return torch.outer(line, line) / line.sum() ** 2


def convolved(planes, kernel):
    return torch.nn.functional.conv2d(planes[:, None], kernel[None, None])[:, 0]


def luma(pictures):
    weights = torch.tensor([0.299, 0.587, 0.114]).double().reshape(1, 3, 1, 1)
    return ((pictures.double().clamp(-1, 1) + 1) / 2 * weights).sum(1)


def similarity(one, two) -> float:
    """Wang, Bovik, Sheikh and Simoncelli 2004, equation 13, with K1 = .01 and K2 = .03."""
    x, y = (convolved(plane, window()) for plane in (one, two))
    xx, yy, xy = (convolved(each, window()) for each in (one * one, two * two, one * two))
    index = (2 * x * y + 1e-4) * (2 * (xy - x * y) + 9e-4)
    index /= (x * x + y * y + 1e-4) * (xx - x * x + yy - y * y + 9e-4)
    return float(index.mean())


@pytest.mark.parametrize("tile", range(8))
@pytest.mark.parametrize("noise", [0.01, 0.3])
def test_structural_similarity_is_as_published(tile: int, noise: float) -> None:
    one = card()[tile : tile + 1]
    two = one * 0.8 + torch.randn(one.shape, generator=torch.manual_seed(1)) * noise
    expected = similarity(luma(one), luma(two))
    assert compare(one, two).ssim == pytest.approx(expected, abs=1e-5)


def test_planes_are_those_of_convolutions() -> None:
    planes = torch.rand(2, 40, 30, generator=torch.manual_seed(0)).double()
    cross = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).double()
    torch.testing.assert_close(windowed(planes), convolved(planes, window()))
    torch.testing.assert_close(laplacian(planes), convolved(planes, cross))


def test_deviations_keep_their_digits_over_a_million_numbers() -> None:
    """A black and white picture, where sums of squares are large."""
    rows = (torch.rand(2, 1 << 20, generator=torch.manual_seed(0)) > 0.3).float() + 10
    expected = rows.double().std(-1, correction=0)
    torch.testing.assert_close(deviation(rows).double(), expected, rtol=1e-5, atol=0)
