"""Scaling factors: as stated, and as measured with an honest error."""

from __future__ import annotations

import math

import pytest

from vaereg.registry.colours.references import gains_of
from vaereg.registry.colours.response import match
from vaereg.registry.colours.scaling import MeasuredScaling, measured_scaling, scaling_of
from vaereg.registry.families import families, same_shape
from vaereg.registry.measures import EncoderFit, Reading, Response, Scaling
from vaereg.registry.values import Latent

WAN = families()["wan21"]


@pytest.mark.parametrize(
    ("latent", "expected"),
    [
        (Latent(family="sd1"), Scaling(0.18215)),
        (Latent(family="sd1", scaling_factor=0.2), Scaling(0.2)),
        (Latent(family="flux1"), Scaling(0.3611, 0.1159)),
        (Latent(family="flux1", scaling_factor=0.3611, shift_factor=0.0), Scaling(0.3611, 0.0)),
        (Latent(family="cascade-a"), Scaling(1 / 0.43)),
        (Latent(family="sdxl-flux2"), Scaling(0.6043, -0.076 / 0.6043)),
        (Latent(family="movq"), Scaling()),
        (
            Latent(family="wan21"),
            Scaling(1.0, mean=WAN.latents_mean or (), std=WAN.latents_std or ()),
        ),
        (Latent(family="flux2"), None),
        (Latent(family="ltx-video"), None),
        (Latent(family="kvae"), None),
        (Latent(), None),
        (Latent(scaling_factor=0.5, shift_factor=0.1), Scaling(0.5, 0.1)),
        (Latent(family="sd1", scaling_factor=math.nan), None),
        (Latent(family="sd1", scaling_factor=-1.0), None),
        (Latent(family="sd1", scaling_factor=0.2, shift_factor=math.inf), None),
        (Latent(family="no such family"), None),
    ],
)
def test_the_normalisation_that_a_component_states(
    latent: Latent, expected: Scaling | None
) -> None:
    assert scaling_of(latent) == expected


def test_statistics_keep_the_familys_own_factor() -> None:
    found = scaling_of(Latent(family="playground-v2.5"))
    assert found is not None
    assert (found.scale, len(found.std)) == (pytest.approx(0.5), 4)
    found = scaling_of(Latent(family="cosmos"))
    assert found is not None
    assert (found.scale, len(found.mean), len(found.std)) == (pytest.approx(0.5), 16, 16)


def measured(
    family: str,
    gain: float,
    half: str = "encoder",
    scaled: bool = False,
    latent: Latent | None = None,
) -> MeasuredScaling | None:
    """What is measured of a VAE with that family's first table and that gain on raw latents."""
    row = families()[family]
    table = tuple((r * gain, g * gain, b * gain) for r, g, b in row.rgb_tables[0].factors)
    reading = (
        Reading(None, EncoderFit(table, 1.0, scaled))
        if half == "encoder"
        else Reading(Response(table, scaled), None, contrast=0.3)
    )
    found = match(reading, row.channels, same_shape(*row.shape))
    return measured_scaling(reading, latent or Latent(), found)


@pytest.mark.parametrize("half", ["encoder", "decoder"])
@pytest.mark.parametrize("family", ["sd1", "sdxl", "sd3", "flux1", "cascade-a", "hunyuan-video"])
def test_a_familys_own_factor_is_found_consistent(family: str, half: str) -> None:
    row = families()[family]
    gains = gains_of(row)
    assert gains
    found = measured(family, gains[0], half)
    assert found is not None
    assert (found.half, found.family_constant) == (half, row.scaling_factor)
    assert found.consistent
    assert found.low < found.family_constant < found.high
    assert "consistent" in found.message
    assert "not consistent" not in found.message


def test_an_encoder_tells_a_wrong_factor_and_a_decoder_only_a_gross_one() -> None:
    wrong = measured("sdxl", 0.18215)
    assert wrong is not None
    assert not wrong.consistent
    assert wrong.low < 0.18215 < wrong.high
    assert wrong.message == (
        "scaling factor measured about 0.19 (0.16-0.23) on the encoder, family constant 0.13025: "
        "not consistent: check the VAE's config"
    )
    unsure = measured("sdxl", 0.18215, "decoder")
    assert unsure is not None
    assert unsure.consistent
    assert unsure.high / unsure.low > 2
    gross = measured("sdxl", 0.5, "decoder", latent=Latent(family="sdxl"))
    assert gross is not None
    assert not gross.consistent


@pytest.mark.parametrize(
    ("family", "scaled"),
    [("sd1", True), ("wan21", False), ("flux2", False), ("playground-v2.5", False)],
)
def test_nothing_is_measured_where_there_is_no_single_factor(family: str, scaled: bool) -> None:
    latent = Latent(family=family)
    assert measured(family, 1 / 7, scaled=scaled, latent=latent) is None


def test_nothing_is_measured_of_a_vae_of_unknown_space() -> None:
    reading = Reading(None, EncoderFit(((0.1, 0.1, 0.1),) * 4, 1.0, scaled=False))
    found = match(reading, 4, same_shape(4, 8, 1))
    assert found.certainty == "unknown"
    assert measured_scaling(reading, Latent(), found) is None
