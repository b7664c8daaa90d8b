"""A UNet's tensor names as the original (LDM) layout has them.

Structure: CompVis/stable-diffusion ldm/modules/diffusionmodules/openaimodel.py; the way back is
huggingface/diffusers src/diffusers/loaders/single_file_utils.py, convert_ldm_unet_checkpoint.
"""

from __future__ import annotations

import re

UNET_PREFIX = "model.diffusion_model."
TEXT_PREFIX = "cond_stage_model.transformer."
VAE_PREFIX = "first_stage_model."

_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_BLOCK = re.compile(r"(down|mid|up)_block(?:s\.(\d+))?\.(\w+)\.(\d+)\.(.+)")


def unet_name(name: str, layers: int, attends: tuple[bool, ...]) -> str:
    """The LDM name of a UNet2DConditionModel's tensor.

    ``layers`` is its ``layers_per_block``; ``attends`` tells for each of its ``up_blocks`` whether
    that has attentions.
    """
    stem, _, kind = name.rpartition(".")
    if stem in _ENDS:
        return f"{_ENDS[stem]}.{kind}"
    found = _BLOCK.fullmatch(name)
    if found is None:
        raise ValueError(f"{name} is no tensor of a UNet2DConditionModel")
    side, level, module, number, rest = found.groups()
    place = _place(side, int(level or 0), module, int(number), layers, attends)
    if module == "resnets":
        part, _, kind = rest.partition(".")
        rest = f"{_RESNET[part]}.{kind}"
    elif module == "downsamplers":
        rest = rest.replace("conv", "op", 1)
    return f"{place}.{rest}"


def _place(
    side: str, level: int, module: str, number: int, layers: int, attends: tuple[bool, ...]
) -> str:
    """The numbered block and the place in it where a module stands."""
    inner = 1 if module == "attentions" else 0
    if side == "mid":
        return f"middle_block.{1 if inner else 2 * number}"
    if side == "down":
        block = 1 + level * (layers + 1) + (layers if module == "downsamplers" else number)
        return f"input_blocks.{block}.{inner}"
    if module == "upsamplers":
        return f"output_blocks.{level * (layers + 1) + layers}.{2 if attends[level] else 1}"
    return f"output_blocks.{level * (layers + 1) + number}.{inner}"
