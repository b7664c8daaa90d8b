"""Extents of neighbouring layers that must agree, by the names that VAEs give those layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

Shape = tuple[int, ...]


class Tie(NamedTuple):
    """Two layers below one stem, and which axis of each is as long as the other's."""

    one: str
    axis: int
    other: str
    other_axis: int
    times: tuple[int, ...] = (1,)
    """How many times as long the other one's axis may be."""
    unless: tuple[str, ...] = ()
    """Layers below the stem that make the two independent."""


def _chain(*layers: str) -> tuple[Tie, ...]:
    """Layers that the data passes in turn; a dagger marks a norm, which has one axis."""
    ties = []
    for before, after in pairwise(layers):
        into = 0 if after.endswith("†") else 1
        ties.append(Tie(before.rstrip("†"), 0, after.rstrip("†"), into))
    return tuple(ties)


def _identity(first: str, last: str) -> Tie:
    """Without a shortcut layer, what comes out of a block is added to what went in."""
    return Tie(first, 1, last, 0, unless=("conv_shortcut", "nin_shortcut", "shortcut"))


def _attention(norm: str, q: str, k: str, v: str, out: str) -> tuple[Tie, ...]:
    """What the norm gives goes into all three, and what comes out is added to what went in."""
    return (
        *(Tie(norm, 0, part, 1) for part in (q, k, v)),
        Tie(q, 1, k, 1),
        Tie(q, 1, v, 1),
        Tie(q, 0, k, 0),
        Tie(v, 0, out, 1),
        Tie(norm, 0, out, 0),
    )


def _shortcut(name: str, first: str, last: str) -> tuple[Tie, ...]:
    return Tie(first, 1, name, 1), Tie(last, 0, name, 0)


TIES = (
    *_chain("norm1†", "conv1", "norm2†", "conv2"),
    *_chain("conv1", "conv2"),
    *_shortcut("conv_shortcut", "conv1", "conv2"),
    *_shortcut("nin_shortcut", "conv1", "conv2"),
    *_chain("in_layers.0†", "in_layers.2", "out_layers.0†", "out_layers.3"),
    *_chain("stack.0†", "stack.2", "stack.3†", "stack.5"),
    *_chain("residual.0†", "residual.2", "residual.3†", "residual.6"),
    *_shortcut("shortcut", "residual.2", "residual.6"),
    _identity("conv1", "conv2"),
    _identity("residual.2", "residual.6"),
    _identity("stack.2", "stack.5"),
    *_chain("norm1†", "conv1.conv_s", "conv1.conv_t", "norm2†", "conv2.conv_s", "conv2.conv_t"),
    *_chain("norm1†", "conv1.0", "conv1.1", "norm2†", "conv2.0", "conv2.1"),
    *_chain("conv.0", "conv.2", "conv.4"),
    Tie("conv.2", 0, "conv.4", 0),
    Tie("conv.0", 0, "conv.0", 1, (1, 2)),
    *_chain("pool.0", "pool.1†", "pool.3"),
    *_attention("group_norm", "to_q", "to_k", "to_v", "to_out.0"),
    *_attention("norm", "q", "k", "v", "proj_out"),
    Tie("norm", 0, "to_qkv", 1),
    Tie("norm", 0, "proj", 1),
    Tie("to_qkv", 1, "to_qkv", 0, (3,)),
    Tie("qkv", 1, "qkv", 0, (3,)),
    Tie("qkv", 1, "proj", 0),
    Tie("qkv", 1, "out", 0),
    Tie("out", 0, "out", 1),
    Tie("to_q", 1, "to_out", 0),
    Tie("to_v", 0, "to_out", 1, (1, 2)),
    Tie("norm_q", 0, "norm_k", 0),
    Tie("norm1", 0, "attn.to_q", 1),
    Tie("norm1", 0, "attn.to_qkv", 1),
    Tie("norm2", 0, "ff.net.0.proj", 1),
    Tie("norm2", 0, "ff.w1", 1),
    *(
        tie
        for up, down in (("ff.net.0.proj", "ff.net.2"), ("ff.w1", "ff.w2"), ("w_up", "w_down"))
        for tie in (Tie(up, 1, down, 0), Tie(down, 1, up, 0, (1, 2)))
    ),
    *_chain("linear_1", "linear_2"),
    Tie("time_conv", 1, "resample.1", 1),
    Tie("time_conv", 1, "time_conv", 0, (1, 2)),
    Tie("resample.1", 0, "resample.1", 1, (1, 2)),
    Tie("conv_inverted", 0, "conv_depth", 0),
    Tie("conv_point", 1, "conv_depth", 0, (2,)),
    Tie("conv_point", 0, "norm", 0),
    Tie("conv_point", 0, "conv_inverted", 1),
    Tie("point_conv", 0, "inverted_conv", 1),
    Tie("inverted_conv", 0, "depth_conv", 0),
    Tie("point_conv", 1, "depth_conv", 0, (2,)),
    Tie("point_conv", 0, "point_conv.norm", 0),
    *_chain("depthwise.1", "channelwise.0", "channelwise.2"),
    Tie("channelwise.0", 1, "channelwise.2", 0),
    *(
        Tie(norm, 0, f"{norm}.{part}", 0)
        for norm in ("norm1", "norm2", "norm_out", "norm", "spatial_norm")
        for part in ("conv_y", "conv_b")
    ),
    Tie("conv_y", 1, "conv_b", 1),
    *_chain("norm_out†", "conv_out"),
    *_chain("conv_norm_out†", "conv_out"),
    *_chain("head.0†", "head.2"),
)
"""Residual blocks, attention, resampling and the ends of the halves, as huggingface/diffusers
src/diffusers/models/autoencoders and yzkee/ComfyUI comfy/ldm name them."""


_PLAIN_CODES = ("quantize.embedding", "decoder.conv_in.conv_s", "decoder.conv_in.0")
"""Layers of VQ autoencoders and of Cosmos, whose encoders give no variances."""

ENDS = (
    *_chain("encoder.conv_out", "quant_conv"),
    *_chain("post_quant_conv", "decoder.conv_in"),
    *_chain("encoder.conv_out", "encoder.quant_conv"),
    *_chain("decoder.post_quant_conv", "decoder.conv_in"),
    *_chain("encoder.head.2", "conv1"),
    *_chain("conv2", "decoder.conv1"),
    Tie("post_quant_conv", 1, "quant_conv", 0, (2,), unless=_PLAIN_CODES),
    Tie("decoder.post_quant_conv", 1, "encoder.quant_conv", 0, (2,)),
    Tie("conv2", 1, "conv1", 0, (2,)),
)
"""What lies between the halves, by whole names."""


def _by_last_word() -> dict[str, tuple[Tie, ...]]:
    words = {tie.one.rpartition(".")[2] for tie in TIES}
    return {
        word: tuple(tie for tie in TIES if tie.one.rpartition(".")[2] == word) for word in words
    }


_BY_LAST_WORD = _by_last_word()


def untied(modules: Mapping[str, Shape]) -> Iterator[str]:
    """Modules whose weight does not fit a neighbour's; ``modules`` are shapes by module name."""
    yield from (tie.other for tie in ENDS if _broken(modules, "", tie))
    for name in modules:
        for tie in _BY_LAST_WORD.get(name.rpartition(".")[2], ()):
            stem = name[: -len(tie.one)]
            if stem[-1:] == "." and name.endswith(tie.one) and _broken(modules, stem, tie):
                yield stem + tie.other


def _broken(modules: Mapping[str, Shape], stem: str, tie: Tie) -> bool:
    one, other = modules.get(stem + tie.one), modules.get(stem + tie.other)
    if one is None or other is None or _agree(one, other, tie):
        return False
    return not any(stem + free in modules for free in tie.unless)


def _agree(one: Shape, other: Shape, tie: Tie) -> bool:
    if len(one) <= tie.axis or len(other) <= tie.other_axis:
        return False
    return other[tie.other_axis] in [one[tie.axis] * times for times in tie.times]
