"""A denoiser that lost tensors or whose shapes contradict one another is never a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import pytest

from vaereg.registry.identify.identify import identify
from vaereg.registry.identify.view import View
from vaereg.registry.identify.wholeness import gaps, plain_names, stacks, uneven
from vaereg.registry.values import Identity

from ...builders import header_of
from .denoiser_headers import Shapes, blocks, ldm_unet, linear, meta
from .diffusers_cases import DIFFUSERS_CASES
from .original_cases import flux, pixart, wan
from .text_headers import below, clip
from .unet_cases import SD1, SDXL

DEEP = {"num_layers": 8, "num_single_layers": 8}
FLUX = meta("FluxTransformer2DModel", **DEEP)
WAN = meta("WanTransformer3DModel", num_layers=8)
SD3 = meta("SD3Transformer2DModel", num_layers=8)
SD3_DUAL = meta("SD3Transformer2DModel", num_layers=8, dual_attention_layers=(0, 1, 2, 3, 4))
HUNYUAN_DIT = next(case for case in DIFFUSERS_CASES if case.id == "hunyuan-dit").build
MOCHI = meta("MochiTransformer3DModel", num_layers=8)
ZIMAGE = meta("ZImageTransformer2DModel", n_layers=6, n_refiner_layers=2)
PIXART = meta("PixArtTransformer2DModel", num_layers=6, caption_channels=4096)
LDM_SD1 = ldm_unet(**SD1)
LDM_SDXL = ldm_unet(**SDXL)
UNET_SD1 = meta("UNet2DConditionModel", **SD1)
UNET_SDXL = meta("UNet2DConditionModel", **SDXL)


def without(build: Callable[[], Shapes], lost: str) -> Shapes:
    """A model without the tensors whose names a pattern finds."""
    shapes = build()
    kept = {name: shape for name, shape in shapes.items() if not re.search(lost, name)}
    assert len(kept) < len(shapes)
    return kept


def said(identity: Identity) -> str:
    """Code and message of the first notice of a file that is nothing."""
    assert (identity.kind, identity.components) == ("unknown", ())
    return f"{identity.notices[0].code}: {identity.notices[0].message}"


@pytest.mark.parametrize(
    "build",
    [FLUX, WAN, SD3, SD3_DUAL, HUNYUAN_DIT, MOCHI, ZIMAGE, PIXART],
    ids=["flux", "wan", "sd3", "sd3-dual", "hunyuan-dit", "mochi", "z-image", "pixart"],
)
def test_blocks_that_differ_by_design_are_whole(build: Callable[[], Shapes]) -> None:
    """Last blocks without their text half, early ones with a second attention, late ones wider."""
    identity = identify(header_of(build()))
    assert (identity.kind, identity.notices) == ("checkpoint", ())


@pytest.mark.parametrize(
    ("build", "lost", "named"),
    [
        (FLUX, r"^single_transformer_blocks\.5\.", "single_transformer_blocks.5"),
        (FLUX, r"^transformer_blocks\.3\.attn\.to_q\.weight", "transformer_blocks.3.attn.to_q"),
        (FLUX, r"^transformer_blocks\.7\.(attn|ff|norm1\.)", "transformer_blocks.7"),
        (WAN, r"^blocks\.4\.", "blocks.4"),
        (WAN, r"^blocks\.\d\.ffn\.", "blocks.0.ffn"),
        (WAN, r"^blocks\.\d\.attn2\.", "blocks.0.attn2"),
        (SD3, r"^transformer_blocks\.[4-7]\.", "transformer_blocks.4"),
        (MOCHI, r"^transformer_blocks\.[4-7]\.", "transformer_blocks.4"),
        (ZIMAGE, r"^noise_refiner\.1\.", "noise_refiner.1"),
        (PIXART, r"^transformer_blocks\.\d\.attn2\.", "transformer_blocks.0.attn2"),
        (flux(), r"^single_blocks\.\d\.linear2\.", "single_blocks.0.linear2"),
        (flux(), r"^double_blocks\.\d\.\w+_mlp\.", "double_blocks.0.img_mlp"),
        (wan, r"^blocks\.\d\.cross_attn\.", "blocks.0.cross_attn"),
        (partial(pixart, 120), r"^blocks\.\d\.cross_attn\.", "blocks.0.cross_attn"),
        (LDM_SD1, r"^input_blocks\.4\.0\.", "input_blocks.4.0"),
        (LDM_SD1, r"^output_blocks\.4\.1\.", "output_blocks.4.1"),
        (LDM_SD1, r"^output_blocks\.\d+\.1\.(?!conv)", "output_blocks."),
        (LDM_SD1, r"\.transformer_blocks\.", "transformer_blocks"),
        (LDM_SDXL, r"^output_blocks\.1\.1\.transformer_blocks\.3\.", "transformer_blocks.3"),
        (LDM_SDXL, r"^input_blocks\.7\.1\.transformer_blocks\.3\.norm2", "transformer_blocks.3"),
        (UNET_SD1, r"^up_blocks\.1\.attentions\.1\.", "up_blocks.1.attentions.1"),
        (UNET_SD1, r"^up_blocks\.1\.attentions\.2\.", "up_blocks.1.attentions.2"),
        (UNET_SDXL, r"^up_blocks\.1\.resnets\.1\.", "up_blocks.1.resnets.1"),
        (UNET_SDXL, r"^up_blocks\.\d\.attentions\.", "up_blocks"),
    ],
)
def test_what_is_lost_is_named(build: Callable[[], Shapes], lost: str, named: str) -> None:
    """Single blocks, sublayers of one block or of all, the end of a stack, a half of a UNet."""
    message = said(identify(header_of(without(build, lost))))
    assert message.startswith("parts_missing")
    assert named in message


@pytest.mark.parametrize(
    ("build", "changed", "shape"),
    [
        (FLUX, "x_embedder.weight", (2048, 64)),
        (flux(), "txt_in.weight", (2048, 4096)),
        (LDM_SD1, "middle_block.0.in_layers.2.weight", (1280, 640, 3, 3)),
        (LDM_SD1, "output_blocks.9.1.transformer_blocks.0.attn2.to_k.weight", (320, 1024)),
        (LDM_SD1, "out.2.weight", (4, 640, 3, 3)),
        (LDM_SD1, "time_embed.0.weight", (1280, 640)),
        (LDM_SDXL, "input_blocks.0.0.weight", (320, 4, 1, 1)),
        (UNET_SD1, "conv_out.weight", (4, 640, 3, 3)),
    ],
)
def test_shapes_that_contradict_are_named(
    build: Callable[[], Shapes], changed: str, shape: tuple[int, ...]
) -> None:
    """A badly merged file has every name and cannot run."""
    shapes = build()
    assert shapes[changed] != shape
    message = said(identify(header_of(shapes | {changed: shape})))
    assert message.startswith("inconsistent_shapes")
    assert changed.removesuffix(".weight") in message


def test_a_width_of_its_own_is_noticed_without_biases() -> None:
    """FLUX's input must be as wide as its output."""
    shapes = {name: shape for name, shape in flux()().items() if name != "img_in.bias"}
    assert identify(header_of(shapes)).kind == "checkpoint"
    message = said(identify(header_of(shapes | {"img_in.weight": (2048, 64)})))
    assert message.startswith("inconsistent_shapes")


@pytest.mark.parametrize(
    "tail",
    ["weight_scale", "scale_weight", "input_scale", "comfy_quant", "weight.absmax", "SCB"],
)
def test_some_quantised_layers_are_no_damage(tail: str) -> None:
    """Most blocks carry scales, one does not; GPTQ renames the weight besides."""
    scales: Shapes = {
        f"transformer_blocks.{n}.attn.{layer}.{tail}": (1,)
        for n in range(8)
        for layer in ("to_q", "to_k", "to_v")
        if (n, layer) != (3, "to_k")
    }
    assert identify(header_of(FLUX() | scales)).kind == "checkpoint"
    renamed = {k.replace("2.attn.to_q.weight", "2.attn.to_q.qweight"): v for k, v in FLUX().items()}
    assert identify(header_of(renamed)).kind == "checkpoint"


def test_the_names_of_packed_weights_are_those_of_the_weights() -> None:
    """bitsandbytes' states stand below the weight."""
    names = ("a.weight", "a.weight.absmax", "b.qweight", "b.scales", "c.bias", "n.scale")
    view = View(header_of(dict.fromkeys(names, (1,))).tensors)
    assert list(plain_names(view)) == ["a.weight", "b.weight", "c.bias", "n.scale"]


def test_layers_without_weights_leave_no_gap() -> None:
    """An nn.Sequential numbers its activations too; pruned stacks are numbered anew."""
    sequential: Shapes = {}
    for n in (0, 2, 4, 6, 8):
        sequential |= linear(f"mlp.{n}", 8, 8)
    for stem, stack in stacks(sequential).items():
        assert list(gaps(stem, stack)) == []
    fewer = meta("FluxTransformer2DModel", num_layers=3, num_single_layers=5)()
    assert identify(header_of(fewer)).kind == "checkpoint"


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        (("s.3.b",), ["s.3.b"]),
        (("s.3.b", "s.4.b"), []),
        (("s.0.b",), []),
        (("s.7.a",), []),
        (("s.7.a", "s.7.b", "s.7.c"), ["s.7.a"]),
    ],
)
def test_one_block_alone_may_not_lack_what_the_others_have(
    lost: tuple[str, ...], named: list[str]
) -> None:
    """But for the first and the last, which differ by design, and kinds of which there are more."""
    names = blocks("s", dict.fromkeys("abcd", (1,)), 8)
    (stem, stack), *_ = stacks(name for name in names if name not in lost).items()
    assert list(uneven(stem, stack)) == named


@pytest.mark.parametrize(
    "build", [WAN, PIXART, LDM_SD1, UNET_SDXL], ids=["wan", "pixart", "a", "b"]
)
@pytest.mark.parametrize("half", [0, 1])
def test_a_half_says_what_it_is_a_half_of(build: Callable[[], Shapes], half: int) -> None:
    """Though the names that tell it are lost."""
    names = list(build())
    middle = len(names) // 2
    kept = names[:middle] if half == 0 else names[middle:]
    message = said(identify(header_of({name: build()[name] for name in kept})))
    assert message.startswith("parts_missing")


def test_a_text_encoder_with_a_gap_carries_a_notice() -> None:
    """It stays what it is; the notice says which layer is not there."""
    text = clip()
    for name, shape in clip().items():
        text |= {name.replace("layers.1.", f"layers.{n}."): shape for n in range(1, 8) if n != 5}
    shapes = LDM_SD1() | below("cond_stage_model.transformer.", text)
    component = identify(header_of(shapes)).component("text_encoder")
    assert component is not None
    assert [notice.code for notice in component.notices] == ["parts_missing"]
    assert "layers.5" in component.notices[0].message
