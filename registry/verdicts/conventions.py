"""Which scaling frontends undo before they decode: the checkpoint's or that of the VAE's config."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..colours.scaling import scaling_of
from ..judging.sides import Side
from ..measures import Convention, Scaling, VaeFile
from ..values import Component
from ..weights import open_weights

BY_CHECKPOINT = ("A1111", "Forge", "reForge", "ComfyUI")
"""They divide by a constant of the checkpoint's type: AUTOMATIC1111/stable-diffusion-webui
modules/sd_samplers_common.py, comfyanonymous/ComfyUI comfy/latent_formats.py."""
BY_CONFIG = ("diffusers", "InvokeAI")
"""They divide by the VAE config's: huggingface/diffusers pipelines' ``decode_latents``,
invoke-ai/InvokeAI invokeai/app/invocations/latents_to_image.py."""

BARE_FILE = Scaling(scale=0.18215)
"""What diffusers takes for any 4-channel VAE file without a config: it infers type ``v1``
(huggingface/diffusers src/diffusers/loaders/single_file_utils.py)."""


def conventions(
    denoiser: Component,
    vae: Side,
    decoder: Component,
    files: Sequence[VaeFile],
    baked: Component | None = None,
) -> tuple[Convention, ...]:
    """The conventions a VAE meets beside this checkpoint; one where all frontends agree.

    ``files`` are the VAEs of a cross-decode: some carry the normalisation's statistics themselves.
    Where the denoiser leaves its family open, that of the ``baked`` VAE tells the scaling, else
    that of the ``decoder`` if the denoiser may be of it. Raises ``FileError``.
    """
    latents = [part.latent for part in (denoiser, baked) if part and part.latent]
    if denoiser.latent and decoder.latent and decoder.latent.family in denoiser.latent.candidates:
        latents.append(decoder.latent)
    known = next((told for latent in latents if (told := scaling_of(latent))), None)
    wanted = known or _statistics(files) or Scaling()
    other = _by_config(vae, decoder)
    if other is None or other == wanted:
        return (Convention("checkpoint", BY_CHECKPOINT + BY_CONFIG, wanted),)
    return (
        Convention("checkpoint", BY_CHECKPOINT, wanted),
        Convention("config", BY_CONFIG, other),
    )


def _by_config(vae: Side, decoder: Component) -> Scaling | None:
    """What diffusers would undo for this VAE; None where it brings no figure of its own."""
    latent = decoder.latent
    if latent is None or vae.artifact.identity.component("denoiser") is not None:
        return None
    if vae.artifact.identity.format == "diffusers":
        return scaling_of(latent) if latent.scaling_determined_by == "config" else None
    bare = decoder.architecture == "autoencoder-kl" and latent.channels == 4
    return BARE_FILE if bare else None


def _statistics(files: Sequence[VaeFile]) -> Scaling | None:
    """FLUX.2's: n = (p - mean) / sqrt(variance + 1e-4) on packed latents p, kept in the file.

    huggingface/diffusers src/diffusers/models/autoencoders/autoencoder_kl_flux2.py, ``batch_norm``.
    """
    for file in files:
        with open_weights(file.path, file.prefix) as weights:
            if {"bn.running_mean", "bn.running_var"} <= weights.pieces.keys():
                mean = weights.read("bn.running_mean").ravel().tolist()
                variance = weights.read("bn.running_var").ravel().tolist()
                std = tuple(math.sqrt(max(value, 0.0) + 1e-4) for value in variance)
                return Scaling(mean=tuple(mean), std=std)
    return None
