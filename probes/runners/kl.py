"""KL autoencoders: one network whose modules bear LDM's names, built from the tensors' shapes.

Structure: CompVis/latent-diffusion ldm/modules/diffusionmodules/model.py (Encoder, Decoder) and
ldm/models/autoencoder.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from .canonical import CanonicalWeights, Fill
from .kl_blocks import EPSILON, Attention, Block, Downsample, Half, Level, Middle, Upsample
from .network import Network

_QUANT = {"encoder": "quant_conv", "decoder": "post_quant_conv"}
_MASK_BRANCH = "decoder.condition_encoder."
"""Not run without a mask (huggingface/diffusers models/autoencoders/vae.py)."""


class KlNetwork(Network):
    """Encoder, decoder and the quantisation convolutions, whichever of them there are."""

    quant_conv: nn.Module
    post_quant_conv: nn.Module

    def encode(self, pictures: Tensor) -> Tensor:
        moments: Tensor = self.encoder(_laid_out(pictures))
        if hasattr(self, "quant_conv"):
            moments = self.quant_conv(moments)
        return moments[:, : self.channels].contiguous()

    def decode(self, latents: Tensor) -> Tensor:
        if hasattr(self, "post_quant_conv"):
            latents = self.post_quant_conv(latents)
        made: Tensor = self.decoder(_laid_out(latents))
        return made.contiguous()


def _laid_out(values: Tensor) -> Tensor:
    """Channels last on the CPU: its convolutions take a fifth less time so, and no more memory."""
    if values.device.type != "cpu":
        return values
    return values.contiguous(memory_format=torch.channels_last)


def build(weights: CanonicalWeights, halves: tuple[str, ...]) -> tuple[Network, Fill]:
    """The network of those halves, without values, and what fills it; raises ``CannotRun``."""
    network = KlNetwork()
    latents, images, factors = set(), set(), set()
    for half in halves:
        maker = _Maker(weights, half)
        setattr(network, half, maker.half())
        quant, channels = _quant(weights, half)
        if quant is not None:
            setattr(network, _QUANT[half], quant)
        latents.add(channels)
        images.add(maker.images)
        factors.add(2 ** (maker.levels - 1))
    if max(map(len, (latents, images, factors))) > 1:
        raise weights.unfit("its encoder and its decoder are not of one VAE")
    network.channels, network.image_channels = latents.pop(), images.pop()
    network.factor = factors.pop()
    if network.image_channels not in (3, 4):
        raise weights.unfit(f"its pictures have {network.image_channels} channels, not 3 or 4")
    weights.refuse_unknown(network, (f"{half}." for half in halves), _MASK_BRANCH)
    return network, partial(weights.fill, network)


def _quant(weights: CanonicalWeights, half: str) -> tuple[nn.Conv2d | None, int]:
    """A half's quantisation convolution, if there is one, and its latent channels."""
    end, axis = {"encoder": ("conv_out", 0), "decoder": ("conv_in", 1)}[half]
    channels = weights.shape(f"{half}.{end}.weight", 4)[axis]
    conv, stem = None, _QUANT[half]
    if f"{stem}.weight" in weights:
        out, into = weights.shape(f"{stem}.weight", 4)[:2]
        conv = nn.Conv2d(into, out, 1)
        inner, channels = (into, out) if half == "encoder" else (out, into)
        if inner != weights.shape(f"{half}.{end}.weight")[axis]:
            raise weights.unfit(f"{stem}.weight does not fit its {half}")
    if half == "encoder" and channels % 2:
        raise weights.unfit(f"its encoder gives {channels} moments, which is no even number")
    return conv, channels // 2 if half == "encoder" else channels


@dataclass(frozen=True, slots=True)
class _Way:
    """What differs between the two directions."""

    name: str
    sample: str
    module: Callable[[int], nn.Module]


_WAYS = {
    "encoder": _Way("down", "downsample", Downsample),
    "decoder": _Way("up", "upsample", Upsample),
}


class _Maker:
    """Builds one half from the shapes of its tensors."""

    def __init__(self, weights: CanonicalWeights, half: str) -> None:
        self.weights = weights
        self.stem = half
        self.way = _WAYS[half]
        self.groups = weights.groups()
        stem = f"{half}.{self.way.name}"
        self.levels = weights.count(stem)
        self.blocks = max(
            (weights.count(f"{stem}.{level}.block") for level in range(self.levels)), default=0
        )
        if not self.levels or not self.blocks:
            raise weights.unfit(f"it has no {half} of levels and blocks")
        self.attends = weights.has("encoder.mid.attn_1.") or weights.has("decoder.mid.attn_1.")
        self.images = weights.shape("encoder.conv_in.weight", 4)[1] if half == "encoder" else 0
        if half == "decoder":
            self.images = weights.shape("decoder.conv_out.weight", 4)[0]

    def half(self) -> Half:
        """The whole half, on the meta device where the caller says so."""
        half = Half()
        out, into = self.weights.shape(f"{self.stem}.conv_in.weight", 4)[:2]
        half.conv_in = nn.Conv2d(into, out, 3, padding=1)
        if self.stem == "encoder":
            half.down = nn.ModuleList()
            for level in range(self.levels):
                made, out = self._level(level, out, level < self.levels - 1)
                half.down.append(made)
        half.mid, out = self._middle(out)
        if self.stem == "decoder":
            half.up = nn.ModuleList()
            for level in reversed(range(self.levels)):
                made, out = self._level(level, out, level > 0)
                half.up.insert(0, made)
        half.norm_out = nn.GroupNorm(self._dividing(out), out, EPSILON)
        ends = self.weights.shape(f"{self.stem}.conv_out.weight", 4)[0]
        half.conv_out = nn.Conv2d(out, ends, 3, padding=1)
        return half

    def _level(self, number: int, width: int, samples: bool) -> tuple[Level, int]:
        stem = f"{self.stem}.{self.way.name}.{number}"
        level, attends = Level(), self.weights.has(f"{stem}.attn.")
        for place in range(self.blocks):
            block, width = self._block(f"{stem}.block.{place}", width)
            level.block.append(block)
            if attends:
                level.attn.append(Attention(width, self._dividing(width)))
        if samples:
            setattr(level, self.way.sample, self.way.module(width))
        return level, width

    def _middle(self, width: int) -> tuple[Middle, int]:
        middle = Middle()
        middle.block_1, width = self._block(f"{self.stem}.mid.block_1", width)
        if self.attends:
            middle.attn_1 = Attention(width, self._dividing(width))
        middle.block_2, width = self._block(f"{self.stem}.mid.block_2", width)
        return middle, width

    def _block(self, stem: str, width: int) -> tuple[Block, int]:
        inner = self.weights.shape(f"{stem}.conv1.weight", 4)[0]
        out = self.weights.shape(f"{stem}.conv2.weight", 4)[0]
        for extent in (width, inner):
            self._dividing(extent)
        return Block(width, inner, out, self.groups), out

    def _dividing(self, width: int) -> int:
        """The number of groups; raises ``CannotRun`` where they do not divide the channels."""
        if width % self.groups:
            raise self.weights.unfit(
                f"{width} channels are not {self.groups} groups of equal size, and nothing beside"
                " the weights says how many groups its norms have (norm_num_groups)"
            )
        return self.groups
