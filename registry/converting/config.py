"""The ``config.json`` that makes diffusers build a VAE right, read from its shapes and family."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from ..errors import UnsupportedFormat
from ..families import Family
from ..identify.vae_config import CLASSES
from ..identify.vae_kl import KlStructure
from ..identify.view import View
from ..naming import shown
from ..values import Component
from ..weights import Weights
from .facts import Facts

Config: TypeAlias = dict[str, object]

SAMPLE_SIZES = {"sd1": 512, "sd-x4-upscaler": 256}
"""Pixels of the pictures that a family was trained on, which diffusers cuts tiles by; 1024 for all
others (the vae/config.json of runwayml/stable-diffusion-v1-5, stabilityai/
stable-diffusion-x4-upscaler, stabilityai/stable-diffusion-xl-base-1.0 and of the 16-channel ones).
"""
_LARGEST_SAMPLE = 1024

SPOKEN = ("scale", "shift-scale", "identity", "mean-std-scale")
"""Normalisations that diffusers' pipelines undo from an AutoencoderKL's config as they are meant
(huggingface/diffusers pipelines/stable_diffusion_xl/pipeline_stable_diffusion_xl.py)."""

_BLOCK = re.compile(r"(encoder|decoder)\.(?:down|up)\.(\d{1,3})\.(block|attn)\.(\d{1,3})\.")
_LEVELS = {"encoder": "DownEncoderBlock2D", "decoder": "UpDecoderBlock2D"}
_FLUX2_STATISTICS = ("bn.running_mean", "bn.running_var")
_PRIVATE = ("_name_or_path", "_diffusers_version", "quantization_config")


def config_of(weights: Weights, vae: Component, facts: Facts) -> Config:
    """What stands in ``config.json`` of a VAE's folder.

    Figures that the shapes tell are theirs, the scaling is the family's; what else a diffusers
    folder says of itself is kept. Raises ``UnsupportedFormat`` where the VAE is none that a config
    can describe or its family is not settled.
    """
    if vae.parts != ("encoder", "decoder"):
        raise _no_config(weights, f"it has only its {' and '.join(vae.parts)}")
    stated = _stated(weights, vae)
    made = _MAKERS.get(vae.architecture)
    if made is not None:
        return stated | made(weights, facts)
    if not stated:
        raise _no_config(weights, f"vaereg knows no config for {vae.architecture}")
    return stated


def _stated(weights: Weights, vae: Component) -> Config:
    """The source's own config, where it is one of this architecture."""
    known = CLASSES.get(str(weights.config.get("_class_name")))
    if known is None or vae.architecture not in known.architectures:
        return {}
    return {key: value for key, value in weights.config.items() if key not in _PRIVATE}


def _kl(weights: Weights, facts: Facts) -> Config:
    """AutoencoderKL's (huggingface/diffusers models/autoencoders/autoencoder_kl.py)."""
    row = facts.require_family(weights.name)
    structure = _Structure(weights, facts)
    if structure.widths("decoder") != structure.widths("encoder"):
        raise _no_config(weights, "its halves are of different widths")
    levels = range(structure.levels)
    return {
        "_class_name": "AutoencoderKL",
        **structure.figures(),
        "down_block_types": [structure.block_type("encoder", level) for level in levels],
        "up_block_types": [structure.block_type("decoder", level) for level in reversed(levels)],
        "force_upcast": facts.force_upcast,
        "sample_size": _sample_size(weights, row),
        **_scaling(weights, row),
    }


def _flux2(weights: Weights, facts: Facts) -> Config:
    """AutoencoderKLFlux2's, which takes its normalisation from the statistics in the weights."""
    if not all(name in weights.pieces for name in _FLUX2_STATISTICS):
        raise _no_config(
            weights, "it lacks the statistics of its latents (bn.running_mean, bn.running_var)"
        )
    structure = _Structure(weights, facts)
    decoder, encoder = structure.widths("decoder"), structure.widths("encoder")
    return {
        "_class_name": "AutoencoderKLFlux2",
        **structure.figures(),
        "decoder_block_out_channels": None if decoder == encoder else decoder,
        "down_block_types": ["DownEncoderBlock2D"] * structure.levels,
        "up_block_types": ["UpDecoderBlock2D"] * structure.levels,
        "patch_size": [2, 2],
        "sample_size": _LARGEST_SAMPLE,
    }


def _tiny(weights: Weights, facts: Facts) -> Config:
    """AutoencoderTiny's (huggingface/diffusers models/autoencoders/autoencoder_tiny.py).

    Tiny autoencoders work on normalised latents: pipelines must not scale them again.
    """
    del weights
    return {
        "_class_name": "AutoencoderTiny",
        "latent_channels": facts.channels,
        "scaling_factor": 1.0,
        "shift_factor": 0.0,
        "force_upcast": False,
    }


_MAKERS: Mapping[str, Callable[[Weights, Facts], Config]] = {
    "autoencoder-kl": _kl,
    "autoencoder-kl-flux2": _flux2,
    "autoencoder-tiny": _tiny,
}
"""By ``Component.architecture``; the others keep the config that they came with."""


class _Structure:
    """The levels and blocks of a KL autoencoder as a config says them."""

    def __init__(self, weights: Weights, facts: Facts) -> None:
        self.weights, self.facts = weights, facts
        self.kl = KlStructure(View(weights.tensors))
        self.levels = self.kl.levels
        self._places = {
            (found[1], int(found[2]), found[3], int(found[4]))
            for name in self.kl.tensors
            if (found := _BLOCK.match(name))
        }

    def figures(self) -> Config:
        """What both classes call alike."""
        tensors = self.kl.tensors
        return {
            "in_channels": tensors["encoder.conv_in.weight"].shape[1],
            "out_channels": tensors["decoder.conv_out.weight"].shape[0],
            "latent_channels": tensors["decoder.conv_in.weight"].shape[1],
            "block_out_channels": self.widths("encoder"),
            "layers_per_block": self._layers(),
            "norm_num_groups": self._groups(),
            "act_fn": "silu",
            "mid_block_add_attention": "encoder.mid.attn_1.q.weight" in tensors,
            "use_quant_conv": "quant_conv.weight" in tensors,
            "use_post_quant_conv": "post_quant_conv.weight" in tensors,
        }

    def widths(self, half: str) -> list[int]:
        """Channels of each level, from the picture inwards."""
        return list(self.kl.widths(half))

    def block_type(self, half: str, level: int) -> str:
        """The class of a level, which may have attention."""
        attends = any(place[:3] == (half, level, "attn") for place in self._places)
        return ("Attn" if attends else "") + _LEVELS[half]

    def _layers(self) -> int:
        """Blocks of each level of the encoder; the decoder has one more."""
        blocks = Counter(place[:2] for place in self._places if place[2] == "block")
        counts = {count - (half == "decoder") for (half, _), count in blocks.items()}
        if len(counts) != 1:
            raise _no_config(self.weights, "its levels have different numbers of blocks")
        return counts.pop()

    def _groups(self) -> int:
        groups = self.facts.groups
        widths = (*self.widths("encoder"), *self.widths("decoder"))
        if any(width % groups for width in widths):
            raise _no_config(
                self.weights,
                f"{min(widths)} channels are not {groups} groups of equal size, and nothing beside"
                " the weights says how many groups its norms have (norm_num_groups)",
            )
        return groups


def _sample_size(weights: Weights, row: Family) -> int:
    """The source's own figure, where it has one and speaks of the same family, else the usual."""
    usual = SAMPLE_SIZES.get(row.id, _LARGEST_SAMPLE)
    told = weights.config.get("sample_size")
    sound = isinstance(told, int) and not isinstance(told, bool) and 0 < told <= usual
    return told if sound and isinstance(told, int) else usual


def _scaling(weights: Weights, row: Family) -> Config:
    """The family's normalisation in diffusers' words."""
    spoken = row.normalisation in SPOKEN and row.scaling_factor is not None
    complete = "mean-std" not in str(row.normalisation) or None not in (
        row.latents_mean,
        row.latents_std,
    )
    if not (spoken and complete):
        raise _no_config(
            weights, f"the normalisation of {row.id} latents is not one that diffusers undoes"
        )
    return {
        "scaling_factor": row.scaling_factor,
        "shift_factor": row.shift_factor,
        "latents_mean": _listed(row.latents_mean),
        "latents_std": _listed(row.latents_std),
    }


def _listed(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else list(values)


def _no_config(weights: Weights, why: str) -> UnsupportedFormat:
    return UnsupportedFormat(
        f"no diffusers folder can be made of {shown(weights.name)}: {why}",
        "--out FILE.safetensors writes its weights in diffusers' layout without a config",
    )
