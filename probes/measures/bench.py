"""What encodes and decodes for a comparison: one half of one VAE, within the memory there is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from ...registry.errors import CannotRun, OutOfMemory
from ...registry.measures import Scaling, VaeFile
from ...registry.naming import shown
from ..autoencoder import Autoencoder
from ..budget import OverBudget
from ..device import out_of_memory_told
from ..tiling import decode_in_tiles
from .normalisation import denormalise, normalise
from .ranges import Watch

Load = Callable[..., Autoencoder]
"""``catalog.load``."""

PIXELS_AT_ONCE = 4 * 128 * 128
"""Pictures are run in batches of no more pixels, so that memory does not grow with their number."""
TILES: dict[int | None, str] = {None: "", 64: "in tiles", 32: "in smaller tiles"}
"""Latent pixels a side of what is decoded at once, None for whole pictures, and the words for it;
tried in this order."""
_VERBS = {"encoder": "encoded", "decoder": "decoded"}
_CPU = torch.device("cpu")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Latents:
    """What the denoiser would hand over: latents in the checkpoint's normalisation."""

    values: Tensor
    """[N, C, h, w], float32 on the CPU."""
    factor: int
    """Picture pixels along one latent pixel."""
    origin: str
    """Whose they are, for messages."""


class Way(NamedTuple):
    """Where a half runs, and on how much at once."""

    device: torch.device
    tile: int | None = None
    """A key of ``TILES``."""


@dataclass(slots=True)
class Bench:
    """What every step of one comparison works with."""

    load: Load
    device: torch.device
    dtype: torch.dtype
    normalisation: Scaling
    """The checkpoint's."""
    tile: int | None = None
    """How pictures were cut lately: what is to be compared had better be cut alike."""
    notes: list[str] = field(default_factory=list)
    """What was done otherwise for want of memory, as sentences."""

    def encoded(self, file: VaeFile, pictures: Tensor) -> Latents:
        """Pictures [N, 3, H, W] in [-1, 1] as that VAE's latents, normalised.

        Raises ``CannotRun`` without an encoder and for latents that are not finite,
        ``OutOfMemory``, ``FileError``.
        """

        def encode(encoder: Autoencoder, _way: Way) -> tuple[Tensor, int]:
            if not encoder.has_encoder:
                raise unfit(file, "has no encoder to make latents with")
            values = _in_batches(encoder.encode, pictures, 1)
            if not encoder.scaled:
                values = normalise(values, self.normalisation)
            return values, encoder.factor

        values, factor = _Half(self, file, "encoder", self._ways(None)).run(encode)
        if not torch.isfinite(values).all():
            raise unfit(file, "encodes the pictures to numbers that are not finite")
        return Latents(values, factor, file.name)

    def decoding(self, file: VaeFile, latents: Latents) -> Decoding:
        """That VAE's decoder, for such latents; it is loaded when it is first called."""
        half = _Half(self, file, "decoder", self._ways(*self._tiles()))
        return Decoding(self, half, file, latents)

    def _tiles(self) -> list[int | None]:
        """Those at least as small as what is decoded at once by now."""
        known = list(TILES)
        return known[known.index(self.tile) :]

    def _ways(self, *tiles: int | None) -> list[Way]:
        """In the order in which they are tried; half precision is asked of its own device alone."""
        devices = [self.device]
        if self.dtype is torch.float32 and self.device != _CPU:
            devices.append(_CPU)
        return [Way(*way) for way in product(devices, tiles)]


class _Half:
    """One half of one VAE in memory, run in the first of several ways that the memory allows."""

    def __init__(self, bench: Bench, file: VaeFile, part: str, ways: list[Way]) -> None:
        self._bench, self._file, self._part, self._ways = bench, file, part, ways
        self._held: Autoencoder | None = None

    def run(self, step: Callable[[Autoencoder, Way], Made]) -> Made:
        """What ``step`` makes of the half; raises ``OutOfMemory`` when every way was tried."""
        while self._ways:
            way = self._ways[0]
            try:
                with out_of_memory_told(way.device):
                    made = step(self._loaded(way.device), way)
            except OutOfMemory as failure:
                self._ways = self._left(way)
                refused = self._held is None or isinstance(failure, OverBudget)
                if not self._ways and refused:
                    raise  # Who refused says why.
                if not self._ways or self._ways[0].device != way.device:
                    self._held = None
            else:
                self._tell(way)
                return made
        raise self._too_large()

    def _loaded(self, device: torch.device) -> Autoencoder:
        if self._held is None:
            bench = self._bench
            self._held = bench.load(self._file, device, bench.dtype, halves=(self._part,))
        return self._held

    def _left(self, failed: Way) -> list[Way]:
        """What to try next; nothing on a device where not even the weights have room."""
        loaded = self._held is not None
        return [way for way in self._ways[1:] if loaded or way.device != failed.device]

    def _tell(self, way: Way) -> None:
        bench = self._bench
        if self._part == "decoder":
            bench.tile = way.tile
        moved = "on the CPU" if way.device != bench.device else ""
        how = " ".join(filter(None, (moved, TILES[way.tile])))
        note = (
            f"{shown(self._file.name)} {_VERBS[self._part]} {how}: {short_of_memory(bench.device)}"
        )
        if how and note not in bench.notes:
            bench.notes.append(note)

    def _too_large(self) -> OutOfMemory:
        bench = self._bench
        moves = bench.device != _CPU and bench.dtype is torch.float32
        where = f"neither {bench.device} nor the CPU has" if moves else f"{bench.device} lacks"
        tiles = ", not even in tiles" if self._part == "decoder" else ""
        return OutOfMemory(
            f"{where} the memory to run the {self._part} of {shown(self._file.name)}{tiles}",
            "close other programs, or run it on a machine with more memory",
        )


def short_of_memory(device: torch.device) -> str:
    """The reason that notes give."""
    return f"{device} has too little memory"


class Decoding:
    """A decoder, given normalised latents after a frontend undid a scaling."""

    def __init__(self, bench: Bench, half: _Half, file: VaeFile, made_for: Latents) -> None:
        self._bench, self._half, self._file, self._made_for = bench, half, file, made_for

    def __call__(self, latents: Tensor, scaling: Scaling, watch: Watch | None = None) -> Tensor:
        """Pictures [N, 3, H, W], float32 on the CPU, not clamped; ``watch`` is told every block.

        A decoder of normalised latents gets them as they are where the frontend undoes what the
        checkpoint did, and off by as much as a raw one would where it does not. Raises
        ``CannotRun`` where it cannot decode such latents, ``OutOfMemory``, ``FileError``.
        """

        def decode(decoder: Autoencoder, way: Way) -> Tensor:
            self._require_fit(decoder)
            own = self._as_its_own(latents, scaling, decoder.scaled)
            with decoder.watched(watch.tell) if watch else nullcontext():
                if way.tile is None:
                    return _in_batches(decoder.decode, own, decoder.factor)
                return decode_in_tiles(decoder.decode, own, decoder.factor, way.tile)

        return self._half.run(decode)

    def _as_its_own(self, latents: Tensor, scaling: Scaling, scaled: bool) -> Tensor:
        normalisation = self._bench.normalisation
        if not scaled:
            return denormalise(latents, scaling)
        if scaling == normalisation:
            return latents
        return normalise(denormalise(latents, scaling), normalisation)

    def _require_fit(self, decoder: Autoencoder) -> None:
        if not decoder.has_decoder:
            raise unfit(self._file, "has no decoder to make pictures with")
        channels, factor = self._made_for.values.shape[1], self._made_for.factor
        if (decoder.channels, decoder.factor) != (channels, factor):
            given = f"{channels} channels at 1/{factor} of the picture's size"
            taken = f"{decoder.channels} channels at 1/{decoder.factor}"
            origin = shown(self._made_for.origin)
            raise unfit(self._file, f"decodes latents of {taken}, those of {origin} have {given}")


def unfit(file: VaeFile, why: str) -> CannotRun:
    """The error for a VAE that cannot be compared with another."""
    return CannotRun(
        f"{shown(file.name)} {why}",
        "compare VAEs of the same latent channels and spatial factor",
    )


def _in_batches(step: Callable[[Tensor], Tensor], items: Tensor, factor: int) -> Tensor:
    """Results on the CPU, a few at a time; ``factor``: picture pixels along an item's pixel."""
    pixels = items.shape[-1] * items.shape[-2] * factor**2
    batches = torch.split(items, max(1, PIXELS_AT_ONCE // pixels))
    return torch.cat([step(batch).cpu() for batch in batches])
