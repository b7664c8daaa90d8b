"""Writes the small checkpoint as people have theirs: a diffusers folder or one original file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ...registry.samples.colours import scaling_of
from ...registry.samples.files import config_of, metadata_of, renamed, safetensors
from .configs import INDEX, SCHEDULER, TEXT_ENCODER, UNET, Config
from .ldm import TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX, unet_name
from .vaes import FAMILY, plan_of, tensors_of

if TYPE_CHECKING:
    from ...registry.samples.stream import Weights

DATA = Path(__file__).parent / "data"
UNET_FILE, TEXT_FILE = "unet.safetensors", "text_encoder.safetensors"


def write_folder(path: Path, vae: str = "own", dtype: str = "float16") -> None:
    """The checkpoint as a diffusers folder with one of ``VAES`` baked in.

    ``StableDiffusionPipeline.from_pretrained(path, local_files_only=True)`` loads it; it has no
    tokenizer, see ``prompts``. Raises ``KeyError`` for a VAE that is not there and ``OSError``.
    """
    write_configs(path, vae)
    parts = {
        "unet/diffusion_pytorch_model.safetensors": shipped(UNET_FILE),
        "text_encoder/model.safetensors": shipped(TEXT_FILE),
        "vae/diffusion_pytorch_model.safetensors": renamed(tensors_of(vae), "diffusers"),
    }
    for name, tensors in parts.items():
        (path / name).write_bytes(safetensors(tensors, dtype))


def write_single_file(path: Path, vae: str = "own", dtype: str = "float16") -> None:
    """The checkpoint as one safetensors file in the original layout, one of ``VAES`` baked in.

    ``StableDiffusionPipeline.from_single_file(path, config=<folder>, tokenizer=None,
    safety_checker=None, feature_extractor=None, local_files_only=True)`` loads it with the folder
    that ``write_configs`` writes. Raises as ``write_folder``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        **_unet_in_ldm(),
        **{TEXT_PREFIX + name: tensor for name, tensor in shipped(TEXT_FILE).items()},
        **renamed(tensors_of(vae), "ldm", VAE_PREFIX),
    }
    path.write_bytes(safetensors(tensors, dtype, metadata_of(plan_of(vae))))


def write_configs(path: Path, vae: str = "own") -> None:
    """``model_index.json`` and the config of every part, without any weights.

    The scaling factor is the checkpoint's, whatever VAE lies beside it.
    """
    scaling = {"scaling_factor": scaling_of(FAMILY).scale}
    configs: dict[str, Config] = {
        "model_index.json": INDEX,
        "unet/config.json": UNET,
        "text_encoder/config.json": TEXT_ENCODER,
        "scheduler/scheduler_config.json": SCHEDULER,
        "vae/config.json": config_of(plan_of(vae)) | scaling,
    }
    for name, config in configs.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(json.dumps(config, indent=2), "utf-8")


def shipped(name: str) -> Weights:
    """The trained tensors of ``UNET_FILE`` or ``TEXT_FILE``, as float32."""
    from safetensors.numpy import load_file

    return {key: tensor.astype("float32") for key, tensor in load_file(DATA / name).items()}


def _unet_in_ldm() -> Weights:
    tensors = shipped(UNET_FILE)
    layers = UNET["layers_per_block"]
    blocks = UNET["up_block_types"]
    assert isinstance(layers, int)
    assert isinstance(blocks, list)
    attends = tuple("CrossAttn" in kind for kind in blocks)
    return {
        UNET_PREFIX + unet_name(name, layers, attends): tensor for name, tensor in tensors.items()
    }
