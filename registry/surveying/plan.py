"""Which pairs a survey judges, and in what order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..judging.request import Request
from ..judging.sides import Side, has
from ..values import Model
from .values import Key


@dataclass(frozen=True, slots=True)
class Plan:
    """Which pairs to judge, and how."""

    checkpoints: tuple[str, ...]
    """SHA-256 of each."""
    vaes: tuple[str, ...]
    request: Request
    """What every climb is asked; ``picture`` and ``declared`` are filled in pair by pair."""
    baked: bool = True
    """Each checkpoint's own VAE too."""
    picture: Callable[[Side, Side], str] | None = None
    """Where the pictures of a pair go."""
    fresh: bool = False
    """Judge, measure and draw again what is recorded."""
    device: str = "auto"
    """What recorded verdicts must have been made on."""
    dtype: str = "auto"
    """As torch names it."""

    def pairs(self, with_vae: Callable[[str], bool]) -> tuple[Key, ...]:
        """Every pair, VAE by VAE, so that each decoder is loaded once; baked VAEs come first.

        ``with_vae`` tells of a checkpoint whether it has a VAE of its own.
        """
        own = [(one, one) for one in self.checkpoints if self.baked and with_vae(one)]
        others = [(one, vae) for vae in self.vaes for one in self.checkpoints]
        return tuple(dict.fromkeys((*own, *others)))


def chosen(
    models: Iterable[Model], checkpoints: Iterable[str] = (), vaes: Iterable[str] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The SHA-256s of the checkpoints and of the VAEs: those named, else all on this machine."""
    present = [model for model in models if model.state == "present"]
    return (
        tuple(dict.fromkeys(checkpoints))
        or _sha256s(one for one in present if has(one, "denoiser")),
        tuple(dict.fromkeys(vaes)) or _sha256s(one for one in present if _is_vae(one)),
    )


def _is_vae(model: Model) -> bool:
    return has(model, "vae") and not has(model, "denoiser")


def _sha256s(models: Iterable[Model]) -> tuple[str, ...]:
    return tuple(model.artifact.digests.sha256 for model in models)
