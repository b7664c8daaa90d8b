"""Transformers and other models of many parts, drawn with as whole folders of diffusers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...registry.errors import CannotRun, OutOfMemory, Unreadable
from ...registry.formats.catalog import read_path
from ...registry.formats.local import is_folder
from ...registry.formats.weight_files import choose
from ...registry.identify.pipeline import class_of
from ...registry.naming import shown
from ...registry.values import Folder
from .engine import Stepped, room_for
from .offloading import can_offload
from .parts import INSTEAD, Checkpoint

if TYPE_CHECKING:
    from .recipes import Recipe


@dataclass(frozen=True, slots=True)
class Whole:
    """One pipeline of diffusers: the classes of its parts and how it is drawn with."""

    parts: Mapping[str, tuple[str, ...]]
    """Every part that draws, with the classes that it may be of; the first is the usual one."""
    guidance: float
    """Default of ``__call__`` (huggingface/diffusers src/diffusers/pipelines)."""
    packed: bool = False
    """Whether its latents come as a row of 2 x 2 patches."""
    side: int = 1024
    """Pixels that it was trained on."""


_HINT = f"close other programs, or use --dtype bf16; {INSTEAD}"
_CLIP, _CLIP_PROJECTED = ("CLIPTextModel",), ("CLIPTextModelWithProjection",)
_CLIP_WORDS = ("CLIPTokenizer", "CLIPTokenizerFast")
_T5, _T5_WORDS = ("T5EncoderModel",), ("T5TokenizerFast", "T5Tokenizer")
_FLOW = ("FlowMatchEulerDiscreteScheduler",)

WHOLE: Mapping[str, Whole] = {
    "StableDiffusion3Pipeline": Whole(
        {
            "transformer": ("SD3Transformer2DModel",),
            "text_encoder": _CLIP_PROJECTED,
            "text_encoder_2": _CLIP_PROJECTED,
            "text_encoder_3": _T5,
            "tokenizer": _CLIP_WORDS,
            "tokenizer_2": _CLIP_WORDS,
            "tokenizer_3": _T5_WORDS,
            "scheduler": _FLOW,
        },
        guidance=7.0,
    ),
    "FluxPipeline": Whole(
        {
            "transformer": ("FluxTransformer2DModel",),
            "text_encoder": _CLIP,
            "text_encoder_2": _T5,
            "tokenizer": _CLIP_WORDS,
            "tokenizer_2": _T5_WORDS,
            "scheduler": _FLOW,
        },
        guidance=3.5,
        packed=True,
    ),
    "ChromaPipeline": Whole(
        {
            "transformer": ("ChromaTransformer2DModel",),
            "text_encoder": _T5,
            "tokenizer": _T5_WORDS,
            "scheduler": _FLOW,
        },
        guidance=5.0,
        packed=True,
    ),
    "AuraFlowPipeline": Whole(
        {
            "transformer": ("AuraFlowTransformer2DModel",),
            "text_encoder": ("UMT5EncoderModel",),
            "tokenizer": ("LlamaTokenizerFast", "LlamaTokenizer"),
            "scheduler": _FLOW,
        },
        guidance=3.5,
    ),
}
"""By the class of the pipeline: nothing else that a ``model_index.json`` names is ever run."""


class WholeEngine:
    """Fulfils ``Engine`` with a pipeline loaded whole, but for its VAE."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        recipes: tuple[Recipe, ...],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.name, self.row = whole_of(checkpoint)
        self.device = device
        self.notes: tuple[str, ...] = ()
        self.offloaded = False
        what, cpu = f"the parts of {shown(checkpoint.name)}", torch.device("cpu")
        with room_for(what, cpu, _HINT):
            self._pipeline = self._loaded(checkpoint, dtype)
        try:
            with room_for(what, device, _HINT):
                self._pipeline.to(device)
        except OutOfMemory:
            if not can_offload(device):
                raise
            self._pipeline.to(cpu)
            self.offload()

    def slice(self) -> None:
        """As ``Engine.slice``."""
        self._pipeline.enable_attention_slicing("max")

    def offload(self) -> None:
        """As ``Engine.offload``, layer by layer."""
        self.offloaded = True
        self._pipeline.enable_sequential_cpu_offload(device=self.device)

    def run(self, recipe: Recipe, stepped: Stepped) -> Tensor:
        """As ``Engine.run``; the prompt is the recipe's text."""
        pipeline = self._pipeline
        made: Tensor = pipeline(
            prompt=recipe.text,
            height=recipe.height,
            width=recipe.width,
            num_inference_steps=recipe.steps,
            guidance_scale=recipe.guidance,
            generator=torch.Generator().manual_seed(recipe.seed),
            callback_on_step_end=stepped,
            output_type="latent",
        ).images
        if self.row.packed:
            factor = pipeline.vae_scale_factor
            made = pipeline._unpack_latents(made, recipe.height, recipe.width, factor)
        return made

    def _loaded(self, checkpoint: Checkpoint, dtype: torch.dtype) -> Any:  # noqa: ANN401
        import diffusers

        weights = choose(os.listdir(os.path.join(checkpoint.path, "transformer")))
        made: Any = getattr(diffusers, self.name).from_pretrained(
            checkpoint.path,
            vae=None,
            variant=(weights.variant or None) if weights else None,
            local_files_only=True,
            use_safetensors=True,
            **{_word_for_dtype(diffusers.__version__): dtype},
        )
        made.set_progress_bar_config(disable=True)
        return made


def _word_for_dtype(version: str) -> str:
    """What diffusers calls the float type: 0.42 renamed it and 1.0 forgets the old word."""
    numbers = tuple(int(part) for part in version.split(".")[:2])
    return "dtype" if numbers >= (0, 42) else "torch_dtype"


def whole_of(checkpoint: Checkpoint) -> tuple[str, Whole]:
    """The pipeline's class and its row, every part there and of a class that it may be of.

    Raises ``CannotRun`` naming what is missing, ``NotFound`` and ``FileError``.
    """
    model = shown(checkpoint.name)
    denoiser = checkpoint.identity.component("denoiser")
    if not is_folder(checkpoint.path):
        raise CannotRun(
            f"{model} is {denoiser.architecture if denoiser else 'no checkpoint'} in one file: it "
            "is drawn with only as a diffusers folder with its text encoders and tokenizers",
            INSTEAD,
        )
    folder = read_path(checkpoint.path)
    if not isinstance(folder, Folder):
        raise Unreadable(f"{model} is no model folder")
    name = class_of(folder.index)
    row = WHOLE.get(name)
    if row is None:
        said = f"a {shown(name)}" if name else "a part of a model without model_index.json"
        raise CannotRun(f"{model} is {said}, which is not drawn with here", INSTEAD)
    missing = [part for part in row.parts if not _has(folder, checkpoint.path, part, row, model)]
    if missing:
        raise CannotRun(
            f"{model} lacks {', '.join(missing)}, without which {name} draws nothing",
            f"download the whole repository; {INSTEAD}",
        )
    return name, row


def _has(folder: Folder, path: str, part: str, row: Whole, model: str) -> bool:
    """Whether a part is listed and there; refuses one of another class than the pipeline's."""
    listed = folder.index.get(part)
    if not isinstance(listed, list) or len(listed) != 2 or listed == [None, None]:
        return False
    library = "diffusers" if part in ("transformer", "scheduler") else "transformers"
    if listed[0] != library or listed[1] not in row.parts[part]:
        raise CannotRun(
            f"{model} names {shown(str(listed))} as its {part}, where {row.parts[part][0]} belongs",
            INSTEAD,
        )
    return os.path.isdir(os.path.join(path, part)) and bool(os.listdir(os.path.join(path, part)))
