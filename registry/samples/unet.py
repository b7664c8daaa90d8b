"""Cut-down UNets: the tensors that tell what a UNet is, in their real shapes, and no more.

Shapes: CompVis/stable-diffusion configs/stable-diffusion/v1-inference.yaml and
Stability-AI/generative-models configs/inference/sd_xl_base.yaml.
"""

from __future__ import annotations

from .autoencoder import Shapes

_PREFIX = "model.diffusion_model."


def sd1_unet() -> Shapes:
    """What identifies a Stable Diffusion 1 UNet: width 320, text of 768."""
    attention = {"input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768)}
    return _named(_outline(12) | attention)


def sdxl_unet() -> Shapes:
    """What identifies an SDXL UNet: width 320, text of 2048, a vector of 2816."""
    attention = {"input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (640, 2048)}
    middle = {"middle_block.1.transformer_blocks.0.norm1.bias": (1280,)}
    return _named(_outline(9) | attention | middle | {"label_emb.0.0.weight": (1280, 2816)})


def _outline(blocks: int) -> Shapes:
    """The ends of a UNet and one small tensor of each block."""
    ends = {
        "time_embed.0.weight": (1280, 320),
        "input_blocks.0.0.weight": (320, 4, 3, 3),
        "middle_block.0.in_layers.0.bias": (1280,),
        "out.0.bias": (320,),
        "out.2.weight": (4, 320, 3, 3),
        "out.2.bias": (4,),
    }
    inner = {f"input_blocks.{number}.0.in_layers.0.bias": (320,) for number in range(1, blocks)}
    outer = {f"output_blocks.{number}.0.in_layers.0.bias": (640,) for number in range(blocks)}
    return ends | inner | outer


def _named(shapes: Shapes) -> Shapes:
    return {_PREFIX + name: shape for name, shape in shapes.items()}
