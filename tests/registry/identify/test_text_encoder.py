"""Text encoders are named by tower and width, alone and inside a checkpoint."""

from __future__ import annotations

import pytest

from vaereg.registry.identify.identify import identify

from ...builders import header_of
from .original_cases import flux
from .text_headers import Shapes, below, bert, chatglm, clip, llm, open_clip, t5, vision

QK = ("self_attn.q_norm.weight",)
GEMMA = ("pre_feedforward_layernorm.weight",)
QWEN2 = ("self_attn.q_proj.bias",)

GGUF_LAYER: Shapes = {"blk.0.attn_norm.weight": (4096,), "blk.0.attn_q.weight": (4096, 4096)}

ENCODERS: list[tuple[str, str, Shapes]] = [
    ("clip-l", "transformers", clip()),
    ("clip-l", "transformers", clip(root="")),
    ("open-clip-h", "transformers", clip(1024)),
    ("open-clip-bigg", "transformers", clip(1280)),
    ("clip", "transformers", clip(512)),
    ("clip-l", "ldm", open_clip(768)),
    ("open-clip-h", "ldm", open_clip(1024)),
    ("open-clip-bigg", "ldm", open_clip(1280)),
    ("t5xxl", "transformers", t5()),
    ("umt5xxl", "transformers", t5(words=256384, every=True)),
    ("mt5xl", "transformers", t5(2048, 250112)),
    ("pile-t5xl", "transformers", t5(2048, every=True)),
    ("byt5-small", "transformers", t5(1472, 384, layers=12)),
    ("t5xxl-old", "transformers", t5(1024)),
    ("t5", "transformers", t5(512, layers=6)),
    ("llama3-8b", "transformers", llm(4096, 128256)),
    ("mistral3-24b", "transformers", llm(5120, 131072)),
    ("gemma2-2b", "transformers", llm(2304, 256000, *GEMMA)),
    ("gemma3-12b", "transformers", llm(3840, 262208, *GEMMA, *QK)),
    ("qwen2.5-vl-7b", "transformers", llm(3584, 152064, *QWEN2)),
    ("qwen3-4b", "transformers", llm(2560, 151936, *QK)),
    ("qwen3-8b", "transformers", llm(4096, 151936, *QK)),
    ("llm", "transformers", llm(3072, 32064)),
    (
        "t5xxl",
        "original",
        {"enc.blk.0.attn_norm.weight": (4096,), "enc.blk.0.attn_q.weight": (4096, 4096)},
    ),
    ("llm", "original", {"blk.0.attn_norm.weight": (4096,), "blk.0.attn_q.weight": (4096, 4096)}),
    ("bert", "transformers", bert()),
    ("chatglm3-6b", "transformers", chatglm()),
]


@pytest.mark.parametrize(
    ("architecture", "layout", "shapes"),
    ENCODERS,
    ids=[f"{name}-{i}" for i, (name, *_) in enumerate(ENCODERS)],
)
def test_a_lone_text_encoder_is_named(architecture: str, layout: str, shapes: Shapes) -> None:
    """A file of its own is no checkpoint and no VAE."""
    identity = identify(header_of(shapes))
    (encoder,) = identity.components
    assert identity.kind == "text_encoder"
    assert (encoder.role, encoder.architecture, encoder.layout) == (
        *("text_encoder", architecture),
        layout,
    )
    assert encoder.latent is None


@pytest.mark.parametrize(
    ("prefix", "shapes", "architecture"),
    [
        ("cond_stage_model.transformer.", clip(), "clip-l"),
        ("cond_stage_model.transformer.", clip(root=""), "clip-l"),
        ("cond_stage_model.model.", open_clip(), "open-clip-h"),
        ("conditioner.embedders.0.transformer.", clip(), "clip-l"),
        ("conditioner.embedders.1.model.", open_clip(1280), "open-clip-bigg"),
        ("text_encoders.clip_g.transformer.", clip(1280), "open-clip-bigg"),
        ("text_encoders.t5xxl.transformer.", t5(layers=2), "t5xxl"),
        (
            "text_encoders.qwen25_7b.transformer.model.",
            llm(3584, 152064, *QWEN2, root=""),
            "qwen2.5-vl-7b",
        ),
        ("text_encoder.", clip(), "clip-l"),
        ("text_encoder_2.", t5(layers=2), "t5xxl"),
    ],
)
def test_a_text_encoder_inside_a_checkpoint(prefix: str, shapes: Shapes, architecture: str) -> None:
    """Whatever prefix a tool chose, and whatever names its denoiser has."""
    identity = identify(
        header_of(below("model.diffusion_model.", flux()()) | below(prefix, shapes))
    )
    encoder = identity.component("text_encoder")
    assert identity.kind == "checkpoint"
    assert encoder is not None
    assert (encoder.architecture, encoder.prefix, encoder.tensors) == (
        *(architecture, prefix),
        len(shapes),
    )


def test_several_encoders_are_several_components() -> None:
    """SD3's three encoders in one file, without a denoiser."""
    shapes = below("clip_l.", clip()) | below("clip_g.", clip(1280)) | below("t5xxl.", t5())
    identity = identify(header_of(shapes))
    names = [part.architecture for part in identity.components]
    assert (identity.kind, names) == ("text_encoder", ["clip-l", "open-clip-bigg", "t5xxl"])


def test_a_vision_tower_is_no_text_encoder() -> None:
    """CLIP-ViT as IP-Adapter uses it."""
    identity = identify(header_of(vision()))
    assert (identity.kind, identity.components) == ("clip_vision", ())


def test_both_towers_of_clip_are_a_text_encoder() -> None:
    """The whole CLIP model holds its text encoder."""
    identity = identify(header_of(clip() | vision()))
    assert identity.kind == "text_encoder"
    assert [part.architecture for part in identity.components] == ["clip-l"]


def test_the_language_model_inside_a_denoiser_is_no_text_encoder() -> None:
    """A bare denoiser built on a language model has its layers at the root."""
    shapes = llm(4096, 151936, "mlp_moe_gen.gate_proj.weight", root="")
    shapes |= {"proj_in.weight": (4096, 192), "proj_out.weight": (192, 4096)}
    shapes |= {"time_embedder.linear_1.weight": (4096, 256)}
    identity = identify(header_of(shapes))
    assert [part.role for part in identity.components] == ["denoiser"]


def test_names_that_pretend_thousands_of_towers_cost_nothing() -> None:
    """Hostile names are looked at up to a limit."""
    name = "a{}.text_model.encoder.layers.0.self_attn.q_proj.weight"
    identity = identify(header_of({name.format(n): (768, 768) for n in range(20000)}))
    assert identity.kind == "unknown"
