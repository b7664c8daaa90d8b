"""What a VAE's tensors are called, and shaped, in the layout asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from ..errors import UnsupportedFormat
from ..halves import halves
from ..identify.vae import identify_vae
from ..identify.vae_tables import LEFTOVERS, QUANTISATION, QUANTISED
from ..identify.view import View
from ..layouts import canonical_names, diffusers_names
from ..naming import shown
from ..values import Component, Tensor
from ..weights import Weights, decoder_of

LDM, DIFFUSERS = "ldm", "diffusers"
LAYOUTS = (LDM, DIFFUSERS)
"""The layout of a VAE's own release, which is LDM's for KL autoencoders, and diffusers'."""

LARGEST = 4_000_000_000
"""Parameters beyond which a file is no VAE: the largest published one has 2.6 billion
(huggingface/diffusers src/diffusers/models/autoencoders/autoencoder_kl_minimax_h3.py)."""

_KL = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")
"""Beginnings of the names that belong to a KL autoencoder; strict loaders refuse a file with any
other (AUTOMATIC1111/stable-diffusion-webui modules/sd_vae.py)."""
_NORM, _CODES = "bn.", "quantize."
"""FLUX.2's statistics, the counter among them being a part of diffusers' class; a VQ codebook."""
_COUNTER = "num_batches_tracked"

_ATTENTION = re.compile(
    r".*\.(?:attn_1|attn\.\d+|attentions\.\d+)\.(?:to_)?(?:q|k|v|proj_out|out\.0)\.weight"
)
_TRAILING = {LDM: (1, 1), DIFFUSERS: ()}
"""LDM's attention is made of 1x1 convolutions, diffusers' of linear layers."""

_TINY = re.compile(r"(encoder|decoder)\.(\d{1,2})\.((?:conv\.[024]\.)?(?:weight|bias))")
_TINY_LAYERS = {
    "encoder": frozenset(range(15)),
    "decoder": frozenset({1, 3, 4, 5, 7, 8, 9, 10, 12, 13, 14, 15, 17, 18, 19}),
}
"""Numbers of TAESD's layers that have tensors (madebyollin/taesd taesd.py); diffusers'
AutoencoderTiny is built like this one alone of its kin."""


class Entry(NamedTuple):
    """One tensor of the source, as it will stand in the result."""

    source: str
    """Its name below the component's prefix."""
    name: str
    shape: tuple[int, ...]


class Plan(NamedTuple):
    """Every tensor of the result, and what of the source is none of the VAE's."""

    entries: tuple[Entry, ...]
    left_out: tuple[str, ...]


def planned(weights: Weights, vae: Component, layout: str, foreign: frozenset[str]) -> Plan:
    """The names and shapes of a VAE's tensors in a layout; ``foreign`` names are other components'.

    Raises ``UnsupportedFormat`` where the architecture has no such layout, or the tensors are
    quantised or lie in the file in a way that is not read.
    """
    tensors = {name: held for name, held in weights.tensors.items() if name not in foreign}
    _require_plain(weights, tensors)
    speller = _SPELLERS.get(vae.architecture)
    names = speller(weights, tensors, layout) if speller else None
    if names is None:
        names = _as_it_is(weights, vae, tensors, layout)
    entries = tuple(
        Entry(old, new, _shaped(new, tensors[old].shape, layout)) for old, new in names.items()
    )
    _require_known(weights, vae, layout, entries)
    return Plan(entries, tuple(sorted(tensors.keys() - names.keys())))


Names = Mapping[str, str]
"""Name in the source -> name in the result, for the tensors that are kept."""


def _kl(
    weights: Weights, tensors: Mapping[str, Tensor], layout: str, also: tuple[str, ...] = ()
) -> Names:
    """LDM's names or diffusers', whatever the source has; old attention names put right."""
    del weights
    view = View({name: held for name, held in tensors.items() if not name.startswith(LEFTOVERS)})
    names = diffusers_names(view) if layout == DIFFUSERS else canonical_names(view)
    return {
        old: new
        for old, new in names.items()
        if new.startswith(also) or (new.startswith(_KL) and not new.endswith(_COUNTER))
    }


def _tiny(weights: Weights, tensors: Mapping[str, Tensor], layout: str) -> Names | None:
    """TAESD's own bare numbers, which one file can give to one half only, or diffusers'."""
    found = halves(weights)
    there = {half: found.of(half) for half in _TINY_LAYERS if found.of(half)}
    names: dict[str, str] = {}
    for half, canonical in there.items():
        parsed = {name: _TINY.fullmatch(name) for name in canonical}
        if {int(it[2]) if it else -1 for it in parsed.values()} != _TINY_LAYERS[half]:
            return None
        for name, it in parsed.items():
            assert it is not None
            if layout == DIFFUSERS:
                number = int(it[2]) - (half == "decoder")
                names[canonical[name]] = f"{half}.layers.{number}.{it[3]}"
            else:
                names[canonical[name]] = f"{it[2]}.{it[3]}"
    if layout == LDM and len(there) == 2:
        raise UnsupportedFormat(
            f"{shown(weights.name)} holds both halves of a tiny autoencoder, which its own release "
            "keeps in two files under the same names: one file cannot hold both",
            "--layout diffusers keeps both in one",
        )
    return names


_SPELLERS: Mapping[str, Callable[[Weights, Mapping[str, Tensor], str], Names | None]] = {
    "autoencoder-kl": _kl,
    "autoencoder-kl-flux2": partial(_kl, also=(_NORM,)),
    "vq-model": partial(_kl, also=(_CODES,)),
    "autoencoder-tiny": _tiny,
}
"""The architectures that are known in both layouts, by ``Component.architecture``."""


def _as_it_is(
    weights: Weights, vae: Component, tensors: Mapping[str, Tensor], layout: str
) -> Names:
    """The names that the source has, where that is the layout asked for."""
    have = DIFFUSERS if vae.layout == DIFFUSERS else LDM
    if have != layout:
        raise UnsupportedFormat(
            f"{shown(weights.name)} is of {vae.architecture} in {_called(vae.layout)}, the one"
            f" layout that vaereg knows how to write it in; it has no {layout} layout",
            f"--layout {have} writes it anew, in another float type for one",
        )
    return {name: name for name in tensors if not name.startswith(LEFTOVERS)}


def _called(layout: str) -> str:
    return "diffusers' layout" if layout == DIFFUSERS else "the layout of its own release"


def _shaped(name: str, shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """An attention weight as the layout wants it; every other shape as it is."""
    bare = not any(extent != 1 for extent in shape[2:])
    return shape[:2] + _TRAILING[layout] if bare and _ATTENTION.fullmatch(name) else shape


def _require_plain(weights: Weights, tensors: Mapping[str, Tensor]) -> None:
    """Raise ``UnsupportedFormat`` unless all are numbers that can be read and written anew."""
    for name, held in tensors.items():
        packed = held.dtype.startswith(QUANTISED) and not held.dtype.startswith("float8")
        if packed or name.endswith(QUANTISATION):
            raise UnsupportedFormat(
                f"{shown(weights.name)} holds quantised weights ({shown(name)} is {held.dtype}), "
                "which cannot be written in another layout without a loss",
                "convert the unquantised file of this VAE",
            )
        decoder_of(held, weights.name)
    if sum(held.parameters for held in tensors.values()) > LARGEST:
        raise UnsupportedFormat(f"{shown(weights.name)} has more parameters than any VAE")


def _require_known(
    weights: Weights, vae: Component, layout: str, entries: tuple[Entry, ...]
) -> None:
    """Raise ``UnsupportedFormat`` where the result would not be the same VAE in that layout."""
    held = weights.tensors
    made = {entry.name: held[entry.source]._replace(shape=entry.shape) for entry in entries}
    found = identify_vae(View(made)) if len(made) == len(entries) else None
    same = found is not None and (found.architecture, found.parts) == (vae.architecture, vae.parts)
    right = same and found is not None and (found.layout == DIFFUSERS) == (layout == DIFFUSERS)
    if not right:
        raise UnsupportedFormat(
            f"the tensors of {shown(weights.name)} cannot all be named in the {layout} layout",
            "vaereg inspect tells what is unusual about them",
        )
