"""How commands reach the prober: torch comes in only where something is run."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from ..registry.errors import INSTALL_PROBES, MissingDependency, UsageError
from ..registry.naming import shown
from ..registry.ports import Prober


class Dtype(StrEnum):
    """The float type that a probe runs in."""

    AUTO = "auto"
    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"


DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")

DeviceOption = Annotated[
    str, typer.Option("--device", metavar="D", help="For probes: auto, cpu, cuda[:N], mps.")
]
DtypeOption = Annotated[
    Dtype, typer.Option("--dtype", help="For probes: the float type to run in.")
]

StepsOption = Annotated[
    int | None,
    typer.Option("--steps", metavar="N", min=1, max=200, help="For generated pictures: steps."),
]


def _drawable(size: int | None) -> int | None:
    """Told before anything is read: every denoiser here halves an eighth of the sides thrice."""
    if size is not None and size % 64:
        raise UsageError(f"no picture of {size} pixels can be drawn", "use a multiple of 64")
    return size


SizeOption = Annotated[
    int | None,
    typer.Option(
        "--size",
        metavar="PX",
        min=64,
        max=4096,
        callback=_drawable,
        help="For generated pictures: sides, a multiple of 64.",
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        "--seed", metavar="N", min=0, max=2**63 - 1, help="For generated pictures: the seed."
    ),
]


def prober_maker(device: str, dtype: Dtype, memory: int | None = None) -> Callable[[], Prober]:
    """What makes a prober on first need; ``memory`` is the most bytes that it may hold.

    Raises ``UsageError`` at once for a device of no such name; the maker raises
    ``MissingDependency`` where torch is not installed and ``NoDevice`` where the device is not.
    """
    if not DEVICE.fullmatch(device):
        raise UsageError(f"there is no device {shown(device)}", "auto, cpu, cuda, cuda:N or mps")

    def make() -> Prober:
        try:
            from ..probes.prober import TorchProber
        except ImportError as failure:
            raise MissingDependency(
                f"the weights can only be run by torch, which is not installed or does not load "
                f"({shown(str(failure))})",
                f"install the probes with: {INSTALL_PROBES}",
            ) from failure
        return TorchProber(device, dtype.value, memory)

    return make
