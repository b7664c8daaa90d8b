"""A limit on the memory that models may take, kept by asking before and giving back after."""

from __future__ import annotations

import gc
import os
import subprocess
from contextlib import suppress

import torch

from ..registry.errors import OutOfMemory, UsageError
from . import heap
from .needs import MIB

USUAL_ROOM = 400 * MIB
"""What the decoder of a KL autoencoder of SD1's size takes for the test card, see ``needs``."""
_SPREAD = 16 * MIB
"""By which what the libraries hold differs from run to run, and more."""


class OverBudget(OutOfMemory):
    """The user's own limit stands in the way; the message has the figures."""


class Budget:
    """How many bytes may be held at once: by this process on the CPU, by torch on a card."""

    def __init__(self, limit: int | None, device: torch.device) -> None:
        """``limit`` in bytes, None for none; on CUDA torch is held to it as well.

        Without one, what this process frees on the CPU is kept for what it loads and runs next.
        Raises ``UsageError`` for a limit below what is held before anything is loaded, and where
        the system does not tell what a process holds.
        """
        self.limit = limit
        self.device = device
        self.base = 0
        """Bytes held before any model is loaded."""
        if limit is not None:
            self.base = self._held_at_first()
            self._require_sensible(limit)
            self._bind_torch(limit)
        elif device.type == "cpu":
            heap.keep_freed()

    @property
    def share(self) -> int | None:
        """Bytes that models kept for later may take: half of what the libraries leave."""
        return None if self.limit is None else (self.limit - self.base) // 2

    def held(self) -> int:
        """Bytes held now."""
        if self.device.type == "cuda":
            return torch.cuda.memory_allocated(self.device)
        if self.device.type == "mps":
            return torch.mps.current_allocated_memory()
        return resident() or 0

    def fits(self, size: int) -> bool:
        """Whether that many bytes more stay within the limit."""
        if self.limit is None or self.held() + size <= self.limit:
            return True
        give_back(self.device)  # What was freed may still count.
        return self.held() + size <= self.limit

    def require(self, size: int, what: str) -> None:
        """Raise ``OverBudget`` where ``what`` takes that many bytes more than there are."""
        if not self.fits(size):
            assert self.limit is not None
            raise OverBudget(
                f"{what} takes about {_shown(size)}, but {_shown(self.held())} of the "
                f"{_shown(self.limit)} allowed on {self.device} are held already",
                f"give --memory at least {_shown(self.held() + size, up=True)}, or use smaller "
                "pictures",
            )

    def _held_at_first(self) -> int:
        if self.device.type == "cpu" and resident() is None:
            raise UsageError(
                "this system does not tell how much memory a process holds, so that none can be "
                "kept free",
                "leave --memory out",
            )
        return self.held()

    def _require_sensible(self, limit: int) -> None:
        if limit <= self.base:
            least, usual = (_shown(self.base + size, up=True) for size in (_SPREAD, USUAL_ROOM))
            raise UsageError(
                f"{_shown(limit)} of memory are too few: the libraries alone hold "
                f"{_shown(self.base)} before any model is loaded",
                f"give --memory at least {least}; to decode with a VAE of SD1's size, {usual}",
            )

    def _bind_torch(self, limit: int) -> None:
        if self.device.type == "cuda":
            total = torch.cuda.get_device_properties(self.device).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total), self.device)


def resident() -> int | None:
    """Bytes of this process that lie in memory, mapped files too; None where nobody tells."""
    with (
        suppress(OSError, ValueError, IndexError),
        open("/proc/self/statm", encoding="ascii") as statm,
    ):
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        command = ["ps", "-o", "rss=", "-p", str(os.getpid())]
        told = subprocess.run(command, capture_output=True, timeout=10, check=True).stdout
        return int(told) * 1024  # Kibibytes, by POSIX's ps.
    return None


def give_back(device: torch.device) -> None:
    """Return what was freed to the system: to the other programs, and out of ``resident``."""
    gc.collect()
    heap.trim()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _shown(size: int, up: bool = False) -> str:
    """As people type it; ``up`` to the next tenth of a gigabyte, so that it is enough."""
    if up:
        return f"{-(-size // (MIB * 100)) / 10:.1f}G"
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size / MIB:.0f} MiB"
