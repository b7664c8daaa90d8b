"""Files that look like a checkpoint or a VAE by some of their names are told for what they are."""

from __future__ import annotations

import pytest

from vaereg.registry.identify.identify import identify
from vaereg.registry.identify.others import ADAPTERS, LOOKALIKES

from ...builders import header_of
from .denoiser_headers import Shapes, meta
from .diffusers_cases import DIFFUSERS_CASES
from .original_cases import ORIGINAL_CASES
from .unet_cases import SD1, UNET_CASES

ATTENTIONS = [f"down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_{p}" for p in "qkv"]
KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
FLUX_DIT = "diffusion_model.double_blocks.0.img_attn.qkv"
UNET = "UNet2DConditionModel"


def adapted(stems: list[str], *ends: str) -> Shapes:
    """The same few tensors at every module that an adapter touches."""
    return {f"{stem}.{end}": (16, 320) for stem in stems for end in ends}


def weights(*stems: str) -> Shapes:
    """One weight at each module."""
    return adapted(list(stems), "weight")


LORAS: dict[str, Shapes] = {
    "xlabs-flux": {
        f"double_blocks.{n}.processor.{part}_lora{side}.{way}.weight": (16, 3072)
        for n in range(4)
        for part in ("qkv", "proj")
        for side in (1, 2)
        for way in ("down", "up")
    },
    "kohya": adapted([KOHYA], "lora_up.weight", "lora_down.weight", "alpha"),
    "kohya-conv": adapted([KOHYA], "lora_up.weight", "lora_down.weight", "lora_mid.weight"),
    "peft": adapted([f"unet.{stem}" for stem in ATTENTIONS], "lora_A.weight", "lora_B.weight"),
    "peft-base-model": adapted(
        [f"base_model.model.{stem}" for stem in ATTENTIONS],
        *("lora_A.default.weight", "lora_B.default.weight"),
    ),
    "attention-processors": {
        f"unet.down_blocks.0.attentions.0.processor.to_q_lora.{side}.weight": (4, 320)
        for side in ("up", "down")
    },
    "text-encoder": adapted(
        ["text_encoder.text_model.encoder.layers.0.self_attn.q_proj"],
        *("lora_linear_layer.up.weight", "lora_linear_layer.down.weight"),
    ),
    "kohya-text-encoder": adapted(
        ["lora_te1_text_model_encoder_layers_0_mlp_fc1"], "lora_up.weight", "lora_down.weight"
    ),
    "dit": adapted([FLUX_DIT], "lora_A.weight", "lora_B.weight"),
    "dit-full": adapted([FLUX_DIT, "diffusion_model.img_in"], "diff", "diff_b"),
    "dit-bare": adapted(["transformer_blocks.0.attn.to_q"], "lora_A.weight", "lora_B.weight"),
    "vae": adapted(["decoder.up_blocks.0.resnets.0.conv1"], "lora_A.weight", "lora_B.weight"),
    "loha": adapted([KOHYA], "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "alpha"),
    "lokr": adapted([KOHYA], "lokr_w1", "lokr_w2", "alpha"),
    "lokr-decomposed": adapted([KOHYA], "lokr_w1_a", "lokr_w1_b", "lokr_w2_a", "lokr_w2_b"),
    "oft": adapted([KOHYA], "oft_blocks", "alpha"),
    "oft-diag": adapted(["oft_unet_input_blocks_1"], "oft_diag"),
    "glora": adapted([KOHYA], "a1.weight", "a2.weight", "b1.weight", "b2.weight", "alpha"),
    "ia3": adapted([KOHYA], "weight", "on_input"),
    "dora": adapted([FLUX_DIT], "lora_A.weight", "lora_B.weight", "dora_scale"),
}

CONTROLNETS: dict[str, Shapes] = {
    "ldm": weights("control_model.input_blocks.0.0", "control_model.zero_convs.0.0"),
    "ldm-cut": weights("input_blocks.0.0", "zero_convs.0.0", "input_hint_block.0"),
    "diffusers": weights(
        "controlnet_cond_embedding.conv_in", "conv_in", "down_blocks.0.resnets.0.conv1"
    ),
    "lllite": adapted(["lllite_unet_input_blocks_4_1_proj_in"], "conditioning1.0.weight"),
    "control-lora": {"lora_controlnet": (), "input_blocks.0.0.weight": (320, 4, 3, 3)},
    "flux": weights("controlnet_blocks.0", "x_embedder", "transformer_blocks.0.attn.to_q"),
    "flux-union": weights("controlnet_mode_embedder", "controlnet_x_embedder"),
    "vace-module": weights("vace_patch_embedding", "vace_blocks.0.before_proj"),
    "brushnet": weights("brushnet_down_blocks.0", "conv_in"),
}

OTHERS: dict[str, tuple[str, Shapes]] = {
    "ip-adapter": ("ip_adapter", weights("image_proj.proj", "ip_adapter.1.to_k_ip")),
    "ip-adapter-face-id": (
        "ip_adapter",
        weights("image_proj.proj.0", "ip_adapter.0.to_q_lora.down", "ip_adapter.0.to_q_lora.up"),
    ),
    "ip-adapter-flux": (
        "ip_adapter",
        adapted(["double_blocks.0.processor.ip_adapter_double_stream_k_proj"], "weight", "bias"),
    ),
    "redux": ("ip_adapter", adapted(["redux_up", "redux_down"], "weight", "bias")),
    "t2i-adapter": ("t2i_adapter", adapted(["body.0.block1", "conv_in"], "weight", "bias")),
    "t2i-adapter-diffusers": (
        "t2i_adapter",
        weights("adapter.body.0.resnets.0.block1", "adapter.conv_in"),
    ),
    "motion": (
        "motion_module",
        weights("down_blocks.0.motion_modules.0.temporal_transformer.proj_in"),
    ),
    "motion-adapter": (
        "motion_module",
        weights("down_blocks.0.motion_modules.0.transformer_blocks.0.attn1.to_q"),
    ),
    "embedding": ("embedding", {"emb_params": (16, 768)}),
    "embedding-pickle": ("embedding", {"string_to_param.*": (8, 1024)}),
    "embedding-sdxl": ("embedding", {"clip_l": (4, 768), "clip_g": (4, 1280)}),
    "embedding-diffusers": ("embedding", {"<cat-toy>": (768,)}),
    "hypernetwork": ("hypernetwork", {f"768.{n}.linear.0.weight": (1536, 768) for n in range(2)}),
    "esrgan-old": (
        "upscaler",
        adapted(["model.0", "model.1.sub.0.RDB1.conv1.0", "model.10"], "weight", "bias"),
    ),
    "esrgan": ("upscaler", adapted(["conv_first", "body.0.rdb1.conv1"], "weight", "bias")),
    "compact": ("upscaler", weights("body.0", "body.1", "body.2", "body.3")),
    "swinir": (
        "upscaler",
        weights("conv_first", "layers.0.residual_group.blocks.0.attn.qkv", "upsample.0"),
    ),
    "hat": ("upscaler", weights("conv_first", "relative_position_index_SA")),
    "dat": ("upscaler", weights("conv_first", "before_RG.1")),
    "wrapped-esrgan": (
        "upscaler",
        weights("params_ema.conv_first", "params_ema.body.0.rdb1"),
    ),
    "gfpgan": (
        "face_restorer",
        weights("stylegan_decoder.style_mlp.1", "conv_body_first"),
    ),
    "codeformer": (
        "face_restorer",
        weights("encoder.blocks.0", "generator.blocks.0", "quantize.embedding")
        | {"position_emb": (256, 512)},
    ),
    "restoreformer": (
        "face_restorer",
        weights("encoder.conv_in", "encoder.down.5.block.0.conv1", "decoder.conv_in")
        | {"quantize.embedding.weight": (1024, 256), "post_quant_conv.weight": (256, 256, 1, 1)},
    ),
    "vae-approx": (
        "preview",
        {"conv1.weight": (8, 4, 7, 7), "conv8.weight": (3, 8, 3, 3), "conv2.weight": (16, 8, 5, 5)},
    ),
    "stage-c-previewer": (
        "preview",
        {"blocks.11.num_batches_tracked": (), "blocks.0.weight": (512, 16, 1, 1)},
    ),
    "oobleck": (
        "audio_vae",
        {"decoder.layers.1.layers.0.beta": (2048,), "encoder.layers.0.weight_g": (128, 1, 1)},
    ),
    "vocoder": ("audio_vae", weights("vocoder.backbone.channel_layers.0.0")),
    "audio-bundle": (
        "audio_vae",
        weights("audio_vae.decoder.conv_in.conv", "vocoder.conv_pre"),
    ),
    "stable-audio": (
        "audio_model",
        weights("model.model.transformer.project_in", "pretransform.model.encoder.layers.0"),
    ),
    "ace-step": (
        "audio_model",
        weights("genre_embedder", "transformer_blocks.0.attn.to_q"),
    ),
    "hunyuan3d": (
        "shape_model",
        weights("model.latent_in", "model.cond_in", "model.double_blocks.0.img_attn.qkv")
        | weights("vae.geo_decoder.query_proj"),
    ),
    "shape-vae": ("shape_vae", adapted(["geo_decoder.cross_attn_decoder.ln_1"], "weight", "bias")),
    "latent-upscaler": (
        "latent_upscaler",
        weights("initial_conv", "res_blocks.0.conv1", "post_upsample_res_blocks.0.conv1"),
    ),
    "sam": (
        "segmentation",
        weights("image_encoder.patch_embed.proj", "mask_decoder.iou_token"),
    ),
    "depth-anything": (
        "depth",
        weights("pretrained.blocks.0.attn.qkv", "depth_head.projects.0"),
    ),
    "yolo": (
        "detector",
        weights("model.0.conv", "model.1.conv", "model.22.cv2.0.0.conv"),
    ),
    "lama": ("inpainter", weights("generator.model.1.ffc.convl2l")),
    "vit-classifier": (
        "classifier",
        {
            "cls_token": (1, 1, 768),
            "patch_embed.proj.weight": (768, 3, 16, 16),
            "head.weight": (9, 768),
        },
    ),
    "pixel-space-marker": ("pixel_space", {"pixel_space_vae": (1,)}),
    "optimizer": ("optimizer", {f"state.{n}.exp_avg": (320,) for n in range(9)}),
    "nothing-known": ("unknown", adapted([f"trunk.{n}.gate" for n in range(20)], "weight", "bias")),
}


@pytest.mark.parametrize("name", LORAS)
def test_a_lora_is_neither_checkpoint_nor_vae(name: str) -> None:
    """Every way of writing one, though it has the names of what it adapts."""
    identity = identify(header_of(LORAS[name]))
    assert (identity.kind, identity.components) == ("lora", ())


@pytest.mark.parametrize("name", CONTROLNETS)
def test_a_controlnet_is_no_checkpoint(name: str) -> None:
    """It has a UNet's first half."""
    identity = identify(header_of(CONTROLNETS[name]))
    assert (identity.kind, identity.components) == ("controlnet", ())


@pytest.mark.parametrize(
    ("cls", "config"),
    [
        ("ControlNetModel", {}),
        ("ControlNetUnionModel", {"addition_time_embed_dim": 256}),
        ("FluxControlNetModel", {"num_layers": 1, "num_single_layers": 1}),
        ("SD3ControlNetModel", {"num_layers": 1}),
        ("QwenImageControlNetModel", {"num_layers": 1}),
        ("SparseControlNetModel", {}),
        ("T2IAdapter", {}),
        ("MotionAdapter", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_adapters_of_diffusers_are_no_checkpoints(cls: str, config: dict[str, int]) -> None:
    """As their own classes name their tensors."""
    identity = identify(header_of(meta(cls, **config)()))
    assert identity.kind in ("controlnet", "t2i_adapter", "motion_module")
    assert identity.components == ()


@pytest.mark.parametrize("name", OTHERS)
def test_a_lookalike_is_told_for_what_it_is(name: str) -> None:
    """None passes for a checkpoint or a VAE."""
    kind, shapes = OTHERS[name]
    identity = identify(header_of(shapes))
    assert (identity.kind, identity.components) == (kind, ())


def test_a_whole_model_beside_its_controlnet_is_used_as_controlnet() -> None:
    """The first releases of ControlNet carry the checkpoint that they were trained on."""
    shapes = {f"model.diffusion_model.{k}": v for k, v in meta(UNET, **SD1)().items()}
    identity = identify(header_of(shapes | CONTROLNETS["ldm"]))
    assert identity.kind == "controlnet"


def test_no_denoiser_is_an_adapter() -> None:
    """The table of adapters, asked first, lets every published denoiser pass."""
    for case in UNET_CASES + DIFFUSERS_CASES + ORIGINAL_CASES:
        assert identify(header_of(case.shapes())).kind == "checkpoint", case.id


def test_every_row_can_be_told() -> None:
    """A row without any test would take every file."""
    for row in ADAPTERS + LOOKALIKES:
        keys = row.keys
        told = row.heads or row.tails or keys.all_of or keys.any_of or keys.shapes
        assert told, row
