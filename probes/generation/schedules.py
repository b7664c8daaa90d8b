"""How noise was added in training and what the denoiser predicts: from configs, else weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...registry.errors import CannotRun
from ...registry.naming import shown
from ...registry.values import Component
from ...registry.weights import Weights, open_weights

if TYPE_CHECKING:
    from .shipped import Config

_DDIM = (
    "DDIMScheduler", "DDPMScheduler", "PNDMScheduler", "LMSDiscreteScheduler",
    "HeunDiscreteScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "DPMSolverSDEScheduler",
    "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "UniPCMultistepScheduler",
    "DEISMultistepScheduler",
)  # fmt: skip
SCHEDULERS: Mapping[str, str] = {
    **dict.fromkeys(_DDIM, "DDIMScheduler"),
    "LCMScheduler": "LCMScheduler",
    "TCDScheduler": "TCDScheduler",
    "EDMEulerScheduler": "EDMEulerScheduler",
    "EDMDPMSolverMultistepScheduler": "EDMDPMSolverMultistepScheduler",
}
"""The scheduler that is run for each that a folder may name, all of diffusers.

Those of the first kind are ways through one and the same noise: DDIM is the one that draws no
random numbers and takes one call of the denoiser a step.
"""
_ALWAYS: Config = {
    # Defaults of diffusers that a config for another scheduler of that kind leaves unsaid, and
    # that would bend the latents (src/diffusers/schedulers/scheduling_ddim.py).
    "clip_sample": False,
    "thresholding": False,
    "timestep_spacing": "trailing",
}

_V: Config = {"prediction_type": "v_prediction"}
_PLAYGROUND: Config = {
    # playgroundai/playground-v2.5-1024px-aesthetic scheduler/scheduler_config.json
    "_class_name": "EDMDPMSolverMultistepScheduler",
    "sigma_min": 0.002,
    "sigma_max": 80.0,
    "sigma_data": 0.5,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
}
MARKS: tuple[tuple[str, Config | None, str], ...] = (
    # yzkee/ComfyUI comfy/supported_models.py (SDXL.model_type); None: not drawn with here
    ("edm_vpred.sigma_max", None, "EDM v-prediction"),
    ("__x0__", None, "x0 prediction"),
    ("v_pred", _V, "v-prediction"),
    ("edm_mean", _PLAYGROUND, "EDM prediction"),
)
"""Tensors that tell what the denoiser predicts; the first counts."""
ZERO_SNR = "ztsnr"
"""The tensor of checkpoints that were trained to begin at pure noise."""

_TELLING = "output_blocks.11.1.transformer_blocks.0.norm1.bias"
_TELLING_STD = 0.09
"""An SD2 UNet whose bias of that name spreads wider predicts v, else noise
(yzkee/ComfyUI comfy/supported_models.py, SD20.model_type)."""


def schedule_of(
    path: str, denoiser: Component, config: Config, own: bool
) -> tuple[Config, tuple[str, ...]]:
    """The scheduler's config and how it is known; a checkpoint's own is taken at its word.

    Raises ``CannotRun`` for a scheduler or prediction that is not drawn with, ``FileError``.
    """
    if own:
        return _run_as(config), ()
    with open_weights(path) as weights:
        told, note = _told(weights, denoiser)
    # What is told with a class of its own is a whole config.
    return _run_as(told if "_class_name" in told else {**config, **told}), (note,) if note else ()


def _run_as(config: Config) -> Config:
    named = config.get("_class_name")
    runs = SCHEDULERS.get(named) if isinstance(named, str) else None
    if runs is None:
        raise CannotRun(
            f"the model's scheduler is {shown(str(named))}, which is not drawn with"
            if named
            else "the model has no scheduler/scheduler_config.json with a _class_name",
            "use a copy with its scheduler/scheduler_config.json, or --probe decode",
        )
    always = _ALWAYS if runs == "DDIMScheduler" else {}
    return {**config, **always, "_class_name": runs}


def _told(weights: Weights, denoiser: Component) -> tuple[Config, str]:
    """What the file's tensors and its author say of the prediction."""
    names = weights.pieces
    for mark, config, what in MARKS:
        if mark in names or denoiser.prefix + mark in names:
            if config is None:
                raise CannotRun(
                    f"{shown(weights.name)} says {what} by its tensor {mark}: that is not drawn "
                    "with here",
                    "use --probe decode",
                )
            zero = {"rescale_betas_zero_snr": True} if ZERO_SNR in names and config is _V else {}
            return {**config, **zero}, f"{what}: the file has the tensor {mark}"
    telling = denoiser.prefix + _TELLING
    if denoiser.architecture == "unet-sd2" and telling in names:
        wide = float(weights.read(telling).std()) > _TELLING_STD
        return (_V, "v-prediction: by the spread of a norm") if wide else ({}, "")
    if weights.metadata.get("modelspec.prediction_type") == "v":
        # kohya-ss/sd-scripts library/sai_model_spec.py
        return _V, "v-prediction: as the author declares in the metadata"
    return {}, ""
