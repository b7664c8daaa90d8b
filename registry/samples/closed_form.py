"""KL autoencoders whose function is known in closed form: built in a moment, without training.

The decoder answers n @ factors to normalised latents n, enlarged by repetition; the encoder is its
pseudo-inverse on the averages of the picture's squares. Three channels of the residual stream carry
the colours in a rotated basis. Each shares its normalisation group with two constants, +10 and -10,
which keep GroupNorm about linear; the last norm lifts all by 8, where SiLU is about the identity.
Residual blocks and the attention write to the remaining channels only, with random weights: so two
seeds share the function and no tensor, and no tensor is empty.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..measures import Scaling
from .plan import ANCHOR, COLOURS, Plan
from .stream import WHISPER, Half

if TYPE_CHECKING:
    from .stream import Array, Weights


def weights(plan: Plan) -> Weights:
    """The float32 tensors of the plan in the LDM layout; equal plans give equal numbers."""
    seeds = {"encoder": plan.seed, "decoder": plan.seed}
    if plan.decoder_seed is not None:
        seeds["decoder"] = plan.decoder_seed
    tensors: Weights = {}
    for half, kind in (("encoder", _Encoder), ("decoder", _Decoder)):
        if half in plan.parts:
            tensors |= kind(plan, half, seeds[half]).tensors()
    return {name: tensors[name] for name in plan.shapes}


class _Encoder(Half):
    taps = ((0, 0), (0, 1), (1, 0), (1, 1))

    @cached_property
    def mixing(self) -> tuple[Array, Array]:
        """What ``quant_conv`` does to the means and to the logarithms of the variances."""
        import numpy as np

        if self.plan.quant:
            return self.rotation(self.channels), self.rotation(self.channels)
        return np.eye(self.channels, dtype=np.float32), np.eye(self.channels, dtype=np.float32)

    def first(self, weight: Array, bias: Array) -> None:
        places = self.places[weight.shape[0]]
        self.hush(weight, bias, places.kept)
        weight[places.colours, :, 1, 1] += self.turn
        bias[list(places.high)], bias[list(places.low)] = ANCHOR, -ANCHOR

    def last(self, weight: Array, bias: Array) -> None:
        import numpy as np

        means, variances = self.mixing
        slope, offset = _affine(self.plan.scaling, self.channels)
        inverse = np.linalg.pinv(np.array(self.plan.factors, np.float32))
        self.hush(weight, bias, tuple(range(self.channels)))
        weight[self.channels :] *= 0.03
        bias[self.channels :] = variances.T @ np.full(self.channels, -12, np.float32)
        bias[: self.channels] = means.T @ (-offset / slope)
        self.read(weight, bias, means.T @ (inverse.T / slope[:, None]) @ self.turn.T)

    def quantisation(self) -> Weights:
        if not self.plan.quant:
            return {}
        count = self.channels
        matrix = self.noise((2 * count, 2 * count), WHISPER)
        matrix[:count, :count], matrix[count:, count:] = self.mixing
        return _pointwise("quant_conv", matrix)


class _Decoder(Half):
    def __init__(self, plan: Plan, half: str, seed: int) -> None:
        super().__init__(plan, half, seed)
        self.gain = (plan.peak / ANCHOR) ** (1 / len(plan.widths))

    @cached_property
    def mixing(self) -> Array:
        """What ``post_quant_conv`` does to the latents."""
        import numpy as np

        identity = np.eye(self.channels, dtype=np.float32)
        return self.rotation(self.channels) if self.plan.quant else identity

    @cached_property
    def tint(self) -> Array:
        """What one layer adds to the colours to make them vivid, nothing to grey."""
        import numpy as np

        share = (1 + self.plan.vivid) ** (1 / len(self.plan.widths)) - 1
        chroma = np.eye(COLOURS, dtype=np.float32) - np.float32(1 / COLOURS)
        tint: Array = share * chroma
        return tint

    def resample(self, weight: Array, bias: Array) -> None:
        super().resample(weight, bias)
        after, before = (self.places[extent].colours for extent in weight.shape[:2])
        added = self.gain * self.turn @ self.tint @ self.turn.T
        for row, channel in enumerate(after):
            weight[channel, before, 1, 1] += added[row]

    def first(self, weight: Array, bias: Array) -> None:
        import numpy as np

        places = self.places[weight.shape[0]]
        slope, offset = _affine(self.plan.scaling, self.channels)
        factors = np.array(self.plan.decoder_factors or self.plan.factors, np.float32)
        colours = self.turn @ factors.T
        weight *= np.abs(slope).mean() / 4
        self.hush(weight, bias, places.kept)
        weight[places.colours, :, 1, 1] += self.gain * (colours * slope) @ self.mixing.T
        bias[list(places.colours)] = self.gain * colours @ offset
        anchor = self.gain * ANCHOR
        bias[list(places.high)], bias[list(places.low)] = anchor, -anchor

    def last(self, weight: Array, bias: Array) -> None:
        self.hush(weight, bias, tuple(range(COLOURS)))
        self.read(weight, bias, self.turn.T + self.tint @ self.turn.T)

    def quantisation(self) -> Weights:
        return _pointwise("post_quant_conv", self.mixing) if self.plan.quant else {}


def _affine(scaling: Scaling, channels: int) -> tuple[Array, Array]:
    """Slope and offset a channel: n = z * slope + offset, which is what ``Scaling`` says."""
    import numpy as np

    ones = np.ones(channels, np.float32)
    deviation = np.array(scaling.std, np.float32) if scaling.std else ones
    shift = np.array(scaling.mean, np.float32) if scaling.mean else ones * scaling.shift
    slope: Array = scaling.scale * ones / deviation
    return slope, -shift * slope


def _pointwise(stem: str, matrix: Array) -> Weights:
    weight = matrix[:, :, None, None].copy()
    return {f"{stem}.weight": weight, f"{stem}.bias": weight[:, 0, 0, 0] * 0}
