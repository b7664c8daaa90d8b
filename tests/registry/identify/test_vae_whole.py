"""A VAE of any architecture that lacks one tensor, or of which one shape cannot be, is none."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from vaereg.registry.identify.vae import examine_vae, identify_vae
from vaereg.registry.identify.view import View

from ...builders import header_of
from . import vae_originals as original
from . import vae_tiny_headers as tiny
from .test_vae_matrix import MATRIX, Row
from .vae_headers import CLASSES, Shapes, diffusers, half

COUNTLESS = ("mage",)
"""No public source tells how many tensors these have."""


def outcome(shapes: Shapes) -> tuple[bool, tuple[str, ...]]:
    """Whether a header is a VAE, and the codes of what was remarked."""
    found = examine_vae(View(header_of(shapes, "float16").tensors))
    notices = found.component.notices if found.component else found.notices
    return found.component is not None, tuple(notice.code for notice in notices)


@pytest.mark.parametrize(
    "row", [row for row in MATRIX if row.name not in COUNTLESS], ids=lambda row: row.name
)
def test_no_vae_may_lack_a_tensor(row: Row) -> None:
    """Counts are those of the published variants, the larger ones' too."""
    shapes = row.build()
    optional = ("bn.", "vae_s", "previewer.", "latent_mean", "latent_std", "wavelets")
    names = sorted(name for name in shapes if not any(part in name for part in optional))
    for name in random.Random(row.name).sample(names, 8):
        rest = {key: shape for key, shape in shapes.items() if key != name}
        assert not outcome(rest)[0], name


LDM = "sd-ldm"
ROWS = {row.name: row.build for row in MATRIX}


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        (LDM, "quant_conv.weight"),
        (LDM, "post_quant_conv.bias"),
        ("flux2-own", "decoder.post_quant_conv.weight"),
        ("flux2", "bn.running_var"),
        ("wan21-own", "conv2.weight"),
        ("wan22", "decoder.up_blocks.1.resnets.1.conv1.bias"),
        ("ltx-0.9.1", "decoder.up_blocks.1.resnets.3.per_channel_scale2"),
        ("ltx-0.9.0-own", "per_channel_statistics.std-of-means"),
        ("ltx2-own", "decoder.up_blocks.0.res_blocks.0.conv1.conv.weight"),
        ("dc-f128", "decoder.up_blocks.7.1.attn.to_out.weight"),
        ("movq", "quantize.embedding.weight"),
        ("movq-ldm", "decoder.up.3.attn.1.q.weight"),
        ("svd", "decoder.mid_block.resnets.0.time_mixer.mix_factor"),
        ("svd-ldm", "decoder.up.1.block.2.time_stack.in_layers.2.bias"),
    ],
)
def test_what_is_missing_is_said(name: str, missing: str) -> None:
    """Between the halves too, and where a smaller variant would be whole."""
    shapes = ROWS[name]()
    assert missing in shapes
    rest = {key: shape for key, shape in shapes.items() if key != missing}
    assert outcome(rest) == (False, ("parts_missing",))


@pytest.mark.parametrize("stem", ["quant_conv.", "post_quant_conv."])
@pytest.mark.parametrize("name", ["sd", LDM, "wan21", "hunyuan-video", "flux2"])
def test_a_convolution_on_one_side_of_the_latents_alone_is_not_enough(name: str, stem: str) -> None:
    """What the encoder's convolution does, the decoder's undoes."""
    shapes = ROWS[name]()
    rest = {key: shape for key, shape in shapes.items() if not key.startswith(stem)}
    assert outcome(rest) == (False, ("parts_missing",))


@pytest.mark.parametrize("name", ["sd", "sd-ldm", "svd", "svd-ldm", "asymmetric-1.5", "sd3"])
def test_a_decoder_without_its_middle_makes_no_other_vae(name: str) -> None:
    """What is missing proves nothing: least of all Stable Video Diffusion."""
    shapes = {key: shape for key, shape in ROWS[name]().items() if ".mid" not in key}
    assert not outcome(shapes | half("encoder", ROWS[name]()))[0]
    assert not outcome(shapes)[0]
    assert not outcome(dict.fromkeys(ROWS[name](), ()))[0]


@pytest.mark.parametrize("name", ["svd", "consistency"])
def test_a_decoder_that_takes_latents_as_they_are_needs_no_convolution(name: str) -> None:
    """These two have a quantisation convolution on the encoder's side alone."""
    shapes = ROWS[name]()
    assert "post_quant_conv.weight" not in shapes
    assert outcome(shapes) == (True, ())


@pytest.mark.parametrize(
    ("name", "tensor", "shape"),
    [
        (LDM, "decoder.mid.attn_1.q.weight", (512, 256, 1, 1)),
        (LDM, "decoder.mid.attn_1.proj_out.weight", (512, 77, 1, 1)),
        (LDM, "decoder.up.1.block.0.nin_shortcut.weight", (256, 77, 1, 1)),
        (LDM, "decoder.up.1.upsample.conv.weight", (256, 512, 3, 3)),
        (LDM, "encoder.down.0.downsample.conv.weight", (128, 64, 3, 3)),
        (LDM, "post_quant_conv.weight", (4, 77, 1, 1)),
        (LDM, "quant_conv.weight", (8, 16, 1, 1)),
        (LDM, "decoder.norm_out.weight", (64,)),
        (LDM, "decoder.up.2.block.1.conv2.weight", (512, 512, 3, 5)),
        (LDM, "decoder.conv_in.weight", (512, 4, 3, 5)),
        (LDM, "decoder.up.2.block.1.conv2.bias", (3,)),
        ("16-quant", "post_quant_conv.weight", (16, 32, 1, 1)),
        ("svd-ldm", "decoder.up.3.block.0.time_stack.in_layers.2.weight", (512, 512, 19, 1, 1)),
        ("wan21-own", "decoder.middle.0.residual.3.gamma", (192, 1, 1, 1)),
        ("wan21-own", "decoder.middle.0.residual.3.gamma", (384, 17, 1, 1)),
        ("wan21-own", "decoder.upsamples.6.residual.2.weight", (384, 384, 77, 3, 3)),
        ("wan21-own", "decoder.upsamples.6.residual.2.weight", (384, 384, 3, 3)),
        ("wan22", "decoder.up_blocks.1.resnets.1.conv2.weight", (1024, 77, 3, 3, 3)),
        ("wan22", "encoder.mid_block.attentions.0.to_qkv.weight", (1920, 77, 1, 1)),
        ("wan21", "encoder.down_blocks.8.time_conv.weight", (385, 384, 3, 1, 1)),
        ("ltx-0.9.1", "decoder.up_blocks.1.resnets.0.per_channel_scale2", (256, 77, 1)),
        ("mochi", "decoder.up_blocks.1.resnets.1.conv2.conv.weight", (256, 77, 3, 3, 3)),
        ("ltx-0.9.0", "encoder.down_blocks.0.resnets.2.conv1.conv.weight", (128, 144, 3, 3, 3)),
        ("cosmos", "decoder.up_blocks.1.resnets.0.conv1.conv_t.weight", (512, 528, 3, 1, 1)),
        ("kvae", "decoder.mid.block_1.norm1.conv_y.weight", (77, 16, 1, 1)),
        ("dc-f32", "decoder.up_blocks.2.8.norm.running_var", (256,)),
        ("dc-f32", "decoder.up_blocks.3.1.conv_out.conv_inverted.weight", (4096, 77, 1, 1)),
        ("minimax-h3", "decoder.transformer_blocks.9.ff.net.2.weight", (2048, 77)),
        ("tiny-4", "encoder.layers.4.conv.2.weight", (64, 77, 3, 3)),
        ("stage-a", "up_blocks.4.channelwise.2.weight", (384, 77)),
    ],
)
def test_a_layer_that_does_not_fit_its_neighbour_rules_a_vae_out(
    name: str, tensor: str, shape: tuple[int, ...]
) -> None:
    """Norm and convolution, kernel and kernel, weight and bias, whatever the architecture."""
    shapes = ROWS[name]()
    assert tensor in shapes
    assert outcome(shapes) == (True, ())
    assert outcome(shapes | {tensor: shape}) == (False, ("inconsistent_shapes",))


def _built(like: str, **config: object) -> Callable[[], Shapes]:
    """A class of the table with some figures of its config changed."""

    def build() -> Shapes:
        class_name, published = CLASSES[like]
        name = f"{like} with {sorted(config)}"
        CLASSES[name] = (class_name, published | config)
        try:
            return diffusers(name)
        finally:
            del CLASSES[name]

    return build


OTHERS: dict[str, Callable[[], Shapes]] = {
    "narrow KL": _built("sd", block_out_channels=(32, 64, 64, 96)),
    "even KL": _built("sd", block_out_channels=(64, 64, 64, 64)),
    "shallow KL": _built("sd", layers_per_block=1),
    "KL without attention": _built("sd", mid_block_add_attention=False),
    "wide latents": _built("sd", latent_channels=64),
    "narrow Wan 2.1": _built("wan21", base_dim=24),
    "narrow Wan 2.2": _built("wan22", base_dim=64, decoder_base_dim=96),
    "narrow HunyuanVideo": _built("hunyuan-video", block_out_channels=(32, 64, 96, 96)),
    "narrow Mochi": _built("mochi", decoder_block_out_channels=(32, 64, 96, 128)),
    "narrow TAESD": lambda: {
        name: tuple(32 if extent == 64 else extent for extent in shape)
        for name, shape in diffusers("tiny-4").items()
    },
    "TAEHV": lambda: tiny.taehv(16),
    "Wan 2.1 for pictures": lambda: original.flat(original.wan21()),
}


@pytest.mark.parametrize("name", OTHERS)
def test_variants_of_other_widths_stay_vaes(name: str) -> None:
    """Distilled VAEs have the tensors of the published ones, and widths of their own."""
    assert outcome(OTHERS[name]()) == (True, ())


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("wan21-own", "decoder.upsamples.6.residual.2.weight"),
        ("sd", "decoder.mid_block.attentions.0.to_q.weight"),
        (LDM, "decoder.up.1.block.1.conv1.weight"),
    ],
)
def test_packed_weights_are_not_measured(name: str, packed: str) -> None:
    """Four-bit weights lie in bytes, two to one, and are as wide as the packing wants."""
    tensors = dict(header_of(ROWS[name](), "float16").tensors)
    tensors[packed] = header_of({packed: (131072, 1)}, "uint8").tensors[packed]
    component = identify_vae(View(tensors))
    assert component is not None
    assert [notice.code for notice in component.notices] == ["quantised"]
