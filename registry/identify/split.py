"""Which prefix of a bundle holds which component, and what is left over from training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..values import Tensor
from .view import View

DENOISER_PREFIXES = (
    "model.diffusion_model.",
    "diffusion_model.",
    "unet.",
    "transformer.",
    "net.",
    "model.unet.",
    "model.transformer.",
    "model.model.",
    "prior.",
    "dit.",
    "model.",
    "",
)
"""Where a UNet or a DiT lies in a file, the usual place first; the bare file last
(yzkee/ComfyUI comfy/model_detection.py, leejet/stable-diffusion.cpp src/model_loader.cpp)."""

WRAPPERS = ("module.", "_orig_mod.", "ema.", "state_dict.", "params_ema.", "params.")
"""What training loops put before every name of a file."""

LEFTOVERS = frozenset(
    ("model_ema", "loss", "optimizer", "optimizer_states", "lr_schedulers", "callbacks")
)
"""First words of names that training leaves behind; they belong to no component."""

FEWEST = 6
"""A prefix with fewer tensors than this holds no component."""


class Split:
    """The tensors of a file without what training left, ready to be cut by prefix."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.base = _wrapper(tensors)
        kept = View.below(tensors, self.base).tensors if self.base else tensors
        self.heads = frozenset([name.partition(".")[0] for name in kept])
        """First words of all names: most prefixes are ruled out by them alone."""
        self.leftovers = bool(self.heads & LEFTOVERS)
        if self.leftovers:
            kept = {name: kept[name] for name in kept if name.partition(".")[0] not in LEFTOVERS}
            self.heads -= LEFTOVERS
        self.tensors = kept

    def below(self, prefix: str) -> View:
        """The tensors below ``prefix``; the view's own prefix is the full one of the file."""
        if prefix and prefix.partition(".")[0] not in self.heads:
            return View({}, self.base + prefix)
        return View(View.below(self.tensors, prefix).tensors, self.base + prefix)

    def views(self, prefixes: tuple[str, ...]) -> Iterator[View]:
        """The views below those prefixes that hold enough tensors for a component."""
        for prefix in prefixes:
            view = self.below(prefix)
            if len(view) >= FEWEST:
                yield view


def _wrapper(tensors: Mapping[str, Tensor]) -> str:
    """The wrapper that stands before every name, empty where there is none."""
    first = next(iter(tensors), "")
    prefix = next((wrapper for wrapper in WRAPPERS if first.startswith(wrapper)), "")
    return prefix if prefix and all(name.startswith(prefix) for name in tensors) else ""
