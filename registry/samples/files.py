"""Weights as files: safetensors in any float width, LDM or diffusers names, diffusers folders."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .autoencoder import Shapes, in_diffusers_layout
from .plan import Plan

if TYPE_CHECKING:
    from .stream import Array, Weights

PUBLISHED_GROUPS = 32
"""Of GroupNorm in every published KL autoencoder; a file says nothing of it."""


def safetensors(
    weights: Mapping[str, Array], dtype: str = "float16", metadata: Mapping[str, str] | None = None
) -> bytes:
    """The file in ``float32``, ``float16`` or ``bfloat16``, tensors in the order given.

    Written here because the library's numpy writer knows no bfloat16 and sorts by name (format:
    huggingface/safetensors README, section Format).
    """
    code, pack = _codes()[dtype]
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    data: list[bytes] = []
    end = 0
    for name, tensor in weights.items():
        data.append(pack(tensor))
        begin, end = end, end + len(data[-1])
        header[name] = {"dtype": code, "shape": tensor.shape, "data_offsets": (begin, end)}
    text = json.dumps(header).encode()
    return b"".join((struct.pack("<Q", len(text)), text, *data))


def renamed(
    weights: Mapping[str, Array],
    layout: str = "ldm",
    prefix: str = "",
    linear: bool | None = None,
) -> Weights:
    """LDM's tensors in a layout, ``ldm`` or ``diffusers``, behind a prefix.

    ``linear`` writes the attention as [C, C] instead of [C, C, 1, 1]; by default as the layout's
    usual files have it.
    """
    linear = layout == "diffusers" if linear is None else linear
    shapes: Shapes = {name: tensor.shape for name, tensor in weights.items()}
    names = in_diffusers_layout(shapes) if layout == "diffusers" else {old: old for old in shapes}
    return {
        prefix + new: weights[old][:, :, 0, 0] if linear and _attends(old, shapes) else weights[old]
        for new, old in names.items()
    }


def metadata_of(plan: Plan) -> dict[str, str]:
    """What a single file must say of itself to be run: its groups, where they are unusual."""
    usual = plan.groups == PUBLISHED_GROUPS
    return {} if usual else {"norm_num_groups": str(plan.groups)}


def config_of(plan: Plan) -> dict[str, object]:
    """``config.json`` of diffusers' AutoencoderKL
    (huggingface/diffusers src/diffusers/models/autoencoders/autoencoder_kl.py)."""
    levels = len(plan.widths)
    config: dict[str, object] = {
        "_class_name": "AutoencoderKL",
        "block_out_channels": list(plan.widths),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "layers_per_block": 2,
        "latent_channels": len(plan.factors),
        "norm_num_groups": plan.groups,
        "scaling_factor": plan.scaling.scale,
        "use_quant_conv": plan.quant,
        "use_post_quant_conv": plan.quant,
    }
    if plan.scaling.shift:
        config["shift_factor"] = plan.scaling.shift
    if plan.scaling.mean:
        config["latents_mean"] = list(plan.scaling.mean)
        config["latents_std"] = list(plan.scaling.std)
    return config


def write_folder(
    folder: Path, plan: Plan, weights: Mapping[str, Array], dtype: str = "float32"
) -> None:
    """The plan's VAE as a diffusers folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config_of(plan), indent=2), "utf-8")
    data = safetensors(renamed(weights, "diffusers"), dtype)
    (folder / "diffusion_pytorch_model.safetensors").write_bytes(data)


def _attends(name: str, shapes: Shapes) -> bool:
    return ".attn_1." in name and len(shapes[name]) == 4


def _codes() -> dict[str, tuple[str, Callable[[Array], bytes]]]:
    return {
        "float32": ("F32", lambda tensor: tensor.astype("<f4").tobytes()),
        "float16": ("F16", lambda tensor: tensor.astype("<f2").tobytes()),
        "bfloat16": ("BF16", _bfloat16),
    }


def _bfloat16(tensor: Array) -> bytes:
    """The upper halves of the float32 numbers, rounded to the nearest, ties to even."""
    import numpy as np

    bits = tensor.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()
