"""The encoder's fit finds the colours that latents stand for, however they were mixed."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import avg_pool2d  # noqa: E402

from vaereg.probes.measures.encoder_fit import fit_encoder  # noqa: E402
from vaereg.probes.pictures.card import test_card as card  # noqa: E402
from vaereg.registry.samples.colours import table_of  # noqa: E402


class Averages:
    """An encoder: a matrix on the mean colours of the picture's squares, an offset, some noise."""

    has_encoder, has_decoder, scaled = True, False, False

    def __init__(self, matrix, offset: float = 0.0, noise: float = 0.0, factor: int = 8) -> None:
        self.matrix, self.offset, self.noise, self.factor = matrix, offset, noise, factor
        self.channels = matrix.shape[1]

    def encode(self, pictures):
        means = avg_pool2d(pictures, self.factor)
        latents = torch.einsum("nrhw,rc->nchw", means, self.matrix) + self.offset
        return latents + self.noise * torch.randn(latents.shape, generator=torch.manual_seed(3))


def inverse(family: str, scaling: float):
    """What makes raw latents of colours in a family's space."""
    return torch.linalg.pinv(torch.tensor(table_of(family))) / scaling


@pytest.mark.parametrize(
    ("family", "scaling", "factor"), [("sd1", 0.18215, 8), ("sd3", 1.5305, 8), ("wan22", 1.0, 16)]
)
def test_the_table_of_an_inverse_comes_back(family: str, scaling: float, factor: int) -> None:
    vae = Averages(inverse(family, scaling), offset=0.4, factor=factor)
    fit = fit_encoder(vae, card())
    assert fit is not None
    table = torch.tensor(table_of(family)) * scaling
    found = torch.tensor(fit.factors)
    assert torch.cosine_similarity(found.flatten(), table.flatten(), 0) > 0.99
    assert found.norm() / table.norm() == pytest.approx(1, abs=0.05)
    assert (fit.scaled, len(fit.factors)) == (False, vae.channels)


def test_deviation_is_that_of_the_latents() -> None:
    vae = Averages(torch.eye(3), offset=5.0)
    fit = fit_encoder(vae, card())
    assert fit is not None
    latents = avg_pool2d(card(), 8)
    spread = latents.movedim(1, -1).reshape(-1, 3).std(0, correction=0).square().mean().sqrt()
    assert fit.deviation == pytest.approx(float(spread), rel=1e-4)


def test_channels_that_pictures_hardly_use_stay_quiet() -> None:
    """Without a ridge their factors would be noise of any size."""
    vae = Averages(inverse("flux2", 1.0), noise=1e-3)
    fit = fit_encoder(vae, card())
    assert fit is not None
    assert torch.tensor(fit.factors).norm() < 2 * torch.tensor(table_of("flux2")).norm()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_encoder_that_gives_no_numbers_has_no_fit(bad: float) -> None:
    assert fit_encoder(Averages(torch.eye(3), offset=bad), card()) is None


def test_an_encoder_that_gives_nothing_has_a_fit_of_zeros() -> None:
    fit = fit_encoder(Averages(torch.zeros(3, 4)), card())
    assert fit is not None
    assert torch.tensor(fit.factors).abs().max() == 0
    assert fit.deviation == 0
