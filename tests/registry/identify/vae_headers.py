"""Headers of every VAE that vaereg names: diffusers classes on the meta device, and other layouts.

The configs carry the key figures of the published vae/config.json files; what other layouts call
the same tensors follows huggingface/diffusers scripts/convert_* and yzkee/ComfyUI comfy/ldm.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import cache

import pytest

Shapes = dict[str, tuple[int, ...]]

_DOWN, _UP = "DownEncoderBlock2D", "UpDecoderBlock2D"


def _kl(*widths: int, layers: int = 2, **more: object) -> dict[str, object]:
    down, up = [_DOWN] * len(widths), [_UP] * len(widths)
    return {
        "block_out_channels": widths,
        "down_block_types": down,
        "up_block_types": up,
        "layers_per_block": layers,
        **more,
    }


def _asymmetric(*widths: int, layers: int) -> dict[str, object]:
    return {
        "down_block_types": [_DOWN] * 4,
        "down_block_out_channels": (128, 256, 512, 512),
        "layers_per_down_block": 2,
        "up_block_types": [_UP] * 4,
        "up_block_out_channels": widths,
        "layers_per_up_block": layers,
    }


def _movq(*widths: int) -> dict[str, object]:
    return {
        "block_out_channels": widths,
        "down_block_types": [_DOWN] * 3 + ["AttnDownEncoderBlock2D"],
        "up_block_types": ["AttnUpDecoderBlock2D"] + [_UP] * 3,
        "latent_channels": 4,
        "layers_per_block": 2,
        "norm_type": "spatial",
        "num_vq_embeddings": 16384,
        "vq_embed_dim": 4,
    }


def _dc(channels: int, stages: int, *widths: int) -> dict[str, object]:
    kinds = ["ResBlock"] * 3 + ["EfficientViTBlock"] * (stages - 3)
    norms = ["batch_norm"] * 3 + ["rms_norm"] * (stages - 3)
    return {
        "latent_channels": channels,
        "encoder_block_types": kinds,
        "decoder_block_types": kinds,
        "encoder_block_out_channels": widths,
        "decoder_block_out_channels": widths,
        "encoder_layers_per_block": [0, 4, 8] + [2] * (stages - 3),
        "decoder_layers_per_block": [0, 5, 10] + [2] * (stages - 3),
        "encoder_qkv_multiscales": [[]] * stages,
        "decoder_qkv_multiscales": [[]] * stages,
        "decoder_norm_types": norms,
        "decoder_act_fns": ["relu"] * 3 + ["silu"] * (stages - 3),
        "downsample_block_type": "pixel_unshuffle",
        "upsample_block_type": "pixel_shuffle",
    }


_SANA_SCALES = ((), (), (), (5,), (5,), (5,))
_SANA: dict[str, object] = {
    "latent_channels": 32,
    "encoder_block_types": ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3,
    "decoder_block_types": ["ResBlock"] * 3 + ["EfficientViTBlock"] * 3,
    "encoder_block_out_channels": (128, 256, 512, 512, 1024, 1024),
    "decoder_block_out_channels": (128, 256, 512, 512, 1024, 1024),
    "encoder_layers_per_block": (2, 2, 2, 3, 3, 3),
    "decoder_layers_per_block": (3, 3, 3, 3, 3, 3),
    "encoder_qkv_multiscales": _SANA_SCALES,
    "decoder_qkv_multiscales": _SANA_SCALES,
    "downsample_block_type": "conv",
    "upsample_block_type": "interpolate",
    "decoder_norm_types": "rms_norm",
    "decoder_act_fns": "silu",
}
_LTX_095: dict[str, object] = {
    "block_out_channels": (128, 256, 512, 1024, 2048),
    "down_block_types": ("LTXVideo095DownBlock3D",) * 4,
    "decoder_block_out_channels": (256, 512, 1024),
    "layers_per_block": (4, 6, 6, 2, 2),
    "decoder_layers_per_block": (5, 5, 5, 5),
    "spatio_temporal_scaling": (True,) * 4,
    "decoder_spatio_temporal_scaling": (True,) * 3,
    "decoder_inject_noise": (False,) * 4,
    "downsample_type": ("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
    "upsample_residual": (True,) * 3,
    "upsample_factor": (2, 2, 2),
    "timestep_conditioning": True,
}
_LTX_091: dict[str, object] = {
    "block_out_channels": (128, 256, 512, 512),
    "decoder_block_out_channels": (256, 512, 1024),
    "layers_per_block": (4, 3, 3, 3, 4),
    "decoder_layers_per_block": (5, 6, 7, 8),
    "spatio_temporal_scaling": (True, True, True, False),
    "decoder_spatio_temporal_scaling": (True,) * 3,
    "decoder_inject_noise": (True, True, True, False),
    "upsample_residual": (True,) * 3,
    "upsample_factor": (2, 2, 2),
    "timestep_conditioning": True,
}
_WAN_22: dict[str, object] = {
    "base_dim": 160,
    "decoder_base_dim": 256,
    "z_dim": 48,
    "in_channels": 12,
    "out_channels": 12,
    "is_residual": True,
    "patch_size": 2,
    "scale_factor_spatial": 16,
}
_COGVIDEOX: dict[str, object] = {
    "block_out_channels": (128, 256, 256, 512),
    "latent_channels": 16,
    "layers_per_block": 3,
    "down_block_types": ("CogVideoXDownBlock3D",) * 4,
    "up_block_types": ("CogVideoXUpBlock3D",) * 4,
}
_NO_QUANT: dict[str, object] = {"use_quant_conv": False, "use_post_quant_conv": False}

CLASSES: dict[str, tuple[str, dict[str, object]]] = {
    "sd": ("AutoencoderKL", _kl(128, 256, 512, 512)),
    "x4": ("AutoencoderKL", _kl(128, 256, 512)),
    "kl-f4": ("AutoencoderKL", _kl(128, 256, 512, latent_channels=3)),
    "sd3": ("AutoencoderKL", _kl(128, 256, 512, 512, latent_channels=16) | _NO_QUANT),
    "16-quant": ("AutoencoderKL", _kl(128, 256, 512, 512, latent_channels=16)),
    "d16": ("AutoencoderKL", _kl(128, 128, 256, 512, latent_channels=16)),
    "mono": ("AutoencoderKL", _kl(128, 256, 512, latent_channels=8, in_channels=1, out_channels=1)),
    "cogview": (
        "AutoencoderKL",
        _kl(
            *(128, 512, 1024, 1024),
            layers=3,
            latent_channels=16,
            mid_block_add_attention=False,
        )
        | _NO_QUANT,
    ),
    "asymmetric-1.5": ("AsymmetricAutoencoderKL", _asymmetric(192, 384, 768, 768, layers=3)),
    "asymmetric-2": ("AsymmetricAutoencoderKL", _asymmetric(256, 512, 1024, 1024, layers=5)),
    "svd": (
        "AutoencoderKLTemporalDecoder",
        {
            "block_out_channels": (128, 256, 512, 512),
            "down_block_types": [_DOWN] * 4,
            "layers_per_block": 2,
        },
    ),
    "consistency": ("ConsistencyDecoderVAE", {}),
    "movq": ("VQModel", _movq(128, 256, 256, 512)),
    "movq-3": ("VQModel", _movq(256, 512, 512, 1024)),
    "vq-f4": ("VQModel", _kl(128, 256, 512, latent_channels=3, num_vq_embeddings=8192)),
    "tiny-4": ("AutoencoderTiny", {}),
    "tiny-16": ("AutoencoderTiny", {"latent_channels": 16}),
    "dc-sana": ("AutoencoderDC", _SANA),
    "dc-f32": ("AutoencoderDC", _dc(32, 6, 128, 256, 512, 512, 1024, 1024)),
    "dc-f64": ("AutoencoderDC", _dc(128, 7, 128, 256, 512, 512, 1024, 1024, 2048)),
    "dc-f128": ("AutoencoderDC", _dc(512, 8, 128, 256, 512, 512, 1024, 1024, 2048, 2048)),
    "flux2": ("AutoencoderKLFlux2", {}),
    "flux2-small": ("AutoencoderKLFlux2", {"decoder_block_out_channels": (96, 192, 384, 384)}),
    "wan21": ("AutoencoderKLWan", {}),
    "wan22": ("AutoencoderKLWan", _WAN_22),
    "qwen-rgba": ("AutoencoderKLQwenImage", {"input_channels": 4}),
    "qwen21": ("AutoencoderKLQwenImage21", {}),
    "hunyuan-video": ("AutoencoderKLHunyuanVideo", {}),
    "hunyuan-15": ("AutoencoderKLHunyuanVideo15", {}),
    "hunyuan-refiner": ("AutoencoderKLHunyuanImageRefiner", {}),
    "hunyuan-image": (
        "AutoencoderKLHunyuanImage",
        {
            "in_channels": 3,
            "out_channels": 3,
            "latent_channels": 64,
            "block_out_channels": (128, 256, 512, 512, 1024, 1024),
            "layers_per_block": 2,
            "spatial_compression_ratio": 32,
            "sample_size": 384,
        },
    ),
    "ltx-0.9.0": ("AutoencoderKLLTXVideo", {}),
    "ltx-0.9.1": ("AutoencoderKLLTXVideo", _LTX_091),
    "ltx-0.9.5": ("AutoencoderKLLTXVideo", _LTX_095),
    "ltx2": ("AutoencoderKLLTX2Video", {}),
    "ltx2-diffusion": ("LTX2VideoDiffusionDecoderModel", {}),
    "mochi": ("AutoencoderKLMochi", {}),
    "cosmos": ("AutoencoderKLCosmos", {}),
    "cogvideox": ("AutoencoderKLCogVideoX", _COGVIDEOX),
    "allegro": ("AutoencoderKLAllegro", {}),
    "magvit": ("AutoencoderKLMagvit", {}),
    "minimax-h3": ("AutoencoderKLMiniMaxH3", {}),
    "kvae": ("AutoencoderKLKVAE", {}),
    "kvae-video": ("AutoencoderKLKVAEVideo", {}),
    "kandinsky6-sr": ("Kandinsky6SRVAE", {}),
    "oobleck": ("AutoencoderOobleck", {}),
    "ltx2-audio": ("AutoencoderKLLTX2Audio", {}),
    "kvae-audio": ("AutoencoderKLKVAEAudio", {}),
    "mmaudio": ("MMAudioVAE", {}),
}


@cache
def diffusers(name: str) -> Shapes:
    """Names and shapes of a diffusers class with a published config, instantiated once."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from diffusers.models import autoencoders

    class_name, config = CLASSES[name]
    if not hasattr(autoencoders, class_name):
        pytest.skip(f"this diffusers has no {class_name}")
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        state = getattr(autoencoders, class_name)(**config).state_dict()
    return {key: tuple(value.shape) for key, value in state.items()}


@cache
def stage_a() -> Shapes:
    """Stage A of Stable Cascade, written out: diffusers keeps its class in no lasting place."""
    shapes: Shapes = {
        **_with_bias("in_block.1", 192, 12, 1, 1),
        **_with_bias("down_blocks.1", 384, 192, 4, 4),
        "down_blocks.3.0.weight": (4, 384, 1, 1),
        **_with_bias("down_blocks.3.1", 4),
        "down_blocks.3.1.running_mean": (4,),
        "down_blocks.3.1.running_var": (4,),
        "down_blocks.3.1.num_batches_tracked": (),
        "vquantizer.embedding.weight": (8192, 4),
        **_with_bias("up_blocks.0.0", 384, 4, 1, 1),
        **_with_bias("out_block.0", 12, 192, 1, 1),
        "up_blocks.13.weight": (384, 192, 4, 4),
        "up_blocks.13.bias": (192,),
    }
    blocks = [("down_blocks.0", 192), ("down_blocks.2", 384), ("up_blocks.14", 192)]
    blocks += [(f"up_blocks.{index}", 384) for index in range(1, 13)]
    for stem, width in blocks:
        shapes |= {
            f"{stem}.gammas": (6,),
            **_with_bias(f"{stem}.depthwise.1", width, 1, 3, 3),
            **_with_bias(f"{stem}.channelwise.0", 4 * width, width),
            **_with_bias(f"{stem}.channelwise.2", width, 4 * width),
        }
    return shapes


def effnet() -> Shapes:
    """EfficientNetV2-S below ``backbone.`` and the mapper to 16 channels."""
    shapes: Shapes = {"mapper.0.weight": (16, 1280, 1, 1), "mapper.1.running_mean": (16,)}
    shapes |= {"mapper.1.running_var": (16,), "mapper.1.num_batches_tracked": ()}
    for level, count in enumerate((6, 12, 48, 48, 132, 198, 330, 6)):
        for index in range(count):
            shapes[f"backbone.{level}.{index}.block.0.1.weight"] = (24,)
    del shapes["backbone.1.0.block.0.1.weight"]
    return shapes | {"backbone.1.0.block.0.1.num_batches_tracked": ()}


def _with_bias(stem: str, *shape: int) -> Shapes:
    return {f"{stem}.weight": shape, f"{stem}.bias": shape[:1]}


def below(prefix: str, shapes: Shapes) -> Shapes:
    """The tensors under another prefix."""
    return {prefix + name: shape for name, shape in shapes.items()}


def half(part: str, shapes: Shapes) -> Shapes:
    """The encoder or the decoder with its quantisation convolution."""
    quant = "quant_conv." if part == "encoder" else "post_quant_conv."
    return {name: shape for name, shape in shapes.items() if name.startswith((f"{part}.", quant))}


def renamed(shapes: Shapes, *rules: tuple[str, str | Callable[[re.Match[str]], str]]) -> Shapes:
    """The tensors under names that every regular expression has changed in turn."""
    result: Shapes = {}
    for name, shape in shapes.items():
        for pattern, new in rules:
            name = re.sub(pattern, new, name)
        assert name not in result, name
        result[name] = shape
    return result
