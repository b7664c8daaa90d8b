"""Latents are normalised as the families' formulas say, and back again."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from vaereg.probes.measures.normalisation import denormalise, normalise  # noqa: E402
from vaereg.registry.errors import CannotRun  # noqa: E402
from vaereg.registry.measures import Scaling  # noqa: E402

LATENTS = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
PACKED = Scaling(mean=tuple(0.1 * n for n in range(12)), std=tuple(1 + 0.25 * n for n in range(12)))


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        (Scaling(), LATENTS),
        (Scaling(0.18215), LATENTS * 0.18215),
        (Scaling(0.3611, 0.1159), (LATENTS - 0.1159) * 0.3611),
        (
            Scaling(2.0, mean=(1.0, 2.0, 3.0), std=(0.5, 1.0, 4.0)),
            (LATENTS - torch.tensor([1.0, 2, 3]).reshape(1, 3, 1, 1))
            * torch.tensor([4.0, 2, 0.5]).reshape(1, 3, 1, 1),
        ),
    ],
)
def test_formulas(scaling: Scaling, expected) -> None:
    assert torch.allclose(normalise(LATENTS, scaling), expected, atol=1e-6)
    assert torch.allclose(denormalise(expected, scaling), LATENTS, atol=1e-5)


def test_packed_statistics_go_by_channel_row_column() -> None:
    """FLUX.2: the 2 x 2 pixels of a channel have four means and deviations of their own."""
    found = normalise(LATENTS, PACKED)
    for channel in range(3):
        for row in range(2):
            for column in range(2):
                place = channel * 4 + row * 2 + column
                pixels = LATENTS[:, channel, row::2, column::2]
                expected = (pixels - PACKED.mean[place]) / PACKED.std[place]
                assert torch.allclose(found[:, channel, row::2, column::2], expected, atol=1e-6)
    assert torch.allclose(denormalise(found, PACKED), LATENTS, atol=1e-5)


def test_packing_is_that_of_the_published_pipeline() -> None:
    pytest.importorskip("diffusers")
    from diffusers.pipelines.flux2.pipeline_flux2 import Flux2Pipeline

    packed = Flux2Pipeline._patchify_latents(LATENTS)
    mean, std = (torch.tensor(row).reshape(1, -1, 1, 1) for row in (PACKED.mean, PACKED.std))
    expected = Flux2Pipeline._unpatchify_latents((packed - mean) / std)
    assert torch.allclose(normalise(LATENTS, PACKED), expected, atol=1e-6)


@pytest.mark.parametrize(
    "scaling",
    [
        Scaling(0.0),
        Scaling(math.nan),
        Scaling(math.inf),
        Scaling(1.0, math.inf),
        Scaling(mean=(0.0,) * 3, std=(1.0, 0.0, 1.0)),
        Scaling(mean=(0.0,) * 5, std=(1.0,) * 5),
        Scaling(1e-60),
    ],
)
def test_a_normalisation_that_cannot_be_undone_is_refused(scaling: Scaling) -> None:
    for change in (normalise, denormalise):
        with pytest.raises(CannotRun, match="normalisation"):
            change(LATENTS, scaling)
