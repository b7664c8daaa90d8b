"""Whether a denoiser is whole: its numbered blocks without gaps and alike, its shapes agreeing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from .vae_shapes import unfit_companions
from .view import View

Stack = dict[int, set[str]]
"""The numbered blocks of one stem, each with the names of its tensors."""

OUTERMOST = re.compile(r"^(.*?)\.([0-9]{1,3})\.(.+)$", re.MULTILINE)
"""Stem, number and rest of a name, cut at its first number."""
INNER_BLOCKS = re.compile(r"^(.*\.transformer_blocks)\.([0-9]{1,3})\.(.+)$", re.MULTILINE)
"""The same for the transformer blocks inside a UNet's attentions."""
LEVELS = re.compile(
    r"^((?:.*\.(?:resnets|attentions))|(?:(?:in|out)put_blocks\.[0-9]{1,3}))"
    r"\.([0-9]{1,3})\.(.+)$",
    re.MULTILINE,
)
"""The same for the modules of one level or block of a UNet."""

_NUMBERS = re.compile(r"[0-9]+")
_SEVERAL = 3
"""A numbered child with fewer tensors may be a layer of an nn.Sequential, whose numbers skip the
layers without weights."""
_FEW = 4
"""Fewer blocks than this have no majority to differ from."""
_BESIDE = frozenset(
    (
        # Names that quantised layers have and others of the same model have not:
        # yzkee/ComfyUI comfy/ops.py (fp8, nvfp4), bitsandbytes-foundation/bitsandbytes,
        # nunchaku-tech/nunchaku, AutoGPTQ/AutoGPTQ.
        *("scale_weight", "scale_input", "weight_scale", "weight_scale_2", "input_scale"),
        *("output_scale", "comfy_quant", "SCB", "weight_format", "weight_shape", "scales"),
        *("qzeros", "g_idx", "wscales", "wcscales", "wtscale", "wzeros", "smooth"),
        *("smooth_orig", "smooth_factor", "smooth_factor_orig", "lora_down", "lora_up"),
        *("proj_down", "proj_up"),
    )
)
_PACKED = {"qweight": "weight", "weight_packed": "weight"}


def plain_names(view: View) -> Iterable[str]:
    """The names as they were before some layers were quantised."""
    ends = {name.rpartition(".")[2] for name in view}
    if ends.isdisjoint(_BESIDE) and ends.isdisjoint(_PACKED) and not view.has("*.weight.*"):
        return view
    return {name: None for name in map(_plain, view) if name}


def _plain(name: str) -> str:
    """A name as the layer had it unquantised; empty where it had no such tensor."""
    stem, packed, _ = name.partition(".weight.")
    if packed:
        return f"{stem}.weight"
    stem, dot, last = name.rpartition(".")
    return "" if last in _BESIDE else stem + dot + _PACKED.get(last, last)


def stacks(names: Iterable[str], pattern: re.Pattern[str] = OUTERMOST) -> dict[str, Stack]:
    """The numbered blocks among the names, by their stem."""
    found: dict[str, Stack] = {}
    blocks: dict[tuple[str, str], set[str]] = {}
    for stem, number, rest in pattern.findall("\n".join(names)):
        at = (stem, number)
        if at not in blocks:
            blocks[at] = found.setdefault(stem, {}).setdefault(int(number), set())
        blocks[at].add(rest)
    return found


def unwhole_blocks(view: View) -> Iterator[str]:
    """Blocks of a transformer, or tensors in them, that are not there though their like are."""
    for stem, stack in stacks(plain_names(view)).items():
        if len(stack) >= (2 if stem.endswith("s") else _FEW):
            yield from gaps(stem, stack)
        yield from uneven(stem, stack)


def gaps(stem: str, stack: Stack) -> Iterator[str]:
    """Numbers that are skipped between 0 and the last, in a stack of blocks with several tensors.

    A list of attentions may begin later: the first levels of some UNets have none.
    """
    sizes = sorted(map(len, stack.values()))
    if sizes[len(sizes) // 2] >= _SEVERAL:
        first = min(stack) if stem.endswith("attentions") else 0
        yield from (f"{stem}.{n}" for n in range(first, max(stack)) if n not in stack)


def uneven(stem: str, stack: Stack) -> Iterator[str]:
    """What one block alone lacks of what most blocks have.

    The first and the last block may differ from the others by design; a last one with less than
    half of the names was cut.
    """
    blocks = {f"{stem}.{number}": names for number, names in stack.items()}
    last = f"{stem}.{max(stack)}"
    for block, lost in odd_ones(blocks):
        if block == last:
            if 2 * len(lost) > len(lost | blocks[block]):
                yield f"{block}.{min(lost)}"
        elif block != f"{stem}.0":
            yield f"{block}.{min(lost)}"


def uneven_inside(view: View) -> Iterator[str]:
    """The same for the transformer blocks in all attentions of a UNet, which are of one make."""
    alike: dict[str, dict[str, set[str]]] = {}
    for stem, stack in stacks(plain_names(view), INNER_BLOCKS).items():
        blocks = alike.setdefault(_NUMBERS.sub("#", stem), {})
        blocks.update((f"{stem}.{number}", names) for number, names in stack.items())
        yield from gaps(stem, stack)
    for blocks in alike.values():
        yield from (f"{block}.{min(lost)}" for block, lost in odd_ones(blocks))


def odd_ones(blocks: Mapping[str, set[str]]) -> Iterator[tuple[str, set[str]]]:
    """Blocks that no other is like and that lack some names of the majority; and those names."""
    if len(blocks) < _FEW:
        return
    frozen = {block: frozenset(names) for block, names in blocks.items()}
    kinds = Counter(frozen.values())
    common, count = kinds.most_common(1)[0]
    if 2 * count < len(blocks):
        return
    for block, names in frozen.items():
        if kinds[names] == 1 and names < common:
            yield block, set(common - names)


def clashes(view: View, widths: tuple[tuple[str, int], ...] = ()) -> Iterator[str]:
    """Names whose shapes contradict others: biases unlike their weight, widths that differ.

    ``widths`` are names and the axis of each that has the model's width.
    """
    yield from (name for name in unfit_companions(view) if not _packed(view, name))
    known = [(name, extent) for name, axis in widths if (extent := told(view, name, axis))]
    yield from (name for name, extent in known if extent != known[0][1])


def told(view: View, name: str, axis: int) -> int | None:
    """One extent of a weight; None where it is not there or packed to fewer bits."""
    tensor = view.tensors.get(name)
    plain = tensor is not None and "float" in tensor.dtype and not _packed(view, name)
    return view.extent(name, axis) if plain else None


def _packed(view: View, name: str) -> bool:
    """Whether a module's weight is packed to 4 bits, in one column of whatever dtype."""
    weight = view.shape(f"{name.rpartition('.')[0]}.weight") or ()
    return len(weight) == 2 and weight[1] == 1
