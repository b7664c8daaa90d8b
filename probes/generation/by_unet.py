"""UNets with CLIP's text encoders, drawn with through the Stable Diffusion pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...registry.errors import OutOfMemory
from ...registry.naming import shown
from .encoded import Prompt, encode
from .engine import Stepped, noise, room_for
from .networks import load_denoiser
from .offloading import can_offload
from .parts import FACTOR, Checkpoint, parts_of

if TYPE_CHECKING:
    from .recipes import Recipe

_CPU = torch.device("cpu")
_ABSENT = ("vae", "text_encoder", "tokenizer", "safety_checker", "feature_extractor")
_ABSENT_XL = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")
"""Parts of the pipelines that have done their work already, or do it elsewhere."""


class UnetEngine:
    """Fulfils ``Engine``: prompts are encoded first, so text encoders and UNet never share room."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        recipes: tuple[Recipe, ...],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self.dtype = dtype
        self.parts = parts_of(checkpoint)
        self.notes = self.parts.notes
        self.offloaded = False
        with room_for(
            f"the text encoders of {shown(checkpoint.name)}", _CPU, "close other programs"
        ):
            made = encode(checkpoint, self.parts, recipes)
        self._prompts = dict(zip(map(_asked, recipes), made, strict=True))
        self._unet = self._loaded()

    def slice(self) -> None:
        """As ``Engine.slice``."""
        unet: Any = self._unet
        unet.set_attention_slice("max")

    def offload(self) -> None:
        """As ``Engine.offload``, layer by layer."""
        import accelerate  # type: ignore[import-untyped]

        self.offloaded = True
        accelerate.cpu_offload(self._unet.to(_CPU), self.device)

    def run(self, recipe: Recipe, stepped: Stepped) -> Tensor:
        """As ``Engine.run``."""
        shape = (1, self.parts.channels, recipe.height // FACTOR, recipe.width // FACTOR)
        made = self._pipeline()(
            **self._given(*self._prompts[_asked(recipe)]),
            height=recipe.height,
            width=recipe.width,
            num_inference_steps=recipe.steps,
            guidance_scale=recipe.guidance,
            latents=noise(shape, recipe, self.device, self.dtype),
            generator=torch.Generator().manual_seed(recipe.seed),
            callback_on_step_end=stepped,
            output_type="latent",
        )
        latents: Tensor = made.images
        return latents

    def _loaded(self) -> nn.Module:
        """The denoiser on the device; in the computer's memory where the device has no room."""
        what = f"the denoiser of {shown(self.checkpoint.name)}"
        hint = "close other programs, use --device cpu or --dtype bf16, or --probe decode"
        try:
            with room_for(what, self.device, hint):
                return self._on(self.device)
        except OutOfMemory:
            if not can_offload(self.device):
                raise
        with room_for(what, _CPU, hint):
            self._unet = self._on(_CPU)
        self.offload()
        return self._unet

    def _on(self, device: torch.device) -> nn.Module:
        return load_denoiser(self.checkpoint, self.parts.denoiser, device, self.dtype)

    def _pipeline(self) -> Any:  # noqa: ANN401
        import diffusers as library

        diffusers: Any = library
        schedule = dict(self.parts.schedule)
        scheduler = getattr(diffusers, str(schedule["_class_name"])).from_config(schedule)
        if self.parts.xl:
            made = diffusers.StableDiffusionXLPipeline(
                unet=self._unet,
                scheduler=scheduler,
                add_watermarker=False,
                **dict.fromkeys(_ABSENT_XL),
            )
        else:
            made = diffusers.StableDiffusionPipeline(
                unet=self._unet,
                scheduler=scheduler,
                requires_safety_checker=False,
                **dict.fromkeys(_ABSENT),
            )
        made.set_progress_bar_config(disable=True)
        return made

    def _given(self, asked: Prompt, avoided: Prompt) -> dict[str, Tensor]:
        given = {"prompt_embeds": asked.states, "negative_prompt_embeds": avoided.states}
        if asked.pooled is not None and avoided.pooled is not None:
            given["pooled_prompt_embeds"] = asked.pooled
            given["negative_pooled_prompt_embeds"] = avoided.pooled
        return {name: it.to(self.device, self.dtype) for name, it in given.items()}


def _asked(recipe: Recipe) -> tuple[object, ...]:
    """What of a recipe the text encoders see."""
    return recipe.ids, recipe.negative_ids, recipe.clip_skip
