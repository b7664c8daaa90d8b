"""What each latent channel adds to a picture: shows channels that were swapped or negated."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

_POOL = 8
_LEAST_EFFECT, _FAINT_EFFECT = 0.01, 0.002
"""Root mean squares, in [-1, 1]: below the first a channel hardly shows, and independent decoders
need not agree on it; between the two it has a say only if it is plainly negated."""
_NEGATED = -0.5


def middle(latents: Tensor) -> Tensor:
    """The middle quarter of one picture's latents, the card's portrait: enough to see effects."""
    one = latents[1:2] if len(latents) > 1 else latents
    height, width = one.shape[-2:]
    rows, columns = (slice(side // 4, side - side // 4) for side in (height, width))
    return one[:, :, rows, columns]


def channel_effects(decode: Callable[[Tensor], Tensor], latents: Tensor) -> Tensor:
    """The change of the pooled picture, [C, n], when each channel of [1, C, h, w] is its mean 0."""
    channels = latents.shape[1]
    kept = 1 - torch.eye(channels + 1, channels)
    pictures = decode(latents * kept[:, :, None, None].to(latents)).double().nan_to_num()
    pooled = avg_pool2d(pictures, _POOL).flatten(1)
    return pooled[-1] - pooled[:-1]


def channel_agreement(reference: Tensor, other: Tensor) -> float:
    """The least cosine between two decoders' effects of one channel; 1 where none shows.

    Independently trained decoders of SD1's space (madebyollin/taesd and lllyasviel/
    stable-diffusion-webui-forge models/VAE-approx) agree to .94; a negated channel gives -.08 to
    -.94, swapped ones .32 and less, on SD1 and SDXL (only SD1's channels 0 and 1 agree to .84:
    both carry brightness).
    """
    size = reference.norm(dim=1)
    cosines = (reference * other).sum(1) / (size * other.norm(dim=1)).clamp(min=1e-12)
    effect = size / reference.shape[1] ** 0.5
    negated = (effect >= _FAINT_EFFECT) & (cosines < _NEGATED)
    telling = (effect >= _LEAST_EFFECT) | negated
    return float(cosines[telling].min()) if telling.any() else 1.0
