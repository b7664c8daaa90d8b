"""Builders of folders that look like real installations of A1111's family and SD.Next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.builders import Shapes, write_safetensors

SD1_UNET = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
BAKED: Shapes = {"first_stage_model.decoder.conv_in.weight": (8, 4, 3, 3)}
CHECKPOINT: Shapes = {SD1_UNET: (8, 768), **BAKED}
"""As much of an SD1 checkpoint with its VAE as frontends' loaders ask for."""
SD3_CHECKPOINT: Shapes = {
    "model.diffusion_model.final_layer.adaLN_modulation.1.bias": (8,),
    "first_stage_model.decoder.conv_in.weight": (8, 16, 3, 3),
}
VAE: Shapes = {
    "encoder.conv_in.weight": (8, 3, 3, 3),
    "decoder.conv_in.weight": (8, 4, 3, 3),
    "decoder.conv_out.weight": (3, 8, 3, 3),
}
TEXT_ENCODER: Shapes = {"text_model.encoder.layers.0.layer_norm1.bias": (768,)}

Files = Mapping[str, "Shapes | str"]
"""Path below the root, with slashes, to tensors, or to text."""


def write(root: Path, files: Files) -> Path:
    """The files of a tree; tensors become a safetensors file whatever its ending."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, "utf-8")
        else:
            write_safetensors(path, content)
    return root


def models(*names: str, shapes: Shapes = CHECKPOINT) -> dict[str, Shapes]:
    """Files below ``models`` that all hold the same tensors."""
    return {f"models/{name}": shapes for name in names}


def a1111(
    root: Path,
    *,
    version: str | None = "1.10.1",
    config: Mapping[str, object] | None = None,
    arguments: str = "",
    files: Files | None = None,
) -> Path:
    """AUTOMATIC1111's web UI as cloned and started once."""
    return write(root, {**_web_ui(version, config, arguments), **(files or {})})


def forge(
    root: Path,
    *,
    version: str = "f2.0.1v1.10.1",
    config: Mapping[str, object] | None = None,
    arguments: str = "",
    files: Files | None = None,
) -> Path:
    """lllyasviel's Forge of the second edition."""
    own: Files = {
        "modules_forge/forge_version.py": f"version = '{version}'\n",
        "modules_forge/main_entry.py": "shared.opts.set('forge_additional_modules', modules)\n",
        "backend/loader.py": "",
        "models/text_encoder/Put text encoders here.txt": "",
    }
    return write(root, {**_web_ui("1.10.1", config, arguments), **own, **(files or {})})


def neo(
    root: Path,
    *,
    config: Mapping[str, object] | None = None,
    arguments: str = "",
    files: Files | None = None,
) -> Path:
    """Forge Neo."""
    own: Files = {
        "modules_forge/forge_version.py": 'version = "neo"\nrelease = "2.22"\n',
        "modules_forge/presets.py": "class PresetArch(Enum):\n    sd = 1\n",
    }
    return write(forge(root, config=config, arguments=arguments), {**own, **(files or {})})


def reforge(
    root: Path,
    *,
    config: Mapping[str, object] | None = None,
    arguments: str = "",
    files: Files | None = None,
) -> Path:
    """Panchovix' reForge, branch main."""
    own: Files = {
        "modules_forge/forge_version.py": "version = '2.0.0dev-v1.10.1RC'",
        "modules_forge/main_entry.py": "sd_vae = gr.Dropdown(value='Automatic')\n",
        "ldm_patched/modules/sd.py": "",
    }
    return write(root, {**_web_ui("1.10.1", config, arguments), **own, **(files or {})})


def sdnext(
    root: Path,
    *,
    config: Mapping[str, object] | None = None,
    script: str = "",
    files: Files | None = None,
) -> Path:
    """SD.Next; ``script`` is its ``webui-user.sh``."""
    own: dict[str, Shapes | str] = {
        "webui.py": "",
        "launch.py": "",
        "installer.py": "",
        "CHANGELOG.md": "# Change Log for SD.Next\n\n## Update for 2025-09-10\n",
    }
    if config is not None:
        own["config.json"] = json.dumps(config, indent=2)
    if script:
        own["webui-user.sh"] = script
    for name in ("Stable-diffusion", "VAE", "Diffusers", "Text-encoder", "UNET"):
        (root / "models" / name).mkdir(parents=True, exist_ok=True)
    return write(root, {**own, **(files or {})})


def _web_ui(version: str | None, config: Mapping[str, object] | None, arguments: str) -> Files:
    files: dict[str, Shapes | str] = {
        "webui.py": "",
        "launch.py": "",
        "modules/sd_vae.py": "vae_dict = {}\n",
        "webui-user.sh": f'#!/bin/bash\n# settings\nexport COMMANDLINE_ARGS="{arguments}"\n',
        "webui-user.bat": (
            f"@echo off\n\nset PYTHON=\nset COMMANDLINE_ARGS={arguments}\n\ncall webui.bat\n"
        ),
        "models/Stable-diffusion/Put Stable Diffusion checkpoints here.txt": "",
        "models/VAE/Put VAE here.txt": "",
    }
    if version is not None:
        files["CHANGELOG.md"] = f"## {version}\n\n### Bug Fixes:\n"
    if config is not None:
        files["config.json"] = json.dumps(config, indent=4)
    return files
