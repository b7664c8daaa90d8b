"""The tables of text encoders: what each is called, its layers, and the tensors it cannot lack."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tower:
    """How a kind of tower names its layers; transformers' names below its prefix."""

    stem: str
    """What stands before a layer's number."""
    norm: str
    """A tensor of a layer that is as wide as the tower and never packed to fewer bits."""


TOWERS = {
    # By ``identify.text_encoder.ANCHORS``; openai/CLIP clip/model.py for OpenCLIP's names,
    # ggml-org/llama.cpp gguf-py/gguf/constants.py for GGUF's.
    "clip": Tower("encoder.layers", "layer_norm1.weight"),
    "open-clip": Tower("transformer.resblocks", "ln_1.weight"),
    "t5": Tower("encoder.block", "layer.0.layer_norm.weight"),
    "t5-gguf": Tower("enc.blk", "attn_norm.weight"),
    "bert": Tower("encoder.layer", "attention.output.LayerNorm.weight"),
    "chatglm": Tower("encoder.layers", "input_layernorm.weight"),
    "llm": Tower("layers", "input_layernorm.weight"),
    "llm-gguf": Tower("blk", "attn_norm.weight"),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A text encoder as people call it."""

    name: str
    layers: tuple[int, ...] = ()
    """How many layers whole ones have, most first; empty where tools prune it at will."""
    clip: bool = False
    """Whether clip skip means anything to it."""


KINDS = {
    # Layers: config.json of the published models (openai/clip-vit-large-patch14,
    # laion/CLIP-ViT-H-14-laion2B-s32B-b79K, laion/CLIP-ViT-bigG-14-laion2B-39B-b160k,
    # google/t5-v1_1-xxl, google/umt5-xxl, EleutherAI/pile-t5-xl, google/mt5-xl,
    # google/byt5-small). SD2's copies may end before the last layer, which is never used:
    # stabilityai/stable-diffusion-2-1 text_encoder/config.json,
    # arenasys/stable-diffusion-webui-model-toolkit components/CLIP-v2-WD.txt.
    "clip-l": Kind("CLIP-L", (12,), clip=True),
    "open-clip-h": Kind("OpenCLIP-H", (24, 23), clip=True),
    "open-clip-bigg": Kind("OpenCLIP bigG", (32,), clip=True),
    "open-clip": Kind("OpenCLIP", clip=True),
    "clip": Kind("CLIP", clip=True),
    "t5xxl": Kind("T5-XXL", (24,)),
    "t5xxl-old": Kind("T5 large", (24,)),
    "umt5xxl": Kind("UMT5-XXL", (24,)),
    "pile-t5xl": Kind("Pile-T5-XL", (24,)),
    "mt5xl": Kind("mT5-XL", (24,)),
    "byt5-small": Kind("ByT5 small", (12,)),
    "t5": Kind("T5"),
    "bert": Kind("BERT"),
    "chatglm3-6b": Kind("ChatGLM3 6B"),
    "gemma2-2b": Kind("Gemma 2 2B"),
    "gemma3-4b": Kind("Gemma 3 4B"),
    "gemma3-12b": Kind("Gemma 3 12B"),
    "qwen2.5-vl-3b": Kind("Qwen2.5-VL 3B"),
    "qwen2.5-vl-7b": Kind("Qwen2.5-VL 7B"),
    "qwen3-0.6b": Kind("Qwen3 0.6B"),
    "qwen3-1.7b": Kind("Qwen3 1.7B"),
    "qwen3-4b": Kind("Qwen3 4B"),
    "qwen3-8b": Kind("Qwen3 8B"),
    "llama3-8b": Kind("Llama 3 8B"),
    "mistral3-24b": Kind("Mistral Small 3 24B"),
}
"""By ``Component.architecture``; an architecture without a row goes by its own name."""


@dataclass(frozen=True, slots=True)
class Need:
    """A tensor that a tower cannot do without, and what happens where it is not there."""

    tower: str
    names: tuple[str, ...]
    """The names it goes by; one of them is enough."""
    effect: str
    architectures: tuple[str, ...] = ()
    """Only of these; of every one of the tower where empty."""
    harmless: bool = False


_BIGG = ("open-clip-bigg",)
_NO_WORDS = "no word of a prompt can be read"
_NO_ORDER = "the order of the words is lost"
_NO_NORM = "the embedding of every prompt comes out wrongly scaled"
_NO_POOLED = "SDXL and SD3 condition on it beside the layers, so pictures come out garbled"
_UNUSED = "it serves training alone: making pictures does without it"

NEEDS = (
    # huggingface/transformers src/transformers/models/clip/modeling_clip.py (CLIPTextTransformer)
    Need("clip", ("embeddings.token_embedding.weight",), _NO_WORDS),
    Need("clip", ("embeddings.position_embedding.weight",), _NO_ORDER),
    Need("clip", ("final_layer_norm.weight",), _NO_NORM),
    Need("clip", ("final_layer_norm.bias",), _NO_NORM),
    Need("clip", ("text_projection.weight", "text_projection"), _NO_POOLED, _BIGG),
    # mlfoundations/open_clip src/open_clip/transformer.py (TextTransformer)
    Need("open-clip", ("token_embedding.weight",), _NO_WORDS),
    Need("open-clip", ("positional_embedding",), _NO_ORDER),
    Need("open-clip", ("ln_final.weight",), _NO_NORM),
    Need("open-clip", ("ln_final.bias",), _NO_NORM),
    Need("open-clip", ("text_projection", "text_projection.weight"), _NO_POOLED, _BIGG),
    Need("open-clip", ("logit_scale",), _UNUSED, _BIGG, harmless=True),
    # huggingface/transformers src/transformers/models/t5/modeling_t5.py (T5EncoderModel)
    Need("t5", ("shared.weight", "encoder.embed_tokens.weight"), _NO_WORDS),
    Need("t5", ("encoder.final_layer_norm.weight",), _NO_NORM),
    # ggml-org/llama.cpp gguf-py/gguf/constants.py (MODEL_ARCH.T5ENCODER)
    Need("t5-gguf", ("token_embd.weight",), _NO_WORDS),
    Need("t5-gguf", ("enc.output_norm.weight",), _NO_NORM),
)
"""SD2 never projects its OpenCLIP-H, and CLIP-L is published without a projection."""
