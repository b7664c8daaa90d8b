"""VAEs run by diffusers' classes: from folders, from their releases' layouts, one frame."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tests.probes import vaes  # noqa: E402
from tests.probes.diffusers_cases import BOTH, DC, EIGHTS, HUNYUAN, SMALL, WAN_22  # noqa: E402
from tests.registry.identify import vae_headers, vae_originals  # noqa: E402
from vaereg.probes.runners import catalog, through_diffusers  # noqa: E402
from vaereg.probes.runners.published import RECIPES  # noqa: E402
from vaereg.registry.errors import CannotRun, MissingDependency  # noqa: E402
from vaereg.registry.measures import VaeFile  # noqa: E402

CASES = [(name, *row) for name, rows in SMALL.items() for row in rows]


def channels_of(model) -> int:
    config = model.config
    return next(config[key] for key in ("z_dim", "z_channels", "latent_channels") if key in config)


def wanted(model, given, video: bool):
    """What the class itself makes of pictures, and of their latents."""
    if model.config.get("in_channels", model.config.get("input_channels")) == 4:
        given = torch.cat((given, torch.ones_like(given[:, :1])), 1)
    with torch.no_grad():
        made = model.encode(given.unsqueeze(2) if video else given)
        if hasattr(made, "latent_dist"):
            latents = made.latent_dist.mode()
        else:
            latents = made.latents if hasattr(made, "latents") else made.latent
        extras = {"num_frames": 1} if "Temporal" in type(model).__name__ else {}
        if model.config.get("timestep_conditioning"):
            extras["temb"] = torch.full((len(given),), 0.05)
        torch.manual_seed(0)
        decoded = model.decode(latents, **extras).sample
    return (latents[:, :, 0], decoded[:, :3, 0]) if video else (latents, decoded[:, :3])


def assert_same(mine, model, video: bool) -> None:
    """One frame is encoded and decoded as the class itself does."""
    given = vaes.pictures(64, 1)
    latents, decoded = wanted(model, given, video)
    assert latents.shape[-1] * mine.factor == 64
    assert mine.channels == latents.shape[1]
    assert (mine.encode(given) - latents).abs().max() < 1e-4
    assert (mine.decode(latents) - decoded).abs().max() < 1e-4 * max(1, decoded.abs().max())


def test_every_recipe_is_tried() -> None:
    assert set(SMALL) == set(RECIPES) <= set(catalog.RUNNERS)


@pytest.mark.parametrize(
    ("architecture", "name", "config"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES]
)
def test_folder_with_its_config(tmp_path: Path, architecture: str, name: str, config: dict) -> None:
    model = vaes.model(name, **config)
    model.save_pretrained(tmp_path / "vae")
    vae = VaeFile("v", str(tmp_path / "vae"), "", architecture, BOTH, channels_of(model), None)
    mine = vaes.run(vae)
    assert not mine.scaled
    assert_same(mine, model, RECIPES[architecture].video)
    latents = torch.randn(1, mine.channels, 4, 4)
    names: list[str] = []
    with mine.watched(lambda name, made: names.append(name)):
        both = mine.decode(latents)
    assert any(name.startswith("decoder.") for name in names)
    decoder = vaes.run(vae, ("decoder",))
    assert not decoder.has_encoder
    assert torch.equal(decoder.decode(latents), both)


def names_of(name: str, original: dict) -> dict[str, str]:
    """diffusers' name -> the release's, for a layout that keeps the order of tensors."""
    return dict(zip(vae_headers.diffusers(name), original, strict=True))


def ldm_names(name: str) -> dict[str, str]:
    return names_of(name, vae_originals.ldm(vae_headers.diffusers(name)))


def svd_names() -> dict[str, str]:
    kept = [name for name in vae_headers.diffusers("svd") if "quant_conv" not in name]
    return dict(zip(kept, vae_originals.svd_ldm(), strict=True))


def ltx2_names() -> dict[str, str]:
    return names_of("ltx2", vae_originals.ltx("ltx2"))


def ltx_names() -> dict[str, str]:
    """A shortcut is a plain convolution there: Lightricks/LTX-Video causal_conv3d and resnets."""
    return {
        old: new.replace("conv_shortcut.conv.", "conv_shortcut.")
        for old, new in names_of("ltx-0.9.0", vae_originals.ltx("ltx-0.9.0")).items()
    }


ORIGINALS = {
    "wan21": (
        "autoencoder-kl-wan",
        "AutoencoderKLWan",
        {"base_dim": 8},
        lambda: names_of("wan21", vae_originals.wan21()),
    ),
    "qwen-rgba": (
        "autoencoder-kl-wan",
        "AutoencoderKLQwenImage",
        {"base_dim": 8, "input_channels": 4},
        lambda: names_of("wan21", vae_originals.wan21()),
    ),
    "wan22": (
        "autoencoder-kl-wan",
        "AutoencoderKLWan",
        WAN_22,
        lambda: names_of("wan22", vae_originals.wan22()),
    ),
    "hunyuan-video": (
        "autoencoder-kl-hunyuan-video",
        "AutoencoderKLHunyuanVideo",
        HUNYUAN | {"layers_per_block": 2},
        lambda: ldm_names("hunyuan-video"),
    ),
    "svd": (
        "autoencoder-kl-temporal-decoder",
        "AutoencoderKLTemporalDecoder",
        {"block_out_channels": (32,) * 4, "layers_per_block": 2}
        | {"down_block_types": ["DownEncoderBlock2D"] * 4},
        svd_names,
    ),
    "ltx": (
        "autoencoder-kl-ltx-video",
        "AutoencoderKLLTXVideo",
        {"block_out_channels": (8, 16, 32, 32), "decoder_block_out_channels": (8, 16, 32, 32)},
        ltx_names,
    ),
    "ltx2": (
        "autoencoder-kl-ltx2-video",
        "AutoencoderKLLTX2Video",
        {"block_out_channels": EIGHTS, "decoder_block_out_channels": (16, 32, 64)},
        ltx2_names,
    ),
}


@pytest.mark.parametrize(
    ("architecture", "name", "config", "names"), ORIGINALS.values(), ids=list(ORIGINALS)
)
def test_layout_of_the_release(
    tmp_path: Path, monkeypatch, architecture: str, name: str, config: dict, names
) -> None:
    """The published network with small widths, under the names of its release."""
    recipe = RECIPES[architecture]
    if recipe.measure is None:
        recipe = replace(recipe, configs=(config,))
    monkeypatch.setitem(catalog.RUNNERS, architecture, through_diffusers.builder(recipe))
    model, spelt = vaes.model(name, **config), names()
    if recipe.bare:
        model.quant_conv = torch.nn.Identity()
    state = {spelt[name]: tensor for name, tensor in model.state_dict().items()}
    path = vaes.save(tmp_path / "v.safetensors", state)
    vae = VaeFile("v", str(path), "", architecture, BOTH, channels_of(model), None)
    assert_same(vaes.run(vae), model, recipe.video)


def test_dc_ae_as_its_authors_release_it(tmp_path: Path, monkeypatch) -> None:
    """Query, key and value are one convolution there: mit-han-lab/efficientvit."""
    recipe = replace(RECIPES["autoencoder-dc"], configs=(DC,))
    monkeypatch.setitem(catalog.RUNNERS, "autoencoder-dc", through_diffusers.builder(recipe))
    model = vaes.model("AutoencoderDC", **DC)
    names = vae_headers.renamed(
        {name: tuple(it.shape) for name, it in model.state_dict().items()},
        *DC_NAMES,
    )
    state: dict = {}
    for new, tensor in zip(names, model.state_dict().values(), strict=True):
        if new.endswith((".to_q.weight", ".to_k.weight", ".to_v.weight")):
            joined = new[:-12] + ".qkv.conv.weight"
            tensor = torch.cat((state[joined].flatten(1), tensor)) if joined in state else tensor
            state[joined] = tensor[:, :, None, None]
        elif new.endswith(".to_out.weight"):
            state[new.replace(".to_out.", ".proj.conv.")] = tensor[:, :, None, None]
        else:
            state[new] = tensor
    path = vaes.save(tmp_path / "v.safetensors", state)
    vae = VaeFile("v", str(path), "", "autoencoder-dc", BOTH, 8, None)
    assert_same(vaes.run(vae), model, False)


DC_NAMES = (
    (r"^(\w+)\.(down|up)_blocks\.", r"\1.stages."),
    (r"\.attn\.norm_out\.", ".context_module.main.proj.norm."),
    (r"\.attn\.to_qkv_multiscale\.0\.proj_in\.", ".context_module.main.aggreg.0.0."),
    (r"\.attn\.to_qkv_multiscale\.0\.proj_out\.", ".context_module.main.aggreg.0.1."),
    (r"\.attn\.", ".context_module.main."),
    (r"\.conv_out\.conv_inverted\.", ".local_module.main.inverted_conv.conv."),
    (r"\.conv_out\.conv_depth\.", ".local_module.main.depth_conv.conv."),
    (r"\.conv_out\.conv_point\.", ".local_module.main.point_conv.conv."),
    (r"\.conv_out\.norm\.", ".local_module.main.point_conv.norm."),
    (r"(stages\.\d\.\d)\.conv1\.", r"\1.main.conv1.conv."),
    (r"(stages\.\d\.\d)\.conv2\.", r"\1.main.conv2.conv."),
    (r"(stages\.\d\.\d)\.norm\.", r"\1.main.conv2.norm."),
    (r"(stages\.\d\.\d)\.conv\.", r"\1.main.conv.conv."),
    (r"^encoder\.conv_in\.", "encoder.project_in.conv."),
    (r"^encoder\.conv_out\.", "encoder.project_out.main.0.conv."),
    (r"^decoder\.conv_in\.", "decoder.project_in.main.conv."),
    (r"^decoder\.norm_out\.", "decoder.project_out.main.0."),
    (r"^decoder\.conv_out\.", "decoder.project_out.main.2.conv."),
)


@pytest.fixture
def wan(tmp_path: Path) -> tuple[dict, Path]:
    model = vaes.model("AutoencoderKLWan", base_dim=8, z_dim=4)
    return dict(model.state_dict()), tmp_path / "v.safetensors"


def _run(state: dict, path: Path):
    vaes.save(path, state)
    return vaes.run(VaeFile("worn", str(path), "", "autoencoder-kl-wan", BOTH, 4, None))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda state: state.pop("decoder.norm_out.gamma"), r"it lacks decoder\.norm_out\.gamma"),
        (
            lambda state: state.update({"decoder.norm_out.gamma": torch.ones(9, 1, 1, 1)}),
            r"decoder\.norm_out\.gamma has the shape \[9, 1, 1, 1\]",
        ),
        (lambda state: state.update({"decoder.gate": torch.ones(1)}), "decoder.gate has no place"),
        (
            lambda state: state.update({"decoder.conv_in.weight": torch.ones(1)}),
            "structure is not known",
        ),
        (
            lambda state: state.update({"conv2.weight": torch.ones(4, 4, dtype=torch.int8)}),
            "quantised",
        ),
    ],
)
def test_damage_is_told_in_a_sentence(wan, damage, words: str) -> None:
    state, path = wan
    assert _run(dict(state), path).channels == 4
    damage(state)
    with pytest.raises(CannotRun, match=words):
        _run(state, path)


@pytest.mark.parametrize(
    "told",
    [
        {"num_res_blocks": 10**9},
        {"dim_mult": [1] * 10**4},
        {"base_dim": 10**12},
        {"base_dim": "wide"},
        {"dim_mult": []},
        {"temperal_downsample": None},
        {"_class_name": "UNet2DConditionModel"},
        {"_class_name": ["AutoencoderKLWan"]},
    ],
)
def test_a_false_config_misleads_nobody(tmp_path: Path, told: dict) -> None:
    """The tensors decide: a config that they do not fit is passed over."""
    vaes.model("AutoencoderKLWan", base_dim=8).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | told
    (tmp_path / "config.json").write_text(json.dumps(config))
    vae = VaeFile("v", str(tmp_path), "", "autoencoder-kl-wan", BOTH, 16, None)
    assert vaes.run(vae).factor == 8


def test_without_diffusers_it_says_how_to_get_it(tmp_path: Path, monkeypatch) -> None:
    vaes.model("AutoencoderKLWan", base_dim=8).save_pretrained(tmp_path)
    monkeypatch.setitem(sys.modules, "diffusers", None)
    vae = VaeFile("v", str(tmp_path), "", "autoencoder-kl-wan", BOTH, 16, None)
    with pytest.raises(MissingDependency, match="diffusers") as caught:
        vaes.run(vae)
    assert caught.value.hint == "pip install 'vaereg[probe]'"
