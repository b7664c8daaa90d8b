"""Latents of a reference decoded by the reference and by the VAE in question, and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...registry.errors import CannotRun
from ...registry.measures import Crossing, CrossTask, Look, Scaling, VaeFile
from ...registry.naming import shown
from ..autoencoder import Autoencoder
from ..pictures.card import test_card
from ..pictures.image import picture
from ..pictures.pixels import compare, variety
from ..pictures.strip import write_strip
from .channels import channel_agreement, channel_effects, middle
from .normalisation import denormalise, normalise
from .ranges import STRETCH, Watch, count_not_finite

Load = Callable[..., Autoencoder]
"""``catalog.load``."""

_PIXELS_AT_ONCE = 4 * 128 * 128
"""Pictures are run in batches of no more pixels, so that memory does not grow with their number."""
_LEAST_LUMA, _LEAST_CHROMA = 0.05, 0.02
"""Spread in [0, 1] below which a user's picture says nothing of brightness or colour."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """What every step of one cross-decode works with."""

    task: CrossTask
    load: Load
    device: torch.device
    dtype: torch.dtype

    @property
    def scalings(self) -> tuple[Scaling, ...]:
        """What the conventions undo, each once; the checkpoint's where none is asked."""
        asked = dict.fromkeys(convention.scaling for convention in self.task.conventions)
        return tuple(asked) or (self.task.normalisation,)

    def run(self, half: Callable[[Tensor], Tensor], items: Tensor, factor: int) -> Tensor:
        """Results on the CPU, a few at a time; ``factor``: picture pixels along an item's pixel."""
        pixels = items.shape[-1] * items.shape[-2] * factor**2
        batches = torch.split(items, max(1, _PIXELS_AT_ONCE // pixels))
        return torch.cat([half(batch.to(self.device)).cpu() for batch in batches])


@dataclass(frozen=True, slots=True)
class _Latents:
    """What the denoiser would hand over: latents in the checkpoint's normalisation."""

    values: Tensor
    factor: int
    """Picture pixels along one latent pixel."""


@dataclass(frozen=True, slots=True)
class _Reference:
    pictures: Tensor
    effects: Tensor
    """See ``channel_effects``."""


@dataclass(frozen=True, slots=True)
class _Seen:
    decodes: dict[Scaling, Tensor]
    """Pictures of the VAE in question by the scaling that was undone."""
    effects: Tensor
    watch: Watch


def cross(task: CrossTask, load: Load, device: torch.device, dtype: torch.dtype) -> Crossing:
    """Encode with the reference, decode with it and with ``task.vae``, compare the pictures.

    The pictures are judged in float32 whatever ``dtype`` says, so that every float type and device
    gives one answer: rounding blurs and overflow blackens what a VAE knows. The VAE is also decoded
    for real in ``dtype`` (on CUDA at least in float16), and its non-finite numbers are counted.

    Latents change hands in the checkpoint's normalisation. One half of one VAE is in memory at a
    time. Where ``own`` is not ``trusted``, the looks say nothing. Raises ``CannotRun`` where
    latents do not fit or a user's picture is too plain to judge by, ``FileError`` for files and
    pictures that cannot be read, ``NoSpace`` and ``Unreadable`` for the strip.
    """
    bench = _Bench(task, load, device, torch.float32)
    real = torch.float16 if dtype is torch.float32 and device.type == "cuda" else dtype
    with torch.inference_mode():
        pictures = _pictures(task.image)
        latents = _encoded(bench, pictures)
        reference = _by_reference(bench, latents)
        seen = _by_candidate(bench, latents)
        half = seen.watch.half_range()
        if half is not None and real is not torch.float32:
            count = _overflowing(bench, latents, real)
            half = replace(half, overflowing=count, dtype=str(real).removeprefix("torch."))
    agreement = channel_agreement(reference.effects, seen.effects)
    scores = {
        scaling: replace(compare(reference.pictures, decode), channel_agreement=agreement)
        for scaling, decode in seen.decodes.items()
    }
    looks = tuple(Look(each.name, scores[each.scaling]) for each in task.conventions)
    own = compare(pictures, reference.pictures)
    crossing = Crossing(looks, own, half, task.picture)
    if task.picture is not None:
        write_strip(task, crossing, pictures, reference.pictures, seen.decodes)
    return crossing


def _pictures(image: str | None) -> Tensor:
    if image is None:
        return test_card()
    pictures = picture(image)
    luma, chroma = variety(pictures)
    if luma < _LEAST_LUMA or chroma < _LEAST_CHROMA:
        what = "light and dark" if luma < _LEAST_LUMA else "colour"
        raise CannotRun(
            f"{shown(image)} has too little {what} in it to judge a VAE by",
            "give a colourful picture, or none to use the test card",
        )
    return pictures


def _encoded(bench: _Bench, pictures: Tensor) -> _Latents:
    file = bench.task.encoder
    encoder = bench.load(file, bench.device, bench.dtype, halves=("encoder",))
    if not encoder.has_encoder:
        raise _unfit(file, "has no encoder to make latents with")
    values = bench.run(encoder.encode, pictures, 1)
    if not torch.isfinite(values).all():
        raise _unfit(file, "encodes the pictures to numbers that are not finite")
    if not encoder.scaled:
        values = normalise(values, bench.task.normalisation)
    return _Latents(values, encoder.factor)


def _by_reference(bench: _Bench, latents: _Latents) -> _Reference:
    decode = _decoding(bench, bench.task.decoder, latents, bench.dtype)
    scaling = bench.task.normalisation
    pictures = decode(latents.values, scaling)
    effects = channel_effects(lambda each: decode(each, scaling), middle(latents.values))
    return _Reference(pictures, effects)


def _by_candidate(bench: _Bench, latents: _Latents) -> _Seen:
    """Pictures under each scaling that some convention has; the first one's are watched."""
    first, *others = bench.scalings
    watch = Watch()
    decode = _decoding(bench, bench.task.vae, latents, bench.dtype)
    with decode.decoder.watched(watch.tell):
        decodes = {first: decode(latents.values, first)}
        decode(latents.values * STRETCH, first)
    decodes |= {scaling: decode(latents.values, scaling) for scaling in others}
    effects = channel_effects(lambda each: decode(each, first), middle(latents.values))
    return _Seen(decodes, effects, watch)


def _overflowing(bench: _Bench, latents: _Latents, dtype: torch.dtype) -> int:
    """Non-finite numbers of decodes in that type; float16 on a CPU takes minutes at real size."""
    decode = _decoding(bench, bench.task.vae, latents, dtype)
    scaling = bench.scalings[0]
    pictures = (decode(latents.values * size, scaling) for size in (1, STRETCH))
    return sum(map(count_not_finite, pictures))


@dataclass(frozen=True, slots=True)
class _Decoding:
    """A decoder in memory, given normalised latents after a frontend undid a scaling."""

    bench: _Bench
    decoder: Autoencoder

    def __call__(self, latents: Tensor, scaling: Scaling) -> Tensor:
        """Pictures on the CPU.

        A decoder of normalised latents gets them as they are where the frontend undoes what the
        checkpoint did, and off by as much as a raw one would where it does not.
        """
        own = self.bench.task.normalisation
        if not self.decoder.scaled:
            latents = denormalise(latents, scaling)
        elif scaling != own:
            latents = normalise(denormalise(latents, scaling), own)
        return self.bench.run(self.decoder.decode, latents, self.decoder.factor)


def _decoding(bench: _Bench, file: VaeFile, latents: _Latents, dtype: torch.dtype) -> _Decoding:
    """A decoder that takes such latents; raises ``CannotRun`` for any other."""
    decoder = bench.load(file, bench.device, dtype, halves=("decoder",))
    if not decoder.has_decoder:
        raise _unfit(file, "has no decoder to make pictures with")
    given = f"{latents.values.shape[1]} channels at 1/{latents.factor} of the picture's size"
    taken = f"{decoder.channels} channels at 1/{decoder.factor}"
    if (decoder.channels, decoder.factor) != (latents.values.shape[1], latents.factor):
        origin = shown(bench.task.encoder.name)
        raise _unfit(file, f"decodes latents of {taken}, those of {origin} have {given}")
    return _Decoding(bench, decoder)


def _unfit(file: VaeFile, why: str) -> CannotRun:
    return CannotRun(
        f"{shown(file.name)} {why}",
        "compare VAEs of the same latent channels and spatial factor",
    )
