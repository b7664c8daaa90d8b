"""What one VAE tells by itself: the colour response of its decoder, the fit of its encoder."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ...registry.colours.response import probe_point
from ...registry.families import families
from ...registry.measures import EncoderFit, Reading, VaeFile
from ..autoencoder import Autoencoder
from ..pictures.card import test_card
from .encoder_fit import fit_encoder
from .response import colour_response

Load = Callable[..., Autoencoder]
"""``catalog.load``."""


def read(vae: VaeFile, load: Load, device: torch.device) -> Reading:
    """Run each half of a VAE by itself, so that only one is in memory at a time.

    In float32 whatever else the probe runs in: it costs little, and half precision may overflow.
    Raises ``CannotRun`` where the architecture has no runner, and ``FileError``.
    """
    reading = Reading(None, None)
    if "decoder" in vae.parts:
        reading = _decoder(vae, load(vae, device, torch.float32, halves=("decoder",)))
    if "encoder" in vae.parts:
        fit, finite = _encoder(load(vae, device, torch.float32, halves=("encoder",)))
        reading = Reading(
            reading.response, fit, reading.finite and finite, reading.contrast, reading.trouble
        )
    return reading


def _decoder(vae: VaeFile, decoder: Autoencoder) -> Reading:
    rows = [families()[name] for name in vae.candidates]
    unit, base = probe_point(rows, decoder.channels, decoder.scaled)
    answer = colour_response(decoder, unit, base)
    return Reading(answer.response, None, answer.finite, answer.contrast)


def _encoder(encoder: Autoencoder) -> tuple[EncoderFit | None, bool]:
    found = fit_encoder(encoder, test_card())
    return found, found is not None
