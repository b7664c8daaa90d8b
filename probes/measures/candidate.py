"""What the VAE in question makes of latents, and how near it comes to the end of half precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...registry.errors import OutOfMemory
from ...registry.measures import Convention, HalfRange, Scaling, VaeFile
from ...registry.naming import shown
from .bench import Bench, Decoding, Latents, short_of_memory
from .ranges import STRETCH, Watch, count_not_finite


@dataclass(frozen=True, slots=True)
class Seen:
    """The pictures of the VAE in question."""

    decodes: dict[Scaling, Tensor]
    """By the scaling that was undone, the first convention's first."""
    watch: Watch
    """What the decodes under the first one showed."""


def scalings_of(conventions: Sequence[Convention], otherwise: Scaling) -> tuple[Scaling, ...]:
    """What the conventions undo, each once; ``otherwise`` where there is none."""
    return tuple(dict.fromkeys(each.scaling for each in conventions)) or (otherwise,)


def sizes_of(stretched: bool) -> tuple[float, ...]:
    """What latents are multiplied by to see how large activations become."""
    return (1.0, STRETCH) if stretched else (1.0,)


def seen_by(
    decode: Decoding, latents: Tensor, scalings: Sequence[Scaling], stretched: bool
) -> Seen:
    """Latents decoded once under each scaling, and under the first for the watch as stretched."""
    first, *others = scalings
    watch = Watch()
    decodes = [decode(latents * size, first, watch) for size in sizes_of(stretched)]
    others_decoded = {scaling: decode(latents, scaling) for scaling in others}
    return Seen({first: decodes[0]} | others_decoded, watch)


def half_type(dtype: torch.dtype, device: torch.device) -> torch.dtype | None:
    """The type in which the VAE is also run for real: as asked, on CUDA at least float16."""
    if dtype is not torch.float32:
        return dtype
    return torch.float16 if device.type == "cuda" else None


def half_range(
    bench: Bench, vae: VaeFile, latents: Latents, seen: Seen, stretched: bool,
    real: torch.dtype | None,
) -> HalfRange | None:  # fmt: skip
    """What was watched, with the non-finite numbers of real decodes in ``real`` counted.

    They are not counted, with a note, where the device has too little memory. float16 on a CPU
    takes minutes at real size.
    """
    half = seen.watch.half_range()
    if half is None or real is None:
        return half
    name = str(real).removeprefix("torch.")
    scaling = next(iter(seen.decodes))
    decode = replace(bench, dtype=real).decoding(vae, latents)
    try:
        counts = [
            count_not_finite(decode(latents.values * size, scaling)) for size in sizes_of(stretched)
        ]
    except OutOfMemory:
        note = f"{shown(vae.name)} was not run in {name}: {short_of_memory(bench.device)}"
        bench.notes.append(note)
        return half
    return replace(half, overflowing=sum(counts), dtype=name)
