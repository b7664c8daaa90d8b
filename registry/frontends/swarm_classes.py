"""SwarmUI's classes of models, as far as they decide which VAE it takes by itself."""

from __future__ import annotations

from dataclasses import dataclass

from ..identify.identify import identify
from ..values import Notice
from .declared import architecture, header_of

SIDECARS = (".swarm.json", ".json", ".cm-info.json", ".civitai.info")
"""Files beside a model whose keys SwarmUI lays over its metadata, a later one over an earlier:
mcmonkeyprojects/SwarmUI src/Text2Image/T2IModelHandler.cs, ``AltModelMetadataJsonFileSuffixes``."""


@dataclass(frozen=True, slots=True)
class VaeClass:
    """One of the classes among which SwarmUI looks for a VAE."""

    id: str
    starts: tuple[str, ...]
    """Beginnings of ``modelspec.architecture``, in lower case, of checkpoints and VAEs."""
    families: tuple[str, ...]
    """The latent families of denoisers that SwarmUI puts into it by their tensors."""
    setting: str
    """Key of the default below ``VAEs`` in a user's settings; empty where there is none."""
    known: str | None = None
    """Name of the file that it downloads, and takes where it is there."""
    overrides: bool = False
    """Whether the default replaces a VAE that lies in the checkpoint."""

    @staticmethod
    def overriding() -> tuple[VaeClass, ...]:
        """The classes whose default replaces the checkpoint's own VAE."""
        return tuple(one for one in CLASSES if one.overrides)


CLASSES = (
    VaeClass("stable-diffusion-v1", ("stable-diffusion-v1",), (), "DefaultSDv1VAE", None, True),
    VaeClass(
        "stable-diffusion-xl-v1",
        ("stable-diffusion-xl-v1-base", "stable-diffusion-xl-v1-edit", "stable-diffusion-xl-turbo"),
        ("sdxl",),
        "DefaultSDXLVAE",
        "OfficialStableDiffusion/sdxl_vae.safetensors",
        True,
    ),
    VaeClass("flux-1", ("flux.1", "flux-1"), ("flux1",), "DefaultFluxVAE", "Flux/ae.safetensors"),
    VaeClass(
        "flux-2",
        ("flux.2", "flux-2", "flux2"),
        ("flux2",),
        "DefaultFlux2VAE",
        "Flux/flux2-vae.safetensors",
    ),
    VaeClass(
        "stable-diffusion-v3",
        ("stable-diffusion-v3",),
        ("sd3",),
        "DefaultSD3VAE",
        "OfficialStableDiffusion/sd35_vae.safetensors",
    ),
    VaeClass(
        "qwen-image",
        ("qwen-image",),
        ("qwen-image",),
        "DefaultQwenVAE",
        "QwenImage/qwen_image_vae.safetensors",
    ),
)
"""mcmonkeyprojects/SwarmUI src/Text2Image/T2IModelClassSorter.cs and CommonModels.cs,
src/Core/Settings.cs (``VAEs``)."""


def class_of_vae(path: str) -> VaeClass | None:
    """By metadata alone: SwarmUI tells no VAE of these classes from its tensors.

    The same sorter, where ``IsThisModelOfClass`` of these VAEs is always false.
    """
    return _named(architecture(path, SIDECARS, []))


def class_of_checkpoint(path: str, notices: list[Notice]) -> VaeClass | None:
    """By metadata, else by the denoiser's tensors; None for a class that has no row here."""
    header = header_of(path)
    said = architecture(path, SIDECARS, notices, header)
    if said is not None:
        return _named(said)
    if header is None:
        return None
    denoiser = identify(header).component("denoiser")
    if denoiser is None or denoiser.latent is None:
        return None
    if denoiser.architecture == "unet-sd1":
        return CLASSES[0]
    family = denoiser.latent.family
    return next((one for one in CLASSES if family in one.families), None)


def _named(said: str | None) -> VaeClass | None:
    lowered = (said or "").lower()
    return next((one for one in CLASSES if lowered.startswith(one.starts)), None)
