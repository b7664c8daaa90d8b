"""Autoencoders that run through diffusers: their classes, published configs and original names.

Figures: the defaults of huggingface/diffusers src/diffusers/models/autoencoders/*.py and the
vae/config.json of each model's repository; only what shapes the network is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Config = dict[str, object]
Shapes = Mapping[str, tuple[int, ...]]
Rules = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one architecture is run."""

    classes: tuple[str, ...]
    """diffusers classes, one of which it is; a ``config.json`` may name any of them."""
    configs: tuple[Config, ...] = ({},)
    """What shapes the published ones; the first whose tensors are the file's is taken."""
    video: bool = True
    """Pictures have a dimension of time."""
    original: str = ""
    """Part of a name that shows the layout of its own release."""
    converter: str = ""
    """The function of ``diffusers.loaders.single_file_utils`` that knows that layout's names."""
    prefix: str = ""
    """What that function expects before every name."""
    rules: Rules = ()
    """That layout's names into diffusers' as regular expressions, where diffusers has none."""
    bare: bool = False
    """Its own release has no quantisation convolutions: the halves meet as they are."""
    measure: Callable[[Shapes], Config] | None = None
    """Reads widths from the tensors, in place of the published ones."""


def _wan_level(found: re.Match[str]) -> str:
    """Wan 2.1's decoder is one list: three blocks and an upsampler a level."""
    level, place = divmod(int(found[1]), 4)
    return f".up_blocks.{level}." + ("upsamplers.0." if place == 3 else f"resnets.{place}.")


_WAN: Rules = (
    (r"^conv1\.", "quant_conv."),
    (r"^conv2\.", "post_quant_conv."),
    (r"^(\w+)\.conv1\.", r"\1.conv_in."),
    (r"\.head\.0\.", ".norm_out."),
    (r"\.head\.2\.", ".conv_out."),
    (r"\.middle\.0\.", ".mid_block.resnets.0."),
    (r"\.middle\.1\.", ".mid_block.attentions.0."),
    (r"\.middle\.2\.", ".mid_block.resnets.1."),
    (r"\.(down|up)samples\.(\d)\.\1samples\.\d\.(resam|time_)", r".\1_blocks.\2.\1sampler.\3"),
    (r"\.(down|up)samples\.(\d)\.\1samples\.(\d)\.", r".\1_blocks.\2.resnets.\3."),
    (r"\.downsamples\.", ".down_blocks."),
    (r"\.upsamples\.(\d{1,2})\.", _wan_level),
    (r"\.residual\.0\.", ".norm1."),
    (r"\.residual\.2\.", ".conv1."),
    (r"\.residual\.3\.", ".norm2."),
    (r"\.residual\.6\.", ".conv2."),
    (r"\.shortcut\.", ".conv_shortcut."),
)
"""Wan-Video/Wan2.1 wan/modules/vae.py and Wan-Video/Wan2.2 wan/modules/vae2_2.py."""


def _wan_widths(shapes: Shapes) -> Config:
    """Widths and channels of a Wan or Qwen-Image VAE; a packed picture has 2x2 pixels."""
    found: Config = {}
    if (into := shapes.get("encoder.conv_in.weight")) and len(into) == 5:
        found |= {"base_dim": into[0], "in_channels": into[1]}
    if (out := shapes.get("decoder.conv_out.weight")) and len(out) == 5:
        found |= {"decoder_base_dim": out[1], "out_channels": out[0]}
        found["patch_size"] = 2 if out[0] in (12, 16) else None
    if (latent := shapes.get("decoder.conv_in.weight")) and len(latent) == 5:
        found["z_dim"] = latent[1]
    return found


def _dc(channels: int, widths: tuple[int, ...]) -> Config:
    """The DC-AE of f32, f64 and f128 (mit-han-lab/dc-ae-f32c32-in-1.0-diffusers and kin)."""
    deep = len(widths) - 3
    return {
        "latent_channels": channels,
        **{f"{half}coder_block_out_channels": widths for half in ("en", "de")},
        **{
            f"{half}coder_block_types": ["ResBlock"] * 3 + ["EfficientViTBlock"] * deep
            for half in ("en", "de")
        },
        **{f"{half}coder_qkv_multiscales": [[]] * len(widths) for half in ("en", "de")},
        "encoder_layers_per_block": [0, 4, 8] + [2] * deep,
        "decoder_layers_per_block": [0, 5, 10] + [2] * deep,
        "decoder_norm_types": ["batch_norm"] * 3 + ["rms_norm"] * deep,
        "decoder_act_fns": ["relu"] * 3 + ["silu"] * deep,
        "downsample_block_type": "pixel_unshuffle",
        "upsample_block_type": "pixel_shuffle",
    }


_DC_WIDTHS = (128, 256, 512, 512, 1024, 1024)
_SANA: Config = _dc(32, _DC_WIDTHS) | {
    "encoder_qkv_multiscales": [[]] * 3 + [[5]] * 3,
    "decoder_qkv_multiscales": [[]] * 3 + [[5]] * 3,
    "encoder_layers_per_block": [2, 2, 2, 3, 3, 3],
    "decoder_layers_per_block": [3, 3, 3, 3, 3, 3],
    "decoder_norm_types": "rms_norm",
    "decoder_act_fns": "silu",
    "downsample_block_type": "conv",
    "upsample_block_type": "interpolate",
}
_LTX_091: Config = {
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
_LTX_095: Config = {
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
_MOVQ: Config = {
    "down_block_types": ["DownEncoderBlock2D"] * 3 + ["AttnDownEncoderBlock2D"],
    "up_block_types": ["AttnUpDecoderBlock2D"] + ["UpDecoderBlock2D"] * 3,
    "latent_channels": 4,
    "layers_per_block": 2,
    "norm_type": "spatial",
    "num_vq_embeddings": 16384,
    "vq_embed_dim": 4,
}

RECIPES: dict[str, Recipe] = {
    "autoencoder-kl-wan": Recipe(
        ("AutoencoderKLWan", "AutoencoderKLQwenImage"),
        ({}, {"is_residual": True}),
        original=".middle.",
        rules=_WAN,
        measure=_wan_widths,
    ),
    "autoencoder-kl-qwen-image-21": Recipe(("AutoencoderKLQwenImage21",)),
    "autoencoder-dc": Recipe(
        ("AutoencoderDC",),
        (
            _SANA,
            _dc(32, _DC_WIDTHS),
            _dc(128, (*_DC_WIDTHS, 2048)),
            _dc(512, (*_DC_WIDTHS, 2048, 2048)),
        ),
        video=False,
        original=".stages.",
        converter="convert_autoencoder_dc_checkpoint_to_diffusers",
    ),
    "autoencoder-kl-temporal-decoder": Recipe(
        ("AutoencoderKLTemporalDecoder",),
        (
            {
                "block_out_channels": (128, 256, 512, 512),
                "down_block_types": ["DownEncoderBlock2D"] * 4,
                "layers_per_block": 2,
            },
        ),
        video=False,
        bare=True,
    ),
    "vq-model": Recipe(
        ("VQModel",),
        tuple(
            _MOVQ | {"block_out_channels": widths}
            for widths in ((128, 256, 256, 512), (256, 512, 512, 1024))
        ),
        video=False,
    ),
    "autoencoder-kl-hunyuan-video": Recipe(("AutoencoderKLHunyuanVideo",)),
    "autoencoder-kl-hunyuan-video15": Recipe(
        ("AutoencoderKLHunyuanVideo15", "AutoencoderKLHunyuanImageRefiner")
    ),
    "autoencoder-kl-hunyuan-image": Recipe(
        ("AutoencoderKLHunyuanImage",),
        (
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
        video=False,
    ),
    "autoencoder-kl-ltx-video": Recipe(
        ("AutoencoderKLLTXVideo",),
        ({}, _LTX_091, _LTX_095),
        original=".res_blocks.",
        converter="convert_ltx_vae_checkpoint_to_diffusers",
        prefix="vae.",
    ),
    "autoencoder-kl-ltx2-video": Recipe(
        ("AutoencoderKLLTX2Video",),
        original=".res_blocks.",
        converter="convert_ltx2_vae_to_diffusers",
    ),
    "autoencoder-kl-mochi": Recipe(("AutoencoderKLMochi",)),
    "autoencoder-kl-cosmos": Recipe(("AutoencoderKLCosmos",)),
    "autoencoder-kl-cog-video-x": Recipe(
        ("AutoencoderKLCogVideoX",),
        (
            {
                "block_out_channels": (128, 256, 256, 512),
                "latent_channels": 16,
                "layers_per_block": 3,
                "down_block_types": ("CogVideoXDownBlock3D",) * 4,
                "up_block_types": ("CogVideoXUpBlock3D",) * 4,
            },
        ),
    ),
    "autoencoder-kl-magvit": Recipe(("AutoencoderKLMagvit",)),
    "autoencoder-kl-kvae": Recipe(("AutoencoderKLKVAE",), video=False),
    "autoencoder-kl-kvae-video": Recipe(("AutoencoderKLKVAEVideo",)),
    "kandinsky6-sr-vae": Recipe(("Kandinsky6SRVAE",)),
}
"""By ``Component.architecture``."""
