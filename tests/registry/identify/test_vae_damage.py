"""Damaged VAEs are reported as such, and what only resembles a VAE is none."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from vaereg.registry.identify.vae import VAE_PREFIXES, examine_vae, identify_vae
from vaereg.registry.identify.view import View
from vaereg.registry.values import Tensor

from ...builders import header_of
from . import vae_originals as original
from .vae_headers import Shapes, diffusers, half

_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def view_of(shapes: Shapes, dtype: str = "float16") -> View:
    """The view of a whole header."""
    return View(header_of(shapes, dtype).tensors)


def without(shapes: Shapes, *starts: str) -> Shapes:
    """The tensors that begin otherwise."""
    return {name: shape for name, shape in shapes.items() if not name.startswith(starts)}


def codes(view: View) -> tuple[str, ...]:
    """Codes of the notices, whether or not a component came of it."""
    found = examine_vae(view)
    return tuple(notice.code for notice in (found.component or found).notices)


def ldm() -> Shapes:
    """SD's VAE in the LDM layout."""
    return original.ldm(diffusers("sd"))


def test_one_missing_tensor_makes_it_a_damaged_file_and_is_named() -> None:
    """No program loads it, so it is none; the user reads which tensor is not there."""
    found = examine_vae(view_of(without(ldm(), "decoder.up.2.block.1.conv1.bias")))
    assert found.component is None
    (notice,) = found.notices
    assert notice.code == "parts_missing"
    assert "137 of the 138" in notice.message
    assert "decoder.up.2.block.1.conv1.bias" in notice.message


@pytest.mark.parametrize(
    "build", [ldm, lambda: diffusers("sd"), original.wan21], ids=["ldm", "diffusers", "wan21"]
)
@pytest.mark.parametrize("share", [0.1, 0.25, 0.66, 0.95])
def test_a_whole_encoder_beside_a_cut_decoder_is_a_damaged_file(
    build: Callable[[], Shapes], share: float
) -> None:
    """Above all it is not taken for another VAE that has the same encoder."""
    shapes = build()
    decoder = [name for name in shapes if name.startswith("decoder.")]
    few = {name: shapes[name] for name in decoder[: int(len(decoder) * share)]}
    found = examine_vae(view_of(half("encoder", shapes) | few))
    assert found.component is None
    assert [notice.code for notice in found.notices] == ["parts_missing"]
    assert identify_vae(view_of(few)) is None


@pytest.mark.parametrize(
    "name", ["sd", "sd3", "flux2", "wan21", "dc-sana", "ltx2", "movq", "tiny-4"]
)
def test_scraps_are_no_vae(name: str) -> None:
    """A tenth of the tensors never makes a VAE, whichever tenth it is."""
    shapes = diffusers(name)
    for seed in range(20):
        kept = random.Random(seed).sample(sorted(shapes), len(shapes) // 10)
        assert identify_vae(view_of({key: shapes[key] for key in kept})) is None


def _altered(shapes: Shapes, **new: tuple[int, ...]) -> Shapes:
    return shapes | {name.replace("__", "."): shape for name, shape in new.items()}


@pytest.mark.parametrize(
    "faulty",
    [
        {"decoder__conv_in__weight": (512, 16, 3, 3)},
        {"encoder__conv_out__weight": (32, 512, 3, 3)},
        {"decoder__conv_in__weight": (256, 4, 3, 3)},
        {"decoder__up__1__block__0__conv1__weight": (256, 77, 3, 3)},
        {"encoder__down__2__block__0__conv1__weight": (512, 256, 3, 3, 3)},
        {"decoder__conv_out__weight": (3, 999, 3, 3)},
        {"decoder__up__1__block__1__conv2__weight": (256, 77, 3, 3)},
        {"decoder__mid__attn_1__q__weight": (512, 99, 1, 1)},
        {"encoder__norm_out__weight": (77,)},
        {"decoder__up__2__block__0__norm2__bias": (3,)},
    ],
    ids=lambda faulty: next(iter(faulty)),
)
def test_shapes_that_contradict_each_other_rule_a_vae_out(
    faulty: dict[str, tuple[int, ...]],
) -> None:
    """No program could load it, so it is none; the reason is kept."""
    view = view_of(_altered(ldm(), **faulty))
    assert identify_vae(view) is None
    assert codes(view) == ("inconsistent_shapes",)


def test_flux2_without_statistics_is_still_flux2() -> None:
    """The statistics are missing in some repacks; the published ones serve."""
    view = view_of(without(diffusers("flux2"), "bn."))
    assert codes(view) == ("statistics_missing",)
    component = identify_vae(view)
    assert component is not None
    assert component.latent is not None
    assert (component.latent.family, component.latent.scaling_determined_by) == ("flux2", "family")


def test_quantised_weights_are_said() -> None:
    """fp8 files keep their scales beside the weights."""
    shapes = diffusers("wan21")
    scaled = shapes | {f"{name}_scale": () for name in shapes if name.endswith("weight")}
    assert codes(view_of(scaled)) == ("quantised",)
    assert codes(view_of(shapes, "float8_e4m3fn")) == ("quantised",)
    assert codes(view_of(shapes)) == ()


def test_a_decoder_that_doubles_the_size_is_said() -> None:
    """Wan's 2x decoder packs 2x2 pixels into 12 channels and keeps the latents."""
    shapes = original.wan21()
    doubled = shapes | {"decoder.head.2.weight": (12, 96, 3, 3, 3), "decoder.head.2.bias": (12,)}
    assert codes(view_of(doubled)) == ("upscaling_decoder",)


def _restoreformer() -> Shapes:
    shapes = original.ldm(diffusers("vq-f4")) | {"quantize.embedding.weight": (1024, 256)}
    return shapes | {
        "encoder.conv_in.weight": (64, 3, 3, 3),
        "decoder.conv_in.weight": (512, 256, 3, 3),
    }


def _codeformer() -> Shapes:
    shapes: Shapes = {"position_emb": (256, 512), "quantize.embedding.weight": (1024, 256)}
    for index in range(24):
        shapes[f"encoder.blocks.{index}.conv1.weight"] = (64, 64, 3, 3)
        shapes[f"generator.blocks.{index}.conv1.weight"] = (64, 64, 3, 3)
    return shapes


def _t5() -> Shapes:
    shapes: Shapes = {"shared.weight": (32128, 4096), "encoder.final_layer_norm.weight": (4096,)}
    for block in range(24):
        stem = f"encoder.block.{block}.layer"
        shapes |= {f"{stem}.0.SelfAttention.{part}.weight": (4096, 4096) for part in "qkvo"}
        shapes |= {f"{stem}.1.DenseReluDense.wo.weight": (4096, 10240)}
    return shapes


def _segmentation() -> Shapes:
    shapes: Shapes = {
        "encoder.conv1.weight": (64, 3, 7, 7),
        "segmentation_head.0.weight": (1, 16, 3, 3),
    }
    for level in range(1, 5):
        shapes[f"encoder.layer{level}.0.conv1.weight"] = (64, 64, 3, 3)
        shapes[f"decoder.blocks.{level}.conv1.0.weight"] = (64, 128, 3, 3)
    return shapes


def _lora() -> Shapes:
    shapes: Shapes = {}
    for name, shape in diffusers("sd").items():
        if name.endswith(".weight") and len(shape) == 4:
            shapes[f"{name[:-7]}.lora_A.weight"] = (8, *shape[1:])
            shapes[f"{name[:-7]}.lora_B.weight"] = (shape[0], 8, 1, 1)
    return shapes


def _bare_unet() -> Shapes:
    shapes = half("decoder", diffusers("sd"))
    names = {name.partition(".")[2]: shape for name, shape in shapes.items()}
    return names | {"time_embedding.linear_1.weight": (1280, 320)}


def _whisper() -> Shapes:
    shapes: Shapes = {
        "encoder.conv1.weight": (512, 80, 3),
        "decoder.token_embedding.weight": (9, 512),
    }
    for layer in range(6):
        shapes[f"encoder.blocks.{layer}.attn.query.weight"] = (512, 512)
        shapes[f"decoder.blocks.{layer}.attn.query.weight"] = (512, 512)
    return shapes


def _integer_upscaler() -> Shapes:
    shapes: Shapes = {"0.weight": (64, 3, 3, 3), "1.weight": (64,), "19.weight": (64, 64, 3, 3)}
    return shapes | {f"{index}.weight": (64, 64, 3, 3) for index in range(2, 34, 2)}


LOOKALIKES: dict[str, Callable[[], Shapes]] = {
    "RestoreFormer": _restoreformer,
    "CodeFormer": _codeformer,
    "T5": _t5,
    "speech": _whisper,
    "segmentation": _segmentation,
    "LoRA of a VAE": _lora,
    "bare UNet names": _bare_unet,
    "compact upscaler": _integer_upscaler,
    "AudioLDM": lambda: diffusers("mono"),
    "AudioLDM in LDM": lambda: original.ldm(diffusers("mono")),
    "Oobleck": lambda: diffusers("oobleck"),
    "LTX-2 audio": lambda: diffusers("ltx2-audio"),
    "KVAE audio": lambda: diffusers("kvae-audio"),
    "MMAudio": lambda: diffusers("mmaudio"),
    "VAE-approx": lambda: {
        f"conv{index}.weight": (into, out, 3, 3)
        for index, (out, into) in enumerate([(4, 8), (8, 16), (16, 32), (32, 64)], 1)
    },
    "previewer": lambda: (
        {f"blocks.{index}.weight": (512, 512, 3, 3) for index in range(12)}
        | {"blocks.11.num_batches_tracked": ()}
    ),
    "ACE-Step": lambda: diffusers("dc-sana") | {"vocoder.backbone.channel_layers.0.0.bias": (9,)},
    "ControlNet": lambda: {
        "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
        "conv_in.weight": (320, 4, 3, 3),
        "mid_block.resnets.0.conv1.weight": (1280, 1280, 3, 3),
    },
    "LTX upscaler": lambda: {
        "initial_conv.weight": (512, 128, 3, 3, 3),
        "res_blocks.0.conv1.weight": (512, 512, 3, 3, 3),
        "upsampler.0.weight": (2048, 512, 3, 3),
    },
    "marker": lambda: {"pixel_space_vae": (1,)},
    "empty": dict,
}


@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_lookalike_is_no_vae(name: str) -> None:
    """Names or shapes alike, but nothing that decodes pictures from latents."""
    assert identify_vae(view_of(LOOKALIKES[name]())) is None


@pytest.mark.parametrize(
    "name", ["sd", "wan21", "dc-sana", "flux2", "movq", "tiny-4", "hunyuan-image"]
)
def test_hostile_shapes_raise_nothing(name: str) -> None:
    """Any rank and extent in any tensor gives a component or none, never an error."""
    shapes = diffusers(name)
    odd: list[tuple[int, ...]] = [(), (0,), (1, 0, 3, 3), (2**60,) * 5, (3, 3), (0,) * 9]
    for seed in range(40):
        dice = random.Random(seed)
        tensors = {
            key: Tensor(key, "int8", dice.choice(odd) if dice.random() < 0.1 else shape, 0, 0)
            for key, shape in shapes.items()
        }
        tensors |= {f"decoder.up.{9**seed % 999}.block.0.x": Tensor("", "", (), 0, 0)}
        examine_vae(View(tensors))


def test_the_real_tiny_halves() -> None:
    """madebyollin's released files, and the preview network that is none."""
    if not (_DATA / "taesd_decoder.safetensors").exists():
        pytest.skip("the sample files are not beside this checkout")
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    expected = {
        "taesd_decoder.safetensors": (4, ("decoder",)),
        "taesdxl_encoder.safetensors": (4, ("encoder",)),
        "taef2_decoder.pth": (32, ("decoder",)),
        "taef2_encoder.pth": (32, ("encoder",)),
        "vae-approx-sd1.pt": None,
    }
    for name, what in expected.items():
        path = _DATA / name
        if path.suffix == ".safetensors":
            state = safetensors.load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        shapes = {key: tuple(value.shape) for key, value in state.items()}
        component = identify_vae(view_of(shapes))
        found = component and component.latent and (component.latent.channels, component.parts)
        assert found == what, name


def test_headers_of_real_releases() -> None:
    """VAEs alone and baked in, in header-true copies of published files."""
    headers = _DATA / "headers"
    if not headers.exists():
        pytest.skip("the sample headers are not beside this checkout")
    kl4, kl16 = 4, 16
    expected = {
        "vae-sd1-mse-st": ("", kl4),
        "vae-sdxl": ("", kl4),
        "vae-dif-single": ("", kl4),
        "vae-sd3-ldm": ("", kl16),
        "vae-flux-ae": ("", kl16),
        "ck-sd15-fp16": ("first_stage_model.", kl4),
        "ck-sdxl-base": ("first_stage_model.", kl4),
        "ck-sd3-medium": ("first_stage_model.", kl16),
        "ck-sd15-no-vae": None,
        "ck-flux-dev": None,
        "ot-cn-sdxl-mid": None,
        "ot-lora-sd1-kohya": None,
        "ot-clip-l": None,
    }
    for name, what in expected.items():
        entries = json.loads(gzip.decompress((headers / f"{name}.json.gz").read_bytes()))
        entries.pop("__metadata__", None)
        tensors = header_of({key: entry["shape"] for key, entry in entries.items()}).tensors
        found = [
            (prefix, component.latent.channels)
            for prefix in ("", *VAE_PREFIXES)
            if (component := identify_vae(View.below(tensors, prefix))) and component.latent
        ]
        assert found == ([what] if what else []), name
