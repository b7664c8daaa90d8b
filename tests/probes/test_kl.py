"""KL autoencoders give what diffusers gives for the same weights, in every layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tests.probes import vaes  # noqa: E402
from vaereg.probes.runners import canonical  # noqa: E402
from vaereg.registry.errors import CannotRun  # noqa: E402

CONFIGS = {
    "4 levels, 4 channels": vaes.kl_config(32, 64, 64, 64, layers=2),
    "16 channels, no quant": vaes.kl_config(32, 64, layers=2, channels=16, quant=False),
    "32 channels": vaes.kl_config(64, 32, 96, channels=32),
    "no attention": vaes.kl_config(32, 64) | {"mid_block_add_attention": False},
    "attention at a level": vaes.kl_config(32, 64)
    | {
        "down_block_types": ["DownEncoderBlock2D", "AttnDownEncoderBlock2D"],
        "up_block_types": ["AttnUpDecoderBlock2D", "UpDecoderBlock2D"],
    },
}


def assert_same(mine, model, tolerance: float = 1e-4) -> None:
    """Encode and decode as the model of diffusers does."""
    given = vaes.pictures()
    with torch.no_grad():
        means = model.encode(given).latent_dist.mean
        latents = vaes.latents_like(means)
        wanted = model.decode(latents).sample
    assert (mine.encode(given) - means).abs().max() < tolerance
    assert (mine.decode(latents) - wanted).abs().max() < tolerance


@pytest.mark.parametrize("config", CONFIGS.values(), ids=list(CONFIGS))
@pytest.mark.parametrize("layout", ["ldm", "diffusers"])
def test_runs_as_diffusers_does(tmp_path: Path, config: dict, layout: str) -> None:
    model = vaes.model("AutoencoderKL", **config)
    if layout == "diffusers":
        model.save_pretrained(tmp_path / "vae")
        path = tmp_path / "vae"
    else:
        path = vaes.save(tmp_path / "vae.safetensors", vaes.in_ldm(model.state_dict()))
    mine = vaes.run(vaes.described(path))
    assert (mine.channels, mine.factor) == (
        config["latent_channels"],
        2 ** (len(config["block_out_channels"]) - 1),
    )
    assert (mine.scaled, mine.has_encoder, mine.has_decoder) == (False, True, True)
    assert_same(mine, model)


@pytest.mark.parametrize("rank", [2, 3, 4])
@pytest.mark.parametrize("name", ["model.safetensors", "model.ckpt"])
def test_any_container_and_attention_of_any_rank(tmp_path: Path, name: str, rank: int) -> None:
    model = vaes.small_kl()
    state = vaes.in_ldm(model.state_dict(), rank) | {"loss.logvar": torch.zeros(1)}
    assert_same(vaes.run(vaes.described(vaes.save(tmp_path / name, state))), model)


def test_attention_names_of_old_diffusers(tmp_path: Path) -> None:
    model = vaes.small_kl()
    path = vaes.save(tmp_path / "v.safetensors", vaes.in_old_names(model.state_dict()))
    assert_same(vaes.run(vaes.described(path)), model)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_files_run_in_full_precision(tmp_path: Path, dtype) -> None:
    rounded = vaes.model("AutoencoderKL", **vaes.kl_config(32, 64)).to(dtype).float()
    path = vaes.save(tmp_path / "v.safetensors", vaes.in_ldm(rounded.state_dict()), dtype)
    assert_same(vaes.run(vaes.described(path)), rounded)


def test_flux2_with_a_decoder_of_other_widths(tmp_path: Path) -> None:
    """The statistics beside it are the checkpoint's normalisation and no part of the network."""
    config = {
        "block_out_channels": (64, 64, 64, 64),
        "decoder_block_out_channels": (32, 64, 32, 64),
        "layers_per_block": 1,
    }
    model = vaes.model("AutoencoderKLFlux2", **config)
    model.save_pretrained(tmp_path / "vae")
    mine = vaes.run(vaes.described(tmp_path / "vae"))
    assert (mine.channels, mine.factor) == (32, 8)
    assert_same(mine, model)


def test_asymmetric_decoder_without_its_mask_branch(tmp_path: Path) -> None:
    config = {
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
        "down_block_out_channels": (32, 64),
        "up_block_out_channels": (32, 96),
        "layers_per_down_block": 1,
        "layers_per_up_block": 3,
    }
    model = vaes.model("AsymmetricAutoencoderKL", **config)
    path = vaes.save(tmp_path / "v.safetensors", model.state_dict())
    assert_same(vaes.run(vaes.as_kl(path)), model)


def test_vae_in_a_checkpoint_whose_other_tensors_cannot_be_read(tmp_path: Path) -> None:
    model = vaes.small_kl()
    held = {f"first_stage_model.{name}": it for name, it in vaes.in_ldm(model.state_dict()).items()}
    held["model.diffusion_model.x"] = torch.zeros(4, dtype=torch.complex64)
    path = vaes.save(tmp_path / "checkpoint.safetensors", held)
    vae = vaes.as_kl(path)
    vae = type(vae)(
        vae.name, vae.path, "first_stage_model.", *[vae.architecture, vae.parts, 4], None
    )
    assert_same(vaes.run(vae), model)


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_one_half_alone(tmp_path: Path, half: str) -> None:
    model = vaes.small_kl()
    own = (half, {"encoder": "quant_conv", "decoder": "post_quant_conv"}[half])
    state = {
        name: it for name, it in vaes.in_ldm(model.state_dict()).items() if name.startswith(own)
    }
    mine = vaes.run(vaes.described(vaes.save(tmp_path / "v.safetensors", state)))
    assert (mine.has_encoder, mine.has_decoder) == (half == "encoder", half == "decoder")
    given = vaes.pictures() if half == "encoder" else torch.zeros(1, 4, 4, 4)
    other = mine.decode if half == "encoder" else mine.encode
    assert (mine.encode if half == "encoder" else mine.decode)(given).shape[2] in (16, 8)
    with pytest.raises(CannotRun, match=r"has no (encoder|decoder)"):
        other(given)


def test_the_half_that_is_not_asked_for_is_not_read(tmp_path: Path) -> None:
    state = vaes.in_ldm(vaes.small_kl().state_dict())
    state["encoder.conv_in.weight"] = torch.zeros(1)
    path = vaes.save(tmp_path / "v.safetensors", state)
    assert vaes.run(vaes.as_kl(path), ("decoder",)).has_decoder
    with pytest.raises(CannotRun, match=r"encoder\.conv_in\.weight has the shape \[1\]"):
        vaes.run(vaes.as_kl(path))


def _eight_wide(groups: int):
    return vaes.model("AutoencoderKL", **vaes.kl_config(8, 16), norm_num_groups=groups)


@pytest.mark.parametrize(
    "metadata",
    [
        {"norm_num_groups": "2"},
        {"config": json.dumps({"norm_num_groups": 2})},
        {"vae_config": json.dumps({"norm_num_groups": 2})},
    ],
)
def test_group_count_beside_the_weights(tmp_path: Path, metadata: dict) -> None:
    model = _eight_wide(2)
    path = vaes.save(tmp_path / "v.safetensors", vaes.in_ldm(model.state_dict()), None, metadata)
    assert_same(vaes.run(vaes.described(path)), model)
    model.save_pretrained(tmp_path / "vae")
    assert_same(vaes.run(vaes.described(tmp_path / "vae")), model)


@pytest.mark.parametrize("said", [None, "many", "0", "3", "99999999999999999999"])
def test_unknown_group_count_is_refused(tmp_path: Path, said: str | None) -> None:
    metadata = {} if said is None else {"norm_num_groups": said}
    path = vaes.save(
        tmp_path / "v.safetensors", vaes.in_ldm(_eight_wide(2).state_dict()), None, metadata
    )
    with pytest.raises(CannotRun, match="norm_num_groups"):
        vaes.run(vaes.as_kl(path))


MID = "decoder.mid.block_1.conv1.weight"
DAMAGE = {
    "missing": (lambda state: state.pop(MID), f"it lacks {MID}"),
    "missing bias": (
        lambda state: state.pop("decoder.up.0.block.1.norm2.bias"),
        r"it lacks decoder\.up\.0\.block\.1\.norm2\.bias",
    ),
    "missing level": (
        lambda state: [state.pop(name) for name in list(state) if "down.0.block" in name],
        r"it lacks encoder\.down\.0\.block\.0\.conv1\.weight",
    ),
    "no decoder left": (
        lambda state: [state.pop(name) for name in list(state) if "decoder.up" in name],
        "no decoder of levels and blocks",
    ),
    "shape": (
        lambda state: state.update({MID: torch.zeros(64, 32, 3, 3)}),
        rf"{MID} has the shape \[64, 32, 3, 3\] where \[64, 64, 3, 3\] fits",
    ),
    "rank": (lambda state: state.update({MID: torch.zeros(64)}), r"has the shape \[64\]"),
    "empty": (lambda state: state.update({MID: torch.zeros(0, 64, 3, 3)}), "has the shape"),
    "packed": (
        lambda state: state.update({MID: torch.zeros(64, 64, 3, 3, dtype=torch.int8)}),
        "quantised .*int8",
    ),
    "scaled": (
        lambda state: state.update({MID.replace("weight", "weight_scale"): torch.ones(1)}),
        "quantised",
    ),
    "strange": (
        lambda state: state.update({"decoder.up.0.gate.weight": torch.zeros(1)}),
        r"decoder\.up\.0\.gate\.weight has no place",
    ),
    "halves": (
        lambda state: state.update(
            {
                "post_quant_conv.weight": torch.zeros(4, 5, 1, 1),
                "post_quant_conv.bias": torch.ones(4),
            }
        ),
        "not of one VAE",
    ),
    "moments": (
        lambda state: state.update({"quant_conv.weight": torch.zeros(7, 8, 1, 1)}),
        "7 moments",
    ),
    "sound": (
        lambda state: state.update({"encoder.conv_in.weight": torch.zeros(32, 1, 3, 3)}),
        "not of one VAE",
    ),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGE.values(), ids=list(DAMAGE))
def test_damage_is_told_in_a_sentence(tmp_path: Path, damage, words: str) -> None:
    state = vaes.in_ldm(vaes.small_kl().state_dict())
    damage(state)
    path = vaes.save(tmp_path / "worn.safetensors", state)
    with pytest.raises(CannotRun, match=words) as caught:
        vaes.run(vaes.as_kl(path))
    assert caught.value.message.startswith("worn.safetensors cannot be run: ")
    assert caught.value.hint


def test_nan_comes_out_as_nan(tmp_path: Path) -> None:
    state = vaes.in_ldm(vaes.small_kl().state_dict())
    state[MID] = torch.full_like(state[MID], float("nan"))
    mine = vaes.run(vaes.as_kl(vaes.save(tmp_path / "v.safetensors", state)))
    assert mine.decode(torch.zeros(1, 4, 4, 4)).isnan().all()
    assert mine.encode(vaes.pictures()).isfinite().all()


def test_giants_are_refused_before_they_are_read(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(canonical, "LARGEST", 1000)
    path = vaes.save(tmp_path / "v.safetensors", vaes.in_ldm(vaes.small_kl().state_dict()))
    with pytest.raises(CannotRun, match="more parameters than any VAE"):
        vaes.run(vaes.as_kl(path))


def test_watched_blocks_have_canonical_names(tmp_path: Path) -> None:
    vaes.small_kl().save_pretrained(tmp_path / "vae")
    mine = vaes.run(vaes.described(tmp_path / "vae"))
    largest: dict[str, float] = {}
    with mine.watched(lambda name, made: largest.update({name: made.abs().max().item()})):
        mine.decode(torch.ones(1, 4, 4, 4))
    expected = {
        "post_quant_conv",
        "decoder.conv_in",
        "decoder.mid.attn_1.q",
        "decoder.up.1.block.0.conv1",
        "decoder.up.0.block.1",
        "decoder.up.1.upsample.conv",
        "decoder.conv_out",
    }
    assert expected <= set(largest)
    assert not any(name.startswith("encoder") for name in largest)
    heard = len(largest)
    mine.decode(torch.ones(1, 4, 4, 4))
    assert len(largest) == heard
