"""Signatures of the transformers that make video; a new architecture is one more row.

Sources of the names: yzkee/ComfyUI comfy/model_detection.py and comfy/ldm (original layouts),
huggingface/diffusers src/diffusers/models/transformers (diffusers layouts).
A row stands above every row that its names would fit too.
"""

from __future__ import annotations

from .denoiser import DenoiserSignature as Row
from .denoiser import inside
from .view import Keys

_ENDS = ("norm_out.linear.*", "proj_out.*")
_REFINER = "txt_in.individual_token_refiner.blocks.0.norm1.weight"
_REFINER_DIFFUSERS = "context_embedder.token_refiner.refiner_blocks.0.norm1.weight"
_COGVIDEOX = ("time_embedding.linear_1.weight", "proj_out.*")

VIDEO_TRANSFORMERS = (
    # Wan: 16 channels in 1x2x2 patches, 48 in the 5B model of 2.2
    *(
        Row(
            architecture,
            "original",
            (architecture,),
            Keys(("head.modulation",), shapes=(("head.head.weight", (outputs, None)),)),
            out="head.head",
            per_channel=4,
            needs=(
                *inside("blocks.0", "self_attn", "cross_attn", "ffn"),
                "patch_embedding.weight",
                "time_embedding.0.*",
                "text_embedding.0.*",
            ),
            blocks="blocks",
        )
        for architecture, outputs in (("wan22", 192), ("wan21", None))
    ),
    *(
        Row(
            architecture,
            "diffusers",
            (architecture,),
            Keys(
                ("condition_embedder.time_embedder.linear_1.weight",),
                shapes=(
                    ("patch_embedding.weight", (None, None, 1, 2, 2)),
                    ("proj_out.weight", (outputs, None)),
                ),
            ),
            out="proj_out",
            per_channel=4,
            needs=(
                *inside("blocks.0", "attn1", "attn2", "ffn"),
                "condition_embedder.text_embedder.linear_1.weight",
                "blocks.0.*",
            ),
            blocks="blocks",
        )
        for architecture, outputs in (("wan22", 192), ("wan21", None))
    ),
    Row(
        "cosmos3",
        "diffusers",
        ("wan22",),
        Keys(("layers.0.mlp_moe_gen.gate_proj.weight", "proj_in.weight")),
        out="proj_out",
        per_channel=4,
        needs=(*inside("layers.0", "self_attn"), "proj_out.*", "time_embedder.*"),
        blocks="layers",
    ),
    Row(
        "joyimage",
        "diffusers",
        ("wan21",),
        Keys(
            (
                "double_blocks.0.attn.img_attn_qkv.weight",
                "condition_embedder.time_embedder.linear_1.weight",
            ),
            shapes=(("img_in.weight", (None, None, None, None, None)),),
        ),
        out="proj_out",
        per_channel=4,
        needs=(
            *inside("double_blocks.0", "attn", "img_mlp", "txt_mlp"),
            "proj_out.*",
        ),
        blocks="double_blocks",
    ),
    Row(
        "motif-video",
        "diffusers",
        ("wan21",),
        Keys(
            (
                "context_embedder.linear_1.weight",
                "time_text_embed.timestep_embedder.linear_1.weight",
            ),
            shapes=(("x_embedder.proj.weight", (None, None, 1, 2, 2)),),
        ),
        out="proj_out",
        per_channel=4,
        needs=(
            *inside("transformer_blocks.0", "attn", "ff", "ff_context"),
            *inside("single_transformer_blocks.0", "attn", "proj_mlp"),
            "transformer_blocks.0.*",
            "single_transformer_blocks.0.*",
            *_ENDS,
        ),
        blocks="transformer_blocks",
    ),
    # Cosmos
    Row(
        "cosmos1",
        "original",
        ("cosmos",),
        Keys(("blocks.block0.blocks.0.block.attn.to_q.0.weight",)),
        out="final_layer.linear",
        per_channel=4,
        needs=("x_embedder.proj.1.weight", "final_layer.linear.*"),
    ),
    Row(
        "anima",
        "original",
        ("wan21",),
        Keys(
            (
                "blocks.0.mlp.layer1.weight",
                "llm_adapter.blocks.0.cross_attn.q_proj.weight",
            )
        ),
        out="final_layer.linear",
        per_channel=4,
        needs=("x_embedder.proj.1.weight", "final_layer.linear.*"),
        blocks="blocks",
    ),
    Row(
        "cosmos2",
        "original",
        ("wan21",),
        Keys(("blocks.0.mlp.layer1.weight", "x_embedder.proj.1.weight")),
        out="final_layer.linear",
        per_channel=4,
        needs=("t_embedder.*", "final_layer.linear.*"),
        blocks="blocks",
    ),
    *(
        Row(
            architecture,
            "diffusers",
            (family,),
            Keys(
                (
                    "patch_embed.proj.weight",
                    "time_embed.t_embedder.linear_1.weight",
                    *("transformer_blocks.0.norm1.linear_1.weight", *more),
                )
            ),
            out="proj_out",
            per_channel=4,
            needs=(
                *inside("transformer_blocks.0", "attn1", "attn2", "ff"),
                "norm_out.linear_1.weight",
                "proj_out.*",
            ),
            blocks="transformer_blocks",
        )
        for architecture, family, more in (
            ("cosmos1", "cosmos", ("learnable_pos_embed.pos_emb_t",)),
            ("cosmos2", "wan21", ()),
        )
    ),
    # Hunyuan; the pictures of HunyuanImage share the names and stand among the images
    Row(
        "hunyuan-video-1.5",
        "original",
        ("hunyuan-video-1.5",),
        Keys((_REFINER, "vision_in.proj.0.weight")),
        out="final_layer.linear",
        needs=(
            *inside("double_blocks.0", "img_mlp", "txt_mlp"),
            "img_in.proj.weight",
            "double_blocks.0.*",
            "final_layer.linear.*",
        ),
        blocks="double_blocks",
    ),
    Row(
        "hunyuan-video",
        "original",
        ("hunyuan-video",),
        Keys((_REFINER, "vector_in.*"), shapes=(("img_in.proj.weight", (None, None, 1, 2, 2)),)),
        out="final_layer.linear",
        per_channel=4,
        needs=(
            *inside("double_blocks.0", "img_mlp", "txt_mlp"),
            *inside("single_blocks.0", "linear1", "linear2"),
            "double_blocks.0.*",
            "single_blocks.0.*",
            "final_layer.linear.*",
        ),
        blocks="double_blocks",
    ),
    Row(
        "hunyuan-video-1.5",
        "diffusers",
        ("hunyuan-video-1.5",),
        Keys((_REFINER_DIFFUSERS, "image_embedder.linear_1.weight", "cond_type_embed.weight")),
        out="proj_out",
        needs=(
            *inside("transformer_blocks.0", "attn", "ff", "ff_context"),
            "x_embedder.proj.weight",
            "transformer_blocks.0.*",
            *_ENDS,
        ),
        blocks="transformer_blocks",
    ),
    Row(
        "hunyuan-video",
        "diffusers",
        ("hunyuan-video",),
        Keys(
            (_REFINER_DIFFUSERS, "time_text_embed.text_embedder.linear_1.weight"),
            shapes=(("x_embedder.proj.weight", (None, None, 1, 2, 2)),),
        ),
        out="proj_out",
        per_channel=4,
        needs=(
            *inside("transformer_blocks.0", "attn", "ff", "ff_context"),
            *inside("single_transformer_blocks.0", "attn", "proj_mlp"),
            "transformer_blocks.0.*",
            "single_transformer_blocks.0.*",
            *_ENDS,
        ),
        blocks="transformer_blocks",
    ),
    # Kandinsky
    Row(
        "kandinsky6",
        "diffusers",
        ("hunyuan-video",),
        Keys(("visual_embeddings.in_layer.weight", "audio_embeddings.in_layer.weight")),
        out="out_layer.out_layer",
        per_channel=4,
        needs=("visual_transformer_blocks.0.*", "out_layer.out_layer.*"),
        blocks="visual_transformer_blocks",
    ),
    Row(
        "kandinsky6-sr",
        "diffusers",
        ("kandinsky6-sr",),
        Keys(("visual_embeddings.in_layer.weight", "pooled_bias")),
        needs=(
            *inside("visual_transformer_blocks.0", "self_attention", "feed_forward"),
            "visual_transformer_blocks.0.*",
            "out_layer.out_layer.*",
        ),
        blocks="visual_transformer_blocks",
    ),
    *(
        Row(
            *("kandinsky5", "diffusers", (family,)),
            Keys(
                ("visual_transformer_blocks.0.cross_attention.key_norm.weight",),
                shapes=(("visual_embeddings.in_layer.weight", (width, None)),),
            ),
            out="out_layer.out_layer",
            per_channel=4,
            needs=(
                *inside(
                    "visual_transformer_blocks.0",
                    "self_attention",
                    "cross_attention",
                    "feed_forward",
                ),
                "text_embeddings.*",
                "out_layer.out_layer.*",
            ),
            blocks="visual_transformer_blocks",
        )
        for family, width in (("flux1", 2560), ("hunyuan-video", None))
    ),
    # LTX, and Sana's video models on the latents of Wan and LTX-2
    Row(
        "ltx2",
        "original",
        ("ltx2",),
        Keys(("patchify_proj.weight", "audio_adaln_single.linear.weight")),
        out="proj_out",
        needs=("transformer_blocks.0.*", "proj_out.*"),
        blocks="transformer_blocks",
    ),
    Row(
        "ltx-video",
        "original",
        ("ltx-video",),
        Keys(
            ("patchify_proj.weight", "adaln_single.linear.weight"),
            none_of=("pos_embed.proj.bias",),
        ),
        out="proj_out",
        needs=("caption_projection.*", "transformer_blocks.0.*", "proj_out.*"),
        blocks="transformer_blocks",
    ),
    Row(
        "ltx2",
        "diffusers",
        ("ltx2",),
        Keys(("audio_proj_in.weight", "av_cross_attn_video_a2v_gate.linear.weight")),
        out="proj_out",
        needs=(
            *inside("transformer_blocks.0", "attn1", "attn2", "ff"),
            "proj_in.weight",
            "transformer_blocks.0.*",
            "proj_out.*",
        ),
        blocks="transformer_blocks",
    ),
    Row(
        "ltx-video",
        "diffusers",
        ("ltx-video",),
        Keys(
            ("proj_in.weight", "time_embed.emb.timestep_embedder.linear_1.weight"),
            none_of=("audio_proj_in.weight",),
        ),
        out="proj_out",
        needs=(
            *inside("transformer_blocks.0", "attn1", "attn2", "ff"),
            "caption_projection.*",
            "transformer_blocks.0.*",
            "proj_out.*",
        ),
        blocks="transformer_blocks",
    ),
    Row(
        "sana-wm",
        "diffusers",
        ("ltx2",),
        Keys(("attention_y_norm.weight", "plucker_embedder.proj.weight")),
        out="final_layer.linear",
        needs=(
            *inside("blocks.0", "attn", "cross_attn", "mlp"),
            "x_embedder.proj.weight",
            "final_layer.linear.*",
        ),
        blocks="blocks",
    ),
    *(
        Row(
            *("sana-video", layout, ("wan21",)),
            Keys((telling,), shapes=((patches, (None, None, 1, 2, 2)),)),
            out=out,
            per_channel=4,
            needs=(f"{out}.*",),
            blocks=blocks,
        )
        for layout, telling, patches, out, blocks in (
            (
                "original",
                "attention_y_norm.weight",
                "x_embedder.proj.weight",
                "final_layer.linear",
                "blocks",
            ),
            (
                "diffusers",
                "caption_norm.weight",
                "patch_embedding.weight",
                "proj_out",
                "transformer_blocks",
            ),
        )
    ),
    # Mochi
    Row(
        "mochi",
        "original",
        ("mochi",),
        Keys(("t5_yproj.weight",)),
        out="final_layer.linear",
        per_channel=4,
        needs=("x_embedder.proj.weight", "final_layer.linear.*"),
        blocks="blocks",
        last_lacks="mlp_y.*",
    ),
    Row(
        "mochi",
        "diffusers",
        ("mochi",),
        Keys(("pos_frequencies", "time_embed.pooler.to_kv.weight")),
        out="proj_out",
        per_channel=4,
        needs=(
            *inside("transformer_blocks.0", "attn1", "ff"),
            "patch_embed.proj.weight",
            "transformer_blocks.0.*",
            *_ENDS,
        ),
        blocks="transformer_blocks",
        last_lacks="ff_context.*",
    ),
    # CogVideoX: 1920 wide is 2B, with another scaling factor than 5B; 1.5 has patches of two frames
    *(
        Row(
            *("cogvideox", "diffusers", (family,)),
            Keys(
                ("patch_embed.text_proj.weight", "transformer_blocks.0.norm1.linear.weight"),
                none_of=("time_condition_embed.*",),
                shapes=(("patch_embed.proj.weight", patch),),
            ),
            out="proj_out",
            per_channel=per_channel,
            needs=(*inside("transformer_blocks.0", "attn1", "ff"), *_COGVIDEOX),
            blocks="transformer_blocks",
        )
        for family, patch, per_channel in (
            ("cogvideox", (1920, None, 2, 2), 4),
            ("cogvideox-5b", (None, None, 2, 2), 4),
            ("cogvideox-5b", (None, None), 8),
        )
    ),
    *(
        Row(
            *("cogvideox", "original", (family,)),
            Keys(("blocks.0.norm1.linear.weight",), shapes=(("patch_embed.proj.weight", patch),)),
            out="proj_out",
            per_channel=per_channel,
            needs=("patch_embed.text_proj.weight", "proj_out.*"),
            blocks="blocks",
        )
        for family, patch, per_channel in (
            ("cogvideox", (1920, None, 2, 2), 4),
            ("cogvideox-5b", (None, None, 2, 2), 4),
            ("cogvideox-5b", (None, None), 8),
        )
    ),
    *(
        Row(
            *("cogvideox", "original", (family,)),
            Keys(
                ("mixins.patch_embed.text_proj.weight",),
                shapes=(("mixins.patch_embed.proj.weight", patch),),
            ),
            out="mixins.final_layer.linear",
            per_channel=per_channel,
            needs=("mixins.final_layer.linear.*",),
            blocks="transformer.layers",
        )
        for family, patch, per_channel in (
            ("cogvideox", (1920, None, 2, 2), 4),
            ("cogvideox-5b", (None, None, 2, 2), 4),
            ("cogvideox-5b", (None, None), 8),
        )
    ),
    # Single models
    Row(
        "minimax-h3",
        "original",
        ("minimax-h3",),
        Keys(("video_patch_proj.weight", "audio_patch_proj.weight")),
        out="final_layer.video_out",
        per_channel=4,
        needs=("blocks.0.*", "final_layer.video_out.*"),
        blocks="blocks",
    ),
    Row(
        "minimax-h3",
        "diffusers",
        ("minimax-h3",),
        Keys(("audio_proj_in.weight", "token_refiner.refiner_blocks.0.norm1.weight")),
        out="proj_out",
        per_channel=4,
        needs=(
            *inside("transformer_blocks.0", "attn", "ff"),
            "proj_in.weight",
            "transformer_blocks.0.*",
            "proj_out.*",
        ),
        blocks="transformer_blocks",
    ),
    Row(
        "seedvr2",
        "original",
        ("seedvr2",),
        Keys(any_of=("blocks.0.mlp.vid.proj_in*", "blocks.0.mlp.all.proj_in*")),
        out="vid_out.proj",
        per_channel=4,
        needs=("vid_in.proj.weight", "vid_out.proj.weight", "txt_in.*"),
        blocks="blocks",
    ),
    Row(
        "allegro",
        "diffusers",
        ("allegro",),
        Keys(
            ("adaln_single.linear.weight", "caption_projection.linear_1.weight"),
            shapes=(
                ("pos_embed.proj.weight", (2304, None, 2, 2)),
                ("proj_out.weight", (16, None)),
            ),
        ),
        out="proj_out",
        per_channel=4,
        needs=(
            *inside("transformer_blocks.0", "attn1", "attn2", "ff"),
            "transformer_blocks.0.*",
        ),
        blocks="transformer_blocks",
    ),
    Row(
        "easyanimate",
        "diffusers",
        ("easyanimate-magvit",),
        Keys(
            ("text_proj.weight", "transformer_blocks.0.norm1.linear.weight"),
            shapes=(("proj.weight", (None, None, 2, 2)),),
        ),
        out="proj_out",
        per_channel=4,
        needs=(
            *inside("transformer_blocks.0", "attn1", "ff"),
            "time_embedding.linear_1.weight",
            *_ENDS,
        ),
        blocks="transformer_blocks",
    ),
    Row(
        "latte",
        "diffusers",
        ("sd1",),
        Keys(("pos_embed.proj.weight", "temporal_transformer_blocks.0.scale_shift_table")),
        out="proj_out",
        per_channel=8,
        needs=(
            *inside("transformer_blocks.0", "attn1", "attn2", "ff"),
            "transformer_blocks.0.*",
            "proj_out.*",
        ),
        blocks="transformer_blocks",
    ),
)
