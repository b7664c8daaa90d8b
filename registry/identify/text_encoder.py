"""Text encoders and vision towers, found by one tensor of each, wherever they lie in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ..naming import shown
from ..values import Component, Notice
from .denoiser import ANY, component_of
from .view import Keys, View
from .wholeness import gaps, stacks

ANCHORS = {
    # The attention of layer 0 in each kind of tower; the text before it in a name is its prefix.
    "text_model.encoder.layers.0.self_attn.q_proj.weight": "clip",
    "vision_model.encoder.layers.0.self_attn.q_proj.weight": "vision",
    "visual.transformer.resblocks.0.attn.in_proj_weight": "vision",
    "transformer.resblocks.0.attn.in_proj_weight": "open-clip",
    "decoder.block.0.layer.0.SelfAttention.q.weight": "t5-decoder",
    "encoder.block.0.layer.0.SelfAttention.q.weight": "t5",
    "encoder.layer.0.attention.self.query.weight": "bert",
    "encoder.layer.0.attention.attention.query.weight": "vision",
    "encoder.layers.0.self_attention.query_key_value.weight": "chatglm",
    "encoder.layers.0.self_attn.q_proj.weight": "clip",
    "layers.0.self_attn.q_proj.weight": "llm",
    "layers.0.self_attn.qkv_proj.weight": "llm",
    "enc.blk.0.attn_q.weight": "t5-gguf",
    "v.blk.0.attn_q.weight": "vision",
    "blk.0.attn_q.weight": "llm-gguf",
}
"""Longest first where one ends another; transformers' names unless the tower says otherwise."""
_ENDS = tuple(ANCHORS)

VISION = "vision"
MOST = 16
"""Towers looked at in one file; none has more, whatever its names pretend."""
_SIZES = {
    # A norm of layer 0, as wide as the tower and never packed to fewer bits.
    "clip": "encoder.layers.0.layer_norm1.weight",
    "open-clip": "transformer.resblocks.0.ln_1.weight",
    "t5": "encoder.block.0.layer.0.layer_norm.weight",
    "t5-gguf": "enc.blk.0.attn_norm.weight",
    "bert": "encoder.layer.0.attention.output.LayerNorm.weight",
    "llm": "layers.0.input_layernorm.weight",
    "llm-gguf": "blk.0.attn_norm.weight",
    "chatglm": "encoder.layers.0.input_layernorm.weight",
}
_LAYOUTS = {"open-clip": "ldm", "t5-gguf": "original", "llm-gguf": "original"}


@dataclass(frozen=True, slots=True)
class TextSignature:
    """One row of the table: a tower of a width, and what else tells it from its like."""

    architecture: str
    tower: str
    width: int | None = None
    vocabulary: int | None = None
    """Rows of the token embedding."""
    keys: Keys = ANY


_LAYER_BIASES = Keys(("encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight",))
_QK_NORM = Keys(("layers.0.self_attn.q_norm.weight",))
_GEMMA = Keys(("layers.0.pre_feedforward_layernorm.weight",))
_GEMMA3 = Keys((*_GEMMA.all_of, *_QK_NORM.all_of))
_QWEN2 = Keys(("layers.0.self_attn.q_proj.bias",), none_of=_QK_NORM.all_of)

TEXT_ENCODERS = (
    # Widths and vocabularies: config.json of the published models;
    # yzkee/ComfyUI comfy/sd.py (detect_te_model), comfy/text_encoders.
    TextSignature("clip-l", "clip", 768),
    TextSignature("open-clip-h", "clip", 1024),
    TextSignature("open-clip-bigg", "clip", 1280),
    TextSignature("clip", "clip"),
    TextSignature("clip-l", "open-clip", 768),
    TextSignature("open-clip-h", "open-clip", 1024),
    TextSignature("open-clip-bigg", "open-clip", 1280),
    TextSignature("open-clip", "open-clip"),
    TextSignature("umt5xxl", "t5", 4096, keys=_LAYER_BIASES),
    TextSignature("t5xxl", "t5", 4096),
    TextSignature("pile-t5xl", "t5", 2048, 32128, _LAYER_BIASES),
    TextSignature("mt5xl", "t5", 2048, 250112),
    TextSignature("byt5-small", "t5", 1472),
    TextSignature("t5xxl-old", "t5", 1024, keys=Keys(("encoder.block.23.layer.0.*",))),
    TextSignature("t5", "t5"),
    TextSignature("t5xxl", "t5-gguf", 4096),
    TextSignature("t5", "t5-gguf"),
    TextSignature("bert", "bert"),
    TextSignature("chatglm3-6b", "chatglm", 4096),
    TextSignature("chatglm", "chatglm"),
    TextSignature("gemma3-12b", "llm", 3840, keys=_GEMMA3),
    TextSignature("gemma3-4b", "llm", 2560, keys=_GEMMA3),
    TextSignature("gemma2-2b", "llm", 2304, keys=_GEMMA),
    TextSignature("gemma", "llm", keys=_GEMMA),
    TextSignature("qwen3-0.6b", "llm", 1024, keys=_QK_NORM),
    TextSignature("qwen3-1.7b", "llm", 2048, keys=_QK_NORM),
    TextSignature("qwen3-4b", "llm", 2560, keys=_QK_NORM),
    TextSignature("qwen3-8b", "llm", 4096, keys=_QK_NORM),
    TextSignature("qwen3", "llm", keys=_QK_NORM),
    TextSignature("qwen2.5-vl-3b", "llm", 2048, keys=_QWEN2),
    TextSignature("qwen2.5-vl-7b", "llm", 3584, keys=_QWEN2),
    TextSignature("qwen2", "llm", keys=_QWEN2),
    TextSignature("llama3-8b", "llm", 4096, 128256),
    TextSignature("llama3-8b", "llm", 4096, 128320),
    TextSignature("mistral3-24b", "llm", 5120, 131072),
    TextSignature("llm", "llm"),
    TextSignature("llm", "llm-gguf"),
)
"""First fit wins; the row without figures closes each tower."""


def find_towers(view: View) -> Iterator[tuple[str, str]]:
    """Prefix and tower of the text encoders and vision towers in a file, up to ``MOST``."""
    anchored = (name for name in view if name.endswith(_ENDS))
    for name in islice(anchored, MOST):
        anchor = next(end for end in _ENDS if name.endswith(end))
        before = name[: len(name) - len(anchor)]
        if not before or before.endswith("."):
            yield before, ANCHORS[anchor]


def text_encoder(view: View, tower: str) -> Component | None:
    """The text encoder below a prefix; None for towers that read no text."""
    if tower not in _SIZES:
        return None
    inner = View.below(view.tensors, "text_model.") if tower == "clip" else view
    inner = inner if len(inner) else view
    width = inner.extent(_SIZES[tower], 0)
    if width is None:
        return None
    words = _vocabulary(inner)
    row = next(
        row
        for row in TEXT_ENCODERS
        if row.tower == tower
        and row.width in (None, width)
        and row.vocabulary in (None, words)
        and row.keys.holds(inner)
    )
    layout = _LAYOUTS.get(tower, "transformers")
    notices = tuple(_gap_notice(view))
    return component_of(view, row.architecture, layout, None, role="text_encoder", notices=notices)


def _gap_notice(view: View) -> Iterator[Notice]:
    """A word on layers that are skipped in the numbering: most programs load the rest silently."""
    lost = [block for stem, stack in stacks(view).items() for block in gaps(stem, stack)]
    if lost:
        listed = ", ".join(shown(block, 80) for block in lost[:5])
        yield Notice("parts_missing", f"the text encoder lacks {listed}; download the file again")


def _vocabulary(view: View) -> int | None:
    """Rows of the token embedding, under the names that the towers give it."""
    names = ("embed_tokens.weight", "shared.weight", "encoder.embed_tokens.weight")
    return next((rows for rows in (view.extent(name, 0) for name in names) if rows), None)
