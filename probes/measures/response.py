"""A decoder's colour answer: the mean RGB that it gives to constant latents, channel by channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...registry.measures import Response, Rgb
from ..autoencoder import Autoencoder

AMPLITUDES = (0.5, 1.0, 2.0)
"""In standard deviations of the VAE's own latents; the direction of the answer hardly depends on
them, its size does: a decoder saturates."""

_PIXELS = 16 * 32 * 32
"""Picture pixels decoded at a time: keeps a full-size KL decoder below 900 MB."""


@dataclass(frozen=True, slots=True)
class ColourAnswer:
    """What the constant latents told."""

    response: Response | None
    """None where the decoder gave NaN or infinity."""
    contrast: float | None
    """Root mean square of RGB in [-1, 1] about its mean over all the constant latents."""
    finite: bool


def colour_response(vae: Autoencoder, unit: Sequence[float], base: Sequence[float]) -> ColourAnswer:
    """The mean RGB answer to single-channel steps of +-a about ``base``, over three amplitudes a.

    J[k] = (rgb(base + a u_k e_k) - rgb(base - a u_k e_k)) / (2 a u_k), the mean over the
    amplitudes; ``unit`` u and ``base`` have one number a channel, in the latents that this decoder
    takes: one standard deviation and the mean of its own latents, see
    ``registry.response.probe_point``.
    """
    scale = torch.tensor(unit, dtype=torch.float32)
    centre = torch.tensor(base, dtype=torch.float32)
    amplitudes = AMPLITUDES if vae.channels <= 32 else AMPLITUDES[1:2]
    steps = torch.cat([torch.diag(scale) * a * sign for a in amplitudes for sign in (1, -1)])
    colours = _mean_colours(vae, centre + steps)
    if not bool(torch.isfinite(colours).all()):
        return ColourAnswer(None, None, finite=False)
    pairs = colours.reshape(len(amplitudes), 2, vae.channels, 3)
    widths = 2 * torch.tensor(amplitudes)[:, None, None] * scale[:, None]
    jacobian = ((pairs[:, 0] - pairs[:, 1]) / widths).mean(0)
    rows: tuple[Rgb, ...] = tuple((r, g, b) for r, g, b in jacobian.tolist())
    contrast = float((colours - colours.mean(0)).square().mean().sqrt())
    return ColourAnswer(Response(rows, vae.scaled), contrast, finite=True)


def _mean_colours(vae: Autoencoder, latents: torch.Tensor) -> torch.Tensor:
    """[N, C] constant latents -> [N, 3] RGB averaged over the picture, in double precision."""
    side = 4 if vae.factor <= 32 else 2
    count = max(1, _PIXELS // (side * vae.factor) ** 2)
    with torch.inference_mode():
        answers = [
            vae.decode(chunk[:, :, None, None].repeat(1, 1, side, side)).mean((2, 3)).double().cpu()
            for chunk in torch.split(latents, count)
        ]
    return torch.cat(answers)
