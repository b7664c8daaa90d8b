"""What a checkpoint says besides its shapes: how it predicts, what its author declares."""

from __future__ import annotations

from collections.abc import Iterator

from ..families import family
from ..naming import shown
from ..values import Component, Folder, Header, Notice
from .view import View

PREDICTION_MARKS = (
    # yzkee/ComfyUI comfy/supported_models.py (SDXL.model_type)
    ("edm_vpred.sigma_max", "EDM v-prediction"),
    ("v_pred", "v-prediction"),
    ("edm_mean", "EDM prediction"),
    ("__x0__", "x0 prediction"),
)
"""Tensors that tell by their presence what the denoiser predicts; the first counts."""

DECLARED = (
    # kohya-ss/sd-scripts library/sai_model_spec.py
    ("stable-diffusion-v1", "sd1"),
    ("stable-diffusion-v2", "sd1"),
    ("stable-diffusion-xl", "sdxl"),
    ("stable-diffusion-3", "sd3"),
    ("flux-1", "flux1"),
    ("flux-2", "flux2"),
    ("flux2", "flux2"),
    ("chroma", "flux1"),
    ("lumina-2", "flux1"),
    ("hunyuan-image-2.1", "hunyuan-image-2.1"),
    ("qwen-image", "qwen-image"),
    ("wan2.1", "wan21"),
)
"""Beginnings of ``modelspec.architecture`` and the latent family of each."""

ARCHITECTURE_KEY = "modelspec.architecture"


def prediction(whole: View, prefix: str) -> Iterator[Notice]:
    """What the denoiser predicts, where a tensor beside it or below its prefix says so."""
    for mark, what in PREDICTION_MARKS:
        if mark in whole or prefix + mark in whole:
            yield Notice("prediction_type", f"the tensor {mark} says {what}")
            return


def scheduled(folder: Folder) -> Iterator[Notice]:
    """What the denoiser predicts, where the pipeline's scheduler says other than noise."""
    for part in folder.parts:
        said = part.config.get("prediction_type") if part.name == "scheduler" else None
        if isinstance(said, str) and said != "epsilon":
            yield Notice("prediction_type", f"the scheduler's config says {shown(said)}")


def declaration(header: Header, components: tuple[Component, ...]) -> Iterator[Notice]:
    """What the file's author declares in its metadata, where the tensors do not settle the same.

    A declaration is a claim: it settles nothing.
    """
    said = header.metadata.get(ARCHITECTURE_KEY)
    if not isinstance(said, str) or not said or not components:
        return
    known = next((name for start, name in DECLARED if said.lower().startswith(start)), None)
    if known and any(part.latent and part.latent.family == known for part in components):
        return
    meaning = f", whose latents are {known}" if known else ""
    yield Notice("declared_family", f"the metadata declares {shown(said)}{meaning}; not verified")


def disagreement(denoiser: Component | None, vae: Component | None) -> Iterator[Notice]:
    """A VAE beside a denoiser that works in other latents."""
    ours, theirs = denoiser and denoiser.latent, vae and vae.latent
    if not ours or not theirs:
        return
    if ours.family and theirs.candidates:
        fits = any(_serves(ours.family, other) for other in theirs.candidates)
    else:
        fits = None in (ours.channels, theirs.channels) or ours.channels == theirs.channels
    if not fits:
        made = theirs.family or f"{theirs.channels}-channel"
        wanted = ours.family or f"{ours.channels}-channel"
        message = f"the VAE makes {made} latents, the denoiser works in {wanted} latents"
        yield Notice("family_disagrees", message)


def _serves(one: str, other: str) -> bool:
    """Whether VAE files of one family serve checkpoints of the other, either way round."""
    return (
        one == other
        or other in family(one).interchangeable_with
        or one in family(other).interchangeable_with
    )
