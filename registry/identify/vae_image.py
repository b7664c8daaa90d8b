"""Signatures of the image autoencoders; the generic KL rows stand last.

Sources: huggingface/diffusers src/diffusers/models/autoencoders/* (tensor counts taken from the
classes themselves) and loaders/single_file_utils.py; yzkee/ComfyUI comfy/sd.py, comfy/ldm/cascade.
"""

from __future__ import annotations

from .vae_kl import KL_SPACES
from .vae_rows import Reading, Space, VaeSignature, decoder, encoder
from .view import Shape, View

ANY4: Shape = (None, None, None, None)
KL4 = KL_SPACES[0].families
_CODEBOOK = ("quantize.embedding.weight", "quant_conv.weight", "post_quant_conv.weight")
_TEMPORAL = ("*.time_mixer.*", "*.temporal_res_block.*", "*.mix_factor", "*.time_stack.*")
"""What only SVD's decoder has, in either layout (huggingface/diffusers
scripts/convert_svd_to_diffusers.py). Where an encoder's row names its decoder's marks, the encoder
alone is a plain KL one, and nothing is taken for that VAE because something is missing."""
_CONDITION = "decoder.condition_encoder.*"

DC_SANA = (Space(32, ("sana-dcae",), 32),)
DC_OTHERS = (
    Space(32, ("dcae-f32c32-in", "dcae-f32c32-mix"), 32),
    Space(128, ("dcae-f64c128-in", "dcae-f64c128-mix"), 64),
    Space(512, ("dcae-f128c512-in", "dcae-f128c512-mix"), 128),
)


def _at(name: str, *shape: int | None) -> tuple[tuple[str, Shape], ...]:
    return ((name, shape),)


def _stages(view: View) -> int | None:
    """DC-AE halves the resolution between stages, some of which have no tensors."""
    last = 0
    for name in view:
        words = name.split(".", 3)
        if len(words) == 4 and words[1] in ("stages", "down_blocks", "up_blocks"):
            last = max(last, int(words[2])) if words[2].isdecimal() and len(words[2]) < 3 else last
    return 2**last if 0 < last < 10 else None


def _stage_a(codebook: str) -> VaeSignature:
    return VaeSignature(
        "paella-vq-model",
        "diffusers" if "embedding" in codebook else "original",
        decoder(
            97,
            Reading("up_blocks.0.0.weight"),
            "out_block.0.weight",
            shapes=((codebook, (8192, 4)), ("up_blocks.0.0.weight", ANY4)),
            names=("up_blocks.", "out_block."),
        ),
        encoder(
            24,
            Reading("down_blocks.3.0.weight", 0),
            "in_block.1.weight",
            shapes=((codebook, (8192, 4)), ("down_blocks.3.0.weight", ANY4)),
            names=("in_block.", "down_blocks."),
        ),
        (Space(4, ("cascade-a",)),),
    )


def _effnet(prefix: str) -> VaeSignature:
    """EfficientNetV2-S without its classifier, and a mapper to 16 channels."""
    return VaeSignature(
        "effnet-encoder",
        "original",
        None,
        encoder(
            784,
            Reading(f"{prefix}mapper.0.weight", 0),
            f"{prefix}backbone.1.0.block.0.1.num_batches_tracked",
            shapes=_at(f"{prefix}mapper.0.weight", 16, 1280, 1, 1),
            names=(f"{prefix}backbone.", f"{prefix}mapper."),
        ),
        (Space(16, ("cascade-prior",)),),
    )


def _movq(layout: str, block: str, width: int, narrow: int, family: str) -> VaeSignature:
    """MoVQ: spatial norms in the decoder, attention in the encoder's deepest level."""
    return VaeSignature(
        "vq-model",
        layout,
        decoder(
            300,
            Reading("decoder.conv_in.weight"),
            f"decoder.{block}.norm1.conv_y.weight",
            none_of=("*.spatial_conv.*",),
            shapes=_at("decoder.conv_in.weight", width, 4, None, None),
        ),
        encoder(
            126,
            Reading("encoder.conv_out.weight", 0),
            f"encoder.{block}.norm1.weight",
            any_of=("encoder.down.3.attn.0.*", "encoder.down_blocks.3.attentions.0.*"),
            shapes=(
                ("encoder.conv_in.weight", (narrow, 3, None, None)),
                ("encoder.conv_out.weight", (4, width, None, None)),
            ),
        ),
        (Space(4, (family,)),),
        between=_CODEBOOK,
        kl=True,
    )


def _vq(layout: str, block: str) -> VaeSignature:
    """VQGAN first stages of latent diffusion: no published family works in their latents."""
    return VaeSignature(
        "vq-model",
        layout,
        decoder(
            0,
            Reading("decoder.conv_in.weight"),
            "quantize.embedding.weight",
            f"decoder.{block}.norm1.weight",
            shapes=_at("decoder.conv_in.weight", *ANY4),
        ),
        encoder(
            0,
            Reading("encoder.conv_out.weight", 0),
            "quantize.embedding.weight",
            f"encoder.{block}.norm1.weight",
            shapes=_at("encoder.conv_in.weight", *ANY4),
        ),
        (),
        factors=(None, 1),
        between=_CODEBOOK,
        kl=True,
    )


_SVD_BLOCK = {"ldm": "decoder.mid.block_1.*", "diffusers": "decoder.mid_block.resnets.0.*"}


def _svd(layout: str) -> VaeSignature:
    return VaeSignature(
        "autoencoder-kl-temporal-decoder",
        layout,
        decoder(
            266,
            Reading("decoder.conv_in.weight"),
            _SVD_BLOCK[layout],
            any_of=_TEMPORAL,
            shapes=_at("decoder.conv_in.weight", None, 4, None, None),
        ),
        encoder(
            106,
            Reading("encoder.conv_out.weight", 0, 2),
            _SVD_BLOCK[layout],
            any_of=_TEMPORAL,
        ),
        (Space(4, ("sd1",)),),
        lone_quant=True,
        kl=True,
    )


def _dc(
    layout: str,
    spaces: tuple[Space, ...],
    counts: tuple[tuple[int, ...], tuple[int, ...]],
    marker: str,
    scaled: str | None,
) -> VaeSignature:
    """``scaled`` names the multi-scale attention that the other published DC-AEs do not have."""
    into, out = {
        "diffusers": ("decoder.conv_in.weight", "encoder.conv_out.weight"),
        "original": (
            "decoder.project_in.main.conv.weight",
            "encoder.project_out.main.0.conv.weight",
        ),
    }[layout]
    absent = () if scaled is None else (scaled, "vocoder.*")
    decoder_tensors, encoder_tensors = counts
    return VaeSignature(
        "autoencoder-dc",
        layout,
        decoder(
            decoder_tensors,
            Reading(into),
            marker,
            none_of=absent,
            shapes=_at(into, *ANY4),
        ),
        encoder(
            encoder_tensors,
            Reading(out, 0),
            marker,
            none_of=absent,
            shapes=_at(out, *ANY4),
        ),
        spaces,
        factor=_stages,
    )


def _kl(layout: str, block: str) -> VaeSignature:
    return VaeSignature(
        "autoencoder-kl",
        layout,
        decoder(
            0,
            Reading("decoder.conv_in.weight"),
            f"decoder.{block}.*",
            none_of=("quantize.*", "*.spatial_conv.*"),
            shapes=_at("decoder.conv_in.weight", *ANY4),
        ),
        encoder(
            0,
            Reading("encoder.conv_out.weight", 0, 2),
            f"encoder.{block}.*",
            none_of=("quantize.*", "*.spatial_conv.*"),
            shapes=(("encoder.conv_in.weight", ANY4), ("encoder.conv_out.weight", ANY4)),
        ),
        (),
        factors=(None, 1),
        statistics=("bn.running_mean",),
        kl=True,
    )


_SCALES = "*.to_qkv_multiscale.*"
_SCALES_ORIGINAL = "*.aggreg.0.0.*"

IMAGE = (
    _stage_a("vquantizer.codebook.weight"),
    _stage_a("vquantizer.embedding.weight"),
    _effnet(""),
    _effnet("encoder."),
    VaeSignature(
        "consistency-decoder-vae",
        "diffusers",
        decoder(
            407,
            None,
            "decoder_unet.time_embedding.linear_1.weight",
            shapes=_at("decoder_unet.conv_in.weight", 320, 7, 3, 3),
            names=("decoder_unet.",),
        ),
        encoder(106, Reading("encoder.conv_out.weight", 0, 2), "decoder_unet.conv_in.weight"),
        (Space(4, ("sd1",)),),
        lone_quant=True,
    ),
    *(
        _movq(layout, block, width, narrow, family)
        for layout, block in (("ldm", "mid.block_1"), ("diffusers", "mid_block.resnets.0"))
        for width, narrow, family in ((512, 128, "movq"), (1024, 256, "movq-3"))
    ),
    _vq("ldm", "mid.block_1"),
    _vq("diffusers", "mid_block.resnets.0"),
    _svd("ldm"),
    _svd("diffusers"),
    VaeSignature(
        "autoencoder-kl-allegro",
        "diffusers",
        decoder(
            398,
            Reading("decoder.conv_in.weight"),
            "decoder.temp_conv_in.weight",
            shapes=_at("decoder.conv_in.weight", *ANY4),
        ),
        encoder(
            302,
            Reading("encoder.conv_out.weight", 0, 2),
            "encoder.temp_conv_in.weight",
            shapes=_at("encoder.conv_in.weight", *ANY4),
        ),
        (Space(4, ("allegro",)),),
    ),
    VaeSignature(
        "asymmetric-autoencoder-kl",
        "diffusers",
        decoder(
            (180, 244),
            Reading("decoder.conv_in.weight"),
            _CONDITION,
            shapes=_at("decoder.conv_in.weight", *ANY4),
        ),
        encoder(106, Reading("encoder.conv_out.weight", 0, 2), _CONDITION),
        (Space(4, KL4, 8),),
        factors=(None, 1),
        kl=True,
    ),
    _dc("diffusers", DC_SANA, ((196,), (179,)), _SCALES, None),
    _dc("original", DC_SANA, ((178,), (161,)), _SCALES_ORIGINAL, None),
    _dc(
        "diffusers",
        DC_OTHERS,
        ((212, 240, 268), (150, 178, 206)),
        "*.conv_out.conv_inverted.*",
        _SCALES,
    ),
    _dc(
        "original",
        DC_OTHERS,
        ((200, 224, 248), (138, 162, 186)),
        "*.local_module.main.*",
        _SCALES_ORIGINAL,
    ),
    VaeSignature(
        "autoencoder-kl-kvae",
        "original",
        decoder(
            252,
            Reading("decoder.conv_in.weight"),
            "decoder.mid.block_1.norm1.conv_y.weight",
            "decoder.up.1.upsample.spatial_conv.weight",
            shapes=_at("decoder.conv_in.weight", *ANY4),
        ),
        encoder(
            104,
            Reading("encoder.conv_out.weight", 0, 2),
            "encoder.down.0.downsample.spatial_conv.weight",
            shapes=_at("encoder.conv_in.weight", *ANY4),
        ),
        (Space(16, ("kvae",)),),
    ),
    VaeSignature(
        "autoencoder-kl-hunyuan-image",
        "diffusers",
        decoder(
            186,
            Reading("decoder.conv_in.weight"),
            "decoder.up_blocks.0.conv1.weight",
            shapes=_at("decoder.conv_in.weight", None, 64, None, None),
        ),
        encoder(
            138,
            Reading("encoder.conv_out.weight", 0, 2),
            "encoder.down_blocks.0.conv1.weight",
            shapes=_at("encoder.conv_out.weight", 128, None, None, None),
        ),
        (Space(64, ("hunyuan-image-2.1",)),),
    ),
    VaeSignature(
        "autoencoder-kl-hunyuan-image",
        "original",
        decoder(
            186,
            Reading("decoder.conv_in.weight"),
            "decoder.up.5.block.0.conv1.weight",
            shapes=_at("decoder.conv_in.weight", 1024, 64, None, None),
        ),
        encoder(
            138,
            Reading("encoder.conv_out.weight", 0, 2),
            "encoder.down.5.block.0.conv1.weight",
            shapes=_at("encoder.conv_out.weight", 128, 1024, None, None),
        ),
        (Space(64, ("hunyuan-image-2.1",)),),
    ),
    _kl("ldm", "mid.block_1"),
    _kl("diffusers", "mid_block.resnets.0"),
)
