"""Published UNets, by their configs, and what must be said of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .denoiser_headers import Case, Shapes, ldm_unet, meta

_DOWN_XL = ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"]
_UP_XL = ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]
SD1: dict[str, Any] = {"cross_attention_dim": 768, "in_channels": 4, "out_channels": 4}
_SD2 = SD1 | {
    "cross_attention_dim": 1024,
    "attention_head_dim": [5, 10, 20, 20],
    "use_linear_projection": True,
}
SDXL: dict[str, Any] = {
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "attention_head_dim": [5, 10, 20],
    "block_out_channels": [320, 640, 1280],
    "cross_attention_dim": 2048,
    "down_block_types": _DOWN_XL,
    "up_block_types": _UP_XL,
    "projection_class_embeddings_input_dim": 2816,
    "transformer_layers_per_block": [1, 2, 10],
    "use_linear_projection": True,
}
_REFINER: dict[str, Any] = SDXL | {
    "attention_head_dim": [6, 12, 24, 24],
    "block_out_channels": [384, 768, 1536, 1536],
    "cross_attention_dim": 1280,
    "down_block_types": [
        "DownBlock2D",
        "CrossAttnDownBlock2D",
        "CrossAttnDownBlock2D",
        "DownBlock2D",
    ],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "projection_class_embeddings_input_dim": 2560,
    "transformer_layers_per_block": 4,
}
_KOLORS = SDXL | {
    "encoder_hid_dim": 4096,
    "encoder_hid_dim_type": "text_proj",
    "projection_class_embeddings_input_dim": 5632,
}
_X4: dict[str, Any] = {
    "attention_head_dim": 8,
    "block_out_channels": [256, 512, 512, 1024],
    "cross_attention_dim": 1024,
    "down_block_types": ["DownBlock2D", *["CrossAttnDownBlock2D"] * 3],
    "up_block_types": [*["CrossAttnUpBlock2D"] * 3, "UpBlock2D"],
    "in_channels": 7,
    "num_class_embeds": 1000,
    "only_cross_attention": [True, True, True, False],
    "use_linear_projection": True,
}
_KOALA = SDXL | {
    "layers_per_block": 1,
    "mid_block_type": None,
    "transformer_layers_per_block": [1, 2, 5],
}
_SSD = SDXL | {"mid_block_type": "UNetMidBlock2D", "transformer_layers_per_block": [0, 2, 4]}
_SDXS = {
    "block_out_channels": [320, 640, 1280],
    "cross_attention_dim": 1024,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": _UP_XL,
    "layers_per_block": 1,
    "mid_block_type": None,
    "use_linear_projection": True,
}
_CASCADE_C: dict[str, Any] = {
    "in_channels": 16,
    "out_channels": 16,
    "block_out_channels": [2048, 2048],
    "num_attention_heads": [32, 32],
    "down_num_layers_per_block": [2, 2],
    "up_num_layers_per_block": [2, 2],
    "down_blocks_repeat_mappers": [1, 1],
    "up_blocks_repeat_mappers": [1, 1],
    "block_types_per_layer": [["SDCascadeResBlock", "SDCascadeAttnBlock"]] * 2,
    "clip_text_in_channels": 1280,
    "clip_text_pooled_in_channels": 1280,
    "clip_image_in_channels": 768,
    "conditioning_dim": 2048,
    "patch_size": 1,
    "switch_level": [False],
}
_CASCADE_B: dict[str, Any] = {
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [320, 640],
    "num_attention_heads": [0, 20],
    "down_num_layers_per_block": [2, 2],
    "up_num_layers_per_block": [2, 2],
    "down_blocks_repeat_mappers": [1, 1],
    "up_blocks_repeat_mappers": [1, 1],
    "block_types_per_layer": [["SDCascadeResBlock", "SDCascadeTimestepBlock"]] * 2,
    "clip_text_pooled_in_channels": 1280,
    "conditioning_dim": 1280,
    "effnet_in_channels": 16,
    "pixel_mapper_in_channels": 3,
    "patch_size": 2,
}


def _svd(**kwargs: Any) -> Callable[[], Shapes]:
    def build() -> Shapes:
        plain = ldm_unet(**kwargs)()
        stack = "input_blocks.1.1.time_stack.0."
        return plain | {
            f"{stack}attn1.to_q.weight": (320, 320),
            f"{stack}attn2.to_k.weight": (320, 1024),
        }

    return build


def _cascade(build: Callable[[], Shapes], pooled: str) -> Callable[[], Shapes]:
    """Stable Cascade under its authors' names."""

    def renamed() -> Shapes:
        return {
            name.replace("clip_txt_pooled_mapper", pooled).replace(
                "attention.to_q.", "attention.attn.in_proj_"
            ): shape
            for name, shape in build().items()
        }

    return renamed


_FOUR = ("sd1", "sdxl", "playground-v2.5", "eq-sdxl", "movq", "movq-3")
_SIXTEEN = ("sd3", "flux1", "ostris-d16", "cogview", "glm-image", "kvae")
_CLASS = {"class_embed_type": "projection"}
_UNET = "UNet2DConditionModel"


def _unet(
    id: str, config: dict[str, Any], architecture: str, family: str, channels: int = 4
) -> list[Case]:
    """A UNet in both layouts."""
    return [
        Case(f"{id}-ldm", ldm_unet(**config), architecture, "ldm", family, channels),
        Case(f"{id}-diffusers", meta(_UNET, **config), architecture, "diffusers", family, channels),
    ]


UNET_CASES = [
    *_unet("sd1", SD1, "unet-sd1", "sd1"),
    *_unet("sd1-inpaint", SD1 | {"in_channels": 9}, "unet-sd1", "sd1"),
    *_unet("sd1-ip2p", SD1 | {"in_channels": 8}, "unet-sd1", "sd1"),
    *_unet("sd2", _SD2, "unet-sd2", "sd1"),
    *_unet("sd2-depth", _SD2 | {"in_channels": 5}, "unet-sd2", "sd1"),
    *_unet("sd2-inpaint", _SD2 | {"in_channels": 9}, "unet-sd2", "sd1"),
    *(
        case
        for width, architecture in (
            (1536, "unet-sd2-unclip"),
            (2048, "unet-sd2-unclip"),
            (4, "unet-lotus-d"),
        )
        for case in _unet(
            f"sd2-class-{width}",
            _SD2 | _CLASS | {"projection_class_embeddings_input_dim": width},
            architecture,
            "sd1",
        )
    ),
    *_unet("sdxl", SDXL, "unet-sdxl", "sdxl"),
    *_unet("sdxl-inpaint", SDXL | {"in_channels": 9}, "unet-sdxl", "sdxl"),
    *_unet("sdxl-ip2p", SDXL | {"in_channels": 8}, "unet-sdxl", "sdxl"),
    *_unet(
        "sdxl-flux2", SDXL | {"in_channels": 32, "out_channels": 32}, "unet-sdxl", "sdxl-flux2", 32
    ),
    *_unet("refiner", _REFINER, "unet-sdxl-refiner", "sdxl"),
    *_unet("kolors", _KOLORS, "unet-kolors", "sdxl"),
    *_unet("koala", _KOALA, "unet-koala", "sdxl"),
    *_unet("ssd-1b", _SSD, "unet-ssd-1b", "sdxl"),
    *_unet("vega", _SSD | {"transformer_layers_per_block": [0, 1, 2]}, "unet-segmind-vega", "sdxl"),
    *_unet("sdxs-512", _SDXS | {"cross_attention_dim": 768}, "unet-sdxs", "sd1"),
    *_unet("sdxs", _SDXS, "unet-sdxs", "sd1"),
    *_unet("x4", _X4, "unet-sd-x4-upscaler", "sd-x4-upscaler"),
    Case(
        "playground-ldm",
        ldm_unet(**SDXL),
        "unet-sdxl",
        "ldm",
        "playground-v2.5",
        4,
        beside={"edm_mean": (1, 4, 1, 1), "edm_std": (1, 4, 1, 1)},
    ),
    Case(
        "svd-ldm",
        _svd(**_SD2 | _CLASS | {"in_channels": 8, "projection_class_embeddings_input_dim": 768}),
        "unet-svd",
        "ldm",
        "sd1",
        4,
    ),
    Case(
        "sv3d-ldm",
        _svd(**_SD2 | _CLASS | {"in_channels": 8, "projection_class_embeddings_input_dim": 256}),
        "unet-sv3d",
        "ldm",
        "sd1",
        4,
    ),
    Case(
        "svd-diffusers", meta("UNetSpatioTemporalConditionModel"), "unet-svd", "diffusers", "sd1", 4
    ),
    Case(
        "zero123-ldm",
        ldm_unet(**SD1 | {"in_channels": 8}),
        "unet-zero123",
        "ldm",
        "sd1",
        4,
        beside={"cc_projection.weight": (768, 772)},
    ),
    Case("kandinsky3", meta("Kandinsky3UNet"), "unet-kandinsky3", "diffusers", "movq-3", 4),
    Case(
        "kandinsky22",
        meta(
            _UNET,
            addition_embed_type="image",
            attention_head_dim=64,
            block_out_channels=[384, 768, 1152, 1536],
            cross_attention_dim=768,
            down_block_types=["ResnetDownsampleBlock2D", *["SimpleCrossAttnDownBlock2D"] * 3],
            up_block_types=[*["SimpleCrossAttnUpBlock2D"] * 3, "ResnetUpsampleBlock2D"],
            mid_block_type="UNetMidBlock2DSimpleCrossAttn",
            encoder_hid_dim=1280,
            encoder_hid_dim_type="image_proj",
            layers_per_block=3,
            out_channels=8,
            resnet_time_scale_shift="scale_shift",
        ),
        "unet-kandinsky2",
        "diffusers",
        "movq",
        4,
    ),
    Case(
        "deepfloyd-if",
        meta(
            _UNET,
            in_channels=3,
            out_channels=6,
            attention_head_dim=64,
            block_out_channels=[192, 384],
            cross_attention_dim=192,
            down_block_types=["ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"],
            up_block_types=["SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"],
            mid_block_type="UNetMidBlock2DSimpleCrossAttn",
            encoder_hid_dim=4096,
        ),
        "unet-if",
        "diffusers",
        "pixel",
        3,
    ),
    Case(
        "text-to-video",
        meta("UNet3DConditionModel", cross_attention_dim=1024),
        "unet-text-to-video",
        "diffusers",
        "sd1",
        4,
    ),
    Case(
        "i2vgen",
        meta("I2VGenXLUNet", cross_attention_dim=1024),
        "unet-i2vgen-xl",
        "diffusers",
        "sd1",
        4,
    ),
    Case(
        "motion-model",
        meta("UNetMotionModel", cross_attention_dim=768),
        "unet-sd1",
        "diffusers",
        "sd1",
        4,
    ),
    Case(
        "cascade-c",
        meta("StableCascadeUNet", **_CASCADE_C),
        "stable-cascade-c",
        "diffusers",
        "cascade-prior",
        16,
    ),
    Case(
        "cascade-b",
        meta("StableCascadeUNet", **_CASCADE_B),
        "stable-cascade-b",
        "diffusers",
        "cascade-a",
        4,
    ),
    Case(
        "cascade-c-original",
        _cascade(meta("StableCascadeUNet", **_CASCADE_C), "clip_txt_pooled_mapper"),
        "stable-cascade-c",
        "original",
        "cascade-prior",
        16,
    ),
    Case(
        "cascade-b-original",
        _cascade(meta("StableCascadeUNet", **_CASCADE_B), "clip_mapper"),
        "stable-cascade-b",
        "original",
        "cascade-a",
        4,
    ),
    *(
        Case(f"{id}-16-{layout}", build, architecture, layout, None, 16, _SIXTEEN)
        for id, config, architecture in (("sd1", SD1, "unet-sd1"), ("sdxl", SDXL, "unet-sdxl"))
        for wide in [config | {"in_channels": 16, "out_channels": 16}]
        for layout, build in (("ldm", ldm_unet(**wide)), ("diffusers", meta(_UNET, **wide)))
    ),
    Case(
        "tiny-random",
        meta(
            _UNET,
            block_out_channels=[32, 64],
            cross_attention_dim=32,
            down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"],
            norm_num_groups=32,
        ),
        "unet-other",
        "diffusers",
        None,
        4,
        _FOUR,
    ),
]
