"""What a row of the VAE signature tables is made of, and how a view is measured against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from .view import Keys, View

Measure = Callable[[View], int | None]


class Reading(NamedTuple):
    """Where one half of a VAE says how many channels its latents have."""

    name: str
    axis: int = 1
    per: int = 1
    """Extents for one channel: 2 where an encoder gives means and log-variances."""
    surplus: int = 0
    """Extents beyond the channels (LTX encoders give one shared log-variance)."""

    def __call__(self, view: View) -> int | None:
        """Latent channels, None where the tensor is missing or its extent cannot be right."""
        extent = view.extent(self.name, self.axis)
        if extent is None:
            return None
        channels, rest = divmod(extent - self.surplus, self.per)
        return channels if channels > 0 and rest == 0 else None


@dataclass(frozen=True, slots=True)
class Half:
    """An encoder or a decoder of one architecture."""

    keys: Keys
    """What proves that the half is there."""
    tensors: tuple[int, ...]
    """How many tensors a whole half has, one count a published variant; more is not less."""
    channels: Reading | None
    names: tuple[str, ...]
    """Beginnings of its tensors' names."""
    apart: tuple[str, ...] = ()
    """Beginnings of names that lie among them but belong elsewhere."""

    def found(self, view: View, ignored: Callable[[str], bool]) -> int:
        """How many of the view's tensors belong to this half, those that ``ignored`` takes off."""
        mine = (name for name in view if name.startswith(self.names) and not ignored(name))
        return (
            sum(not name.startswith(self.apart) for name in mine)
            if self.apart
            else sum(1 for _ in mine)
        )

    def whole(self, found: int) -> int:
        """How many tensors the half of ``found`` ones should have: ``found`` where it is whole."""
        return min((count for count in self.tensors if count >= found), default=found)


class Space(NamedTuple):
    """Latent families that share an architecture's latent shape."""

    channels: int
    families: tuple[str, ...]
    factor: int | None = None
    """Spatial factor, where the architecture has several and the tensors tell which."""


@dataclass(frozen=True, slots=True)
class VaeSignature:
    """One architecture in one layout; the first row that fits a view names it."""

    architecture: str
    layout: str
    decoder: Half | None
    encoder: Half | None
    spaces: tuple[Space, ...]
    factor: Measure | None = None
    """Reads the spatial factor from the tensors."""
    factors: tuple[int | None, int | None] = (None, None)
    """Spatial and temporal factor where no family and no tensor tells."""
    statistics: tuple[str, ...] = ()
    """Tensors that keep the latents' normalisation in the file."""
    between: tuple[str, ...] = ()
    """Tensors that lie between the halves of every whole file."""
    lone_quant: bool = False
    """Whether the encoder has a quantisation convolution and the decoder none."""
    kl: bool = False
    """Built of LDM's levels and blocks, so that every expected tensor is known by name."""

    @property
    def overlapping(self) -> bool:
        """Whether both halves use the same names, so that one file holds one half."""
        return bool(
            self.decoder and self.encoder and set(self.decoder.names) & set(self.encoder.names)
        )

    def half(self, part: str) -> Half | None:
        """The encoder or the decoder of the row."""
        return self.decoder if part == "decoder" else self.encoder

    def families(self, channels: int | None, factor: int | None) -> tuple[str, ...]:
        """Every family with those latents, in the order of the families table."""
        for space in self.spaces:
            if space.channels == channels and space.factor in (None, factor):
                return space.families
        return ()


def decoder(
    tensors: int | tuple[int, ...],
    channels: Reading | None,
    *all_of: str,
    any_of: tuple[str, ...] = (),
    none_of: tuple[str, ...] = (),
    shapes: tuple[tuple[str, tuple[int | None, ...]], ...] = (),
    names: tuple[str, ...] = ("decoder.",),
    apart: tuple[str, ...] = (),
) -> Half:
    """A decoder's row, its test written flat."""
    counts = tensors if isinstance(tensors, tuple) else (tensors,)
    return Half(Keys(all_of, any_of, none_of, shapes), counts, channels, names, apart)


def encoder(
    tensors: int | tuple[int, ...],
    channels: Reading | None,
    *all_of: str,
    any_of: tuple[str, ...] = (),
    none_of: tuple[str, ...] = (),
    shapes: tuple[tuple[str, tuple[int | None, ...]], ...] = (),
    names: tuple[str, ...] = ("encoder.",),
    apart: tuple[str, ...] = (),
) -> Half:
    """An encoder's row, its test written flat."""
    counts = tensors if isinstance(tensors, tuple) else (tensors,)
    return Half(Keys(all_of, any_of, none_of, shapes), counts, channels, names, apart)
