"""Which device and float type a probe runs on, and what its memory allows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..registry.errors import NoDevice, OutOfMemory, UsageError

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_SHORTAGES = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""What torch's plain RuntimeErrors say when an allocation fails (pytorch/pytorch
c10/core/impl/alloc_cpu.cpp and aten/src/ATen/cuda/Exceptions.cpp)."""


def choose_device(asked: str = "auto") -> torch.device:
    """The device for ``auto`` | ``cpu`` | ``cuda`` | ``cuda:N`` | ``mps``.

    ``auto`` takes CUDA, then MPS, then the CPU. TF32 is switched off, so that every device gives
    the CPU's answer. Raises ``NoDevice`` where the device is not there, ``UsageError`` where the
    word names none.
    """
    available = available_devices()
    asked = asked.strip().lower()
    if asked == "auto":
        asked = next(kind for kind in ("cuda", "mps", "cpu") if kind in available)
    kind, _, number = asked.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (
        number and not (kind == "cuda" and number.isdecimal())
    ):
        raise UsageError(f"no device is called {asked!r}", "use auto, cpu, cuda, cuda:0 or mps")
    if asked not in available:
        raise NoDevice(
            f"torch {torch.__version__} sees no device {asked} here, only {', '.join(available)}",
            "use --device auto, or --device cpu",
        )
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return torch.device(asked)


def available_devices() -> tuple[str, ...]:
    """Every word that ``choose_device`` takes on this machine, ``auto`` apart."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cards = ("cuda", *(f"cuda:{index}" for index in range(count))) if count else ()
    return ("cpu", *cards, *(("mps",) if torch.backends.mps.is_available() else ()))


def choose_dtype(asked: str = "auto", device: torch.device | None = None) -> torch.dtype:
    """The float type for ``auto`` | ``fp32`` | ``fp16`` | ``bf16``; ``UsageError`` for others.

    ``auto`` is fp32 on every device, since a probe's answer must not depend on it.
    """
    if asked == "auto":
        return torch.float32
    if asked not in DTYPES:
        raise UsageError(f"no float type is called {asked!r}", "use auto, fp32, fp16 or bf16")
    return DTYPES[asked]


@contextmanager
def out_of_memory_told(device: torch.device) -> Iterator[None]:
    """Turn every way in which an allocation fails into ``OutOfMemory`` with advice."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_shortage(error):
            raise
        if device.type == "cuda":
            torch.cuda.empty_cache()
        hint = (
            "close other programs, or run it on a machine with more memory"
            if device.type == "cpu"
            else "use --device cpu"
        )
        raise OutOfMemory(f"{device} has too little memory for this VAE", hint) from error


def _is_shortage(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    return any(words.lower() in said for words in _SHORTAGES)


def reset_peak_memory(device: torch.device) -> None:
    """Start ``peak_memory`` anew where the device can; a process's own peak cannot be reset."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> int:
    """Most bytes held so far: of the process on the CPU, of torch's tensors on CUDA and MPS.

    0 where the platform does not tell.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    return _process_peak()


def _process_peak() -> int:
    try:
        # getrusage would count what the parent process held before it started this one.
        with open("/proc/self/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        pass
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kibibytes, macOS bytes: getrusage(2) of either.
    return peak if sys.platform == "darwin" else peak * 1024
