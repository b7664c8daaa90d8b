"""What encoder and decoder of a closed form share: where the colours run, and noise elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from .plan import ANCHOR, COLOURS, Plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float32]
    Weights: TypeAlias = dict[str, Array]

LIFT = 8.0
WHISPER = 3e-6
"""Noise in place of zeros: float16 holds it, and no picture shows it."""


@dataclass(frozen=True, slots=True)
class Places:
    """Which channels of a width carry what, in the same order for every width of a half."""

    colours: tuple[int, ...]
    high: tuple[int, ...]
    """The constants, one for each group that carries colours."""
    low: tuple[int, ...]
    deviation: float
    """Of such a group."""

    @property
    def kept(self) -> tuple[int, ...]:
        return self.colours + self.high + self.low


class Half:
    """One half under construction."""

    gain = 1.0
    """What one enlargement multiplies the stream by."""
    taps: tuple[tuple[int, int], ...] = ((1, 1),)
    """Places of the 3 x 3 kernel that change the resolution, of equal weight."""

    def __init__(self, plan: Plan, half: str, seed: int) -> None:
        import numpy as np

        self.plan, self.half = plan, half
        self.random = np.random.default_rng((seed, len(half), half == "encoder"))
        self.turn = self.rotation(COLOURS)
        self.places = {width: self._places(width) for width in sorted(set(plan.widths))}
        self.channels = len(plan.factors)

    def tensors(self) -> Weights:
        """Every tensor of this half."""
        shapes = {n: s for n, s in self.plan.shapes.items() if n.startswith(f"{self.half}.")}
        stems = {name.rpartition(".")[0]: shape for name, shape in shapes.items() if len(shape) > 1}
        found: Weights = {}
        for stem, shape in stems.items():
            weight, bias = self._convolution(stem.rpartition(".")[2], stem, shape)
            found |= {f"{stem}.weight": weight, f"{stem}.bias": bias}
        norms = {name: self._norm(name, *shapes[name]) for name in shapes if name not in found}
        return found | norms | self.quantisation()

    def quantisation(self) -> Weights:
        """The 1 x 1 convolution between this half and the latents, if the plan has it."""
        raise NotImplementedError

    def first(self, weight: Array, bias: Array) -> None:
        """Lay what enters on the stream of ``conv_in``."""
        raise NotImplementedError

    def last(self, weight: Array, bias: Array) -> None:
        """Have ``conv_out`` read the stream."""
        raise NotImplementedError

    def _places(self, width: int) -> Places:
        groups, members = self.plan.groups, width // self.plan.groups
        used = min(COLOURS, groups)
        chosen = self.random.permutation(groups)[:used]
        slots = [self.random.permutation(members) + members * group for group in chosen]
        colours = tuple(int(slots[c % used][2 + c // used]) for c in range(COLOURS))
        high, low = (tuple(int(slot[end]) for slot in slots) for end in (0, 1))
        return Places(colours, high, low, ANCHOR * math.sqrt(2 / members))

    def _convolution(self, kind: str, stem: str, shape: tuple[int, ...]) -> tuple[Array, Array]:
        weight = self.noise(shape, 1 / math.sqrt(math.prod(shape[1:])))
        bias = self.noise(shape[:1], 0.05)
        if kind in ("conv2", "proj_out"):
            weight *= 0.1
            self.hush(weight, bias, self.places[shape[0]].kept)
        elif kind == "nin_shortcut":
            self._carry(weight, bias, 1.0, ((0, 0),))
        elif stem.endswith("sample.conv"):
            self.resample(weight, bias)
        elif kind == "conv_in":
            self.first(weight, bias)
        elif kind == "conv_out":
            self.last(weight, bias)
        return weight, bias

    def resample(self, weight: Array, bias: Array) -> None:
        """Pass the stream on to the next resolution."""
        self._carry(weight, bias, self.gain, self.taps)

    def _carry(
        self, weight: Array, bias: Array, gain: float, taps: tuple[tuple[int, int], ...]
    ) -> None:
        """Pass the kept channels on; the free ones see only one another."""
        after, before = (self.places[extent].kept for extent in weight.shape[:2])
        weight[:, list(before)] *= 1e-3
        self.hush(weight, bias, after)
        for row, column in taps:
            weight[after, before, row, column] += gain / len(taps)

    def hush(self, weight: Array, bias: Array, rows: tuple[int, ...]) -> None:
        """Nothing but a whisper of noise, and no bias, for these outputs."""
        weight[list(rows)] = self.noise((len(rows), *weight.shape[1:]), WHISPER)
        bias[list(rows)] = 0

    def _norm(self, name: str, width: int) -> Array:
        if "norm_out" in name:
            level = 1.0 if name.endswith("weight") else LIFT
            return self.noise((width,), 0) + level
        return self.noise((width,), 0.1) + name.endswith("weight")

    def read(self, weight: Array, bias: Array, mix: NDArray[Any]) -> None:
        """Let outputs be ``mix`` @ colours: undo the last norm, drop its group's mean and lift.

        The mean of a group's two constants is that mean, in the units of the norm; what SiLU makes
        of them beside the lift itself is a constant, taken out by the bias.
        """
        width = weight.shape[1]
        places, rows, middle = self.places[width], range(len(mix)), weight.shape[-1] // 2
        centre = weight[..., middle, middle]
        reach = ANCHOR / places.deviation
        surplus = _silu(LIFT) - (_silu(LIFT + reach) + _silu(LIFT - reach)) / 2
        for colour, channel in enumerate(places.colours):
            column = mix[:, colour] * places.deviation
            group = colour % len(places.high)
            centre[rows, channel] += column
            for anchor in (places.high[group], places.low[group]):
                centre[rows, anchor] -= column / 2
            bias[rows] -= column * surplus

    def rotation(self, size: int) -> Array:
        """A random orthogonal matrix."""
        import numpy as np

        return np.linalg.qr(self.noise((size, size), 1))[0]

    def noise(self, shape: tuple[int, ...], deviation: float) -> Array:
        """Normally distributed numbers around 0."""
        import numpy as np

        return self.random.standard_normal(shape, np.float32) * np.float32(deviation)


def _silu(value: float) -> float:
    return value / (1 + math.exp(-value))
