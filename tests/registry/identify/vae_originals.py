"""The same VAEs in the layouts of their own releases, renamed from the diffusers classes."""

from __future__ import annotations

import re

from .vae_headers import Shapes, diffusers, effnet, renamed, stage_a

_KL_BLOCKS = (
    (r"\.conv_shortcut\.", ".nin_shortcut."),
    (r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}"),
    (r"mid_block\.attentions\.0", "mid.attn_1"),
    (r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample"),
    (r"down_blocks\.(\d)\.resnets", r"down.\1.block"),
    (r"down_blocks\.(\d)\.attentions", r"down.\1.attn"),
)
_ATTENTION = (
    (r"(attn[\w.]*)\.(group_norm|spatial_norm)\.", r"\1.norm."),
    (r"(attn[\w.]*)\.to_([qkv])\.", r"\1.\2."),
    (r"(attn[\w.]*)\.to_out\.0\.", r"\1.proj_out."),
)


def ldm(shapes: Shapes, rank: int = 4) -> Shapes:
    """A KL autoencoder as latent-diffusion names it; attention weights of rank 2, 3 or 4."""
    last = max(int(found[1]) for name in shapes if (found := re.search(r"up_blocks\.(\d)", name)))

    def up(found: re.Match[str]) -> str:
        kind = {"resnets.": "block.", "attentions.": "attn.", "upsamplers.0": "upsample"}[found[2]]
        return f"up.{last - int(found[1])}.{kind}"

    names = renamed(
        shapes,
        *_KL_BLOCKS,
        (r"up_blocks\.(\d)\.(resnets\.|attentions\.|upsamplers\.0)", up),
        *_ATTENTION,
        (r"conv_norm_out", "norm_out"),
    )
    ones = (1,) * (rank - 2)
    attention = re.compile(r".*attn.*\.(q|k|v|proj_out)\.weight")
    return {
        key: shape + ones if attention.fullmatch(key) else shape for key, shape in names.items()
    }


def svd_ldm() -> Shapes:
    """SVD's autoencoder in the original release, which has no quantisation convolution."""
    shapes = {name: shape for name, shape in diffusers("svd").items() if "quant_conv" not in name}
    return renamed(
        ldm(shapes),
        (r"spatial_res_block\.", ""),
        (r"temporal_res_block\.norm1", "time_stack.in_layers.0"),
        (r"temporal_res_block\.conv1", "time_stack.in_layers.2"),
        (r"temporal_res_block\.norm2", "time_stack.out_layers.0"),
        (r"temporal_res_block\.conv2", "time_stack.out_layers.3"),
        (r"time_mixer\.mix_factor", "mix_factor"),
        (r"decoder\.time_conv_out", "decoder.conv_out.time_mix_conv"),
    )


def old_attention(shapes: Shapes) -> Shapes:
    """Attention as diffusers named it before version 0.17."""
    return renamed(
        shapes,
        (r"\.to_q\.", ".query."),
        (r"\.to_k\.", ".key."),
        (r"\.to_v\.", ".value."),
        (r"\.to_out\.0\.", ".proj_attn."),
    )


def flux2_original() -> Shapes:
    """FLUX.2's own file keeps the quantisation convolutions inside the halves."""
    names = ldm(diffusers("flux2"))
    return renamed(
        names, (r"^quant_conv", "encoder.quant_conv"), (r"^post_quant", "decoder.post_quant")
    )


_WAN = (
    (r"^quant_conv", "conv1"),
    (r"^post_quant_conv", "conv2"),
    (r"^(\w+)\.conv_in\.", r"\1.conv1."),
    (r"^(\w+)\.norm_out\.", r"\1.head.0."),
    (r"^(\w+)\.conv_out\.", r"\1.head.2."),
    (r"\.norm1\.", ".residual.0."),
    (r"(blocks[\w.]*|resnets\.\d)\.conv1\.", r"\1.residual.2."),
    (r"\.norm2\.", ".residual.3."),
    (r"\.conv2\.", ".residual.6."),
    (r"\.conv_shortcut\.", ".shortcut."),
    (r"mid_block\.resnets\.(\d)", lambda found: f"middle.{2 * int(found[1])}"),
    (r"mid_block\.attentions\.0", "middle.1"),
)


def wan21(name: str = "wan21") -> Shapes:
    """Wan 2.1 (and Qwen-Image) as released: one flat list of layers a half."""
    return renamed(
        diffusers(name),
        *_WAN,
        (r"down_blocks\.", "downsamples."),
        (
            r"up_blocks\.(\d)\.resnets\.(\d)",
            lambda found: f"upsamples.{4 * int(found[1]) + int(found[2])}",
        ),
        (r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"upsamples.{4 * int(found[1]) + 3}"),
    )


def wan22() -> Shapes:
    """Wan 2.2 as released: lists within lists."""
    return renamed(
        diffusers("wan22"),
        *_WAN,
        (r"down_blocks\.(\d)\.resnets", r"downsamples.\1.downsamples"),
        (r"down_blocks\.(\d)\.downsampler", r"downsamples.\1.downsamples.2"),
        (r"up_blocks\.(\d)\.resnets", r"upsamples.\1.upsamples"),
        (r"up_blocks\.(\d)\.upsampler", r"upsamples.\1.upsamples.3"),
    )


def flat(shapes: Shapes) -> Shapes:
    """Convolutions over space alone: the repack of a video VAE for pictures."""
    return {
        name: shape[:2] + shape[3:] if len(shape) == 5 else shape for name, shape in shapes.items()
    }


_LTX_PART = re.compile(
    r"(?:mid_block|(?:down|up)_blocks\.(\d)\.(?:(conv_in|conv_out|(?:down|up)samplers)\.?)?)"
)


def ltx(name: str) -> Shapes:
    """LTX as released: blocks, samplers and the middle in one numbered list a half."""
    shapes = diffusers(name)
    order = {"conv_in": 0, "upsamplers": 1, "resnets": 2, "downsamplers": 3, "conv_out": 4}

    def place(key: str) -> tuple[int, int] | None:
        found = re.match(rf"(encoder|decoder)\.{_LTX_PART.pattern}", key)
        if found is None or key.split(".")[1] in ("conv_in", "conv_out"):
            return None
        if found[2] is None:
            return (9, 0) if found[1] == "encoder" else (-1, 0)
        return int(found[2]), order[found[3] or "resnets"]

    numbers = {}
    for part in ("encoder", "decoder"):
        places = {spot for key in shapes if key.startswith(part) and (spot := place(key))}
        numbers[part] = {spot: index for index, spot in enumerate(sorted(places))}
    result: Shapes = {}
    for key, shape in shapes.items():
        part, spot = key.partition(".")[0], place(key)
        if spot is not None:
            rest = re.sub(rf"^\w+\.{_LTX_PART.pattern}\.?(0\.(?=conv))?", "", key)
            way = "down" if part == "encoder" else "up"
            key = f"{part}.{way}_blocks.{numbers[part][spot]}.{rest}"
        result[key] = shape
    return renamed(
        result,
        (r"resnets", "res_blocks"),
        (r"latents_mean", "per_channel_statistics.mean-of-means"),
        (r"latents_std", "per_channel_statistics.std-of-means"),
        (r"^decoder\.time_embedder", "decoder.last_time_embedder"),
        (r"^decoder\.scale_shift_table", "decoder.last_scale_shift_table"),
    )


def mochi() -> Shapes:
    """Mochi as released, both halves in one file; query, key and value are one tensor."""
    shapes = {
        name: (3 * shape[0], *shape[1:]) if ".to_q." in name else shape
        for name, shape in diffusers("mochi").items()
        if ".to_k." not in name and ".to_v." not in name
    }

    def block(found: re.Match[str]) -> str:
        return f"blocks.{int(found[1]) + 1}.{'blocks.' + found[3] if found[2] else 'proj'}"

    def layer(found: re.Match[str]) -> str:
        return f"layers.{int(found[1]) + 4}.layers.{int(found[2]) + 1}"

    def last(found: re.Match[str]) -> str:
        return f"layers.{int(found[1]) + 7}"

    return renamed(
        shapes,
        (r"norm1\.norm_layer", "stack.0"),
        (r"conv1\.conv", "stack.2"),
        (r"norm2\.norm_layer", "stack.3"),
        (r"conv2\.conv", "stack.5"),
        (r"^decoder\.conv_in", "decoder.blocks.0.0"),
        (r"^decoder\.proj_out", "decoder.output_proj"),
        (
            r"decoder\.block_in\.resnets\.(\d)",
            lambda found: f"decoder.blocks.0.{int(found[1]) + 1}",
        ),
        (r"decoder\.block_out\.resnets\.(\d)", r"decoder.blocks.4.\1"),
        (r"up_blocks\.(\d)\.(?:(resnets)\.(\d)|proj)", block),
        (r"^encoder\.proj_in", "encoder.layers.0"),
        (r"^encoder\.proj_out", "encoder.output_proj"),
        (r"^encoder\.norm_out\.norm_layer", "encoder.output_norm"),
        (r"encoder\.block_in\.resnets\.(\d)", lambda found: f"encoder.layers.{int(found[1]) + 1}"),
        (r"down_blocks\.(\d)\.conv_in\.conv", lambda f: f"layers.{int(f[1]) + 4}.layers.0"),
        (r"down_blocks\.(\d)\.(?:resnets|norms|attentions)\.(\d)", layer),
        (r"block_out\.(?:resnets|norms|attentions)\.(\d)", last),
        (r"\.to_q\.", ".attn_block.attn.qkv."),
        (r"\.to_out\.0\.", ".attn_block.attn.out."),
        (r"(\d)\.norm_layer\.", r"\1.attn_block.norm."),
    )


def cosmos() -> Shapes:
    """Cosmos as repacked for ComfyUI, with the wavelets and the statistics."""
    names = renamed(
        diffusers("cosmos"), (r"\.conv_s\.", ".0.conv3d."), (r"\.conv_t\.", ".1.conv3d.")
    )
    extra: Shapes = {"latent_mean": (256,), "latent_std": (256,)}
    extra |= {"encoder.patcher3d.wavelets": (2,), "decoder.unpatcher3d.wavelets": (2,)}
    return names | extra


def hunyuan_video() -> Shapes:
    """HunyuanVideo in LDM's spelling; convolutions keep their causal wrapper."""
    return ldm(diffusers("hunyuan-video"), 5)


def hunyuan_15() -> Shapes:
    """HunyuanVideo 1.5 as released: levels count from the latents in the decoder."""
    return renamed(
        diffusers("hunyuan-15"),
        *_KL_BLOCKS,
        (r"up_blocks\.(\d)\.resnets", r"up.\1.block"),
        (r"up_blocks\.(\d)\.upsamplers\.0", r"up.\1.upsample"),
        *_ATTENTION,
    )


def hunyuan_image_3() -> Shapes:
    """HunyuanImage 3: the 1.5 network with plain convolutions and group norms."""
    shapes: Shapes = {}
    for name, shape in hunyuan_15().items():
        if name.endswith(".gamma"):
            shapes |= {name[:-5] + "weight": shape[:1], name[:-5] + "bias": shape[:1]}
        else:
            shapes[name.replace(".conv.weight", ".weight").replace(".conv.bias", ".bias")] = shape
    return shapes


def hunyuan_image() -> Shapes:
    """HunyuanImage 2.1 as released: levels of blocks instead of one list."""

    def level(found: re.Match[str]) -> str:
        way, size = found[1], 3 if found[1] == "down" else 4
        number, place = divmod(int(found[2]), size)
        return f"{way}.{number}." + (f"{way}sample" if place == size - 1 else f"block.{place}")

    return renamed(
        diffusers("hunyuan-image"), *_KL_BLOCKS[1:3], (r"(down|up)_blocks\.(\d+)", level)
    )


def minimax_h3() -> Shapes:
    """MiniMax H3 as ComfyUI reads it; query, key and value are one tensor."""
    shapes = {
        name: (3 * shape[0], *shape[1:]) if ".to_q." in name else shape
        for name, shape in diffusers("minimax-h3").items()
        if ".to_k." not in name and ".to_v." not in name
    }
    return renamed(
        shapes,
        *_KL_BLOCKS,
        (r"\.to_q\.", ".to_qkv."),
        (r"\.to_out\.0\.", ".to_out."),
        (r"\.ff\.net\.0\.proj\.", ".ff.w1."),
        (r"\.ff\.net\.2\.", ".ff.w2."),
        (r"decoder\.proj_in", "decoder.x_embedder"),
    )


def dc_ae(name: str) -> Shapes:
    """DC-AE as released by its authors."""
    shapes = {
        key: (3 * shape[0], *shape[1:]) if ".to_q." in key else shape
        for key, shape in diffusers(name).items()
        if ".to_k." not in key and ".to_v." not in key
    }
    return renamed(
        shapes,
        (r"encoder\.conv_in\.conv", "encoder.project_in.main.conv"),
        (r"encoder\.conv_in\.(?=w|b)", "encoder.project_in.conv."),
        (r"encoder\.conv_out\.", "encoder.project_out.main.0.conv."),
        (r"decoder\.conv_in\.", "decoder.project_in.main.conv."),
        (r"decoder\.norm_out\.", "decoder.project_out.op_list.0."),
        (r"decoder\.conv_out\.(conv\.)?", "decoder.project_out.op_list.2.conv."),
        (r"(down|up)_blocks\.(\d)\.", r"stages.\2.op_list."),
        (r"\.to_qkv_multiscale\.0\.proj_in\.", ".aggreg.0.0."),
        (r"\.to_qkv_multiscale\.0\.proj_out\.", ".aggreg.0.1."),
        (r"\.attn\.to_q\.", ".context_module.main.qkv.conv."),
        (r"\.attn\.to_out\.", ".context_module.main.proj.conv."),
        (r"\.attn\.norm_out\.", ".context_module.main.proj.norm."),
        (r"\.attn\.", ".context_module.main."),
        (r"\.conv_out\.conv_(inverted|depth|point)\.", r".local_module.main.\1_conv.conv."),
        (r"\.conv_out\.norm\.", ".local_module.main.point_conv.norm."),
        (r"stages\.(\d)\.op_list\.(\d+)\.conv([12])\.", r"stages.\1.op_list.\2.main.conv\3.conv."),
    )


def seedvr2() -> Shapes:
    """SeedVR2: HunyuanVideo's diffusers names without causal wrappers, pixel-shuffle upsamplers."""
    names = renamed(
        diffusers("hunyuan-video"), (r"(?<!downsamplers\.0)\.conv\.(?=weight|bias)", ".")
    )
    kept = {name: shape for name, shape in names.items() if "quant_conv" not in name}
    for level, width in ((0, 512), (1, 512), (2, 256)):
        stem = f"decoder.up_blocks.{level}.upsamplers.0.upscale_conv"
        kept |= {f"{stem}.weight": (4 * width, width, 1, 1, 1), f"{stem}.bias": (4 * width,)}
    return kept


def stage_a_original() -> Shapes:
    """Stage A as Stability released it."""
    return renamed(stage_a(), (r"vquantizer\.embedding", "vquantizer.codebook"))


def mage() -> Shapes:
    """Mage-VAE: a distilled encoder and a one-step pipeline as the decoder."""
    shapes: Shapes = {
        "student.dconv_encoder.proj_out.weight": (128, 768, 1, 1),
        "pipeline.y_embedder.decoder.conv_in.weight": (512, 32, 3, 3),
        "pipeline.s_embedder.proj.weight": (768, 3, 16, 16),
    }
    for index in range(12):
        shapes[f"student.dconv_encoder.blocks.{index}.conv1.weight"] = (768, 768, 3, 3)
        shapes[f"pipeline.blocks.{index}.attn.qkv.weight"] = (2304, 768)
    return shapes


def effnet_in_bundle() -> Shapes:
    """The encoder of Stage C together with its previewer."""
    shapes = {f"encoder.{name}": shape for name, shape in effnet().items()}
    return shapes | {"previewer.blocks.11.num_batches_tracked": ()}
