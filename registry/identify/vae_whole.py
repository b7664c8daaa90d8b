"""Tensors beside a VAE's halves that stand together or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from .vae_rows import VaeSignature
from .view import View

QUANT = (
    ("quant_conv", "post_quant_conv"),
    ("encoder.quant_conv", "decoder.post_quant_conv"),
    ("conv1", "conv2"),
)
"""Convolutions on either side of the latents: usual names, FLUX.2's own and Wan's own."""

TOGETHER = (
    *((f"{stem}.weight", f"{stem}.bias") for pair in QUANT for stem in pair),
    ("bn.running_mean", "bn.running_var"),
    ("latents_mean", "latents_std"),
    ("latent_mean", "latent_std"),
    ("per_channel_statistics.mean-of-means", "per_channel_statistics.std-of-means"),
)
"""Both of a pair or neither: a layer's two tensors, and what latents are normalised with."""


def astray(view: View, row: VaeSignature, both: bool) -> Iterator[str]:
    """Tensors that are missing beside the halves; ``both`` tells that both halves are there."""
    pairs = list(TOGETHER)
    if both:
        yield from (name for name in row.between if name not in view)
        if not row.lone_quant:
            pairs += [(f"{one}.weight", f"{other}.weight") for one, other in QUANT]
    for one, other in pairs:
        if (one in view) != (other in view):
            yield other if one in view else one
