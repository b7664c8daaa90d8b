"""Signatures of the video autoencoders built of causal convolutions: LTX, Hunyuan and kin.

Sources: huggingface/diffusers src/diffusers/models/autoencoders/* (tensor counts taken from the
classes themselves) and loaders/single_file_utils.py; yzkee/ComfyUI comfy/sd.py and
comfy/ldm/{lightricks,hunyuan_video,cogvideo}/**.
"""

from __future__ import annotations

from .vae_rows import Reading, Space, VaeSignature, decoder, encoder
from .view import Shape

ANY5: Shape = (None, None, None, None, None)
HUNYUAN_15 = (Space(32, ("hunyuan-video-1.5", "hunyuan-image-2.1-refiner")),)
LTX_STATISTICS = ("latents_mean", "per_channel_statistics.mean-of-means")


def _at(name: str, *shape: int | None) -> tuple[tuple[str, Shape], ...]:
    return ((name, shape),)


_LTX_BLOCK = {
    "diffusers": "encoder.down_blocks.0.resnets.0.conv1.conv.weight",
    "original": "encoder.down_blocks.0.res_blocks.0.conv1.conv.weight",
}
_LTX_ORIGINAL = "decoder.up_blocks.0.res_blocks.0.conv1.conv.weight"
_LTX_DIFFUSERS = "decoder.mid_block.resnets.0.conv1.conv.weight"
_LTX_NOT = ("decoder.mid_block.resnets.0.norm1.*", "decoder.conv_norm_out.*", "decoder.norm_out.*")


_TIME, _NOISE = "*time_embedder.*", "*.per_channel_scale1"
"""What LTX-Video 0.9.1 and 0.9.5 add to a decoder; 0.9.5 has no noise any more."""


def _ltx(
    layout: str, family: str, marks: tuple[str, ...], width: int, counts: tuple[int, int]
) -> VaeSignature:
    """An LTX decoder tells its generation by its width, its time embedders and its noise."""
    anchor = _LTX_DIFFUSERS if layout == "diffusers" else _LTX_ORIGINAL
    return VaeSignature(
        f"autoencoder-kl-{'ltx2' if family == 'ltx2' else 'ltx'}-video",
        layout,
        decoder(
            counts[0],
            Reading("decoder.conv_in.conv.weight"),
            anchor,
            *marks,
            none_of=_LTX_NOT + tuple(mark for mark in (_TIME, _NOISE) if mark not in marks),
            shapes=_at("decoder.conv_in.conv.weight", width, 128, None, None, None),
            apart=("decoder.per_channel_statistics.",),
        ),
        encoder(
            counts[1],
            Reading("encoder.conv_out.conv.weight", 0, 1, 1),
            _LTX_BLOCK[layout],
            shapes=(
                ("encoder.conv_in.conv.weight", (None, 48, None, None, None)),
                ("encoder.conv_out.conv.weight", (129, 512, None, None, None)),
            ),
        ),
        (Space(128, (family,)),),
        statistics=LTX_STATISTICS,
    )


def _ltx_encoder(layout: str) -> VaeSignature:
    """The 2048 wide encoder, which LTX-Video 0.9.5 and LTX-2 share."""
    return VaeSignature(
        "autoencoder-kl-ltx-video",
        layout,
        None,
        encoder(
            92,
            Reading("encoder.conv_out.conv.weight", 0, 1, 1),
            _LTX_BLOCK[layout],
            shapes=_at("encoder.conv_out.conv.weight", 129, 2048, None, None, None),
        ),
        (Space(128, ("ltx-video", "ltx2")),),
        statistics=LTX_STATISTICS,
    )


LTX_ROWS = (
    VaeSignature(
        "ltx2-video-diffusion-decoder",
        "diffusers",
        decoder(
            405,
            Reading("decoder.conv_in.weight"),
            "decoder.diff_blocks.0.scale_shift_table",
            shapes=_at("decoder.conv_in_x_t.weight", None, 48),
        ),
        None,
        (Space(128, ("ltx2",)),),
        statistics=LTX_STATISTICS,
    ),
    _ltx_encoder("diffusers"),
    _ltx_encoder("original"),
    *(
        _ltx(layout, *generation)
        for layout in ("diffusers", "original")
        for generation in (
            ("ltx-video", (), 512, (94, 94)),
            ("ltx-video", (_TIME, _NOISE), 1024, (198, 94)),
            ("ltx-video", (_TIME,), 1024, (132, 92)),
            ("ltx2", (), 1024, (90, 92)),
        )
    ),
)


def _hunyuan15(layout: str, way: tuple[str, str], middle: str) -> VaeSignature:
    down, up = way
    return VaeSignature(
        "autoencoder-kl-hunyuan-video15",
        layout,
        decoder(
            124,
            Reading("decoder.conv_in.conv.weight"),
            f"decoder.{middle}.norm1.gamma",
            f"decoder.{up}.0.*",
            shapes=_at("decoder.conv_in.conv.weight", None, 32, None, None, None),
        ),
        encoder(
            94,
            Reading("encoder.conv_out.conv.weight", 0, 2),
            f"encoder.{middle}.norm1.gamma",
            f"encoder.{down}.0.*",
            shapes=_at("encoder.conv_out.conv.weight", 64, None, None, None, None),
        ),
        HUNYUAN_15,
    )


def _hunyuan(layout: str, attention: str, norm: str) -> VaeSignature:
    return VaeSignature(
        "autoencoder-kl-hunyuan-video",
        layout,
        decoder(
            138,
            Reading("decoder.conv_in.conv.weight"),
            f"decoder.{attention}.weight",
            f"decoder.{norm}.weight",
            shapes=_at("decoder.conv_in.conv.weight", None, 16, None, None, None),
        ),
        encoder(
            106,
            Reading("encoder.conv_out.conv.weight", 0, 2),
            f"encoder.{attention}.weight",
            f"encoder.{norm}.weight",
            shapes=_at("encoder.conv_out.conv.weight", 32, None, None, None, None),
        ),
        (Space(16, ("hunyuan-video",)),),
    )


CAUSAL_ROWS = (
    VaeSignature(
        "autoencoder-kl-cog-video-x",
        "diffusers",
        decoder(
            308,
            Reading("decoder.conv_in.conv.weight"),
            "decoder.mid_block.resnets.0.norm1.norm_layer.weight",
            "decoder.mid_block.resnets.0.norm1.conv_y.conv.weight",
            shapes=_at("decoder.conv_in.conv.weight", *ANY5),
        ),
        encoder(
            128,
            Reading("encoder.conv_out.conv.weight", 0, 2),
            "encoder.norm_out.weight",
            "encoder.mid_block.resnets.0.norm1.weight",
            none_of=("encoder.mid_block.attentions.*",),
            shapes=_at("encoder.conv_in.conv.weight", *ANY5),
        ),
        (Space(16, ("cogvideox", "cogvideox-5b")),),
    ),
    VaeSignature(
        "kandinsky6-sr-vae",
        "original",
        decoder(
            275,
            Reading("decoder.conv_in.conv.weight"),
            "decoder.mid.block_1.norm1.norm_layer.gamma",
            shapes=_at("decoder.conv_in.conv.weight", 2048, 64, None, None, None),
        ),
        encoder(
            103,
            Reading("encoder.conv_out.conv.weight", 0, 2),
            "encoder.down.0.downsample.spatial_conv.weight",
            "encoder.norm_out.gamma",
            shapes=_at("encoder.conv_out.conv.weight", 128, None, None, None, None),
        ),
        (Space(64, ("kandinsky6-sr",)),),
    ),
    VaeSignature(
        "autoencoder-kl-kvae-video",
        "original",
        decoder(
            256,
            Reading("decoder.conv_in.conv.weight"),
            "decoder.mid.block_1.norm1.norm_layer.norm_layer.weight",
            shapes=_at("decoder.conv_in.conv.weight", *ANY5),
        ),
        encoder(
            108,
            Reading("encoder.conv_out.conv.weight", 0, 2),
            "encoder.down.0.downsample.spatial_conv.weight",
            "encoder.norm_out.norm_layer.weight",
            shapes=_at("encoder.conv_in.conv.weight", *ANY5),
        ),
        (),
        factors=(8, 4),
    ),
    _hunyuan15("diffusers", ("down_blocks", "up_blocks"), "mid_block.resnets.0"),
    _hunyuan15("original", ("down", "up"), "mid.block_1"),
    _hunyuan("diffusers", "mid_block.attentions.0.group_norm", "conv_norm_out"),
    _hunyuan("original", "mid.attn_1.norm", "norm_out"),
    VaeSignature(
        "autoencoder-kl-magvit",
        "diffusers",
        decoder(
            128,
            Reading("decoder.conv_in.weight"),
            "decoder.mid_block.convs.0.conv1.weight",
            shapes=_at("decoder.conv_in.weight", *ANY5),
        ),
        encoder(
            96,
            Reading("encoder.conv_out.weight", 0, 2),
            "encoder.mid_block.convs.0.conv1.weight",
            shapes=_at("encoder.conv_in.weight", *ANY5),
        ),
        (Space(16, ("easyanimate-magvit",)),),
    ),
    VaeSignature(
        "autoencoder-kl-hunyuan-image3",
        "original",
        decoder(
            160,
            Reading("decoder.conv_in.weight"),
            any_of=("decoder.up.0.block.0.conv1.*", "decoder.up_blocks.0.*"),
            none_of=("*.gamma",),
            shapes=_at("decoder.conv_in.weight", None, 32, None, None, None),
        ),
        encoder(
            120,
            Reading("encoder.conv_out.weight", 0, 2),
            any_of=("encoder.down.0.block.0.conv1.*", "encoder.down_blocks.0.*"),
            none_of=("*.gamma",),
            shapes=_at("encoder.conv_out.weight", 64, None, None, None, None),
        ),
        (Space(32, ("hunyuan-image-3",)),),
    ),
)

CAUSAL = LTX_ROWS + CAUSAL_ROWS
