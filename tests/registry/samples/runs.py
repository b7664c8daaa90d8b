"""Running the closed-form autoencoders in diffusers' own AutoencoderKL."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from vaereg.registry.samples.files import config_of, renamed
from vaereg.registry.samples.plan import Plan

torch.set_num_threads(1)  # Several threads only wait for one another in networks this small.


def load(plan: Plan, weights: Mapping[str, np.ndarray]) -> AutoencoderKL:
    """diffusers' model with these LDM-named weights; a name or shape that is off raises."""
    model = AutoencoderKL.from_config(config_of(plan))
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(tensor, np.float32))
        for name, tensor in renamed(weights, "diffusers").items()
    }
    model.load_state_dict(tensors)
    return model.eval()


def raw(plan: Plan, normalised: Tensor) -> Tensor:
    """The VAE's own latents of normalised ones [N, C, h, w]."""
    scaling = plan.scaling
    if not scaling.std:
        return normalised / scaling.scale + scaling.shift
    mean, deviation = (
        torch.tensor(values)[:, None, None] for values in (scaling.mean, scaling.std)
    )
    return normalised * deviation / scaling.scale + mean


@torch.no_grad()
def response(plan: Plan, model: AutoencoderKL, amplitude: float = 1.0) -> np.ndarray:
    """Mean RGB per unit of each normalised latent channel, by constant latents of 4 x 4."""
    count = len(plan.factors)
    impulses = torch.eye(count).mul(amplitude)[:, :, None, None].expand(-1, -1, 4, 4)
    high, low = (model.decode(raw(plan, sign * impulses)).sample.mean((2, 3)) for sign in (1, -1))
    return ((high - low) / (2 * amplitude)).numpy()


def pictures(size: int) -> Tensor:
    """Three smooth coloured pictures [3, 3, size, size] in [-1, 1]."""
    coarse = torch.rand(3, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(-1, 1)


@torch.no_grad()
def round_trip(model: AutoencoderKL, shown: Tensor) -> Tensor:
    """Encoded and decoded again."""
    return model.decode(model.encode(shown).latent_dist.mean).sample


def psnr(one: Tensor, other: Tensor) -> float:
    """Decibels between pictures in [-1, 1]."""
    return float(-10 * torch.log10(((one - other) / 2).square().mean()))


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Of all numbers of two arrays."""
    one, other = (np.asarray(values, np.float64).ravel() for values in (one, other))
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
