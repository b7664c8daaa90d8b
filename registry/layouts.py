"""Tensor names of KL autoencoders carried between the LDM and the diffusers spelling."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .identify.view import Keys, View

_DIFFUSERS_KL = Keys(
    any_of=("*coder.conv_norm_out.*", "*.mid_block.attentions.0.group_norm.*"),
    none_of=("*temp_conv_in.*", "*upscale_conv.*", "*_block.convs.*"),
)
"""Relatives of the KL autoencoder: others (Allegro, SeedVR2, Magvit ...) have no LDM spelling."""
_LDM_KL = Keys(
    any_of=("*coder.mid.block_1.norm1.weight", "*coder.mid.block_1.norm1.norm_layer.weight"),
    none_of=("*.spatial_conv.*", "*_temporal.*", "*.gamma", "decoder.up.0.upsample.*"),
)
"""The same relatives in LDM's spelling: KVAE, VidTok and HunyuanImage have none in diffusers'."""

_DIFFUSERS = re.compile(
    r"(encoder|decoder)\.(?:(?:down|up)_blocks\.(\d{1,3})|mid_block)"
    r"\.(resnets|attentions|(?:down|up)samplers)\.(\d{1,3})\.(.+)"
)
_LDM = re.compile(
    r"(encoder|decoder)\.(?:(?:down|up)\.(\d{1,3})|mid)"
    r"\.(?:(block|attn)[._](\d{1,3})|(?:down|up)sample)\.(.+)"
)

# huggingface/diffusers scripts/convert_original_stable_diffusion_to_diffusers.py and
# scripts/convert_svd_to_diffusers.py; the older attention names are diffusers' before 0.17.
_OUTER = (
    ("encoder.conv_norm_out.", "encoder.norm_out."),
    ("decoder.conv_norm_out.", "decoder.norm_out."),
    ("decoder.time_conv_out.", "decoder.conv_out.time_mix_conv."),
)
_BLOCK = (
    ("temporal_res_block.norm1.", "time_stack.in_layers.0."),
    ("temporal_res_block.conv1.", "time_stack.in_layers.2."),
    ("temporal_res_block.norm2.", "time_stack.out_layers.0."),
    ("temporal_res_block.conv2.", "time_stack.out_layers.3."),
    ("time_mixer.mix_factor", "mix_factor"),
    ("conv_shortcut.", "nin_shortcut."),
)
_ATTENTION = (
    ("to_q.", "q."),
    ("to_k.", "k."),
    ("to_v.", "v."),
    ("to_out.0.", "proj_out."),
    ("group_norm.", "norm."),
)
_OLD_ATTENTION = (
    ("query.", "q."),
    ("key.", "k."),
    ("value.", "v."),
    ("proj_attn.", "proj_out."),
    ("spatial_norm.", "norm."),
)
_QUANT = (("encoder.quant_conv.", "quant_conv."), ("decoder.post_quant_conv.", "post_quant_conv."))
"""Where FLUX.2's own release keeps the quantisation convolutions."""

Pairs = Iterable[tuple[str, str]]


class _Place(NamedTuple):
    """A tensor's place in the network; levels count as LDM does, from the image inwards."""

    half: str
    level: int | None
    """None in the middle block."""
    part: str
    """``block`` | ``attn`` | ``sample``."""
    position: int
    rest: str


def canonical_names(view: View) -> dict[str, str]:
    """File name -> canonical name, which is LDM's for KL autoencoders and the file's own elsewhere.

    One to one: a name whose canonical form another tensor already has keeps its own. Ranks are not
    touched: attention weights may have 2, 3 or 4 dimensions in either spelling.
    """
    rename = _to_ldm(levels(view)) if _DIFFUSERS_KL.holds(view) else _tidied
    return _one_to_one(view, rename)


def diffusers_names(view: View) -> dict[str, str]:
    """File name -> diffusers name for a KL autoencoder in either spelling, identity elsewhere."""
    canonical = canonical_names(view)
    if not _LDM_KL.holds(View({new: view.tensors[name] for name, new in canonical.items()})):
        return canonical
    temporal = any(".time_stack." in name for name in canonical.values())
    rename = _to_diffusers(levels(view), temporal)
    return _one_to_one(view, lambda name: rename(canonical[name]))


def levels(view: View) -> int:
    """Number of resolution levels: one more than the highest one that either half names."""
    deepest = 0
    for name in view:
        found = _DIFFUSERS.fullmatch(name) or _LDM.fullmatch(name)
        if found and found[2] is not None:
            deepest = max(deepest, int(found[2]) + 1)
    return deepest


def _one_to_one(view: View, rename: Callable[[str], str]) -> dict[str, str]:
    names: dict[str, str] = {}
    taken: set[str] = set()
    for name in view:
        new = rename(name)
        if new in taken or (new != name and new in view):
            new = name
        names[name] = new
        taken.add(new)
    return names


def _swapped(name: str, pairs: Pairs) -> str:
    """The name with the first prefix that fits replaced."""
    for old, new in pairs:
        if name.startswith(old):
            return new + name[len(old) :]
    return name


def _tidied(name: str) -> str:
    """An LDM name with diffusers' attention names and FLUX.2's quantisation names put right."""
    found = _LDM.fullmatch(name)
    if found and found[3] == "attn":
        return name[: found.start(5)] + _swapped(found[5], _ATTENTION + _OLD_ATTENTION)
    return _swapped(name, _QUANT)


def _to_ldm(depth: int) -> Callable[[str], str]:
    def rename(name: str) -> str:
        place = _diffusers_place(name, depth)
        return _ldm_name(place) if place else _tidied(_swapped(name, _OUTER))

    return rename


def _to_diffusers(depth: int, temporal: bool) -> Callable[[str], str]:
    outer = tuple((new, old) for old, new in _OUTER)

    def rename(name: str) -> str:
        place = _ldm_place(name)
        return _diffusers_name(place, depth, temporal) if place else _swapped(name, outer)

    return rename


def _diffusers_place(name: str, depth: int) -> _Place | None:
    found = _DIFFUSERS.fullmatch(name)
    if found is None:
        return None
    half, number, kind, index, rest = found.groups()
    level = None if number is None else int(number)
    if level is not None and half == "decoder":
        level = depth - 1 - level
    if kind == "resnets":
        rest = _swapped(rest.removeprefix("spatial_res_block."), _BLOCK)
        return _Place(half, level, "block", int(index), rest)
    if kind == "attentions":
        rest = _swapped(rest, _ATTENTION + _OLD_ATTENTION)
        return _Place(half, level, "attn", int(index), rest)
    return _Place(half, level, "sample", int(index), rest)


def _ldm_name(place: _Place) -> str:
    way = "down" if place.half == "encoder" else "up"
    if place.level is None:
        return f"{place.half}.mid.{place.part}_{place.position + 1}.{place.rest}"
    if place.part == "sample":
        return f"{place.half}.{way}.{place.level}.{way}sample.{place.rest}"
    return f"{place.half}.{way}.{place.level}.{place.part}.{place.position}.{place.rest}"


def _ldm_place(name: str) -> _Place | None:
    found = _LDM.fullmatch(name)
    if found is None:
        return None
    half, number, part, index, rest = found.groups()
    level = None if number is None else int(number)
    position = 0 if part is None else int(index) - (level is None)
    return _Place(half, level, part or "sample", position, rest)


def _diffusers_name(place: _Place, depth: int, temporal: bool) -> str:
    way = "down" if place.half == "encoder" else "up"
    level = place.level
    if level is not None and way == "up":
        level = depth - 1 - level
    stem = f"{place.half}.mid_block" if level is None else f"{place.half}.{way}_blocks.{level}"
    if place.part == "block":
        return f"{stem}.resnets.{place.position}.{_diffusers_rest(place, temporal)}"
    if place.part == "attn":
        spatial = place.rest.startswith(("norm.norm_layer.", "norm.conv_"))
        names = (("norm.", "spatial_norm."),) if spatial else tuple((b, a) for a, b in _ATTENTION)
        return f"{stem}.attentions.{place.position}.{_swapped(place.rest, names)}"
    return f"{stem}.{way}samplers.{place.position}.{place.rest}"


def _diffusers_rest(place: _Place, temporal: bool) -> str:
    rest = _swapped(place.rest, tuple((new, old) for old, new in _BLOCK))
    own = rest.startswith(("temporal_res_block.", "time_mixer."))
    return rest if own or not temporal or place.half == "encoder" else f"spatial_res_block.{rest}"
