"""The latent of a denoiser follows from its row and its output channels; gaps are found."""

from __future__ import annotations

import pytest

from vaereg.registry.families import families, same_shape
from vaereg.registry.identify.denoiser import block_numbers, latent_of, missing, outputs
from vaereg.registry.identify.view import View

from ...builders import header_of
from .denoiser_headers import Shapes


def view(shapes: Shapes) -> View:
    """A view of tensors with these shapes."""
    return View(header_of(shapes).tensors)


@pytest.mark.parametrize("name", families())
def test_the_latent_of_a_settled_family_is_that_of_the_table(name: str) -> None:
    """Channels, factors and scaling, whether the outputs tell the channels or not."""
    row = families()[name]
    for channels in (None, row.channels):
        latent = latent_of((name,), channels, "header", 0.9)
        assert (latent.family, latent.candidates, latent.determined_by) == (name, (name,), "header")
        shape = (latent.channels, latent.spatial_factor, latent.temporal_factor)
        assert shape == row.shape
        assert (latent.scaling_factor, latent.shift_factor) == (
            row.scaling_factor,
            row.shift_factor,
        )


@pytest.mark.parametrize("name", families())
def test_other_channels_than_the_family_has_settle_nothing(name: str) -> None:
    """Every family of that shape is a candidate, none is named."""
    row = families()[name]
    for channels in (1, 4, 16, 32, 48):
        if channels != row.channels:
            latent = latent_of((name,), channels, "header", 0.9)
            assert (latent.family, latent.determined_by, latent.confidence) == (None, None, 0.0)
            assert latent.candidates == same_shape(
                channels, row.spatial_factor, row.temporal_factor
            )
            assert (latent.channels, latent.scaling_factor) == (channels, None)


def test_several_families_stay_open_until_the_channels_tell() -> None:
    """PixArt may be on SD1's or SDXL's latents; Wan's channels tell 2.1 from 2.2."""
    assert latent_of(("sd1", "sdxl"), 4, "config", 0.9).candidates == ("sd1", "sdxl")
    assert latent_of(("wan21", "wan22"), 48, "config", 0.9).family == "wan22"
    assert latent_of(("wan21", "wan22"), None, "config", 0.9).family is None


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ({"out.weight": (64, 3072), "out.bias": (64,)}, 64),
        ({"out.weight": (64, 3072)}, 64),
        ({"out.weight": (98304, 1), "out.bias": (64,)}, 64),
        ({"out.weight": (98304, 1)}, None),
        ({"out.weight": ()}, None),
        ({}, None),
    ],
)
def test_outputs_of_a_projection(shapes: Shapes, expected: int | None) -> None:
    """The bias tells them even where the weight is packed."""
    assert outputs(view(shapes), "out") == expected


@pytest.mark.parametrize(
    ("numbers", "lost"),
    [([0, 1, 2], ()), ([0, 2], ("blocks.1",)), ([1], ("blocks.0",)), ([], ("blocks.0",))],
)
def test_blocks_stand_without_a_gap(numbers: list[int], lost: tuple[str, ...]) -> None:
    """A block that is not there is named."""
    found = view({f"blocks.{number}.weight": (1,) for number in numbers} | {"x": (1,)})
    assert missing(found, (), "blocks") == lost


def test_absurd_block_numbers_are_no_depth() -> None:
    """A name may hold any digits; they cost nothing and raise nothing."""
    names = [
        "blocks.99999999999999999999.w",
        "blocks.²³.w",
        "blocks.-1.w",
        "blocks.w",
        "blocks.3.w",
    ]
    assert block_numbers(view(dict.fromkeys(names, (1,))), "blocks") == {3}
