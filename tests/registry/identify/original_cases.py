"""Published transformers under their authors' names: what tells them, two blocks deep."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .denoiser_headers import Case, Shapes, blocks, dit, linear


def flux(inputs: int = 64, outputs: int = 64, **changes: Any) -> Callable[[], Shapes]:
    """FLUX.1's names and shapes in the layout of its authors."""

    def build() -> Shapes:
        text, width, guided = changes.get("text", 4096), 3072, changes.get("guidance", True)
        shapes = linear("img_in", width, inputs) | linear("txt_in", width, text)
        shapes |= linear("time_in.in_layer", width, 256) | linear("time_in.out_layer", width, width)
        if changes.get("vector", True):
            shapes |= linear("vector_in.in_layer", width, 768)
        if guided:
            shapes |= linear("guidance_in.in_layer", width, 256)
        shapes |= blocks("double_blocks", _flux_double(width))
        single = linear("linear1", 7 * width, width) | linear("linear2", width, 5 * width)
        shapes |= blocks("single_blocks", single)
        shapes |= linear("final_layer.linear", outputs, width)
        shapes |= changes.get("more", {})
        return {k: v for k, v in shapes.items() if not k.startswith(changes.get("without", "?"))}

    return build


def _flux_double(width: int) -> Shapes:
    double: Shapes = {}
    for side in ("img", "txt"):
        double |= {f"{side}_attn.norm.{part}_norm.scale": (128,) for part in ("key", "query")}
        double |= linear(f"{side}_attn.qkv", 3 * width, width)
        double |= linear(f"{side}_mlp.0", 4 * width, width)
    return double


def flux2() -> Shapes:
    """FLUX.2 klein: no biases, one modulation for all blocks."""
    shapes = {"img_in.weight": (3072, 128), "txt_in.weight": (3072, 7680)}
    shapes |= {"double_stream_modulation_img.lin.weight": (18432, 3072)}
    shapes |= {"time_in.in_layer.weight": (3072, 256), "final_layer.linear.weight": (128, 3072)}
    single = {"linear1.weight": (21504, 3072), "linear2.weight": (3072, 15360)}
    return shapes | blocks("double_blocks", _flux_double(3072)) | blocks("single_blocks", single)


def hunyuan(inputs: tuple[int, ...], outputs: int, width: int = 3072, **more: int) -> Shapes:
    """The HunyuanVideo line in the layout of its authors."""
    shapes = {"img_in.proj.weight": (width, *inputs), "img_in.proj.bias": (width,)}
    shapes |= linear("txt_in.input_embedder", width, 4096)
    shapes |= {"txt_in.individual_token_refiner.blocks.0.norm1.weight": (width,)}
    for name, ins in more.items():
        shapes |= linear(name.replace("__", "."), ins if "vision" in name else width, ins)
    double = linear("img_attn_qkv", 3 * width, width)
    double |= linear("img_mlp.fc1", 4 * width, width) | linear("txt_mlp.fc1", 4 * width, width)
    single = linear("linear1", 7 * width, width) | linear("linear2", width, 5 * width)
    shapes |= blocks("double_blocks", double) | blocks("single_blocks", single)
    return shapes | linear("final_layer.linear", outputs, width)


def wan(
    inputs: int = 16, outputs: int = 16, width: int = 1536, more: Shapes | None = None
) -> Shapes:
    """Wan in the layout of its authors."""
    shapes = linear("patch_embedding", width, inputs, 1, 2, 2) | (more or {})
    shapes |= linear("text_embedding.0", width, 4096) | linear("time_embedding.0", width, 256)
    block = {"modulation": (1, 6, width), "ffn.0.weight": (8960, width)}
    block |= linear("self_attn.q", width, width) | linear("cross_attn.q", width, width)
    shapes |= blocks("blocks", block)
    return shapes | {"head.modulation": (1, 2, width)} | linear("head.head", 4 * outputs, width)


def pixart(tokens: int | None, micro: bool = False) -> Shapes:
    """PixArt in the layout of its authors; ``tokens`` are the rows of its empty caption."""
    more = linear("t_block.1", 6912, 1152) | linear("y_embedder.y_proj.fc1", 1152, 4096)
    more |= {"y_embedder.y_embedding": (tokens, 4096)} if tokens else {}
    more |= linear("ar_embedder.mlp.0", 384, 256) if micro else {}
    embed = linear("x_embedder.proj", 1152, 4, 2, 2)
    entries = linear("attn.qkv", 3456, 1152) | linear("cross_attn.proj", 1152, 1152)
    entries |= linear("mlp.fc1", 4608, 1152)
    return dit(embed, "blocks", entries, "final_layer.linear", 32, 1152, more)


def lumina(width: int, text: int, more: Shapes | None = None) -> Shapes:
    """Lumina 2 and Z-Image in the layout of Alpha-VLLM/Lumina-Image-2.0."""
    norm = {"attention.k_norm.weight": (128,), "attention.qkv.weight": (3 * width, width)}
    norm |= {"feed_forward.w1.weight": (4 * width, width)}
    shapes = linear("x_embedder", width, 64) | linear("cap_embedder.1", width, text) | (more or {})
    for stem in ("layers", "noise_refiner", "context_refiner"):
        shapes |= blocks(stem, norm)
    return shapes | linear("final_layer.linear", 64, width)


def cosmos(stem: str, tell: str, more: Shapes | None = None) -> Shapes:
    """Cosmos 1 and 2 in the layout of nvidia-cosmos."""
    shapes = {"x_embedder.proj.1.weight": (2048, 68), "final_layer.linear.weight": (64, 2048)}
    shapes |= {"t_embedder.1.linear_1.weight": (2048, 2048)} | (more or {})
    return shapes | {f"{stem}{n}.{tell}": (2048, 2048) for n in range(4)}


def cogvideox(width: int, patch: tuple[int, ...], outputs: int) -> Shapes:
    """CogVideoX as ComfyUI repacks it."""
    embed = linear("patch_embed.proj", width, *patch)
    text = linear("patch_embed.text_proj", width, 4096)
    return dit(
        embed, "blocks", linear("norm1.linear", 6 * width, 512), "proj_out", outputs, width, text
    )


def cogvideox_sat(width: int, patch: tuple[int, ...], outputs: int) -> Shapes:
    """CogVideoX in the layout of its authors."""
    embed = linear("mixins.patch_embed.proj", width, *patch)
    text = linear("mixins.patch_embed.text_proj", width, 4096)
    layer = linear("attention.query_key_value", 3 * width, width)
    out = "mixins.final_layer.linear"
    return dit(embed, "transformer.layers", layer, out, outputs, width, text)


def _original(
    id: str,
    build: Callable[[], Shapes],
    architecture: str,
    family: str | None,
    channels: int,
    *candidates: str,
) -> Case:
    return Case(id, build, architecture, "original", family, channels, candidates)


_GLU = linear("attn.qkv", 3456, 1152)
ORIGINAL_CASES = [
    _original(
        "sd3",
        lambda: dit(
            linear("x_embedder.proj", 1536, 16, 2, 2),
            "joint_blocks",
            linear("context_block.attn.qkv", 4608, 1536)
            | linear("x_block.attn.qkv", 4608, 1536)
            | linear("x_block.mlp.fc1", 6144, 1536),
            "final_layer.linear",
            64,
            1536,
            linear("context_embedder", 1536, 4096)
            | linear("t_embedder.mlp.0", 1536, 256)
            | {"pos_embed": (1, 36864, 1536)},
        ),
        "mmdit-sd3",
        "sd3",
        16,
    ),
    _original("flux-dev", flux(), "flux1", "flux1", 16),
    _original("flux-schnell", flux(guidance=False), "flux1", "flux1", 16),
    _original("flux-canny", flux(inputs=128), "flux1", "flux1", 16),
    _original("flux-fill", flux(inputs=384), "flux1", "flux1", 16),
    _original("flex2", flux(inputs=196), "flux1", "flux1", 16),
    _original("flux2", flux2, "flux2", "flux2", 32),
    _original(
        "chroma",
        flux(
            vector=False,
            guidance=False,
            without="time_in",
            more={"distilled_guidance_layer.norms.0.scale": (5120,)},
        ),
        "chroma",
        "flux1",
        16,
    ),
    _original(
        "chroma-radiance",
        flux(
            vector=False,
            guidance=False,
            without=("img_in.", "final_layer"),
            more={
                "distilled_guidance_layer.norms.0.scale": (5120,),
                "nerf_blocks.0.norm.scale": (64,),
                "img_in_patch.weight": (3072, 3, 16, 16),
            },
        ),
        "chroma-radiance",
        "pixel",
        3,
    ),
    _original(
        "longcat", flux(text=3584, vector=False, guidance=False), "longcat-image", "flux1", 16
    ),
    _original(
        "ovis",
        flux(
            text=2048,
            vector=False,
            more={
                "double_blocks.0.img_mlp.gate_proj.weight": (12288, 3072),
                "txt_norm.weight": (2048,),
            },
        ),
        "ovis-image",
        "flux1",
        16,
    ),
    _original(
        "hunyuan-video",
        lambda: hunyuan((16, 1, 2, 2), 64, vector_in__in_layer=768, guidance_in__mlp__0=256),
        "hunyuan-video",
        "hunyuan-video",
        16,
    ),
    _original(
        "skyreels-i2v",
        lambda: hunyuan((32, 1, 2, 2), 64, vector_in__in_layer=768),
        "hunyuan-video",
        "hunyuan-video",
        16,
    ),
    _original(
        "hunyuan-video-1.5",
        lambda: hunyuan((65, 1, 1, 1), 32, 2048, vision_in__proj__0=1152),
        "hunyuan-video-1.5",
        "hunyuan-video-1.5",
        32,
    ),
    _original(
        "hunyuan-image",
        lambda: hunyuan((64, 1, 1), 64, 3584, byt5_in__fc1=1472),
        "hunyuan-image-2.1",
        "hunyuan-image-2.1",
        64,
    ),
    _original(
        "hunyuan-image-refiner",
        lambda: hunyuan((128, 1, 1, 1), 64, 3328),
        "hunyuan-image-2.1-refiner",
        "hunyuan-image-2.1-refiner",
        32,
    ),
    _original("wan-t2v-1.3b", wan, "wan21", "wan21", 16),
    _original(
        "wan22-a14b-i2v",
        lambda: wan(36, 16, 5120, linear("img_emb.proj.1", 1280, 1280)),
        "wan21",
        "wan21",
        16,
    ),
    _original("wan-fun-control", lambda: wan(48, 16, 5120), "wan21", "wan21", 16),
    _original("wan22-ti2v-5b", lambda: wan(48, 48, 3072), "wan22", "wan22", 48),
    _original(
        "cosmos1",
        lambda: cosmos("blocks.block", "blocks.0.block.attn.to_q.0.weight"),
        "cosmos1",
        "cosmos",
        16,
    ),
    _original("cosmos2", lambda: cosmos("blocks.", "mlp.layer1.weight"), "cosmos2", "wan21", 16),
    _original(
        "anima",
        lambda: cosmos(
            "blocks.",
            "mlp.layer1.weight",
            {"llm_adapter.blocks.0.cross_attn.q_proj.weight": (1024, 1024)},
        ),
        "anima",
        "wan21",
        16,
    ),
    _original(
        "krea2",
        lambda: dit(
            linear("first", 6144, 64),
            "blocks",
            {"attn.wq.weight": (6144, 6144)},
            "last.linear",
            64,
            6144,
            {"txtfusion.projector.weight": (1, 12)},
        ),
        "krea2",
        "wan21",
        16,
    ),
    _original("lumina2", lambda: lumina(2304, 2304), "lumina2", "flux1", 16),
    _original(
        "newbie",
        lambda: lumina(2304, 2560, {"clip_text_pooled_proj.0.weight": (1024,)}),
        "lumina2",
        "flux1",
        16,
    ),
    _original(
        "z-image", lambda: lumina(3840, 2560, {"cap_pad_token": (1, 3840)}), "z-image", "flux1", 16
    ),
    _original(
        "z-image-pixel",
        lambda: lumina(3840, 2560, {"dec_net.cond_embed.weight": (512, 3840)}),
        "z-image-pixel",
        "pixel",
        3,
    ),
    _original(
        "auraflow",
        lambda: dit(
            linear("init_x_linear", 3072, 16),
            "double_layers",
            {"attn.w1q.weight": (3072, 3072)},
            "final_linear",
            16,
            3072,
            {"cond_seq_linear.weight": (3072, 2048)}
            | blocks("single_layers", {"attn.w1q.weight": (3072, 3072)}),
        ),
        "auraflow",
        "sdxl",
        4,
    ),
    _original("pixart-alpha-1024", lambda: pixart(120, micro=True), "pixart", "sd1", 4),
    _original("pixart-alpha-512", lambda: pixart(120), "pixart", "sd1", 4),
    _original("pixart-sigma", lambda: pixart(300), "pixart", "sdxl", 4),
    _original("pixart-open", lambda: pixart(None), "pixart", None, 4, "sd1", "sdxl"),
    _original(
        "sana",
        lambda: dit(
            linear("x_embedder.proj", 2240, 32, 1, 1),
            "blocks",
            _GLU,
            "final_layer.linear",
            32,
            2240,
            linear("t_block.1", 13440, 2240)
            | {"attention_y_norm.weight": (2240,), "y_embedder.y_embedding": (300, 2304)},
        ),
        "sana",
        "sana-dcae",
        32,
    ),
    _original(
        "hunyuan-dit-1.2",
        lambda: dit(
            linear("x_embedder.proj", 1408, 4, 2, 2),
            "blocks",
            _GLU,
            "final_layer.linear",
            32,
            1408,
            linear("mlp_t5.0", 8192, 2048) | linear("extra_embedder.0", 5632, 1024),
        ),
        "hunyuan-dit",
        "sdxl",
        4,
    ),
    _original(
        "omnigen1",
        lambda: dit(
            linear("x_embedder.proj", 3072, 4, 2, 2),
            "llm.layers",
            {"self_attn.qkv_proj.weight": (9216, 3072)},
            "final_layer.linear",
            16,
            3072,
            linear("t_embedder.mlp.0", 3072, 256),
        ),
        "omnigen",
        "sdxl",
        4,
    ),
    _original(
        "dit-xl-2",
        lambda: dit(
            linear("x_embedder.proj", 1152, 4, 2, 2),
            "blocks",
            _GLU,
            "final_layer.linear",
            32,
            1152,
            linear("t_embedder.mlp.0", 1152, 256)
            | {"y_embedder.embedding_table.weight": (1001, 1152)},
        ),
        "dit",
        "sd1",
        4,
    ),
    _original(
        "mochi",
        lambda: dit(
            linear("x_embedder.proj", 3072, 12, 2, 2),
            "blocks",
            {"attn.qkv_x.weight": (9216, 3072)},
            "final_layer.linear",
            48,
            3072,
            linear("t5_yproj", 1536, 4096),
        ),
        "mochi",
        "mochi",
        12,
    ),
    _original(
        "ltx",
        lambda: dit(
            linear("patchify_proj", 2048, 128),
            "transformer_blocks",
            {"attn2.to_k.weight": (2048, 2048)},
            "proj_out",
            128,
            2048,
            linear("adaln_single.linear", 12288, 2048)
            | linear("adaln_single.emb.timestep_embedder.linear_1", 2048, 256)
            | linear("caption_projection.linear_1", 2048, 4096),
        ),
        "ltx-video",
        "ltx-video",
        128,
    ),
    _original(
        "ltx2",
        lambda: dit(
            linear("patchify_proj", 4096, 128),
            "transformer_blocks",
            {"attn2.to_k.weight": (4096, 4096)},
            "proj_out",
            128,
            4096,
            linear("adaln_single.linear", 24576, 4096)
            | linear("audio_adaln_single.linear", 12288, 2048),
        ),
        "ltx2",
        "ltx2",
        128,
    ),
    _original(
        "minimax-h3",
        lambda: dit(
            linear("video_patch_proj", 5376, 96),
            "blocks",
            {"attn.q_norm.weight": (128,)},
            "final_layer.video_out",
            96,
            5376,
            linear("audio_patch_proj", 5376, 32),
        ),
        "minimax-h3",
        "minimax-h3",
        24,
    ),
    _original(
        "seedvr2-3b",
        lambda: dit(
            linear("vid_in.proj", 2560, 132),
            "blocks",
            {"mlp.all.proj_in_gate.weight": (6912, 2560)},
            "vid_out.proj",
            64,
            2560,
            linear("txt_in", 2560, 5120),
        ),
        "seedvr2",
        "seedvr2",
        16,
    ),
    _original(
        "hidream-o1",
        lambda: dit(
            linear("x_embedder.proj1", 1024, 3072),
            "layers",
            _GLU,
            "final_layer2.linear",
            3072,
            1024,
            linear("t_embedder1.mlp.0", 4096, 256),
        ),
        "hidream-o1",
        "pixel",
        3,
    ),
    _original(
        "pixeldit",
        lambda: dit(
            linear("core.pixel_embedder.proj", 16, 3),
            "core.blocks",
            _GLU,
            "core.final_layer.linear",
            3,
            16,
            {},
        ),
        "pixeldit",
        "pixel",
        3,
    ),
    Case(
        "mage-flow",
        lambda: dit(
            linear("img_in", 2560, 128),
            "transformer_blocks",
            _GLU,
            "proj_out",
            128,
            2560,
            {"txt_norm.weight": (2560,)},
        ),
        "mage-flow",
        "diffusers",
        "mage-flow",
        128,
    ),
    Case(
        "lens",
        lambda: dit(
            linear("img_in", 1536, 128),
            "transformer_blocks",
            {"attn.norm_added_q.weight": (64,), "img_mlp.w1.weight": (4096, 1536)},
            "proj_out",
            128,
            1536,
            {"txt_norm.weight": (2560,)},
        ),
        "lens",
        "diffusers",
        "flux2",
        32,
    ),
    Case(
        "omnigen2",
        lambda: dit(
            linear("x_embedder", 2520, 64),
            "layers",
            _GLU,
            "norm_out.linear_2",
            64,
            2520,
            linear("time_caption_embed.timestep_embedder.linear_1", 1024, 256)
            | linear("ref_image_patch_embedder", 2520, 64)
            | {"time_caption_embed.caption_embedder.0.weight": (2048,)},
        ),
        "omnigen2",
        "diffusers",
        "flux1",
        16,
    ),
    _original(
        "sana-video",
        lambda: dit(
            linear("x_embedder.proj", 2240, 16, 1, 2, 2),
            "blocks",
            _GLU,
            "final_layer.linear",
            64,
            2240,
            {"attention_y_norm.weight": (2240,)},
        ),
        "sana-video",
        "wan21",
        16,
    ),
    _original(
        "flux3",
        lambda: dit(
            {},
            "blocks",
            _GLU,
            "final_layer.linear",
            128,
            3072,
            {"early_stream_modulations.image.lin.weight": (9216, 3072)},
        ),
        "flux3",
        "flux2",
        32,
    ),
    _original(
        "sefi-image",
        lambda: dit(
            {},
            "blocks",
            _GLU,
            "proj_out",
            128,
            2048,
            linear("dual_time_embed.semantic_embedder.linear_1", 2048, 256),
        ),
        "sefi-image",
        "flux2",
        32,
    ),
    _original(
        "pid",
        lambda: dit(
            linear("lq_proj.latent_proj.0", 512, 16, 3, 3),
            "core.blocks",
            _GLU,
            "core.final_layer.linear",
            3,
            16,
            linear("core.pixel_embedder.proj", 16, 3),
        ),
        "pid",
        "pixel",
        3,
    ),
    _original(
        "boogu",
        lambda: dit(
            linear("x_embedder", 2520, 64),
            "double_stream_layers",
            {"img_instruct_attn.processor.img_to_q.weight": (2520, 2520)},
            "norm_out.linear_2",
            64,
            2520,
            linear("time_caption_embed.timestep_embedder.linear_1", 1024, 256),
        ),
        "boogu",
        "flux1",
        16,
    ),
    _original(
        "lumina-next",
        lambda: dit(
            linear("x_embedder", 2304, 16),
            "layers",
            {"attention.wk_y.weight": (576, 2048)},
            "final_layer.linear",
            32,
            2304,
            linear("cap_embedder.1", 1024, 2048),
        ),
        "lumina-next",
        "sdxl",
        4,
    ),
    *(
        _original(f"cogvideox-{id}", build, "cogvideox", family, 16)
        for id, width, patch, outputs, family in (
            ("2b", 1920, (16, 2, 2), 64, "cogvideox"),
            ("5b", 3072, (16, 2, 2), 64, "cogvideox-5b"),
            ("1.5", 3072, (128,), 128, "cogvideox-5b"),
        )
        for build in (partial(cogvideox, width, patch, outputs),)
    ),
    *(
        _original(f"cogvideox-sat-{id}", build, "cogvideox", family, 16)
        for id, width, patch, outputs, family in (
            ("2b", 1920, (16, 2, 2), 64, "cogvideox"),
            ("5b", 3072, (16, 2, 2), 64, "cogvideox-5b"),
            ("1.5", 3072, (128,), 128, "cogvideox-5b"),
        )
        for build in (partial(cogvideox_sat, width, patch, outputs),)
    ),
]
