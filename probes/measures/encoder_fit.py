"""What colours an encoder's latents stand for: least squares of the picture's RGB on them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ...registry.measures import EncoderFit, Rgb
from ..autoencoder import Autoencoder

RIDGE = 1e-2
"""Share of the latents' mean variance added to each direction: a latent space of many channels
has directions that pictures hardly use, and their factors would be noise."""


def fit_encoder(vae: Autoencoder, pictures: Tensor) -> EncoderFit | None:
    """RGB per unit of each latent channel, by least squares over all latent pixels.

    ``pictures`` are [N, 3, H, W] in [-1, 1], H and W multiples of the spatial factor; each latent
    pixel is set against the mean colour of the picture pixels that it covers, both about their
    means. None where the encoder gives NaN or infinity.
    """
    with torch.inference_mode():
        encoded = torch.cat([vae.encode(picture).cpu() for picture in torch.split(pictures, 1)])
    latents = encoded.double()
    if not bool(torch.isfinite(latents).all()):
        return None
    colours = avg_pool2d(pictures.cpu().double(), vae.factor)
    z, y = _centred(latents), _centred(colours)
    covariance = z.T @ z / len(z)
    variance = covariance.diagonal().mean()
    ridge = RIDGE * variance.clamp(min=torch.finfo(torch.float32).tiny) * torch.eye(z.shape[1])
    factors = torch.linalg.solve(covariance + ridge, z.T @ y / len(z))
    rows: tuple[Rgb, ...] = tuple((r, g, b) for r, g, b in factors.tolist())
    return EncoderFit(rows, float(variance.sqrt()), vae.scaled)


def _centred(planes: Tensor) -> Tensor:
    """[N, C, h, w] -> [N h w, C] about the mean."""
    points = planes.movedim(1, -1).reshape(-1, planes.shape[1])
    return points - points.mean(0)
