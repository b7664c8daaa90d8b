"""Small real files of checkpoints with whole text encoders: names as published, tensors thin."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from vaereg.registry.samples.unet import sd1_unet, sdxl_unet

Shapes = dict[str, tuple[int, ...]]
Values = Mapping[str, Any]

SD1_TEXT = "cond_stage_model.transformer."
SD2_TEXT = "cond_stage_model.model."
XL_L = "conditioner.embedders.0.transformer."
XL_G = "conditioner.embedders.1.model."
POSITION_IDS = "text_model.embeddings.position_ids"
ANYTHING = [*range(76), 75.9975]
"""As Anything V3's merge left them (arenasys/stable-diffusion-webui-model-toolkit README.md)."""


def clip(width: int = 768, layers: int = 12, root: str = "text_model.") -> Shapes:
    """CLIP's text tower under transformers' names, all its tensors."""
    shapes: Shapes = {
        "embeddings.token_embedding.weight": (8, width),
        "embeddings.position_embedding.weight": (77, 1),
        "final_layer_norm.weight": (width,),
        "final_layer_norm.bias": (width,),
    }
    for layer in range(layers):
        stem = f"encoder.layers.{layer}."
        for part in ("layer_norm1", "layer_norm2"):
            shapes |= {f"{stem}{part}.weight": (width,), f"{stem}{part}.bias": (width,)}
        for part in (
            "mlp.fc1",
            "mlp.fc2",
            *(f"self_attn.{p}_proj" for p in ("q", "k", "v", "out")),
        ):
            shapes |= {f"{stem}{part}.weight": (1, 1), f"{stem}{part}.bias": (1,)}
    return {root + name: shape for name, shape in shapes.items()}


def open_clip(width: int = 1024, layers: int = 24) -> Shapes:
    """OpenCLIP's text tower under its own names, all its tensors."""
    shapes: Shapes = {
        "positional_embedding": (77, 1),
        "token_embedding.weight": (8, 1),
        "text_projection": (1, 1),
        "logit_scale": (),
        "ln_final.weight": (width,),
        "ln_final.bias": (width,),
    }
    for layer in range(layers):
        stem = f"transformer.resblocks.{layer}."
        for part in ("ln_1", "ln_2"):
            shapes |= {f"{stem}{part}.weight": (width,), f"{stem}{part}.bias": (width,)}
        for part in ("attn.in_proj_weight", "attn.out_proj.weight", "mlp.c_fc.weight"):
            shapes |= {f"{stem}{part}": (1, 1)}
    return shapes


def t5(width: int = 4096, layers: int = 24) -> Shapes:
    """T5's encoder."""
    shapes: Shapes = {"shared.weight": (8, 1), "encoder.final_layer_norm.weight": (width,)}
    for layer in range(layers):
        stem = f"encoder.block.{layer}.layer."
        shapes |= {f"{stem}0.layer_norm.weight": (width,), f"{stem}1.layer_norm.weight": (width,)}
        shapes |= {f"{stem}0.SelfAttention.{part}.weight": (1, 1) for part in "qkvo"}
    shapes["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = (32, 1)
    return shapes


def below(prefix: str, shapes: Shapes) -> Shapes:
    """The same tensors below a prefix."""
    return {prefix + name: shape for name, shape in shapes.items()}


def without(shapes: Shapes, *parts: str) -> Shapes:
    """The tensors whose names hold none of those parts."""
    return {name: shape for name, shape in shapes.items() if not any(p in name for p in parts)}


def sd1(text: Shapes | None = None) -> Shapes:
    """An SD1 checkpoint without a VAE."""
    return sd1_unet() | below(SD1_TEXT, clip() if text is None else text)


def sd2(text: Shapes | None = None) -> Shapes:
    """An SD2 checkpoint: SD1's UNet on text of width 1024."""
    wide = {
        name: (1, 1024) if ".attn2.to_" in name and shape[-1:] == (768,) else shape
        for name, shape in sd1_unet().items()
    }
    return wide | below(SD2_TEXT, open_clip() if text is None else text)


def sdxl(low: Shapes | None = None, high: Shapes | None = None) -> Shapes:
    """An SDXL checkpoint without a VAE."""
    one = clip() if low is None else low
    two = open_clip(1280, 32) if high is None else high
    return sdxl_unet() | below(XL_L, one) | below(XL_G, two)


def positions(prefix: str, values: Iterable[float], dtype: str = "float32") -> Values:
    """CLIP's table of positions with these values."""
    return {prefix + POSITION_IDS: np.array([list(values)], dtype)}


def write(
    path: Path,
    shapes: Shapes,
    values: Values | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A real safetensors file: zeros in float16 but for the values given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: np.zeros(shape, np.float16) for name, shape in shapes.items()}
    save_file(tensors | dict(values or {}), path, dict(metadata) if metadata else None)
    return path


def write_folder(folder: Path, layers: int, text: Shapes, width: int = 768) -> Path:
    """A diffusers folder whose UNet is told by its config alone."""
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "x"]}
    unet = {
        "_class_name": "UNet2DConditionModel",
        "block_out_channels": [320, 640, 1280, 1280],
        "cross_attention_dim": width,
        "in_channels": 4,
        "out_channels": 4,
    }
    config = {
        "architectures": ["CLIPTextModel"],
        "model_type": "clip_text_model",
        "num_hidden_layers": layers,
        "hidden_size": width,
    }
    for name, content in (
        ("model_index.json", index),
        ("unet/config.json", unet),
        ("text_encoder/config.json", config),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content), "utf-8")
    if text:
        write(folder / "text_encoder" / "model.safetensors", text)
    return folder


def padded(path: Path, size: int = 1 << 36) -> Path:
    """The file with a tensor more that is one hole: only those who read all of it need minutes."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    end = len(data) - start
    header["hole"] = {"dtype": "U8", "shape": [size], "data_offsets": [end, end + size]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[start:])
    with path.open("r+b") as file:
        file.truncate(8 + len(text) + end + size)
    return path
