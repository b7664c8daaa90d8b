"""What draws: one denoiser on one device, whatever pipeline of diffusers it is of."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any, Protocol

import torch
from torch import Tensor

from ...registry.errors import (
    INSTALL_PROBES,
    CannotRun,
    MissingDependency,
    OutOfMemory,
    VaeregError,
)
from ...registry.naming import shown
from ..device import out_of_memory_told
from .recipes import Recipe

Watch = Callable[[int, int], None]
"""Told after every step which one it was and of how many; ``KeyboardInterrupt`` ends it all."""

_LIBRARIES = ("diffusers", "transformers")


class Engine(Protocol):
    """A loaded checkpoint that turns recipes into latents.

    Its methods raise whatever torch and diffusers do: ``sampling`` makes it errors of vaereg.
    """

    notes: tuple[str, ...]
    """How it is known what the denoiser predicts, and the like."""
    offloaded: bool
    """Whether the weights stay in the computer's memory and visit the device in turn."""

    def slice(self) -> None:
        """Compute attention in pieces."""
        ...

    def offload(self) -> None:
        """Keep the weights in the computer's memory."""
        ...

    def run(self, recipe: Recipe, stepped: Stepped) -> Tensor:
        """The normalised latents [1, C, h, w]."""
        ...


class Stepped:
    """diffusers' callback after a step: tells whoever watches, and stops at non-finite latents."""

    def __init__(self, steps: int, watch: Watch | None) -> None:
        self.steps = steps
        self.watch = watch
        self.failed_at: int | None = None
        """The first step, from 1, after which a number was not finite."""

    def __call__(self, pipe: Any, step: int, _time: Any, held: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
        if self.failed_at is not None:
            return {}
        if not bool(torch.isfinite(held["latents"]).all()):
            self.failed_at = step + 1
            pipe._interrupt = True
        if self.watch:
            self.watch(step + 1, self.steps)
        return {}


def noise(
    shape: tuple[int, ...], recipe: Recipe, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """The seed's noise, made on the CPU in float32 so that a seed means the same everywhere."""
    made = torch.randn(shape, generator=torch.Generator().manual_seed(recipe.seed))
    return made.to(device, dtype)


@contextmanager
def libraries(*names: str) -> Iterator[None]:
    """Those libraries, by default diffusers and transformers, quiet within.

    Raises ``MissingDependency`` where one is not there.
    """
    try:
        logs = [import_module(f"{name}.utils").logging for name in names or _LIBRARIES]
    except ImportError as error:
        raise _missing(error) from error
    with ExitStack() as stack:
        for log in logs:
            stack.enter_context(_quiet(log))
        # What these libraries are about to rename is no news for those who draw.
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", FutureWarning)
        try:
            yield
        except ImportError as error:
            raise _missing(error) from error


@contextmanager
def _quiet(log: Any) -> Iterator[None]:  # noqa: ANN401
    """A library's log within: errors alone, and no progress bars."""
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def _missing(error: ImportError) -> MissingDependency:
    name = (error.name or "a part of diffusers").partition(".")[0]
    return MissingDependency(
        f"pictures are drawn through diffusers and transformers; {shown(name)} is not installed",
        INSTALL_PROBES,
    )


@contextmanager
def room_for(what: str, device: torch.device, hint: str) -> Iterator[None]:
    """Failing allocations within as an ``OutOfMemory`` that says what there was no room for."""
    try:
        with out_of_memory_told(device):
            yield
    except OutOfMemory as error:
        raise OutOfMemory(f"{device} has too little memory for {what}", hint) from error


@contextmanager
def fitting(model: str) -> Iterator[None]:
    """Whatever a hostile file or config makes the libraries raise within, as ``CannotRun``."""
    try:
        yield
    except (VaeregError, MemoryError):
        raise
    except Exception as error:
        said = shown(str(error).partition("\n")[0], 120) or type(error).__name__
        raise CannotRun(
            f"{shown(model)} cannot be drawn with: its parts do not fit together ({said})",
            "use another copy of it, or --probe decode",
        ) from error
