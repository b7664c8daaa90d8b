"""A checkpoint's normalisation of latents applied to tensors, and undone."""

from __future__ import annotations

import torch
from torch import Tensor

from ...registry.errors import CannotRun
from ...registry.measures import Scaling


def normalise(latents: Tensor, scaling: Scaling) -> Tensor:
    """Raw latents [N, C, h, w] to what the denoiser sees: n = (z - mean) * scale / std.

    Raises ``CannotRun`` for a scaling that cannot be undone or does not fit the channels.
    """
    mean, gain = _parts(latents, scaling)
    packed = _packed(latents, mean)
    return _unpacked((packed - mean) * gain, latents)


def denormalise(latents: Tensor, scaling: Scaling) -> Tensor:
    """The denoiser's latents [N, C, h, w] back to raw ones: z = n * std / scale + mean.

    Raises ``CannotRun`` as ``normalise`` does.
    """
    mean, gain = _parts(latents, scaling)
    packed = _packed(latents, mean)
    return _unpacked(packed / gain + mean, latents)


def _parts(latents: Tensor, scaling: Scaling) -> tuple[Tensor, Tensor]:
    """What to subtract and what to multiply by, [1, C, 1, 1], or 4 C for packed latents."""
    channels = latents.shape[1]
    mean = _column(scaling.mean or (0.0,), channels, latents) + scaling.shift
    gain = scaling.scale / _column(scaling.std or (1.0,), channels, latents)
    if not (torch.isfinite(mean).all() and torch.isfinite(gain).all() and gain.all()):
        raise CannotRun(
            f"the latents' normalisation is not usable (scale {scaling.scale:g}, shift "
            f"{scaling.shift:g}): its numbers must be finite and not 0",
            "correct the config.json that states it",
        )
    count = max(mean.shape[1], gain.shape[1])
    return mean.expand(1, count, 1, 1), gain.expand(1, count, 1, 1)


def _column(values: tuple[float, ...], channels: int, latents: Tensor) -> Tensor:
    if len(values) not in (1, channels, 4 * channels):
        raise CannotRun(
            f"the latents have {channels} channels, but their normalisation has {len(values)} "
            "numbers",
            "correct the config.json that states it",
        )
    return torch.tensor(values, dtype=latents.dtype, device=latents.device).reshape(1, -1, 1, 1)


def _packed(latents: Tensor, statistics: Tensor) -> Tensor:
    """Blocks of 2 x 2 latent pixels as channels where the statistics are of those.

    The order is channel, row, column: diffusers pipelines/flux2/pipeline_flux2.py,
    ``_patchify_latents``, which is ``pixel_unshuffle``.
    """
    if statistics.shape[1] <= latents.shape[1]:
        return latents
    return torch.nn.functional.pixel_unshuffle(latents, 2)


def _unpacked(packed: Tensor, latents: Tensor) -> Tensor:
    if packed.shape[1] == latents.shape[1]:
        return packed
    return torch.nn.functional.pixel_shuffle(packed, 2)
