"""Thin UNets: every tensor name of the real ones, real shapes where they tell what the UNet is.

Structure: CompVis/stable-diffusion ldm/modules/diffusionmodules/openaimodel.py with
configs/stable-diffusion/v1-inference.yaml, and Stability-AI/generative-models
configs/inference/sd_xl_base.yaml. All other tensors are one number wide, to be small.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .autoencoder import Shapes

_PREFIX = "model.diffusion_model."
_WIDTH = 320
_RESNETS = 2

Named = Iterator[tuple[str, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What tells one UNet from another."""

    depths: tuple[int, ...]
    """Transformer blocks at each level of resolution."""
    middle: int
    context: int
    """Width of the text embeddings."""
    vector: int | None = None
    """Width of the pooled text and the sizes."""


def sd1_unet() -> Shapes:
    """Stable Diffusion 1's UNet: text of width 768."""
    return _unet(_Plan((1, 1, 1, 0), 1, 768))


def sdxl_unet() -> Shapes:
    """SDXL's UNet: text of width 2048 and a vector of 2816."""
    return _unet(_Plan((0, 2, 10), 10, 2048, 2816))


def _unet(plan: _Plan) -> Shapes:
    shapes = dict(_ends(plan)) | dict(_down(plan)) | dict(_up(plan))
    for place, part in enumerate(("", "attention", "")):
        stem = f"middle_block.{place}"
        shapes |= dict(_attention(stem, plan.middle, plan.context) if part else _resnet(stem))
    return {_PREFIX + name: shape for name, shape in shapes.items()}


def _ends(plan: _Plan) -> Named:
    yield from (
        ("input_blocks.0.0.weight", (_WIDTH, 4, 3, 3)),
        ("input_blocks.0.0.bias", (_WIDTH,)),
    )
    yield from (("time_embed.0.weight", (4 * _WIDTH, _WIDTH)), ("time_embed.0.bias", (4 * _WIDTH,)))
    yield from _thin("time_embed.2", 2)
    if plan.vector is not None:
        yield from (("label_emb.0.0.weight", (1, plan.vector)), ("label_emb.0.0.bias", (1,)))
        yield from _thin("label_emb.0.2", 2)
    yield from (("out.0.weight", (_WIDTH,)), ("out.0.bias", (_WIDTH,)))
    yield from (("out.2.weight", (4, _WIDTH, 3, 3)), ("out.2.bias", (4,)))


def _down(plan: _Plan) -> Named:
    number = 1
    for level, depth in enumerate(plan.depths):
        for _ in range(_RESNETS):
            yield from _block(f"input_blocks.{number}", depth, plan.context)
            number += 1
        if level < len(plan.depths) - 1:
            yield from _thin(f"input_blocks.{number}.0.op", 4)
            number += 1


def _up(plan: _Plan) -> Named:
    number = 0
    for level in reversed(range(len(plan.depths))):
        depth = plan.depths[level]
        for index in range(_RESNETS + 1):
            yield from _block(f"output_blocks.{number}", depth, plan.context)
            if level and index == _RESNETS:
                yield from _thin(f"output_blocks.{number}.{2 if depth else 1}.conv", 4)
            number += 1


def _block(stem: str, depth: int, context: int) -> Named:
    yield from _resnet(f"{stem}.0")
    if depth:
        yield from _attention(f"{stem}.1", depth, context)


def _resnet(stem: str) -> Named:
    for part, rank in (("in_layers.0", 1), ("in_layers.2", 4), ("emb_layers.1", 2)):
        yield from _thin(f"{stem}.{part}", rank)
    for part, rank in (("out_layers.0", 1), ("out_layers.3", 4)):
        yield from _thin(f"{stem}.{part}", rank)


def _attention(stem: str, depth: int, context: int) -> Named:
    for part, rank in (("norm", 1), ("proj_in", 4), ("proj_out", 4)):
        yield from _thin(f"{stem}.{part}", rank)
    for number in range(depth):
        block = f"{stem}.transformer_blocks.{number}"
        for part, rank in (("norm1", 1), ("norm2", 1), ("norm3", 1), ("ff.net.0.proj", 2)):
            yield from _thin(f"{block}.{part}", rank)
        yield from _thin(f"{block}.ff.net.2", 2)
        for attention, width in (("attn1", 1), ("attn2", context)):
            yield f"{block}.{attention}.to_q.weight", (1, 1)
            yield f"{block}.{attention}.to_k.weight", (1, width)
            yield f"{block}.{attention}.to_v.weight", (1, width)
            yield from _thin(f"{block}.{attention}.to_out.0", 2)


def _thin(stem: str, rank: int) -> Named:
    """A module of one input and one output."""
    yield f"{stem}.weight", (1,) * rank
    yield f"{stem}.bias", (1,)
