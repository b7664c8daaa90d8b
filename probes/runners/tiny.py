"""Tiny autoencoders: TAESD, its kin for other latent spaces, and TAEHV with one frame.

Structure: madebyollin/taesd taesd.py (Encoder, Decoder, F32 and F16 variants, the pooling branch of
FLUX.2's) and madebyollin/taehv taehv.py. Layers are numbered as in the original's ``Sequential``.
"""

from __future__ import annotations

import re
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .canonical import CanonicalWeights, Fill
from .network import Network

_POOL_GROUPS = 4
"""Groups of the pooling branch's norm: madebyollin/taesd taesd.py, Block."""


class _Plan(NamedTuple):
    """One arrangement of a half's layers."""

    layers: re.Pattern[str]
    """By number, one letter each: convolution with (c) and without bias (n), block (b), block with
    memory (m), 1x1 convolution over time (t), layer without tensors (.)."""
    strided: bool = False
    """Whether the convolutions before the first block halve the resolution too."""


_PLANS = {
    "encoder": (
        _Plan(re.compile(r"cb*(nb*)+c")),
        _Plan(re.compile(r"c\.c\.b(nb+)+c"), strided=True),
        _Plan(re.compile(r"\.c\.b(nb+)+c")),
        _Plan(re.compile(r"c\.(tnm+)+c")),
    ),
    "decoder": (_Plan(re.compile(r"\.c\.(b*\.n)+b*c")), _Plan(re.compile(r"\.c\.(m+\.tn)+\.c"))),
}
"""TAESD; its f32 variant; its f16 variant, whose first layer packs 2x2 pixels; TAEHV. The decoders
of TAESD differ by length alone."""

_LAYOUTS = (("taesd_{}.", 0), ("{}.layers.", 1), ("{}.", 0), ("", 0))
"""Beginnings of a half's names, and by how much its decoder's numbers fall short of the original's,
which count the clamp: ComfyUI's, diffusers', TAEHV's and a file of one half."""


class Clamp(nn.Module):
    """Keeps latents within [-3, 3], softly."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


class Block(nn.Module):
    """Three convolutions beside a skip; ``memory`` lets the first one see the frame before too."""

    def __init__(self, into: int, out: int, pooled: bool = False, memory: bool = False) -> None:
        super().__init__()
        self.memory = memory
        self.conv = nn.Sequential(
            _conv(into * (1 + memory), out), nn.ReLU(), _conv(out, out), nn.ReLU(), _conv(out, out)
        )
        if into != out:
            self.skip = nn.Conv2d(into, out, 1, bias=False)
        if pooled:
            self.pool = nn.Sequential(
                nn.Conv2d(into, 4 * into, 1, bias=False),
                nn.GroupNorm(_POOL_GROUPS, 4 * into),
                nn.ReLU(),
                nn.Conv2d(4 * into, into, 1, bias=False),
            )

    def forward(self, x: Tensor, frames: int = 1) -> Tensor:
        if hasattr(self, "pool"):
            x = x + self.pool(x)
        seen = torch.cat((x, _before(x, frames)), 1) if self.memory else x
        kept = self.skip(x) if hasattr(self, "skip") else x
        return functional.relu(self.conv(seen) + kept)


class Time(nn.Module):
    """A 1x1 convolution that joins (encoder) or makes (decoder) frames, which lie in the batch."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, 1, bias=False)
        self.width = min(into, out)
        self.stride = self.conv.in_channels // self.width

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv(x.reshape(-1, self.conv.in_channels, *x.shape[2:]))
        return made.reshape(-1, self.width, *x.shape[2:])


class Sequence(nn.Module):
    """The numbered layers of one half."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        for place, layer in enumerate(layers):
            self.add_module(str(place), layer)

    def forward(self, x: Tensor) -> Tensor:
        """[N * frames, C, h, w], where frames is what the ``Time`` layers join, made or not."""
        batch = x.shape[0]
        joined = self.joined
        x = x.repeat_interleave(joined, 0)
        for layer in self.children():
            x = layer(x, x.shape[0] // batch) if isinstance(layer, Block) else layer(x)
        # The first frames of a causal decoder only fill its memory (taehv.py, frames_to_trim).
        return x.reshape(batch, -1, *x.shape[1:])[:, -1]

    @property
    def joined(self) -> int:
        """Frames that become one."""
        count = 1
        for layer in self.children():
            count *= layer.stride if isinstance(layer, Time) else 1
        return count


class TinyNetwork(Network):
    """Its halves work on pictures in [0, 1] and on normalised latents."""

    scaled = True
    patch = 1

    def encode(self, pictures: Tensor) -> Tensor:
        made: Tensor = self.encoder(functional.pixel_unshuffle(pictures / 2 + 0.5, self.patch))
        return made

    def decode(self, latents: Tensor) -> Tensor:
        made: Tensor = self.decoder(latents)
        return functional.pixel_shuffle(made, self.patch) * 2 - 1


def build(weights: CanonicalWeights, halves: tuple[str, ...]) -> tuple[Network, Fill]:
    """The network of those halves, without values, and what fills it; raises ``CannotRun``."""
    for key, usual in (("act_fn", "relu"), ("upsample_fn", "nearest")):
        if weights.config.get(key, usual) != usual:
            raise weights.unfit(f"its config asks for another {key} than {usual}")
    named = weights.renamed(lambda name: _original_name(name, weights, halves))
    network = TinyNetwork()
    latents, images, factors = set(), set(), set()
    for half in halves:
        maker = _Maker(named, half)
        setattr(network, half, maker.sequence())
        latents.add(maker.channels)
        images.add(maker.images)
        factors.add(maker.resampled)
    if max(map(len, (latents, images, factors))) > 1:
        raise weights.unfit("its encoder and its decoder are not of one VAE")
    network.channels = latents.pop()
    network.image_channels, network.patch = _pixels(named, images.pop())
    network.factor = factors.pop() * network.patch
    named.refuse_unknown(network, tuple(f"{half}." for half in halves))
    return network, partial(named.fill, network)


def _original_name(name: str, weights: CanonicalWeights, halves: tuple[str, ...]) -> str:
    """``encoder.3.conv.0.weight`` for what any layout calls that tensor; others stay."""
    for half in halves:
        for start, shift in _LAYOUTS:
            found = re.match(re.escape(start.format(half)) + r"(\d{1,2})\.(.+)", name)
            if found:
                number = int(found[1]) + (shift if half == "decoder" else 0)
                return f"{half}.{number}.{found[2]}"
    return name


def _pixels(weights: CanonicalWeights, channels: int) -> tuple[int, int]:
    """Picture channels and the side of the patches that are packed into ``channels``."""
    for images in (3, 4):
        for patch in (1, 2, 4):
            if images * patch**2 == channels:
                return images, patch
    raise weights.unfit(f"{channels} channels are no packed pictures")


def _conv(into: int, out: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(into, out, 3, stride, padding=1, bias=bias)


def _before(x: Tensor, frames: int) -> Tensor:
    """The frame before each frame, zeros before the first."""
    held = x.reshape(-1, frames, *x.shape[1:])
    return torch.cat((torch.zeros_like(held[:, :1]), held[:, :-1]), 1).reshape(x.shape)


class _Maker:
    """Builds one half from the numbers and shapes of its tensors."""

    def __init__(self, weights: CanonicalWeights, half: str) -> None:
        self.weights = weights
        self.half = half
        self.count = weights.count(half)
        self.letters = "".join(self._letter(f"{half}.{place}") for place in range(self.count))
        plan = next((it for it in _PLANS[half] if it.layers.fullmatch(self.letters)), None)
        if plan is None:
            raise weights.unfit(f"the layers of its {half} stand in no known order")
        self.plan = plan
        ends = (self.letters.index("c"), self.count - 1)
        into = weights.shape(f"{half}.{ends[0]}.weight", 4)[1]
        out = weights.shape(f"{half}.{ends[1]}.weight", 4)[0]
        self.channels, self.images = (out, into) if half == "encoder" else (into, out)
        self.resampled = 2 ** (self.letters.count("n") + 2 * plan.strided)

    def sequence(self) -> Sequence:
        """The half, on the meta device where the caller says so."""
        return Sequence([self._layer(place) for place in range(self.count)])

    def _letter(self, stem: str) -> str:
        if f"{stem}.conv.0.weight" in self.weights:
            out, into = self.weights.shape(f"{stem}.conv.0.weight", 4)[:2]
            return "m" if into == 2 * out and f"{stem}.skip.weight" not in self.weights else "b"
        if f"{stem}.conv.weight" in self.weights:
            return "t"
        if f"{stem}.weight" in self.weights:
            return "c" if f"{stem}.bias" in self.weights else "n"
        return "."

    def _layer(self, place: int) -> nn.Module:
        stem, letter = f"{self.half}.{place}", self.letters[place]
        if letter == ".":
            return self._gap(place)
        name = {"b": "conv.0.", "m": "conv.0.", "t": "conv."}.get(letter, "")
        out, into = self.weights.shape(f"{stem}.{name}weight", 4)[:2]
        if letter in "bm":
            pooled = f"{stem}.pool.0.weight" in self.weights
            return Block(into // (1 + (letter == "m")), out, pooled, letter == "m")
        if letter == "t":
            return Time(into, out)
        first = place < max(self.letters.find("b"), 0)
        halves = self.half == "encoder" and (letter == "n" or (self.plan.strided and first))
        return _conv(into, out, 2 if halves else 1, letter == "c")

    def _gap(self, place: int) -> nn.Module:
        """The layer without tensors: a clamp, an activation or nearest upsampling."""
        if place == 0:
            return Clamp() if self.half == "decoder" else nn.Identity()
        around = self.letters[place - 1] + self.letters[place + 1]
        return nn.ReLU() if "c" in around else nn.Upsample(scale_factor=2.0)
