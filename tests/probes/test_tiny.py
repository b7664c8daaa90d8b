"""Tiny autoencoders give what their releases give, in every layout."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from tests.probes import vaes  # noqa: E402
from tests.registry.identify import vae_tiny_headers as headers  # noqa: E402
from vaereg.registry.errors import CannotRun  # noqa: E402
from vaereg.registry.measures import VaeFile  # noqa: E402

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
HALVES = ("encoder", "decoder")


def filled(shapes: dict, seed: int = 0) -> dict:
    """Random weights that keep the signal's size."""
    torch.manual_seed(seed)
    return {
        name: torch.randn(shape) * (0.5 / max(1, torch.Size(shape[1:]).numel()) ** 0.5)
        for name, shape in shapes.items()
    }


def numbered(state: dict, half: str) -> dict:
    """One half of an AutoencoderTiny as its original file has it."""
    shift = half == "decoder"
    found = {re.match(rf"{half}\.layers\.(\d+)\.(.+)", name): it for name, it in state.items()}
    return {f"{int(name[1]) + shift}.{name[2]}": it for name, it in found.items() if name}


def written(folder: Path, state: dict, layout: str) -> list[VaeFile]:
    """The files of a layout: one, or one a half."""
    halves = {half: numbered(state, half) for half in HALVES}
    if layout == "diffusers":
        return [vaes.described(vaes.save(folder / "v.safetensors", state))]
    if layout == "comfyui":
        packed = {
            f"taesd_{half}.{name}": it for half, held in halves.items() for name, it in held.items()
        }
        packed |= {"vae_scale": torch.ones(()), "vae_shift": torch.zeros(())}
        return [vaes.described(vaes.save(folder / "v.safetensors", packed))]
    suffix = {"original": "safetensors", "pickle": "ckpt"}[layout]
    return [
        vaes.described(vaes.save(folder / f"{half}.{suffix}", held))
        for half, held in halves.items()
    ]


@pytest.mark.parametrize("channels", [4, 16])
@pytest.mark.parametrize("layout", ["diffusers", "original", "pickle", "comfyui"])
def test_runs_as_diffusers_does(tmp_path: Path, layout: str, channels: int) -> None:
    model = vaes.model("AutoencoderTiny", latent_channels=channels)
    files = written(tmp_path, model.state_dict(), layout)
    given = vaes.pictures(64)
    with torch.no_grad():
        latents = model.encode(given).latents
        wanted = model.decode(latents * 9).sample
    encoder, decoder = vaes.run(files[0]), vaes.run(files[-1])
    assert (encoder.channels, encoder.factor, encoder.scaled) == (channels, 8, True)
    assert (encoder.encode(given) - latents).abs().max() < 1e-5
    assert (decoder.decode(latents * 9) - wanted).abs().max() < 1e-5
    assert encoder.has_decoder == (len(files) == 1)


def test_fewer_blocks_and_levels(tmp_path: Path) -> None:
    model = vaes.model(
        "AutoencoderTiny",
        encoder_block_out_channels=(16, 16, 16),
        decoder_block_out_channels=(16, 16, 16),
        num_encoder_blocks=(1, 2, 2),
        num_decoder_blocks=(2, 2, 1),
    )
    path = vaes.save(tmp_path / "v.safetensors", model.state_dict())
    vae = VaeFile("tiny", str(path), "", "autoencoder-tiny", HALVES, 4, None)
    mine, given = vaes.run(vae), vaes.pictures()
    with torch.no_grad():
        latents = model.encode(given).latents
    assert mine.factor == 4
    assert (mine.encode(given) - latents).abs().max() < 1e-5
    with torch.no_grad():
        assert (mine.decode(latents) - model.decode(latents).sample).abs().max() < 1e-5


def _block(x, state: dict, stem: str):
    """A block of TAESD, written out."""
    if f"{stem}.pool.0.weight" in state:
        pool = F.conv2d(x, state[f"{stem}.pool.0.weight"])
        pool = F.group_norm(pool, 4, state[f"{stem}.pool.1.weight"], state[f"{stem}.pool.1.bias"])
        x = x + F.conv2d(pool.relu(), state[f"{stem}.pool.3.weight"])
    made = _chain(x, state, stem)
    return (made + x).relu()


def _chain(made, state: dict, stem: str):
    for step in (0, 2, 4):
        made = F.conv2d(
            made.relu() if step else made,
            state[f"{stem}.conv.{step}.weight"],
            state[f"{stem}.conv.{step}.bias"],
            padding=1,
        )
    return made


def _conv(x, state: dict, stem: str, stride: int = 1):
    return F.conv2d(x, state[f"{stem}.weight"], state.get(f"{stem}.bias"), stride, 1)


def _decoded(state: dict, latents, levels: int):
    """The decoder of madebyollin/taesd taesd.py, written out."""
    x = _conv((latents / 3).tanh() * 3, state, "1").relu()
    for level in range(levels):
        for block in range(3):
            x = _block(x, state, f"{3 + 5 * level + block}")
        x = F.interpolate(x, scale_factor=2)
        x = _conv(x, state, f"{7 + 5 * level}")
    return _conv(_block(x, state, f"{3 + 5 * levels}"), state, f"{4 + 5 * levels}")


def test_f32_of_sana(tmp_path: Path) -> None:
    encoder, decoder = (filled(headers.taesana(half)) for half in HALVES)
    mine = [
        vaes.run(vaes.described(vaes.save(tmp_path / f"{half}.safetensors", state)))
        for half, state in zip(HALVES, (encoder, decoder), strict=True)
    ]
    assert [vae.factor for vae in mine] == [32, 32]
    given = vaes.pictures(64)
    x = _conv(given / 2 + 0.5, encoder, "0", 2).relu()
    x = _block(_conv(x, encoder, "2", 2).relu(), encoder, "4")
    for first in (5, 9, 13):
        x = _conv(x, encoder, str(first), 2)
        for block in range(1, 4):
            x = _block(x, encoder, str(first + block))
    assert (mine[0].encode(given) - _conv(x, encoder, "17")).abs().max() < 1e-5
    latents = torch.randn(1, 32, 2, 2)
    assert (mine[1].decode(latents) - (_decoded(decoder, latents, 5) * 2 - 1)).abs().max() < 1e-5


def test_f16_of_qwen_packs_rgba_pixels(tmp_path: Path) -> None:
    encoder, decoder = (filled(headers.taeqi21(half)) for half in HALVES)
    mine = [
        vaes.run(vaes.described(vaes.save(tmp_path / f"{half}.safetensors", state)))
        for half, state in zip(HALVES, (encoder, decoder), strict=True)
    ]
    assert [(vae.factor, vae.channels) for vae in mine] == [(16, 64)] * 2
    latents = torch.randn(1, 64, 2, 2)
    wanted = F.pixel_shuffle(_decoded(decoder, latents, 3), 2)[:, :3] * 2 - 1
    assert (mine[1].decode(latents) - wanted).abs().max() < 1e-5
    given = vaes.pictures(32)
    opaque = torch.cat((given / 2 + 0.5, torch.ones(2, 1, 32, 32)), 1)
    x = _block(_conv(F.pixel_unshuffle(opaque, 2), encoder, "1").relu(), encoder, "3")
    for first in (4, 8, 12):
        x = _conv(x, encoder, str(first), 2)
        for block in range(1, 4):
            x = _block(x, encoder, str(first + block))
    assert (mine[0].encode(given) - _conv(x, encoder, "16")).abs().max() < 1e-5


def test_pooling_branch_of_flux2(tmp_path: Path) -> None:
    state = filled(headers.taef2("decoder"))
    mine = vaes.run(vaes.described(vaes.save(tmp_path / "d.safetensors", state)))
    latents = torch.randn(1, 32, 4, 4)
    assert (mine.decode(latents) - (_decoded(state, latents, 3) * 2 - 1)).abs().max() < 1e-5


def _remembering(x, state: dict, stem: str):
    """A block with memory over [frames, C, h, w]: the frame before, zeros before the first."""
    before = torch.cat((torch.zeros_like(x[:1]), x[:-1]))
    return (_chain(torch.cat((x, before), 1), state, stem) + x).relu()


@pytest.mark.parametrize(("channels", "images", "patch"), [(16, 3, 1), (48, 12, 2)])
def test_taehv_with_one_frame(tmp_path: Path, channels: int, images: int, patch: int) -> None:
    """madebyollin/taehv taehv.py: four equal frames in; the last of the frames out."""
    state = filled(headers.taehv(channels, images))
    mine = vaes.run(vaes.described(vaes.save(tmp_path / "taehv.safetensors", state)))
    assert (mine.channels, mine.factor, mine.scaled) == (channels, 8 * patch, True)
    given = vaes.pictures(32, 1)
    x = F.pixel_unshuffle((given / 2 + 0.5).repeat(4, 1, 1, 1), patch)
    x = _conv(x, state, "encoder.0").relu()
    for first in (2, 7, 12):
        time = state[f"encoder.{first}.conv.weight"]
        x = F.conv2d(x.reshape(-1, time.shape[1], *x.shape[2:]), time)
        x = _conv(x, state, f"encoder.{first + 1}", 2)
        for block in range(2, 5):
            x = _remembering(x, state, f"encoder.{first + block}")
    latents = _conv(x, state, "encoder.17")
    assert latents.shape[0] == 1
    assert (mine.encode(given) - latents).abs().max() < 1e-5
    x = _conv((latents / 3).tanh() * 3, state, "decoder.1").relu()
    for first in (3, 9, 15):
        for block in range(3):
            x = _remembering(x, state, f"decoder.{first + block}")
        x = F.interpolate(x, scale_factor=2)
        time = state[f"decoder.{first + 4}.conv.weight"]
        x = F.conv2d(x, time).reshape(-1, time.shape[1], *x.shape[2:])
        x = _conv(x, state, f"decoder.{first + 5}")
    frames = F.pixel_shuffle(_conv(x.relu(), state, "decoder.22"), patch) * 2 - 1
    assert frames.shape[0] == 4
    assert (mine.decode(latents) - frames[-1:]).abs().max() < 1e-5
    two = torch.cat((given, given.flip(3)))
    assert (mine.encode(two)[:1] - latents).abs().max() < 1e-5


HOSTILE = {
    "missing layer": (lambda state: state.pop("12.weight"), "no known order"),
    "missing tensor": (
        lambda state: state.pop("8.conv.2.bias"),
        r"lacks decoder\.8\.conv\.2\.bias",
    ),
    "shape": (
        lambda state: state.update({"8.conv.2.weight": torch.zeros(64, 32, 3, 3)}),
        r"decoder\.8\.conv\.2\.weight has the shape",
    ),
    "strange": (lambda state: state.update({"8.gate.weight": torch.zeros(1)}), "has no place"),
    "outputs": (
        lambda state: state.update({"19.weight": torch.zeros(5, 64, 3, 3)}),
        "5 channels are no packed pictures",
    ),
    "far number": (lambda state: state.update({"99.weight": torch.zeros(1)}), "no known order"),
}


@pytest.mark.parametrize(("damage", "words"), HOSTILE.values(), ids=list(HOSTILE))
def test_damage_is_told_in_a_sentence(tmp_path: Path, damage, words: str) -> None:
    state = filled(headers.taesd("decoder"))
    damage(state)
    path = vaes.save(tmp_path / "v.safetensors", state)
    vae = VaeFile("worn", str(path), "", "autoencoder-tiny", ("decoder",), 4, None)
    with pytest.raises(CannotRun, match=words):
        vaes.run(vae)


def test_other_activations_are_refused(tmp_path: Path) -> None:
    vaes.model("AutoencoderTiny", act_fn="gelu").save_pretrained(tmp_path / "v")
    with pytest.raises(CannotRun, match="act_fn"):
        vaes.run(vaes.described(tmp_path / "v"))


def _real(name: str) -> VaeFile:
    path = DATA / name
    if not path.exists():
        pytest.skip("the folder of real tiny autoencoders is not there")
    return vaes.described(path)


def _card():
    """A picture of smooth colours with an edge, [1, 3, 128, 128] in [-1, 1]."""
    ramp = torch.linspace(-0.8, 0.8, 128)
    red, green = ramp.expand(128, 128), ramp[:, None].expand(128, 128)
    blue = torch.where(ramp.expand(128, 128) > 0, 0.7, -0.5)
    return torch.stack((red, green, blue))[None]


@pytest.mark.parametrize(
    ("stem", "suffix"), [("taesd", "safetensors"), ("taesdxl", "safetensors"), ("taef2", "pth")]
)
def test_real_weights_give_the_picture_back(stem: str, suffix: str) -> None:
    encoder = vaes.run(_real(f"{stem}_encoder.{suffix}"))
    decoder = vaes.run(_real(f"{stem}_decoder.{suffix}"))
    latents = encoder.encode(_card())
    assert 0.3 < latents.std() < 1.5
    error = (decoder.decode(latents) - _card()).square().mean()
    assert 10 * torch.log10(4 / error) > 25


def test_real_weights_run_as_diffusers_does() -> None:
    from safetensors.torch import load_file

    model = vaes.model("AutoencoderTiny")
    state = {}
    for half in HALVES:
        files = load_file(_real(f"taesd_{half}.safetensors").path)
        for name, tensor in files.items():
            number, _, rest = name.partition(".")
            place = int(number) - (half == "decoder")
            state[f"{half}.layers.{place}.{rest}"] = tensor.float()
    model.load_state_dict(state)
    with torch.no_grad():
        latents = model.encode(_card()).latents
        wanted = model.decode(latents).sample
    assert (
        vaes.run(_real("taesd_encoder.safetensors")).encode(_card()) - latents
    ).abs().max() < 1e-5
    assert (
        vaes.run(_real("taesd_decoder.safetensors")).decode(latents) - wanted
    ).abs().max() < 1e-5
