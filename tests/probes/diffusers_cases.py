"""Small configs of every class that vaereg runs through diffusers."""

from __future__ import annotations

BOTH = ("encoder", "decoder")
TWO = {"down_block_types": ["DownEncoderBlock2D"] * 2}
EIGHTS = (8, 8, 8, 8)
WAN_22 = {
    "base_dim": 8,
    "decoder_base_dim": 16,
    "z_dim": 48,
    "is_residual": True,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
}
DC = {
    "latent_channels": 8,
    "attention_head_dim": 8,
    "encoder_block_types": ["ResBlock", "EfficientViTBlock"],
    "decoder_block_types": ["ResBlock", "EfficientViTBlock"],
    "encoder_block_out_channels": (16, 16),
    "decoder_block_out_channels": (16, 16),
    "encoder_layers_per_block": (1, 1),
    "decoder_layers_per_block": (1, 1),
    "encoder_qkv_multiscales": ((), (5,)),
    "decoder_qkv_multiscales": ((), (5,)),
    "upsample_block_type": "interpolate",
    "downsample_block_type": "conv",
}
LTX = {
    "latent_channels": 8,
    "block_out_channels": EIGHTS,
    "decoder_block_out_channels": EIGHTS,
    "layers_per_block": (1,) * 5,
    "decoder_layers_per_block": (1,) * 5,
}
HUNYUAN = {
    "latent_channels": 4,
    "block_out_channels": EIGHTS,
    "layers_per_block": 1,
    "norm_num_groups": 4,
}

SMALL: dict[str, list[tuple[str, dict]]] = {
    "autoencoder-kl-wan": [
        ("AutoencoderKLWan", {"base_dim": 8, "z_dim": 4, "num_res_blocks": 1}),
        ("AutoencoderKLWan", WAN_22),
        ("AutoencoderKLQwenImage", {"base_dim": 8, "input_channels": 4}),
    ],
    "autoencoder-kl-qwen-image-21": [
        ("AutoencoderKLQwenImage21", {"base_dim": 8, "decoder_base_dim": 8})
    ],
    "autoencoder-dc": [("AutoencoderDC", DC)],
    "autoencoder-kl-temporal-decoder": [
        ("AutoencoderKLTemporalDecoder", TWO | {"block_out_channels": (32, 64)})
    ],
    "vq-model": [
        (
            "VQModel",
            TWO
            | {"up_block_types": ["UpDecoderBlock2D"] * 2, "block_out_channels": (32, 64)}
            | {"num_vq_embeddings": 32},
        )
    ],
    "autoencoder-kl-hunyuan-video": [("AutoencoderKLHunyuanVideo", HUNYUAN)],
    "autoencoder-kl-hunyuan-video15": [
        (name, {"latent_channels": 4, "block_out_channels": (16,) * 5, "layers_per_block": 1})
        for name in ("AutoencoderKLHunyuanVideo15", "AutoencoderKLHunyuanImageRefiner")
    ],
    "autoencoder-kl-hunyuan-image": [
        (
            "AutoencoderKLHunyuanImage",
            {"in_channels": 3, "out_channels": 3, "latent_channels": 4, "layers_per_block": 1}
            | {"block_out_channels": (32, 64), "spatial_compression_ratio": 2, "sample_size": 32},
        )
    ],
    "autoencoder-kl-ltx-video": [
        ("AutoencoderKLLTXVideo", LTX),
        (
            "AutoencoderKLLTXVideo",
            LTX | {"timestep_conditioning": True, "decoder_inject_noise": (True,) * 5},
        ),
    ],
    "autoencoder-kl-ltx2-video": [
        (
            "AutoencoderKLLTX2Video",
            {"latent_channels": 8, "block_out_channels": EIGHTS, "layers_per_block": (1,) * 5}
            | {"decoder_block_out_channels": (16, 32, 64), "decoder_layers_per_block": (1,) * 4},
        )
    ],
    "autoencoder-kl-mochi": [
        (
            "AutoencoderKLMochi",
            {"latent_channels": 4, "encoder_block_out_channels": (32,) * 4}
            | {"decoder_block_out_channels": (32,) * 4, "layers_per_block": (1,) * 5},
        )
    ],
    "autoencoder-kl-cosmos": [
        (
            "AutoencoderKLCosmos",
            {"latent_channels": 4, "encoder_block_out_channels": EIGHTS, "resolution": 64}
            | {"decode_block_out_channels": EIGHTS, "attention_resolutions": (8,)},
        )
    ],
    "autoencoder-kl-cog-video-x": [
        (
            "AutoencoderKLCogVideoX",
            {"block_out_channels": EIGHTS, "latent_channels": 4, "layers_per_block": 1}
            | {"norm_num_groups": 2, "down_block_types": ("CogVideoXDownBlock3D",) * 4}
            | {"up_block_types": ("CogVideoXUpBlock3D",) * 4},
        )
    ],
    "autoencoder-kl-magvit": [
        (
            "AutoencoderKLMagvit",
            {"latent_channels": 4, "block_out_channels": list(EIGHTS), "norm_num_groups": 4},
        )
    ],
    "autoencoder-kl-kvae": [
        (
            "AutoencoderKLKVAE",
            {"channels": 32, "ch_mult": (1, 2), "num_enc_blocks": 1, "num_dec_blocks": 1},
        )
    ],
    "autoencoder-kl-kvae-video": [
        ("AutoencoderKLKVAEVideo", {"ch": 32, "ch_mult": (1, 2, 2, 2), "num_res_blocks": 1})
    ],
    "kandinsky6-sr-vae": [
        (
            "Kandinsky6SRVAE",
            {"latent_channels": 4, "layers_per_block": 1}
            | {f"{half}_block_out_channels": (16, 32, 32, 32, 32) for half in BOTH},
        )
    ],
}
