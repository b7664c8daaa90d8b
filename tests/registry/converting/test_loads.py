"""What is written loads in the real diffusers, and gives the pictures that its source gave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from tests.probes.vaes import (  # noqa: E402
    described,
    in_ldm,
    in_old_names,
    kl_config,
    latents_like,
    model,
    pictures,
    run,
    save,
)
from tests.registry.converting.cases import converted, raw, write_vae  # noqa: E402
from tests.registry.identify.vae_tiny_headers import taesd  # noqa: E402
from vaereg.registry.errors import UnsupportedFormat  # noqa: E402

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
FLUX2 = {
    "block_out_channels": (32, 32, 32, 64),
    "decoder_block_out_channels": (32, 32, 64, 64),
}


@pytest.fixture(scope="module")
def original():
    """A KL autoencoder of four levels, two blocks each, random numbers."""
    return model("AutoencoderKL", **kl_config(32, 32, 64, 64, layers=2))


def assert_same(one, other, side: int = 32) -> None:
    """Equal pictures and equal latents, up to the order of additions."""
    given = pictures(side, 1)
    with torch.no_grad():
        means = [vae.encode(given).latent_dist.mean for vae in (one, other)]
        latents = latents_like(means[0])
        made = [vae.decode(latents).sample for vae in (one, other)]
    for first, second in (means, made):
        assert (first - second).abs().max() <= 1e-6 * first.abs().max()


def loaded_folder(path: str, name: str = "AutoencoderKL"):
    """As a pipeline would: every tensor must find its place."""
    vae, told = getattr(diffusers, name).from_pretrained(
        path, output_loading_info=True, local_files_only=True
    )
    assert not any(told.values()), told
    return vae.eval()


@pytest.mark.parametrize("spelt", ["diffusers", "ldm", "ldm-linear", "old", "baked"])
def test_every_spelling_into_every_layout(tmp_path: Path, original, spelt: str) -> None:
    state = original.state_dict()
    held = {
        "diffusers": state,
        "ldm": in_ldm(state),
        "ldm-linear": in_ldm(state, rank=2),
        "old": in_old_names(state),
        "baked": {f"first_stage_model.{name}": held for name, held in in_ldm(state).items()},
    }[spelt]
    source = save(tmp_path / "vae.safetensors", held)
    folder = converted(source, tmp_path / "folder", "diffusers", family="sdxl")
    vae = loaded_folder(folder.path)
    assert vae.config.scaling_factor == 0.13025
    assert_same(original, vae)
    for layout in ("ldm", "diffusers"):
        done = converted(source, tmp_path / f"{layout}.safetensors", layout)
        single = diffusers.AutoencoderKL.from_single_file(
            done.path, config=folder.path, local_files_only=True
        )
        assert single.config.scaling_factor == 0.13025
        assert_same(original, single.eval())


@pytest.mark.parametrize("layout", ["ldm", "diffusers"])
def test_our_own_runner_sees_no_difference(tmp_path: Path, layout: str) -> None:
    source = write_vae(
        tmp_path / "vae.safetensors", layout="diffusers" if layout == "ldm" else "ldm"
    )
    done = converted(source, tmp_path / "made.safetensors", layout)
    before, after = run(described(source)), run(described(Path(done.path)))
    latents = torch.randn(1, 4, 8, 8, generator=torch.manual_seed(3))
    assert torch.equal(before.decode(latents), after.decode(latents))
    assert torch.equal(before.encode(pictures(64, 1)), after.encode(pictures(64, 1)))


@pytest.mark.parametrize(("dtype", "torchs"), [("fp16", "float16"), ("bf16", "bfloat16")])
def test_half_types_load_as_torch_would_have_rounded(
    tmp_path: Path, original, dtype: str, torchs: str
) -> None:
    source = save(tmp_path / "vae.safetensors", in_ldm(original.state_dict()))
    done = converted(source, tmp_path / "made", "diffusers", dtype, family="sd1")
    made = loaded_folder(done.path).state_dict()
    for name, value in original.state_dict().items():
        assert torch.equal(made[name].float(), value.to(getattr(torch, torchs)).float()), name


def test_sixteen_channels_and_no_quantisation_layers(tmp_path: Path) -> None:
    config = kl_config(32, 32, 64, 64, layers=2, channels=16, quant=False)
    vae = model("AutoencoderKL", **config)
    source = save(tmp_path / "ae.safetensors", in_ldm(vae.state_dict()))
    done = converted(source, tmp_path / "folder", "diffusers", family="flux1")
    made = loaded_folder(done.path)
    assert (made.config.scaling_factor, made.config.shift_factor) == (0.3611, 0.1159)
    assert_same(vae, made)


def test_flux2_with_its_statistics(tmp_path: Path) -> None:
    vae = model("AutoencoderKLFlux2", **FLUX2)
    state = vae.state_dict()
    torch.nn.init.uniform_(state["bn.running_var"], 0.5, 2)
    places = {"quant_conv": "encoder.", "post_quant_conv": "decoder."}
    held = {
        places.get(name.partition(".")[0], "") + name: value
        for name, value in in_ldm(state).items()
    }
    assert "encoder.quant_conv.weight" in held
    assert "decoder.post_quant_conv.weight" in held
    source = save(tmp_path / "flux2.safetensors", held)
    done = converted(source, tmp_path / "folder", "diffusers")
    made = loaded_folder(done.path, "AutoencoderKLFlux2")
    assert torch.equal(made.bn.running_var, vae.bn.running_var)
    assert_same(vae, made)


TINY = {"latent_channels": 4}


def test_tiny_autoencoders(tmp_path: Path) -> None:
    """ComfyUI's names of both halves become diffusers', which has no layer for the clamp."""
    tiny = model("AutoencoderTiny", **TINY)
    held = {}
    for half in ("encoder", "decoder"):
        for name in taesd(half):
            number, _, rest = name.partition(".")
            place = int(number) - (half == "decoder")
            held[f"taesd_{half}.{name}"] = tiny.state_dict()[f"{half}.layers.{place}.{rest}"]
    held |= {"vae_scale": torch.tensor(0.18215), "vae_shift": torch.tensor(0.0)}
    source = save(tmp_path / "taesd.safetensors", held)
    done = converted(source, tmp_path / "folder", "diffusers")
    assert done.left_out == ("vae_scale", "vae_shift")
    made = loaded_folder(done.path, "AutoencoderTiny")
    assert made.config.scaling_factor == 1.0
    latents = torch.randn(1, 4, 8, 8, generator=torch.manual_seed(3))
    with torch.no_grad():
        assert torch.equal(tiny.decode(latents).sample, made.decode(latents).sample)
        assert torch.equal(
            tiny.encode(pictures(32, 1)).latents, made.encode(pictures(32, 1)).latents
        )
    with pytest.raises(UnsupportedFormat, match="two files"):
        converted(source, tmp_path / "made.safetensors", "ldm")


@pytest.mark.parametrize("half", ["encoder", "decoder"])
@pytest.mark.parametrize("name", ["taesd", "taesdxl"])
def test_the_real_taesd_there_and_back(tmp_path: Path, name: str, half: str) -> None:
    source = SHARED / f"{name}_{half}.safetensors"
    if not source.exists():
        pytest.skip("the folder of shared real weights is not there")
    there = converted(source, tmp_path / "there.safetensors", "diffusers")
    back = converted(Path(there.path), tmp_path / "back.safetensors", "ldm")
    assert raw(Path(back.path)) == raw(source)
    assert there.vae.content == there.source.content
    before, after = run(described(source), (half,)), run(described(Path(there.path)), (half,))
    latents = torch.randn(1, 4, 8, 8, generator=torch.manual_seed(3))
    if half == "decoder":
        assert torch.equal(before.decode(latents), after.decode(latents))
    else:
        assert torch.equal(before.encode(pictures(64, 1)), after.encode(pictures(64, 1)))


def test_a_pooling_tiny_autoencoder_has_one_layout(tmp_path: Path) -> None:
    source = SHARED / "taef2_decoder.pth"
    if not source.exists():
        pytest.skip("the folder of shared real weights is not there")
    with pytest.raises(UnsupportedFormat, match="no diffusers layout"):
        converted(source, tmp_path / "made.safetensors", "diffusers")
    done = converted(source, tmp_path / "made.safetensors", "ldm", "fp32")
    assert done.vae.content == done.source.content


def test_a_diffusers_only_class_keeps_its_config(tmp_path: Path) -> None:
    vae = model("AutoencoderKLWan", base_dim=8, z_dim=16)
    vae.save_pretrained(tmp_path / "wan")
    done = converted(tmp_path / "wan", tmp_path / "made", "diffusers", "fp16")
    made = json.loads((tmp_path / "made/config.json").read_text())
    assert made["base_dim"] == 8
    assert loaded_folder(done.path, "AutoencoderKLWan").config.z_dim == 16
