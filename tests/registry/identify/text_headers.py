"""Headers of text encoders and vision towers as published, two layers deep, for the tests."""

from __future__ import annotations

Shapes = dict[str, tuple[int, ...]]


def clip(width: int = 768, words: int = 49408, root: str = "text_model.") -> Shapes:
    """CLIP's text tower under transformers' names; ``root`` is empty in old NovelAI files."""
    shapes: Shapes = {
        "embeddings.token_embedding.weight": (words, width),
        "embeddings.position_embedding.weight": (77, width),
        "final_layer_norm.weight": (width,),
    }
    for layer in range(2):
        stem = f"encoder.layers.{layer}."
        shapes |= {
            f"{stem}layer_norm1.weight": (width,),
            f"{stem}mlp.fc1.weight": (4 * width, width),
        }
        shapes |= {f"{stem}self_attn.{part}_proj.weight": (width, width) for part in "qkv"}
    return {root + name: shape for name, shape in shapes.items()}


def open_clip(width: int = 1024) -> Shapes:
    """OpenCLIP's text tower under its own names."""
    shapes: Shapes = {
        "positional_embedding": (77, width),
        "token_embedding.weight": (49408, width),
        "text_projection": (width, width),
        "ln_final.weight": (width,),
    }
    for layer in range(2):
        stem = f"transformer.resblocks.{layer}."
        shapes |= {f"{stem}attn.in_proj_weight": (3 * width, width), f"{stem}ln_1.weight": (width,)}
    return shapes


def vision(width: int = 1024) -> Shapes:
    """CLIP's vision tower under transformers' names."""
    text = clip(width, root="vision_model.").items()
    return {name: shape for name, shape in text if "token" not in name} | {
        "vision_model.embeddings.patch_embedding.weight": (width, 3, 14, 14)
    }


def t5(width: int = 4096, words: int = 32128, layers: int = 24, every: bool = False) -> Shapes:
    """T5's encoder; UMT5 has a relative bias in ``every`` layer."""
    shapes: Shapes = {"shared.weight": (words, width), "encoder.final_layer_norm.weight": (width,)}
    for layer in range(layers):
        stem = f"encoder.block.{layer}.layer.0."
        shapes |= {f"{stem}layer_norm.weight": (width,)}
        shapes |= {f"{stem}SelfAttention.{part}.weight": (4096, width) for part in "qkv"}
        if every or layer == 0:
            shapes |= {f"{stem}SelfAttention.relative_attention_bias.weight": (32, 64)}
    return shapes


def llm(width: int, words: int, *marks: str, root: str = "model.") -> Shapes:
    """A decoder of transformers' naming; ``marks`` are tensors of its layers that tell it."""
    shapes: Shapes = {"embed_tokens.weight": (words, width), "norm.weight": (width,)}
    for layer in range(2):
        stem = f"layers.{layer}."
        shapes |= {f"{stem}self_attn.q_proj.weight": (width, width)}
        shapes |= {f"{stem}{name}": (width,) for name in ("input_layernorm.weight", *marks)}
    return {root + name: shape for name, shape in shapes.items()}


def bert(width: int = 1024) -> Shapes:
    """HunyuanDiT's first text encoder."""
    stem = "bert.encoder.layer.0.attention."
    return {
        "bert.embeddings.word_embeddings.weight": (47020, width),
        f"{stem}self.query.weight": (width, width),
        f"{stem}output.LayerNorm.weight": (width,),
        "bert.pooler.dense.weight": (width, width),
    }


def chatglm() -> Shapes:
    """Kolors' text encoder."""
    stem = "transformer.encoder.layers.0."
    return {
        "transformer.embedding.word_embeddings.weight": (65024, 4096),
        "transformer.rotary_pos_emb.inv_freq": (32,),
        f"{stem}input_layernorm.weight": (4096,),
        f"{stem}self_attention.query_key_value.weight": (4608, 4096),
    }


def below(prefix: str, shapes: Shapes) -> Shapes:
    """The same tensors below a prefix."""
    return {prefix + name: shape for name, shape in shapes.items()}
