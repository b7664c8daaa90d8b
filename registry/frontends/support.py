"""Which VAE files each frontend takes in, and whose scaling factor it undoes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import UsageError
from ..judging.sides import Side
from ..measures import Convention
from ..naming import shown
from ..values import Evidence, Verdict

CHECKPOINT, CONFIG = "checkpoint", "config"
"""``Convention.name``: divide by the checkpoint's constant, or by that of the VAE's config."""


@dataclass(frozen=True, slots=True)
class Support:
    """What a frontend does with a VAE's file."""

    title: str
    endings: tuple[str, ...]
    """Of single files that it lists as VAEs, with the dot."""
    exact: bool = False
    """Whether endings count in lower case only."""
    folders: bool = False
    """Whether it takes diffusers folders."""
    layouts: tuple[str, ...] = ("ldm", "diffusers", "original", "comfyui")
    """Whose tensor names it reads in a single file."""
    scaling: str = CHECKPOINT
    whole: bool = False
    """Whether it takes the VAE out of a checkpoint, or of a file with a checkpoint's prefix."""
    strict: bool = False
    """Whether it refuses a file that lacks the encoder."""
    spaces: tuple[str, ...] = ()
    """The only latent families that it draws with; empty for many."""


_COMFY = (".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft")

SUPPORT: Mapping[str, Support] = {
    # AUTOMATIC1111/stable-diffusion-webui modules/sd_vae.py: load_state_dict is strict.
    "a1111": Support(
        "AUTOMATIC1111", (".safetensors", ".pt", ".ckpt"), layouts=("ldm",), strict=True
    ),
    # lllyasviel/stable-diffusion-webui-forge modules_forge/main_entry.py, backend/loader.py.
    "forge": Support(
        "Forge",
        (".ckpt", ".pt", ".bin", ".safetensors", ".gguf"),
        exact=True,
        layouts=("ldm",),
        whole=True,
    ),
    # Haoming02/sd-webui-forge-classic, branch neo.
    "neo": Support(
        "Forge Neo",
        (".ckpt", ".pt", ".bin", ".safetensors", ".gguf", ".pth", ".sft"),
        exact=True,
        layouts=("ldm",),
        whole=True,
    ),
    # Panchovix/stable-diffusion-webui-reForge: diffusers' names are converted.
    "reforge": Support(
        "reForge", (".safetensors", ".pt", ".ckpt"), layouts=("ldm", "diffusers"), whole=True
    ),
    # comfyanonymous/ComfyUI folder_paths.py, comfy/sd.py.
    "comfyui": Support("ComfyUI", _COMFY),
    "comfy-desktop": Support("ComfyUI Desktop", _COMFY),
    # vladmandic/sdnext modules/sd_vae.py; the scaling is that of configs/<type>/vae.
    "sdnext": Support("SD.Next", (".safetensors",), folders=True, layouts=("ldm", "diffusers")),
    # invoke-ai/InvokeAI invokeai/backend/model_manager, app/invocations/latents_to_image.py.
    "invokeai": Support(
        "InvokeAI",
        (".safetensors", ".ckpt", ".pt", ".pth", ".bin"),
        folders=True,
        layouts=("ldm", "diffusers"),
        scaling=CONFIG,
    ),
    # lllyasviel/Fooocus modules/config.py, modules/default_pipeline.py assert_model_integrity.
    "fooocus": Support(
        "Fooocus", (".pth", ".ckpt", ".bin", ".safetensors"), exact=True, spaces=("sdxl",)
    ),
    # mcmonkeyprojects/SwarmUI src/Text2Image/T2IModelHandler.cs; it drives ComfyUI.
    "swarmui": Support(
        "SwarmUI", (".safetensors", ".sft", ".gguf", ".ckpt", ".pt", ".pth", ".bin")
    ),
    # huggingface/diffusers src/diffusers/loaders/single_file.py.
    "diffusers": Support(
        "diffusers",
        (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin"),
        folders=True,
        layouts=("ldm", "diffusers"),
        scaling=CONFIG,
        whole=True,
    ),
    # leejet/stable-diffusion.cpp.
    "sdcpp": Support(
        "stable-diffusion.cpp",
        (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".gguf"),
        whole=True,
    ),
    # kohya-ss/sd-scripts library/model_util.py load_vae.
    "sd-scripts": Support(
        "sd-scripts",
        (".safetensors", ".ckpt", ".pt", ".bin"),
        folders=True,
        layouts=("ldm", "diffusers"),
        whole=True,
    ),
}
"""By the names that ``--frontend`` takes."""


def require_supported(name: str) -> str:
    """The frontend's key; raises ``UsageError`` with the names there are."""
    key = name.partition("=")[0].strip().casefold()
    if key not in SUPPORT:
        what = f"there is no frontend called {shown(name)}"
        raise UsageError(what, f"known are {', '.join(SUPPORT)}")
    return key


def ordered(conventions: Sequence[Convention], name: str | None) -> tuple[Convention, ...]:
    """The conventions, that of the frontend first: it decides."""
    if name is None:
        return tuple(conventions)
    return tuple(sorted(conventions, key=lambda one: one.name != SUPPORT[name].scaling))


def supported(verdict: Verdict, name: str, vae: Side, model: Side) -> Verdict:
    """The verdict with what the frontend makes of the VAE's file; a file it cannot use fails."""
    found = frontend_support(name, vae, model, vae.path == model.path)
    kept = replace(verdict, evidence=(*verdict.evidence, found))
    if found.outcome != "fail" or verdict.verdict == "incompatible":
        return kept
    advice = (f"give {SUPPORT[name].title} a copy that it reads: {_CURE}", *verdict.advice)
    return replace(kept, verdict="incompatible", confidence=0.9, advice=advice)


_CURE = "vaereg convert NAME --layout ldm, or another ending on a link"


def frontend_support(name: str, vae: Side, model: Side, baked: bool) -> Evidence:
    """Whether the frontend lists and reads a VAE's file: its ending, layout, prefix and parts.

    ``baked``: it is the checkpoint's own, which comes with the checkpoint.
    """
    row = SUPPORT[name]
    trouble = _of_checkpoint(row, model) or (None if baked else _of_file(row, vae))
    outcome, said = ("fail", trouble) if trouble else ("pass", "lists and reads this file")
    found = os.path.basename(vae.path or vae.name)
    return Evidence("frontend-support", outcome, row.title, found, f"{row.title} {said}")


def _of_checkpoint(row: Support, model: Side) -> str | None:
    denoiser = model.artifact.identity.component("denoiser")
    family = denoiser.latent.family if denoiser and denoiser.latent else None
    if row.spaces and family is not None and family not in row.spaces:
        return f"draws with {' and '.join(row.spaces)} checkpoints only"
    return None


def _of_file(row: Support, vae: Side) -> str | None:
    identity, component = vae.artifact.identity, vae.artifact.identity.component("vae")
    if identity.format == "diffusers":
        return None if row.folders else "takes no diffusers folders"
    ending = os.path.splitext(vae.path or vae.name)[1]
    known = ending if row.exact or os.name != "nt" else ending.lower()
    if ending and known not in row.endings:
        return f"does not list VAEs that end in {shown(ending)}"
    if component is None:
        return None
    if not row.whole and identity.component("denoiser") is not None:
        return "does not take a VAE out of a whole checkpoint"
    if not row.whole and component.prefix:
        return f"does not read tensor names that begin with {shown(component.prefix)}"
    if component.layout not in row.layouts:
        return f"does not read the {component.layout} layout in a single file"
    if row.strict and "encoder" not in component.parts:
        return "refuses a VAE without its encoder"
    return None
