"""UNets: what their tensors say of width, channels and conditioning, and which UNet that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..families import same_shape
from ..values import Latent, Notice
from .denoiser import (
    ANY,
    Claim,
    DenoiserSignature,
    block_numbers,
    component_of,
    damaged,
    latent_of,
    match,
    missing,
)
from .unet_rows import CASCADE, SINGLE_RESNETS, UNETS, UNetFacts, UNetSignature
from .view import Keys, View
from .wholeness import LEVELS, Stack, clashes, gaps, stacks, told, uneven_inside

_IN_TIME = ("motion_modules", "temp_attentions", "transformer_in", "temporal_", "time_stack")
"""Modules that attend over frames: the width of their keys is not that of the text."""

_LDM_NEEDS = ("time_embed.0.weight", "output_blocks.0.*", "out.2.weight")
_DIFFUSERS_NEEDS = ("time_embedding.linear_1.weight", "up_blocks.0.*", "conv_out.weight")
OUTLINES = (
    DenoiserSignature(
        "unet",
        "ldm",
        (),
        Keys(("input_blocks.0.0.weight", "middle_block.0.*")),
        needs=(*_LDM_NEEDS, "out.0.weight", "output_blocks.8.0.in_layers.2.weight"),
    ),
    DenoiserSignature(
        "unet",
        "diffusers",
        (),
        Keys(("conv_in.weight", "down_blocks.0.resnets.0.*", "mid_block.resnets.0.*")),
        needs=_DIFFUSERS_NEEDS,
    ),
)
"""What every UNet has, for those whose first convolution is lost."""
_PAIRS = (
    (".in_layers.2.weight", ".out_layers.3.weight"),
    (".conv1.weight", ".conv2.weight"),
    (".proj_in.weight", ".proj_out.weight"),
)
"""Ends of names that come in equal numbers: both halves of residual blocks and of attentions."""
_NORMS = (
    (".in_layers.2.weight", ".in_layers.0.weight"),
    (".out_layers.3.weight", ".out_layers.0.weight"),
    (".conv1.weight", ".norm1.weight"),
    (".conv2.weight", ".norm2.weight"),
)
"""Ends of names of convolutions and of the norm before each, as wide as their inputs."""
_CONVOLUTIONS = tuple(convolution for convolution, _ in _NORMS)
_KEYS = "attn2.to_k.weight"
_ENDS = {
    "ldm": ("input_blocks.0.0.weight", "out.2.weight"),
    "diffusers": ("conv_in.weight", "conv_out.weight"),
}
"""The first and the last convolution of each layout."""
_ATTENDED = ("transformer_blocks.", "qkv.", "to_q.")
"""Beginnings of names inside an attention over the picture."""


def recognise_unet(view: View, whole: View) -> Claim | None:
    """The UNet that a view holds; ``whole`` is the file, for tensors that stand beside it."""
    facts = facts_of_view(view)
    if facts is None:
        return match(CASCADE, view)
    row = next(row for row in UNETS if row.fits(facts) and _named(row, view, whole))
    lacking = _lacks_ldm(view) if facts.layout == "ldm" else _lacks_diffusers(view)
    damage = damaged(row.architecture, lacking, _clashing(facts, view))
    if damage:
        return damage
    latent = unet_latent(row, facts, "header")
    notices = conditioning(facts, latent.channels)
    component = component_of(view, row.architecture, facts.layout, latent, notices=notices)
    return Claim(row.architecture, component)


def unet_of_config(config: Mapping[str, object]) -> tuple[str, Latent] | None:
    """Architecture and latent of a UNet2DConditionModel as its config.json alone tells them."""
    facts = facts_of_config(config)
    plain = (row for row in UNETS if row.keys == ANY and not row.marks and row.fits(facts))
    row = next(plain)
    return row.architecture, unet_latent(row, facts, "config")


def unet_latent(row: UNetSignature, facts: UNetFacts, determined_by: str) -> Latent:
    """The latent space that the row's family and the output channels make."""
    channels = None if facts.outputs is None else facts.outputs // row.per_channel
    if not row.families:
        return Latent(channels, 8, 1, candidates=same_shape(channels or 0, 8, 1))
    return latent_of(row.families, channels, determined_by, row.confidence)


def facts_of_view(view: View) -> UNetFacts | None:
    """What names and shapes say; None where there is no first convolution of a UNet."""
    for layout, first, last, vectors in (
        ("ldm", "input_blocks.0.0.weight", "out.2", ("label_emb.0.0.weight",)),
        (
            "diffusers",
            "conv_in.weight",
            "conv_out",
            ("add_embedding.linear_1.weight", "class_embedding.linear_1.weight"),
        ),
    ):
        shape = view.shape(first)
        if shape and len(shape) == 4 and (layout == "ldm" or view.has("down_blocks.0.*")):
            extents = (view.extent(name, 1) for name in vectors)
            vector = next((extent for extent in extents if extent), None)
            outs = view.extent(f"{last}.bias", 0) or view.extent(f"{last}.weight", 0)
            return UNetFacts(layout, shape[0], shape[1], outs, _context(view), vector)
    return None


def facts_of_config(config: Mapping[str, object]) -> UNetFacts:
    """The same facts from a UNet2DConditionModel's config.json."""
    return UNetFacts(
        "diffusers",
        number(config.get("block_out_channels")),
        number(config.get("in_channels")),
        number(config.get("out_channels")),
        number(config.get("cross_attention_dim")),
        number(config.get("projection_class_embeddings_input_dim")),
    )


def number(value: object) -> int | None:
    """A whole number of a config, or the first of a list of them."""
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, int) and not isinstance(first, bool) else None


def conditioning(facts: UNetFacts, channels: int | None) -> tuple[Notice, ...]:
    """What input channels beyond the latent's own are for."""
    surplus = (facts.inputs or 0) - (channels or 0)
    meaning = {
        (channels or 0) + 1: ("inpainting", "takes a mask and a masked picture beside the latent"),
        channels or 0: ("image_conditioning", "takes the latent of a picture beside its own"),
        1: ("depth_conditioning", "takes a depth map beside the latent"),
    }.get(surplus)
    return (Notice(meaning[0], f"the denoiser {meaning[1]}"),) if meaning and surplus else ()


def _named(row: UNetSignature, view: View, whole: View) -> bool:
    return row.keys.holds(view) and all(mark in whole for mark in row.marks)


def _context(view: View) -> int | None:
    """Width of the text embeddings: what the first spatial cross-attention projects to its keys."""
    for name, tensor in view.tensors.items():
        if name.endswith("attn2.to_k.weight") and not any(word in name for word in _IN_TIME):
            return tensor.shape[-1] if tensor.shape else None
    return None


def _lacks_ldm(view: View) -> tuple[str, ...]:
    down, up = (len(block_numbers(view, f"{side}_blocks")) for side in ("input", "output"))
    lacks = [*missing(view, _LDM_NEEDS, "input_blocks"), *_unpaired(view), *_unwhole(view)]
    if up and down != up:
        lacks.append("input_blocks" if down < up else "output_blocks")
    if not SINGLE_RESNETS.holds(view) and not view.has("middle_block.0.*"):
        lacks.append("middle_block")
    return tuple(lacks)


def _lacks_diffusers(view: View) -> tuple[str, ...]:
    down, up = (len(block_numbers(view, f"{side}_blocks")) for side in ("down", "up"))
    lacks = [*missing(view, _DIFFUSERS_NEEDS, "down_blocks"), *_unpaired(view), *_unwhole(view)]
    if up and down != up:
        lacks.append("down_blocks" if down < up else "up_blocks")
    if view.has("up_blocks.0.resnets.0.*"):
        stems = (f"up_blocks.{level}.resnets.0" for level in range(up))
        lacks += [stem for stem in stems if not view.has(f"{stem}.*")]
    if view.has("down_blocks.0.resnets.1.*") and not view.has("mid_block.*"):
        lacks.append("mid_block")
    return tuple(lacks)


def _unpaired(view: View) -> Iterator[str]:
    """Modules of which some miss their other half: the names of a UNet were cut somewhere."""
    ends = tuple(end for pair in _PAIRS for end in pair)
    found = [name for name in view if name.endswith(ends)]
    for first, second in _PAIRS:
        ones, others = (sum(name.endswith(end) for name in found) for end in (first, second))
        if ones != others:
            yield f"*{second if ones > others else first}"


def _unwhole(view: View) -> Iterator[str]:
    """Modules that are not there though their like are, level by level."""
    levels = stacks((name for name in view if name.endswith("weight")), LEVELS)
    for stem, stack in levels.items():
        yield from gaps(stem, stack)
        yield from (f"{stem}.{n}.transformer_blocks" for n in stack if _hollow(stack[n]))
    yield from uneven_inside(view)
    yield from _unattended(levels)


def _unattended(levels: Mapping[str, Stack]) -> Iterator[str]:
    """Attentions that are not in every block of a level, or not in a UNet's second half."""
    found = {stem: _attentions(stack) for stem, stack in levels.items()}
    for stem in levels:
        outer, _, last = stem.rpartition(".")
        beside = levels.get(f"{outer}.resnets", ())
        if last == "attentions" and not outer.startswith("mid") and len(beside) > len(levels[stem]):
            yield f"{stem}.{max(levels[stem]) + 1}"
    for first, second in (("input_blocks.", "output_blocks."), ("down_blocks.", "up_blocks.")):
        down, up = (
            sum(count for stem, count in found.items() if stem.startswith(start))
            for start in (first, second)
        )
        if up < down:
            yield f"{second}*"
    yield from _uneven_levels(levels, found)


def _uneven_levels(levels: Mapping[str, Stack], attended: Mapping[str, int]) -> Iterator[str]:
    """LDM's output blocks, as many a level as another, of which some attend and others do not."""
    halvings = sum("op.weight" in stack.get(0, ()) for stack in levels.values())
    numbers = sorted(int(stem[14:]) for stem in levels if stem.startswith("output_blocks."))
    size, rest = divmod(len(numbers), halvings + 1)
    if not (halvings and size) or rest or numbers != list(range(len(numbers))):
        return
    for start in range(0, len(numbers), size):
        level = [f"output_blocks.{number}" for number in numbers[start : start + size]]
        without = [stem for stem in level if not attended[stem]]
        if len(without) < size:
            yield from (f"{stem}.1" for stem in without)


def _hollow(names: set[str]) -> bool:
    """Whether an attention has its projections, but nothing between them."""
    return "proj_in.weight" in names and not any(name.startswith(_ATTENDED) for name in names)


def _attentions(stack: Stack) -> int:
    """How many attentions over the picture there are among the modules of a block or level."""
    return sum(any(name.startswith(_ATTENDED) for name in names) for names in stack.values())


def _clashing(facts: UNetFacts, view: View) -> Iterator[str]:
    """Names whose shapes contradict those of others or what a UNet is."""
    yield from clashes(view)
    for name in [name for name in view if name.endswith((*_CONVOLUTIONS, _KEYS))]:
        fits = _reads_text if name.endswith(_KEYS) else _follows_norm
        if not fits(facts, view, name):
            yield name
    first, last = _ENDS[facts.layout]
    for name in (last, "time_embed.0.weight"):
        if told(view, name, 1) not in (None, facts.width):
            yield name
    kernels = {shape[2:] for shape in (view.shape(first), view.shape(last)) if shape}
    if len(kernels) > 1:
        yield first


def _reads_text(facts: UNetFacts, view: View, name: str) -> bool:
    """Whether an attention's keys are made from as wide a text as the first one's."""
    over_time = any(word in name for word in _IN_TIME)
    return over_time or told(view, name, -1) in (None, facts.context)


def _follows_norm(_: UNetFacts, view: View, name: str) -> bool:
    """Whether a convolution takes as many channels as the norm before it gives."""
    end, before = next(pair for pair in _NORMS if name.endswith(pair[0]))
    norm = told(view, name.removesuffix(end) + before, 0)
    return None in (norm, told(view, name, 1)) or norm == told(view, name, 1)
