"""Loads VAEs, and keeps the halves used last at hand while there is memory for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from ..registry.measures import VaeFile
from ..registry.naming import shown
from . import needs
from .autoencoder import Autoencoder
from .budget import Budget, give_back
from .runners.catalog import load
from .runners.network import HALVES
from .stamps import Stamp, stamps

_WORTH_TRIMMING = 16 * needs.MIB
"""Bytes below which giving memory back takes longer than it is worth."""


@dataclass(frozen=True, slots=True)
class _Key:
    """What tells one load from another: a file that changed is another."""

    path: str
    stamps: tuple[Stamp, ...]
    prefix: str
    architecture: str
    halves: tuple[str, ...]
    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True, slots=True)
class _Kept:
    vae: Autoencoder
    size: int
    """Bytes."""


class Loader:
    """``runners.catalog.load`` with a memory: the least recently used goes first.

    What is kept takes no more than the budget's share; without a budget one VAE is kept. A VAE that
    was let go lives as long as somebody still works with it.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.loads = 0
        """How many times a file was loaded."""
        self._kept: dict[_Key, _Kept] = {}
        """The least recently used first."""

    def __call__(
        self,
        vae: VaeFile,
        device: torch.device,
        dtype: torch.dtype,
        halves: tuple[str, ...] = HALVES,
    ) -> Autoencoder:
        """As ``catalog.load``; also ``OutOfMemory`` where the budget has no room."""
        key = _Key(
            vae.path,
            stamps(vae.path, vae.prefix),
            vae.prefix,
            vae.architecture,
            halves,
            device,
            dtype,
        )
        kept = self._kept.pop(key, None) or self._loaded(key, vae)
        self._kept[key] = kept
        return kept.vae

    def make_room(self, size: int, what: str, spare: Autoencoder | None = None) -> None:
        """Let VAEs go, but for ``spare``, until that many bytes more fit into the budget.

        Raises ``OutOfMemory``, naming ``what`` they are for, where nothing is left to let go.
        """
        while not self.budget.fits(size) and self._let_go(spare):
            pass
        self.budget.require(size, what)

    def clear(self) -> None:
        """Let every VAE go."""
        while self._let_go():
            pass

    def _loaded(self, key: _Key, vae: VaeFile) -> _Kept:
        share = self.budget.share
        if share is None:
            self.clear()
            size = sum(stamp[1] for stamp in key.stamps)
        else:
            size = needs.to_load(vae, key.dtype, key.halves)
            self._keep_within(share - size)
        counted = share is not None and key.device == self.budget.device
        if counted:
            self.make_room(size, f"loading {shown(vae.name)}")
        self.loads += 1
        made = load(vae, key.device, key.dtype, key.halves)
        return _Kept(_Asking(made, self, vae, key.dtype, size) if counted else made, size)

    def _keep_within(self, share: int) -> None:
        while self._kept and sum(kept.size for kept in self._kept.values()) > share:
            self._let_go()

    def _let_go(self, spare: Autoencoder | None = None) -> bool:
        """Drop the least recently used; whether there was one."""
        oldest = next((key for key, kept in self._kept.items() if kept.vae is not spare), None)
        if oldest is None:
            return False
        size = self._kept.pop(oldest).size
        # Without a limit the next VAE takes the memory that this one leaves.
        if self.budget.limit is not None and size >= _WORTH_TRIMMING:
            give_back(self.budget.device)
        return True


class _Asking:
    """A VAE that asks the budget before it runs; fulfils ``Autoencoder``."""

    def __init__(
        self, vae: Autoencoder, loader: Loader, file: VaeFile, dtype: torch.dtype, weights: int
    ) -> None:
        self._vae, self._loader, self._file = vae, loader, file
        self._dtype, self._weights = dtype, weights
        self.channels = vae.channels
        self.factor = vae.factor
        self.scaled = vae.scaled
        self.has_encoder = vae.has_encoder
        self.has_decoder = vae.has_decoder

    def encode(self, pictures: Tensor) -> Tensor:
        """As ``Autoencoder.encode``; raises ``OutOfMemory`` before there is none left."""
        self._ask("encoder", pictures, 1)
        return self._vae.encode(pictures)

    def decode(self, latents: Tensor) -> Tensor:
        """As ``Autoencoder.decode``; raises ``OutOfMemory`` before there is none left."""
        self._ask("decoder", latents, self.factor)
        return self._vae.decode(latents)

    @contextmanager
    def watched(self, tell: Callable[[str, Tensor], None]) -> Iterator[None]:
        """As ``Autoencoder.watched``."""
        with self._vae.watched(tell):
            yield

    def _ask(self, half: str, given: Tensor, factor: int) -> None:
        height, width = (side * factor for side in given.shape[-2:])
        size = needs.to_run(
            self._file.architecture, self._dtype, half, len(given) * height * width, self._weights
        )
        what = f"the {half} of {shown(self._file.name)} for {width} x {height} pixels"
        self._loader.make_room(size, what, spare=self)
