"""The structure of a KL autoencoder: levels, factor, widths, what is missing, what contradicts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ..layouts import canonical_names
from ..values import Tensor
from .view import View

_BLOCK = re.compile(r"(encoder|decoder)\.(?:down|up)\.(\d{1,3})\.block\.(\d{1,3})\.")
_WRAPS = ("", ".norm_layer", ".conv")
"""What other members of the house put between a module's name and its weight."""
_PACKED = "uint8"
"""Four-bit weights lie two to a byte, in a shape of the packing's own."""
_WAYS = {"encoder": "down", "decoder": "up"}
IMAGE_CHANNELS = (3, 4)
"""RGB and RGBA; the KL autoencoders of audio models have one channel or two."""


class KlSpace(NamedTuple):
    """A KL shape and the published families that have it; None where a figure does not matter."""

    channels: int
    factor: int
    families: tuple[str, ...]
    widths: tuple[tuple[int, ...], ...] | None = None
    """Channels of the levels from the image inwards, one entry a published variant."""
    quant: bool | None = None
    """Whether it has quantisation convolutions."""
    architecture: str = "autoencoder-kl"


KL_SPACES = (
    KlSpace(4, 8, ("sd1", "sdxl", "playground-v2.5", "eq-sdxl")),
    KlSpace(4, 4, ("sd-x4-upscaler",)),
    KlSpace(16, 8, ("sd3", "flux1", "glm-image"), ((128, 256, 512, 512),), False),
    KlSpace(16, 8, ("cogview",), ((128, 512, 1024, 1024),), False),
    # 57,266,643 parameters, the figure on ostris/vae-kl-f8-d16's model card, is met by these
    # widths with quantisation convolutions alone.
    KlSpace(16, 8, ("ostris-d16",), ((128, 128, 256, 512),), True),
    KlSpace(32, 8, ("flux2",), architecture="autoencoder-kl-flux2"),
)
"""Figures: the vae/config.json of each family's repository (huggingface/diffusers)."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What one half lacks of the tensors that its levels and blocks imply."""

    names: tuple[str, ...]
    expected: int


class KlStructure:
    """A view of a KL autoencoder under canonical names, measured."""

    def __init__(self, view: View) -> None:
        self.tensors: dict[str, Tensor] = {
            new: view.tensors[old] for old, new in canonical_names(view).items()
        }
        self._blocks: dict[str, dict[int, int]] = {"encoder": {}, "decoder": {}}
        for name in self.tensors:
            if found := _BLOCK.match(name):
                counts = self._blocks[found[1]]
                level = int(found[2])
                counts[level] = max(counts.get(level, 0), int(found[3]) + 1)

    @cached_property
    def levels(self) -> int:
        """Levels of resolution, as the half that names more of them has it."""
        return max((max(counts) + 1 for counts in self._blocks.values() if counts), default=0)

    @cached_property
    def factor(self) -> int | None:
        """2 to the number of levels that change the resolution."""
        counts = [
            sum(name.endswith(f".{way}sample.conv.weight") for name in self.tensors)
            for way in _WAYS.values()
        ]
        return 2 ** max(counts) if 0 < max(counts) < 8 else None

    @property
    def quant(self) -> bool:
        """Whether quantisation convolutions are there."""
        return "quant_conv.weight" in self.tensors or "post_quant_conv.weight" in self.tensors

    def widths(self, half: str) -> tuple[int, ...]:
        """Channels of each level of a half, from the image inwards; 0 where unknown."""
        way = _WAYS[half]
        stems = (f"{half}.{way}.{level}.block.0.conv2" for level in range(self.levels))
        return tuple((self._extent(stem, 0) or 0) for stem in stems)

    def space(self, channels: int | None) -> KlSpace | None:
        """The row of ``KL_SPACES`` that the structure fits.

        An autoencoder of widths that nobody published may be of any family of its latents' shape.
        """
        known = {self.widths(half) for half in _WAYS if self._blocks[half]}
        alike = [row for row in KL_SPACES if (row.channels, row.factor) == (channels, self.factor)]
        for space in alike:
            if space.quant is not None and space.quant != self.quant:
                continue
            if space.widths is None or known & set(space.widths):
                return space
        families = tuple(name for space in alike for name in space.families)
        return alike[0]._replace(families=families, widths=None, quant=None) if alike else None

    def missing(self, half: str) -> Missing:
        """Which of the expected tensors of a half are not there."""
        names = [f"{stem}.{kind}" for stem in self._stems(half) for kind in ("weight", "bias")]
        return Missing(tuple(name for name in names if not self._has(name)), len(names))

    def contradictions(self, half: str) -> Iterator[str]:
        """Tensors of a half whose shapes cannot belong together."""
        width = self._extent(f"{half}.conv_in", 0)
        rank = self._rank(f"{half}.conv_in")
        for stem in self._path(half):
            if self._rank(f"{stem}.conv1") not in (None, rank):
                yield f"{stem}.conv1.weight"
            yield from self._unfit(self._block_extents(stem, width))
            width = self._extent(f"{stem}.conv2", 0) or self._extent(f"{stem}.conv1", 0)
            sample = f"{stem.partition('.block.')[0]}.{_WAYS[half]}sample.conv"
            yield from self._unfit([(sample, axis, width) for axis in (0, 1)])
            if stem == f"{half}.mid.block_1":
                yield from self._unfit(self._attention_extents(half, width))
        yield from self._unfit([(f"{half}.norm_out", 0, width), (f"{half}.conv_out", 1, width)])

    def _unfit(self, wanted: list[tuple[str, int, int | None]]) -> Iterator[str]:
        """The modules whose extent along an axis is not the wanted one."""
        for stem, axis, want in wanted:
            have = self._extent(stem, axis)
            if None not in (have, want) and have != want:
                yield f"{stem}.weight"

    def _block_extents(self, stem: str, width: int | None) -> list[tuple[str, int, int | None]]:
        """What a residual block that ``width`` channels enter must look like."""
        inner, out = self._extent(f"{stem}.conv1", 0), self._extent(f"{stem}.conv2", 0)
        return [
            (f"{stem}.norm1", 0, width),
            (f"{stem}.conv1", 1, width),
            (f"{stem}.norm2", 0, inner),
            (f"{stem}.conv2", 1, inner),
            (f"{stem}.nin_shortcut", 1, width),
            (f"{stem}.nin_shortcut", 0, out),
        ]

    def _attention_extents(self, half: str, width: int | None) -> list[tuple[str, int, int | None]]:
        """What the attention in the middle must look like."""
        stem = f"{half}.mid.attn_1"
        square = [(f"{stem}.{part}", axis, width) for part in "qkv" for axis in (0, 1)]
        ends = [(f"{stem}.proj_out", axis, width) for axis in (0, 1)]
        return [(f"{stem}.norm", 0, width), *square, *ends]

    def image_channels(self) -> set[int]:
        """Channels of the pictures that go in and come out."""
        ends = (self._extent("encoder.conv_in", 1), self._extent("decoder.conv_out", 0))
        return {end for end in ends if end is not None}

    def _path(self, half: str) -> Iterator[str]:
        """Residual blocks in the order in which the data passes them."""
        way = _WAYS[half]
        middle = [f"{half}.mid.block_1", f"{half}.mid.block_2"]
        order = range(self.levels) if half == "encoder" else reversed(range(self.levels))
        blocks = max(self._blocks[half].values(), default=0)
        levels = [
            f"{half}.{way}.{level}.block.{index}" for level in order for index in range(blocks)
        ]
        yield from levels + middle if half == "encoder" else middle + levels

    def _stems(self, half: str) -> Iterator[str]:
        """Every module with weight and bias that the levels and blocks imply."""
        way = _WAYS[half]
        yield from (f"{half}.conv_in", f"{half}.norm_out", f"{half}.conv_out")
        for stem in self._path(half):
            yield from (f"{stem}.{part}" for part in ("norm1", "conv1", "norm2", "conv2"))
            into, out = self._extent(f"{stem}.conv1", 1), self._extent(f"{stem}.conv2", 0)
            if None not in (into, out) and into != out:
                yield f"{stem}.nin_shortcut"
        if any(".mid.attn_1." in name for name in self.tensors):
            yield from (f"{half}.mid.attn_1.{part}" for part in ("norm", "q", "k", "v", "proj_out"))
        steps = range(self.levels - 1) if half == "encoder" else range(1, self.levels)
        yield from (f"{half}.{way}.{level}.{way}sample.conv" for level in steps)

    def _has(self, name: str) -> bool:
        stem, _, kind = name.rpartition(".")
        return any(f"{stem}{wrap}.{kind}" in self.tensors for wrap in _WRAPS)

    def _weight(self, stem: str) -> Tensor | None:
        names = (f"{stem}{wrap}.weight" for wrap in _WRAPS)
        return next((self.tensors[name] for name in names if name in self.tensors), None)

    def _extent(self, stem: str, axis: int) -> int | None:
        weight = self._weight(stem)
        if weight is None or weight.dtype == _PACKED or len(weight.shape) <= axis:
            return None
        return weight.shape[axis]

    def _rank(self, stem: str) -> int | None:
        weight = self._weight(stem)
        return None if weight is None or weight.dtype == _PACKED else len(weight.shape)
