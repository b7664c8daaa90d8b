"""How commands reach the prober: torch comes in only where something is run."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..registry.errors import INSTALL_PROBES, MissingDependency, Unreadable, UsageError
from ..registry.judging.sides import Side
from ..registry.naming import shown
from ..registry.ports import Prober
from .context import Context


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


def picture_path(
    settings: Context, out: str | None, checkpoint: Side, vae: Side, asked: str = ""
) -> str:
    """Where the strip of a pair goes: below ``--out``, else below the home's ``pictures``.

    What is ``asked`` otherwise than by default gives it a name of its own: no picture that a
    recorded verdict rests on is overwritten.
    Raises ``Unreadable`` where nothing can be written below ``--out``.
    """
    folder = Path(out).expanduser() if out else settings.home / "pictures"
    if out:
        require_writable(folder)
    names = [re.sub(r"[^\w.-]+", "_", side.name)[:60] for side in (checkpoint, vae)]
    both = checkpoint.artifact.digests.sha256 + vae.artifact.digests.sha256
    tail = hashlib.sha256((both + asked).encode()).hexdigest()[:8]
    return os.path.abspath(folder / f"{names[0]}--{names[1]}--{tail}.png")


def require_writable(folder: Path) -> None:
    """Before minutes are spent on what could not be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        why = str(failure.strerror)
    else:
        why = "" if os.access(folder, os.W_OK) else "no right to write there"
    if why:
        raise Unreadable(
            f"pictures cannot go to {shown(str(folder))}: {why}",
            "name a folder that you may write to with --out",
        )
