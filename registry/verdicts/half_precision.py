"""What to switch on in each frontend for what overflows in half precision."""

from __future__ import annotations

from collections.abc import Iterable

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


DENOISER_SWITCHES = (
    ("A1111", "--upcast-sampling, or --no-half"),
    ("Forge", "--unet-in-bf16 or --all-in-fp32"),
    ("ComfyUI", "--bf16-unet or --fp32-unet, or --force-upcast-attention"),
    ("SD.Next", "cuda_dtype BF16, or no_half"),
    ("InvokeAI", "precision: bfloat16 or float32 in invokeai.yaml"),
    ("diffusers", "torch_dtype=torch.bfloat16 or torch.float32"),
)
"""As above, and comfyanonymous/ComfyUI comfy/cli_args.py, invoke-ai/InvokeAI
invokeai/app/services/config/config_default.py."""


def switches() -> str:
    """Those for VAEs as one phrase: ``A1111 --no-half-vae; ...``."""
    return _phrase(SWITCHES)


def denoiser_switches() -> str:
    """Those for denoisers as one phrase."""
    return _phrase(DENOISER_SWITCHES)


def _phrase(rows: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{frontend}: {switch}" for frontend, switch in rows)
