"""The architectures that can be run, one row each, and how a VAE's file becomes an autoencoder."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch

from ...registry.errors import CannotRun
from ...registry.measures import VaeFile
from ...registry.naming import shown
from ...registry.weights import open_weights
from ..autoencoder import Autoencoder
from ..device import out_of_memory_told
from . import kl, through_diffusers, tiny
from .canonical import CanonicalWeights, Fill
from .network import HALVES, Loaded, Network
from .published import RECIPES

Build = Callable[[CanonicalWeights, tuple[str, ...]], tuple[Network, Fill]]
"""Builds a network of those halves without values, and what fills it."""

RUNNERS: dict[str, Build] = {
    "autoencoder-kl": kl.build,
    "autoencoder-kl-flux2": kl.build,
    "asymmetric-autoencoder-kl": kl.build,
    "autoencoder-tiny": tiny.build,
    "taehv": tiny.build,
    **{architecture: through_diffusers.builder(recipe) for architecture, recipe in RECIPES.items()},
}
"""By ``Component.architecture``."""


def load(
    vae: VaeFile,
    device: torch.device,
    dtype: torch.dtype,
    halves: tuple[str, ...] = HALVES,
) -> Autoencoder:
    """The runnable VAE: of those halves the ones that it has, on the device.

    Only its own tensors are read, so a baked-in VAE costs nothing of its checkpoint. Raises
    ``CannotRun`` (no runner, damaged, quantised, none of the halves), ``FileError``, ``NotFound``
    and ``OutOfMemory``.
    """
    model = shown(vae.name or os.path.basename(vae.path))
    build = RUNNERS.get(vae.architecture)
    if build is None:
        raise CannotRun(f"{model} cannot be run: vaereg has no runner for {vae.architecture}")
    there = tuple(half for half in halves if half in vae.parts)
    if not there:
        raise CannotRun(f"{model} has no {' and no '.join(halves)} to run")
    with out_of_memory_told(device), open_weights(vae.path, vae.prefix) as weights:
        named = CanonicalWeights(weights, model)
        with torch.device("meta"):
            network, fill = build(named, there)
        if network.channels != vae.channels:
            raise named.unfit(f"it has {network.channels} latent channels, not {vae.channels}")
        fill(device, dtype)
    return Loaded(network, model, there, device, dtype)
