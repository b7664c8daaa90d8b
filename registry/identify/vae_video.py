"""Signatures of Wan, Mochi, Cosmos and other video autoencoders with a build of their own.

Sources: huggingface/diffusers src/diffusers/models/autoencoders/* (tensor counts taken from the
classes themselves), scripts/convert_*; yzkee/ComfyUI comfy/sd.py and comfy/ldm/**.
"""

from __future__ import annotations

from .vae_rows import Reading, Space, VaeSignature, decoder, encoder
from .view import Shape

ANY5: Shape = (None, None, None, None, None)
WAN = (
    Space(16, ("wan21", "qwen-image")),
    Space(48, ("wan22",)),
)


def _at(name: str, *shape: int | None) -> tuple[tuple[str, Shape], ...]:
    return ((name, shape),)


SPECIAL = (
    VaeSignature(
        "seedvr2-vae",
        "original",
        decoder(
            144,
            Reading("decoder.conv_in.weight"),
            "decoder.up_blocks.2.upsamplers.0.upscale_conv.weight",
            shapes=_at("decoder.conv_in.weight", None, 16, None, None, None),
        ),
        encoder(
            106,
            Reading("encoder.conv_out.weight", 0, 2),
            "encoder.mid_block.attentions.0.group_norm.weight",
            shapes=(
                ("encoder.conv_in.weight", (None, 3, None, None, None)),
                ("encoder.conv_out.weight", (32, None, None, None, None)),
            ),
        ),
        (Space(16, ("seedvr2",)),),
    ),
    VaeSignature(
        "mage-vae",
        "original",
        decoder(
            0,
            None,
            any_of=("pipeline.y_embedder.*", "decoder_model.y_embedder.*"),
            names=("pipeline.", "decoder_model."),
        ),
        encoder(
            0,
            None,
            any_of=("student.dconv_encoder.proj_out.weight", "dconv_encoder.proj_out.weight"),
            names=("student.dconv_encoder.", "dconv_encoder."),
        ),
        (Space(128, ("mage-flow",)),),
        factors=(16, 1),
    ),
    VaeSignature(
        "autoencoder-kl-minimax-h3",
        "diffusers",
        decoder(
            583,
            Reading("decoder.proj_in.weight"),
            "decoder.transformer_blocks.0.attn.to_q.weight",
            "decoder.register_tokens",
            shapes=_at("decoder.transformer_blocks.0.scale1", None),
        ),
        encoder(
            116,
            Reading("encoder.conv_out.weight", 0, 2),
            "encoder.down_blocks.5.resnets.0.conv1.weight",
            none_of=("encoder.mid_block.*",),
            shapes=_at("encoder.conv_in.weight", *ANY5),
        ),
        (Space(24, ("minimax-h3",)),),
    ),
    VaeSignature(
        "autoencoder-kl-minimax-h3",
        "original",
        decoder(
            439,
            Reading("decoder.x_embedder.weight"),
            "decoder.transformer_blocks.0.attn.to_qkv.weight",
            shapes=_at("decoder.transformer_blocks.0.scale1", None),
        ),
        encoder(
            116,
            Reading("encoder.conv_out.weight", 0, 2),
            "encoder.down.5.block.0.conv1.weight",
            none_of=("encoder.mid.*",),
            shapes=_at("encoder.conv_in.weight", *ANY5),
        ),
        (Space(24, ("minimax-h3",)),),
    ),
    VaeSignature(
        "autoencoder-kl-mochi",
        "original",
        decoder(
            162,
            None,
            "decoder.output_proj.weight",
            shapes=_at("decoder.blocks.2.blocks.3.stack.5.weight", *ANY5),
        ),
        encoder(
            243,
            None,
            "encoder.layers.4.layers.1.attn_block.attn.qkv.weight",
        ),
        (Space(12, ("mochi",)),),
    ),
    VaeSignature(
        "autoencoder-kl-mochi",
        "original",
        decoder(
            162,
            None,
            "output_proj.weight",
            shapes=_at("blocks.2.blocks.3.stack.5.weight", *ANY5),
            names=("blocks.", "output_proj."),
        ),
        encoder(
            243,
            None,
            "layers.4.layers.1.attn_block.attn.qkv.weight",
            names=("layers.", "output_norm.", "output_proj."),
        ),
        (Space(12, ("mochi",)),),
    ),
    VaeSignature(
        "autoencoder-kl-mochi",
        "diffusers",
        decoder(
            162,
            Reading("decoder.conv_in.weight"),
            "decoder.up_blocks.0.proj.weight",
            shapes=_at("decoder.block_in.resnets.0.conv1.conv.weight", *ANY5),
        ),
        encoder(
            275,
            Reading("encoder.proj_out.weight", 0, 2),
            "encoder.block_out.attentions.0.to_q.weight",
            shapes=_at("encoder.block_in.resnets.0.conv1.conv.weight", *ANY5),
        ),
        (Space(12, ("mochi",)),),
    ),
    VaeSignature(
        "autoencoder-kl-cosmos",
        "original",
        decoder(
            170,
            None,
            any_of=("decoder.unpatcher3d.wavelets", "decoder.conv_in.0.conv3d.weight"),
            shapes=_at("decoder.conv_in.0.conv3d.weight", None, 16, None, None, None),
            apart=("decoder.unpatcher3d.",),
        ),
        encoder(
            136,
            None,
            shapes=_at("encoder.conv_in.0.conv3d.weight", None, 192, None, None, None),
            apart=("encoder.patcher3d.",),
        ),
        (Space(16, ("cosmos",)),),
        statistics=("latent_mean",),
    ),
    VaeSignature(
        "autoencoder-kl-cosmos",
        "diffusers",
        decoder(
            170,
            Reading("decoder.conv_in.conv_s.weight"),
            "decoder.mid_block.temp_attentions.0.to_q.weight",
            shapes=_at("decoder.conv_in.conv_s.weight", *ANY5),
        ),
        encoder(
            136,
            Reading("encoder.conv_out.conv_s.weight", 0),
            "encoder.mid_block.temp_attentions.0.to_q.weight",
            shapes=_at("encoder.conv_in.conv_s.weight", *ANY5),
        ),
        (Space(16, ("cosmos",)),),
        statistics=("latent_mean",),
    ),
)

WAN_ROWS = (
    VaeSignature(
        "autoencoder-kl-wan",
        "original",
        decoder(
            (106, 108),
            Reading("decoder.conv1.weight"),
            "decoder.head.2.weight",
            "decoder.middle.0.residual.0.gamma",
            any_of=(
                "decoder.upsamples.0.residual.2.weight",
                "decoder.upsamples.0.upsamples.0.residual.2.weight",
            ),
        ),
        encoder(
            84,
            Reading("encoder.head.2.weight", 0, 2),
            "encoder.conv1.weight",
            "encoder.middle.0.residual.0.gamma",
        ),
        WAN,
    ),
    VaeSignature(
        "autoencoder-kl-qwen-image-21",
        "diffusers",
        decoder(
            132,
            Reading("decoder.conv_in.weight"),
            "decoder.up_blocks.4.resnets.0.norm1.gamma",
            shapes=_at("decoder.conv_in.weight", None, 64, None, None),
        ),
        encoder(
            102,
            Reading("encoder.conv_out.weight", 0, 2),
            "encoder.down_blocks.4.resnets.0.norm1.gamma",
            shapes=_at("encoder.conv_out.weight", 128, None, None, None),
        ),
        (Space(64, ("qwen-image-2.1",)),),
    ),
    VaeSignature(
        "autoencoder-kl-wan",
        "diffusers",
        decoder(
            (106, 108),
            Reading("decoder.conv_in.weight"),
            "decoder.norm_out.gamma",
            "decoder.mid_block.attentions.0.to_qkv.weight",
            "decoder.up_blocks.0.resnets.0.norm1.gamma",
        ),
        encoder(
            84,
            Reading("encoder.conv_out.weight", 0, 2),
            "encoder.norm_out.gamma",
            "encoder.mid_block.attentions.0.to_qkv.weight",
        ),
        WAN,
    ),
)

VIDEO = SPECIAL + WAN_ROWS
