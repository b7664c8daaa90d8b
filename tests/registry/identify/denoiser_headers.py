"""Headers of denoisers for the tests: diffusers' classes without weights, LDM's names for them."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

Shapes = dict[str, tuple[int, ...]]

LDM = "model.diffusion_model."


@dataclass(frozen=True)
class Case:
    """One published denoiser in one layout, and what must be said of it."""

    id: str
    build: Callable[[], Shapes]
    architecture: str
    layout: str
    family: str | None
    channels: int
    candidates: tuple[str, ...] = ()
    beside: Shapes = field(default_factory=dict)
    """Tensors that stand beside the denoiser in the whole checkpoint."""

    def shapes(self) -> Shapes:
        """Names and shapes of the bare denoiser."""
        return self.build()

    def in_file(self, prefix: str) -> Shapes:
        """The denoiser below a prefix, with what stands beside it."""
        return {prefix + name: shape for name, shape in self.build().items()} | self.beside

    @property
    def possible(self) -> tuple[str, ...]:
        """The families that must be named as candidates."""
        return (self.family,) if self.family else self.candidates


@cache
def _meta(name: str, arguments: str) -> Shapes:
    torch = pytest.importorskip("torch")
    diffusers = pytest.importorskip("diffusers")
    kwargs = ast.literal_eval(arguments)
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        model = getattr(diffusers, name)(**kwargs)
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


def meta(name: str, **kwargs: Any) -> Callable[[], Shapes]:
    """A diffusers model's names and shapes, built once and without weights."""
    return lambda: _meta(name, repr(kwargs))


def ldm_unet(**kwargs: Any) -> Callable[[], Shapes]:
    """A UNet2DConditionModel under the names of CompVis/latent-diffusion."""
    resnets = kwargs.get("layers_per_block", 2)
    return lambda: dict(ldm_names(_meta("UNet2DConditionModel", repr(kwargs)), resnets))


_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_OUTER = {
    "conv_in.": "input_blocks.0.0.",
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "add_embedding.linear_1.": "label_emb.0.0.",
    "add_embedding.linear_2.": "label_emb.0.2.",
    "class_embedding.linear_1.": "label_emb.0.0.",
    "class_embedding.linear_2.": "label_emb.0.2.",
    "class_embedding.weight": "label_emb.weight",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
}


def ldm_names(shapes: Shapes, resnets: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A diffusers UNet's tensors under the names of CompVis/latent-diffusion."""
    for name, shape in shapes.items():
        yield _ldm_name(name, resnets, shapes), shape


def _ldm_name(name: str, resnets: int, shapes: Mapping[str, object]) -> str:
    for old, new in _OUTER.items():
        if name.startswith(old):
            return new + name[len(old) :]
    found = re.match(r"(down|mid|up)_blocks?\.(?:(\d+)\.)?(\w+)\.(\d+)\.(.*)", name)
    if not found:
        return name
    side, level, part, number, rest = found.groups()
    if part == "resnets":
        word, _, end = rest.partition(".")
        rest = f"{_RESNET[word]}.{end}"
    place, index, block = int(part == "attentions"), int(number), int(level or 0)
    if side == "mid":
        return f"middle_block.{1 if place else 2 * index}.{rest}"
    first = block * (resnets + 1) + index
    if part == "downsamplers":
        return f"input_blocks.{(block + 1) * (resnets + 1)}.0.op.{rest.removeprefix('conv.')}"
    if part == "upsamplers":
        attended = any(key.startswith(f"up_blocks.{block}.attentions.") for key in shapes)
        return f"output_blocks.{block * (resnets + 1) + resnets}.{1 + attended}.{rest}"
    outer = f"input_blocks.{first + 1}" if side == "down" else f"output_blocks.{first}"
    return f"{outer}.{place}.{rest}"


def blocks(stem: str, entries: Mapping[str, tuple[int, ...]], count: int = 2) -> Shapes:
    """The same tensors in every numbered block."""
    return {f"{stem}.{n}.{key}": shape for n in range(count) for key, shape in entries.items()}


def linear(name: str, outs: int, ins: int, *patch: int) -> Shapes:
    """A layer with its bias."""
    return {f"{name}.weight": (outs, ins, *patch), f"{name}.bias": (outs,)}


def dit(
    embed: Shapes, stem: str, entries: Shapes, out: str, outputs: int, width: int, more: Shapes
) -> Shapes:
    """Any transformer of one kind of block: input, blocks, output and what marks it."""
    return embed | blocks(stem, entries) | linear(out, outputs, width) | more
