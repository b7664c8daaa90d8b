"""A small library to try vaereg on: fits, misfits, a renamed copy and a broken download."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Mapping
from pathlib import Path

from .autoencoder import Shapes, autoencoder_kl, in_diffusers_layout
from .unet import sd1_unet, sdxl_unet

Weights = Mapping[str, tuple[float, ...]]

_CODES = {"float16": ("F16", "e", 2), "float32": ("F32", "f", 4)}


def build(folder: Path) -> None:
    """Write the library below ``folder``; half a second, some 20 MB, always the same bytes."""
    checkpoints, vaes = folder / "checkpoints", folder / "vae"
    own = autoencoder_kl(4)
    baked = random_weights(own, seed=1)
    write_checkpoint(checkpoints / "forest_v1.safetensors", sd1_unet(), own, baked)
    write_checkpoint(checkpoints / "harbour_xl.safetensors", sdxl_unet(), {}, {})
    renamed = in_diffusers_layout(own)
    write(
        vaes / "vae_final_FIXED.safetensors",
        {name: own[old] for name, old in renamed.items()},
        {name: baked[old] for name, old in renamed.items()},
        "float32",
    )
    write(vaes / "sdxl_vae.safetensors", own, random_weights(own, seed=2))
    wide = autoencoder_kl(16, quant=False)
    write(vaes / "ae.safetensors", wide, random_weights(wide, seed=3))
    page = "<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
    (vaes / "pony_vae.safetensors").write_text(page, "utf-8")


def random_weights(shapes: Shapes, seed: int) -> dict[str, tuple[float, ...]]:
    """Small random numbers that float16 holds exactly, the same for the same seed."""
    source = random.Random(seed)
    return {
        name: tuple(source.randrange(-512, 512) / 1024 for _ in range(_count(shape)))
        for name, shape in shapes.items()
    }


def write_checkpoint(path: Path, unet: Shapes, vae: Shapes, weights: Weights) -> None:
    """A cut-down checkpoint: the UNet all zeros, the VAE baked in as it is given."""
    prefix = "first_stage_model."
    shapes = unet | {prefix + name: shape for name, shape in vae.items()}
    zeros = {name: (0.0,) * _count(shape) for name, shape in unet.items()}
    write(path, shapes, zeros | {prefix + name: values for name, values in weights.items()})


def write(path: Path, shapes: Shapes, weights: Weights, dtype: str = "float16") -> None:
    """A safetensors file of these tensors (huggingface/safetensors README, section Format)."""
    code, letter, width = _CODES[dtype]
    header: dict[str, object] = {}
    data: list[bytes] = []
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + _count(shape) * width
        header[name] = {"dtype": code, "shape": shape, "data_offsets": (begin, end)}
        data.append(struct.pack(f"<{_count(shape)}{letter}", *weights[name]))
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for extent in shape:
        count *= extent
    return count
