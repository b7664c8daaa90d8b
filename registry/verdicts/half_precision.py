"""What to switch on in each frontend for a VAE that overflows in half precision."""

from __future__ import annotations

SWITCHES = (
    ("A1111", "--no-half-vae"),
    ("Forge", "--vae-in-fp32 (or its default bf16)"),
    ("reForge", "--vae-in-fp32"),
    ("ComfyUI", "--fp32-vae or --bf16-vae, and no --fp16-vae"),
    ("SD.Next", "no_half_vae or diffusers_vae_upcast=true"),
    ("InvokeAI", "VAE precision fp32"),
    ("diffusers", "pipe.upcast_vae()"),
    ("kohya", "--no_half_vae"),
)
"""AUTOMATIC1111/stable-diffusion-webui modules/cmd_args.py; lllyasviel/stable-diffusion-webui-forge
backend/args.py (its --no-half-vae is read by nothing); comfyanonymous/ComfyUI comfy/cli_args.py;
vladmandic/sdnext modules/shared.py; invoke-ai/InvokeAI model settings; huggingface/diffusers
pipelines/stable_diffusion_xl; kohya-ss/sd-scripts library/train_util.py."""


def switches() -> str:
    """All of them as one phrase: ``A1111 --no-half-vae; ...``."""
    return "; ".join(f"{frontend}: {switch}" for frontend, switch in SWITCHES)
