"""A VAE's tensors by half under canonical names, and those where the halves meet the latents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .identify.view import View
from .layouts import canonical_names
from .values import Tensor
from .weights import Weights

Names = Mapping[str, str]
"""Canonical name -> name in the file."""

ENCODER, DECODER = "encoder", "decoder"

_LEADING = (("quant_conv.", ENCODER), ("post_quant_conv.", DECODER))
_WAN = (("conv1.", ENCODER), ("conv2.", DECODER))
"""Wan's names of the quantisation convolutions: Wan-Video/Wan2.1 wan/modules/vae.py."""

_ENDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    ENCODER: (
        ("encoder.conv_out", "quant_conv"),
        ("encoder.head.2", "conv1"),
        ("encoder.project_out.main.0",),
    ),
    DECODER: (
        ("decoder.conv_in", "post_quant_conv"),
        ("decoder.conv1", "conv2"),
        ("decoder.project_in.main",),
    ),
}
"""The convolutions at the latents, the wide one first, then the quantisation's where there is one.

CompVis/latent-diffusion ldm/models/autoencoder.py, Wan-Video/Wan2.1 wan/modules/vae.py,
dc-ai-projects/DC-Gen (DC-AE) and, for the tiny ones, madebyollin/taesd taesd.py.
"""

_STATISTICS = (
    "bn.running_mean",
    "bn.running_var",
    "latents_mean",
    "latents_std",
    "per_channel_statistics.mean-of-means",
    "per_channel_statistics.std-of-means",
)
"""Normalisations kept among the weights: FLUX.2's and LTX's (their diffusers classes)."""

_TINY = re.compile(r"(?:taesd_)?(?:(encoder|decoder)\.)?(layers\.)?(\d{1,3})\.(.+)")
_PIXELS = (3, 12, 48)
"""Channels of a picture, plain or packed 2 x 2 or 4 x 4: what an encoder's first layer takes."""


@dataclass(frozen=True, slots=True)
class Halves:
    """Which tensors belong to the encoder, which to the decoder."""

    encoder: Names
    decoder: Names
    statistics: Names
    """Of the latents, where the file keeps any."""

    def of(self, half: str) -> Names:
        """The tensors of one half; empty where the file does not have it."""
        return self.encoder if half == ENCODER else self.decoder

    def ends(self, half: str) -> tuple[str, ...]:
        """Canonical stems of the convolutions at the latents; empty for an unknown architecture."""
        names = self.of(half)
        for row in _ENDS[half]:
            if _weight(names, row[0]):
                return tuple(stem for stem in row if _weight(names, stem))
        numbers = [int(found[1]) for name in names if (found := _LAYER.fullmatch(name))]
        if not numbers:
            return ()
        return (f"{half}.{max(numbers) if half == ENCODER else min(numbers)}",)

    def weight(self, half: str, stem: str) -> str | None:
        """Canonical name of a convolution's weight; causal ones wrap it once more."""
        return _weight(self.of(half), stem)


_LAYER = re.compile(r"(?:en|de)coder\.(\d{1,3})\.weight")


def halves(weights: Weights) -> Halves:
    """The tensors of a VAE by half; what belongs to neither (training's leftovers) is left out."""
    tensors = weights.tensors
    leading = _LEADING + (_WAN if "conv2.weight" in tensors else ())
    found: dict[str, dict[str, str]] = {ENCODER: {}, DECODER: {}}
    bare = _bare_half(tensors)
    for name, usual in canonical_names(View(tensors)).items():
        canonical = _tiny_name(usual, bare) or usual
        half = next((half for start, half in leading if canonical.startswith(start)), None)
        half = half or canonical.partition(".")[0]
        if half in found and not canonical.endswith(".num_batches_tracked"):
            found[half].setdefault(canonical, name)
    statistics = {name: name for name in _STATISTICS if name in tensors}
    return Halves(found[ENCODER], found[DECODER], statistics)


def _weight(names: Names, stem: str) -> str | None:
    return next((name for name in (f"{stem}.weight", f"{stem}.conv.weight") if name in names), None)


def _tiny_name(name: str, bare: str | None) -> str | None:
    """A tiny autoencoder's name as ``half.layer.rest``, layers counted as madebyollin/taesd does.

    diffusers' decoder has no layer for the clamp before the first convolution (huggingface/
    diffusers src/diffusers/models/autoencoders/vae.py, DecoderTiny), so it counts one less.
    """
    found = _TINY.fullmatch(name)
    half = found and (found[1] or bare)
    if found is None or half is None:
        return None
    shift = 1 if found[2] and half == DECODER else 0
    return f"{half}.{int(found[3]) + shift}.{found[4]}"


def _bare_half(tensors: Mapping[str, Tensor]) -> str | None:
    """Which half a file of bare numbers is: an encoder's first convolution takes pictures."""
    numbered = [name for name in tensors if re.fullmatch(r"\d{1,3}\.weight", name)]
    if not numbered:
        return None
    shape = tensors[min(numbered, key=lambda name: int(name.partition(".")[0]))].shape
    return ENCODER if len(shape) == 4 and shape[1] in _PIXELS else DECODER
