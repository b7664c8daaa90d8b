"""The test card is the same everywhere and rich enough to judge by."""

from __future__ import annotations

import hashlib

import pytest

torch = pytest.importorskip("torch")

from vaereg.probes.pictures import card  # noqa: E402
from vaereg.probes.pictures.pixels import unit_range, variety  # noqa: E402


@pytest.fixture(scope="module")
def pictures():
    return card.test_card()


def test_the_card_is_eight_pictures_of_the_same_bits_everywhere(pictures) -> None:
    assert pictures.shape == (8, 3, 128, 128)
    assert pictures.dtype == torch.float32
    levels = (pictures + 1) * 127.5
    assert torch.equal(levels.round(), levels.double().round().float())
    digest = hashlib.sha256(levels.round().byte().numpy().tobytes()).hexdigest()
    assert digest == "ad7445fa2d6cd37c39557a5e635f7df58e176afa8618d28b5ad4fe28b187d21f"


def test_every_tile_has_luma_and_chroma_that_can_correlate(pictures) -> None:
    for tile in pictures:
        luma, chroma = variety(tile.unsqueeze(0))
        assert luma > 0.05
        assert chroma > 0.04


def test_there_is_room_for_a_decoder_that_exaggerates(pictures) -> None:
    plain = unit_range(pictures)
    assert ((plain < 0.02) | (plain > 0.98)).double().mean() < 0.01
    assert plain.min() < 0.1
    assert plain.max() > 0.9
