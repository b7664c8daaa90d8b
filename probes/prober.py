"""The prober: runs VAEs one at a time on one device and keeps account of what that took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..registry.errors import CannotRun
from ..registry.measures import Cost, Crossing, CrossTask, Reading, VaeFile
from .device import choose_device, choose_dtype, out_of_memory_told, peak_memory
from .measures.crossing import cross
from .runners.catalog import load


class TorchProber:
    """``registry.ports.Prober`` on torch."""

    def __init__(self, device: str = "auto", dtype: str = "auto") -> None:
        """Choose the device; raises ``NoDevice`` where it is not there."""
        self._device = choose_device(device)
        self._dtype = choose_dtype(dtype, self._device)
        self._seconds = 0.0

    def read(self, vae: VaeFile) -> Reading:
        """The colour response of its decoder and the fit of its encoder, whichever it has."""
        from .measures.reading import read

        with self._accounted():
            try:
                return read(vae, load, self._device)
            except CannotRun as failure:
                return Reading(None, None, trouble=failure.message)

    def cross(self, task: CrossTask) -> Crossing:
        """The reference's latents decoded by the reference and by the VAE in question."""
        with self._accounted():
            return cross(task, load, self._device, self._dtype)

    def cost(self) -> Cost:
        """What this prober took so far."""
        return Cost(
            str(self._device),
            str(self._dtype).removeprefix("torch."),
            round(self._seconds, 3),
            peak_memory(self._device),
        )

    @contextmanager
    def _accounted(self) -> Iterator[None]:
        started = time.monotonic()
        try:
            with out_of_memory_told(self._device), torch.inference_mode():
                yield
        finally:
            self._seconds += time.monotonic() - started
