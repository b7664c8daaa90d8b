"""Pictures decoded in tiles are those decoded whole, and memory never grows beyond a tile."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tests.probes.test_crossing import CPU, DATA, plan_of, written  # noqa: E402
from vaereg.probes.pictures.card import test_card as card  # noqa: E402
from vaereg.probes.runners.catalog import load  # noqa: E402
from vaereg.probes.tiling import OVERLAP, decode_in_tiles  # noqa: E402
from vaereg.registry.measures import VaeFile  # noqa: E402

torch.set_num_threads(1)


def half(file: VaeFile, part: str):
    return load(file, CPU, torch.float32, halves=(part,))


def wall():
    """Five of the card's tiles side by side: 128 x 640 pixels with something everywhere."""
    return torch.cat(list(card()[:5]), 2)[None]


def tiny(name: str, part: str) -> VaeFile:
    path = DATA / f"{name}_{part}.safetensors"
    if not path.exists():
        pytest.skip("the folder of shared real weights is not there")
    return VaeFile(name, str(path), "", "autoencoder-tiny", (part,), 4, None)


def halves(folder: Path, name: str):
    """The encoder and the decoder of a VAE."""
    if name == "closed form":
        vae = written(folder, name, plan_of("sd1"))
        return half(vae, "encoder"), half(vae, "decoder")
    return tuple(half(tiny(name, part), part) for part in ("encoder", "decoder"))


def psnr(differences) -> float:
    return float(-10 * differences.double().square().mean().log10())


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("closed form", {64: (95, 1e-4), 32: (80, 5e-4)}),
        ("taesd", {64: (55, 0.1), 32: (45, 0.3)}),
        ("taesdxl", {64: (60, 0.1)}),
    ],
)
def test_no_seam_shows(tmp_path: Path, name: str, bounds) -> None:
    """The real weights are of madebyollin/taesd, whose decoders look far around themselves."""
    encoder, decoder = halves(tmp_path, name)
    latents = encoder.encode(wall())
    whole = decoder.decode(latents)
    for tile, (least, most) in bounds.items():
        tiled = decode_in_tiles(decoder.decode, latents, decoder.factor, tile)
        assert tiled.shape == whole.shape
        apart = (tiled.clamp(-1, 1) - whole.clamp(-1, 1)).abs() / 2
        assert psnr(apart) > least
        assert apart.max() < most
        # No line stands out where tiles meet.
        assert max(apart.mean((0, 1, 2)).max(), apart.mean((0, 1, 3)).max()) < 0.02


@pytest.mark.parametrize(
    ("height", "width", "tile"),
    [
        (8, 8, 64),
        (64, 64, 64),
        (65, 64, 64),
        (33, 200, 32),
        (17, 47, 32),
        (1, 100, 64),
        (96, 31, 32),
    ],
)
def test_every_size_is_covered_by_tiles_that_are_small(height: int, width: int, tile: int) -> None:
    given = []

    def decode(latents):
        given.append(latents.shape)
        return latents[:, :3].repeat_interleave(8, 2).repeat_interleave(8, 3)

    latents = torch.rand(2, 4, height, width)
    pictures = decode_in_tiles(decode, latents, 8, tile)
    assert torch.allclose(pictures, decode(latents), atol=1e-6)
    assert all(max(shape[2:]) <= tile and len(shape) == 4 and shape[0] == 1 for shape in given[:-1])
    pieces = [max(1, -(-(side - tile) // (tile - OVERLAP)) + 1) for side in (height, width)]
    assert len(given) == 2 * pieces[0] * pieces[1] + 1


def test_what_is_not_finite_stays_where_it_is() -> None:
    latents = torch.zeros(1, 4, 8, 96)
    latents[0, 0, 4, 90] = float("nan")
    pictures = decode_in_tiles(lambda tile: tile[:, :3], latents, 1, 64)
    assert int(pictures.isnan().sum()) == 1
    assert pictures[0, 0, 4, 90].isnan()


def test_what_is_thrown_away_spoils_nothing() -> None:
    """A decoder that overflows along the left edge of whatever it is given."""

    def decode(tile):
        made = tile[:, :3].clone()
        made[..., 0] = float("inf")
        return made

    pictures = decode_in_tiles(decode, torch.zeros(1, 4, 8, 96), 1, 64)
    assert pictures[..., 0].isinf().all()
    assert (pictures[..., 1:] == 0).all()
