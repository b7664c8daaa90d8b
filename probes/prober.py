"""The prober: runs VAEs one at a time on one device and keeps account of what that took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from ..registry.errors import CannotRun
from ..registry.measures import Cost, Crossing, CrossTask, Reading, Scaling, VaeFile
from ..registry.naming import shown
from .apart import draw_apart, versions
from .budget import Budget
from .device import choose_device, choose_dtype, out_of_memory_told, peak_memory
from .loader import Loader
from .measures.crossing import cross
from .measures.references import References
from .needs import to_draw

if TYPE_CHECKING:
    from ..registry.drawing import (
        CompareTask,
        Comparison,
        Drawing,
        DrawTask,
        Generated,
        ShowTask,
    )


class TorchProber:
    """``registry.ports.Prober`` on torch."""

    def __init__(
        self, device: str = "auto", dtype: str = "auto", memory: int | None = None
    ) -> None:
        """Choose the device, and keep within ``memory`` bytes of it.

        Raises ``NoDevice`` where the device is not there, ``UsageError`` as ``Budget`` does.
        """
        self._device = choose_device(device)
        self._asked = dtype
        self._dtype = choose_dtype(dtype, self._device)
        self._load = Loader(Budget(memory, self._device))
        self._references = References()
        self._seconds = 0.0
        self._peak = 0
        """Bytes of this process and of one that drew for it, at most."""
        self._versions: dict[str, str] = {}

    def read(self, vae: VaeFile) -> Reading:
        """The colour response of its decoder and the fit of its encoder, whichever it has."""
        from .measures.reading import read

        with self._accounted():
            try:
                return read(vae, self._load, self._device)
            except CannotRun as failure:
                return Reading(None, None, trouble=failure.message)

    def cross(self, task: CrossTask) -> Crossing:
        """The reference's latents decoded by the reference and by the VAE in question."""
        with self._accounted():
            return cross(task, self._load, self._device, self._dtype, self._references)

    def draw(self, task: DrawTask, watch: Callable[[int, int], None] | None = None) -> Drawing:
        """A checkpoint's latents, sampled once and kept; within a limit of the CPU's, apart."""
        from .generation.drawn import draw

        with self._accounted():
            if self._load.budget.limit is None or self._is_kept(task):
                return draw(task, self._device, self._asked, watch)
            self._make_room_to_draw(task)
            if self._device.type != "cpu":
                return draw(task, self._device, self._asked, watch)
            made = draw_apart(task, self._device, self._asked, watch)
            self._peak = max(self._peak, self._load.budget.held() + made.peak_memory)
            self._versions |= made.versions
            return made.drawing

    def encode(self, image: str, encoder: VaeFile, scaling: Scaling, folder: str) -> Drawing:
        """A user's picture as the latents that a checkpoint of that scaling would have made."""
        from .measures.encoding import encode

        with self._accounted():
            return encode(image, encoder, scaling, folder, self._load, self._device)

    def show(self, task: ShowTask) -> Generated:
        """Drawn latents decoded by the reference and by the VAE in question."""
        from .measures.showing import show

        with self._accounted():
            return show(task, self._load, self._device, self._dtype)

    def compare(self, task: CompareTask) -> Comparison:
        """Drawn latents through several VAEs, one at a time, beside each other."""
        from .comparison.task import compare

        with self._accounted():
            return compare(task, self._load, self._device)

    def cost(self) -> Cost:
        """What this prober took so far."""
        return Cost(
            str(self._device),
            str(self._dtype).removeprefix("torch."),
            round(self._seconds, 3),
            max(self._peak, peak_memory(self._device)),
            {**self._versions, **versions()},
        )

    def _is_kept(self, task: DrawTask) -> bool:
        """Whether the same was drawn before, so that nothing need be loaded."""
        from .generation.defaults import sampling_dtype
        from .generation.drawn import place_of
        from .generation.kept import recalled

        dtype = sampling_dtype(self._asked, self._device)
        return not task.again and recalled(place_of(task, self._device, dtype)) is not None

    def _make_room_to_draw(self, task: DrawTask) -> None:
        """Let VAEs go for the checkpoint, and on the CPU for a process of its own."""
        from .generation.defaults import recipe_for, sampling_dtype
        from .generation.parts import Checkpoint

        told, dtype = task.checkpoint, sampling_dtype(self._asked, self._device)
        usual = recipe_for(Checkpoint(told.name, told.path, told.identity), self._device).width
        size = to_draw(told.identity, dtype, (task.size or usual) ** 2)
        apart = self._load.budget.base if self._device.type == "cpu" else 0
        self._load.make_room(size + apart, f"drawing with {shown(told.name)}")

    @contextmanager
    def _accounted(self) -> Iterator[None]:
        started = time.monotonic()
        try:
            with out_of_memory_told(self._device), torch.inference_mode():
                yield
        finally:
            self._seconds += time.monotonic() - started
