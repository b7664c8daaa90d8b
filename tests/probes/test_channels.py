"""A latent channel that does something else is seen, however little of the picture it makes."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from vaereg.probes.measures.channels import channel_agreement, channel_effects, middle  # noqa: E402

CHANNELS = 16
RANDOM = torch.Generator().manual_seed(0)
LATENTS = torch.randn(2, CHANNELS, 16, 16, generator=RANDOM)
COLOURS = torch.randn(CHANNELS, 3, generator=RANDOM)
COLOURS[3:6] *= 0.05
COLOURS[6] *= 1e-4


def decoder(colours):
    """Each latent pixel is 8 x 8 of the colour that its channels add up to."""

    def decode(latents):
        small = torch.einsum("nchw,cr->nrhw", latents, colours) * 0.1
        return small.repeat_interleave(8, 2).repeat_interleave(8, 3)

    return decode


def agreement(colours) -> float:
    latents = middle(LATENTS)
    return channel_agreement(
        channel_effects(decoder(COLOURS), latents), channel_effects(decoder(colours), latents)
    )


def test_the_same_and_a_duller_decoder_agree() -> None:
    assert agreement(COLOURS) == pytest.approx(1)
    assert agreement(COLOURS * 0.6) == pytest.approx(1)


@pytest.mark.parametrize("channel", [0, 3, 5, 15])
def test_a_negated_channel_is_seen(channel: int) -> None:
    colours = COLOURS.clone()
    colours[channel] *= -1
    assert agreement(colours) == pytest.approx(-1)


def test_swapped_channels_are_seen() -> None:
    order = list(range(CHANNELS))
    order[1], order[2] = 2, 1
    assert agreement(COLOURS[order]) < 0.5


def test_a_channel_that_does_not_show_has_no_say() -> None:
    colours = COLOURS.clone()
    colours[6] *= -1
    assert agreement(colours) == pytest.approx(1)
    assert channel_agreement(torch.zeros(4, 12), torch.ones(4, 12)) == 1


def test_what_is_not_finite_does_not_agree() -> None:
    assert not agreement(COLOURS * float("nan")) > 0.5


@pytest.mark.parametrize("side", [2, 4, 8, 16])
def test_the_middle_is_never_empty_and_stays_even(side: int) -> None:
    found = middle(torch.zeros(8, 4, side, 2 * side))
    assert found.shape[0] == 1
    assert found.shape[2] >= 1
    assert side < 4 or found.shape[2] % 2 == found.shape[3] % 2 == 0
