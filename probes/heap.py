"""What the C library does with freed memory: kept for the next tensors, or given back at once.

By default glibc asks the system anew for each block of 32 MiB and more and returns it when it is
freed (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD in mallopt(3)). A denoiser's step frees and asks for
hundreds of such blocks, and the system clears every page of them: a fifth of the time on a CPU.
On a card the computer's memory only carries weights there, and is better given back.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Parameters of mallopt, by glibc's malloc.h."""
_NEVER, _NONE = -1, 0

_ELSEWHERE = (OSError, AttributeError, TypeError)
"""What the call raises where the C library is not glibc."""


def keep_freed() -> None:
    """From now on this process keeps what it frees for what it needs next, until ``trim``."""
    with suppress(*_ELSEWHERE):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_MAX, _NONE)
        library.mallopt(_M_TRIM_THRESHOLD, _NEVER)


def trim() -> None:
    """Return what was freed to the system."""
    with suppress(*_ELSEWHERE):
        ctypes.CDLL(None).malloc_trim(0)
