"""Checkpoints and VAEs as large as the published ones: random UNets and text encoders, real VAEs.

Names: CompVis/stable-diffusion ldm/modules, Stability-AI/generative-models sgm/modules,
mlfoundations/open_clip src/open_clip/transformer.py.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vaereg.probes.generation.networks import bare_text_encoder, bare_unet
from vaereg.probes.generation.shipped import Config, configs_of
from vaereg.probes.shapes.ldm import UNET_PREFIX, VAE_PREFIX, unet_name
from vaereg.registry.samples.closed_form import weights
from vaereg.registry.samples.colours import scaling_of, table_of
from vaereg.registry.samples.plan import Plan

WIDTHS, GROUPS = (128, 256, 512, 512), 32
"""Of every published Stable Diffusion VAE (stabilityai/sd-vae-ft-mse config.json)."""
OPEN_CLIP = "conditioner.embedders.1.model."
TEXTS = {
    "sd1": "cond_stage_model.transformer.text_model.",
    "sdxl": "conditioner.embedders.0.transformer.text_model.",
}
_SIZES = {"add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2"}
_CODES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
_CALM = 0.3
"""Of what the UNet says last: latents of a denoiser that was never trained stay small."""

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Entry:
    shape: tuple[int, ...]
    make: Callable[[], Tensor]


def write_random(path: Path, kind: str, dtype: str = "float16") -> Path:
    """A checkpoint in one file, ``sd1`` or ``sdxl``: all but its VAE is random, always the same.

    One tensor at a time is held in memory.
    """
    random = torch.Generator().manual_seed(0)
    entries = {
        name: _Entry(shape, lambda name=name, shape=shape: _drawn(name, shape, random))
        for name, shape in shapes_of(kind).items()
    }
    inside = {VAE_PREFIX + name: it for name, it in _vae(kind, 0).items()}
    _write(path, entries | inside, dtype)
    return path


def write_vaes(folder: Path, kind: str, count: int) -> list[Path]:
    """VAEs of real size for that kind of checkpoint, each with colours of its own."""
    made = [folder / f"vae_{number}.safetensors" for number in range(1, count + 1)]
    for number, path in enumerate(made, 1):
        _write(path, _vae(kind, number), "float16")
    return made


def shapes_of(kind: str) -> Shapes:
    """The tensors of the UNet and the text encoders as published checkpoints name them."""
    configs = configs_of(kind)
    shapes = {UNET_PREFIX + name: it for name, it in _unet(configs["unet"]).items()}
    clip = bare_text_encoder(configs["text_encoder"], kind).state_dict()
    shapes |= {
        TEXTS[kind] + name.removeprefix("text_model."): tuple(it.shape) for name, it in clip.items()
    }
    if second := configs.get("text_encoder_2"):
        layers, width = second["num_hidden_layers"], second["hidden_size"]
        assert isinstance(layers, int)
        assert isinstance(width, int)
        shapes |= {OPEN_CLIP + name: it for name, it in _open_clip(layers, width)}
    return shapes


def _unet(config: Config) -> Shapes:
    layers, blocks = config["layers_per_block"], config["up_block_types"]
    assert isinstance(layers, int)
    assert isinstance(blocks, list)
    attends = tuple("CrossAttn" in block for block in blocks)

    def named(name: str) -> str:
        stem, _, end = name.rpartition(".")
        return f"{_SIZES[stem]}.{end}" if stem in _SIZES else unet_name(name, layers, attends)

    bare = bare_unet(config, "a UNet").state_dict()
    return {named(name): tuple(it.shape) for name, it in bare.items()}


def _open_clip(layers: int, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "positional_embedding", (77, width)
    yield "token_embedding.weight", (49408, width)
    yield "text_projection", (width, width)
    yield from _both("ln_final", (width,))
    for number in range(layers):
        block = f"transformer.resblocks.{number}"
        yield f"{block}.attn.in_proj_weight", (3 * width, width)
        yield f"{block}.attn.in_proj_bias", (3 * width,)
        yield from _both(f"{block}.attn.out_proj", (width, width))
        yield from _both(f"{block}.mlp.c_fc", (4 * width, width))
        yield from _both(f"{block}.mlp.c_proj", (width, 4 * width))
        for norm in ("ln_1", "ln_2"):
            yield from _both(f"{block}.{norm}", (width,))


def _both(stem: str, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{stem}.weight", shape
    yield f"{stem}.bias", shape[:1]


def _vae(kind: str, number: int) -> dict[str, _Entry]:
    plan = Plan(table_of(kind), scaling_of(kind), WIDTHS, GROUPS, seed=number, vivid=0.1 * number)
    return {
        name: _Entry(array.shape, lambda array=array: torch.from_numpy(array))
        for name, array in weights(plan).items()
    }


def _drawn(name: str, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    """Numbers that make outputs about as large as inputs."""
    values = torch.randn(shape, generator=random)
    if len(shape) > 1:
        values /= math.sqrt(math.prod(shape[1:]))
    else:
        values *= 0.1
        # Of one dimension, weights are those of norms.
        values += name.endswith("weight")
    return values * _CALM if name.startswith(f"{UNET_PREFIX}out.2.") else values


def _write(path: Path, entries: Mapping[str, _Entry], dtype: str) -> None:
    """A safetensors file, tensor by tensor (huggingface/safetensors README, section Format)."""
    kind: torch.dtype = getattr(torch, dtype)
    header, end = {}, 0
    for name, it in entries.items():
        begin, end = end, end + math.prod(it.shape) * kind.itemsize
        header[name] = {"dtype": _CODES[dtype], "shape": it.shape, "data_offsets": (begin, end)}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for it in entries.values():
            file.write(it.make().to(kind).contiguous().view(-1).view(torch.uint8).numpy().data)
