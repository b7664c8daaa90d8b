"""The table of UNets: what their figures and names are, and the latent family that follows."""

from __future__ import annotations

from dataclasses import dataclass

from .denoiser import ANY, DenoiserSignature
from .view import Keys


@dataclass(frozen=True, slots=True)
class UNetFacts:
    """What a UNet's names, shapes or config say of it."""

    layout: str
    """``ldm`` | ``diffusers``."""
    width: int | None
    """Channels of the first level."""
    inputs: int | None
    outputs: int | None
    context: int | None
    """Width of the text it attends to; None where it attends to none."""
    vector: int | None
    """Width of the vector added to the time embedding: pooled text, sizes, image embedding."""


@dataclass(frozen=True, slots=True)
class UNetSignature:
    """One row of the table: facts that must agree (None fits all) and the family that follows."""

    architecture: str
    families: tuple[str, ...]
    width: int | None = 320
    context: int | None = None
    vector: int | None = None
    inputs: int | None = None
    outputs: int | None = None
    keys: Keys = ANY
    """Besides the facts; names of either layout. A config has no names: such rows fit no config."""
    marks: tuple[str, ...] = ()
    """Tensors that stand beside the UNet in its checkpoint."""
    per_channel: int = 1
    """2 where the outputs hold a learned variance too."""
    confidence: float = 0.9

    def fits(self, facts: UNetFacts) -> bool:
        """Whether the facts agree with the row."""
        wanted = (self.width, self.context, self.vector, self.inputs, self.outputs)
        found = (facts.width, facts.context, facts.vector, facts.inputs, facts.outputs)
        return all(want in (None, have) for want, have in zip(wanted, found, strict=True))


SINGLE_RESNETS = Keys(
    any_of=("input_blocks.2.0.op.weight", "down_blocks.0.downsamplers.0.conv.weight"),
    none_of=("down_blocks.0.resnets.1.*",),
)
_NO_MIDDLE_ATTENTION = Keys(
    any_of=("middle_block.0.*", "mid_block.resnets.0.*"),
    none_of=("middle_block.1.transformer_blocks.*", "mid_block.attentions.*"),
)
_FOUR_DEEP = Keys(
    any_of=(
        "input_blocks.7.1.transformer_blocks.3.*",
        "down_blocks.2.attentions.0.transformer_blocks.3.*",
    ),
    none_of=_NO_MIDDLE_ATTENTION.none_of,
)
_IMAGE_TO_VIDEO = Keys(
    any_of=("*.time_stack.0.attn1.to_q.weight", "*.temporal_transformer_blocks.0.attn1.to_q.weight")
)
_TEMPORAL = Keys(any_of=("*.temp_convs.0.conv1.2.weight", "transformer_in.proj_in.weight"))

UNETS = (
    # Widths, context and vector: yzkee/ComfyUI comfy/supported_models.py;
    # huggingface/diffusers src/diffusers/loaders/single_file_utils.py.
    UNetSignature("unet-sd-x4-upscaler", ("sd-x4-upscaler",), 256, 1024, confidence=0.95),
    UNetSignature("unet-svd", ("sd1",), 320, 1024, 768, keys=_IMAGE_TO_VIDEO, confidence=0.95),
    UNetSignature("unet-sv3d", ("sd1",), 320, 1024, keys=_IMAGE_TO_VIDEO, confidence=0.95),
    UNetSignature("unet-sdxl-refiner", ("sdxl",), 384, 1280, 2560),
    UNetSignature("unet-kolors", ("sdxl",), 320, 2048, 5632, confidence=0.95),
    UNetSignature("unet-sdxl", ("sdxl-flux2",), 320, 2048, 2816, outputs=32),
    UNetSignature(
        "unet-sdxl",
        ("playground-v2.5",),
        width=320,
        context=2048,
        vector=2816,
        marks=("edm_mean", "edm_std"),
        confidence=0.95,
    ),
    UNetSignature("unet-koala", ("sdxl",), 320, 2048, 2816, keys=SINGLE_RESNETS),
    UNetSignature("unet-ssd-1b", ("sdxl",), 320, 2048, 2816, keys=_FOUR_DEEP),
    UNetSignature("unet-segmind-vega", ("sdxl",), 320, 2048, 2816, keys=_NO_MIDDLE_ATTENTION),
    UNetSignature("unet-sdxl", ("sdxl",), 320, 2048, 2816),
    UNetSignature("unet-lotus-d", ("sd1",), 320, 1024, 4),
    UNetSignature("unet-sd2-unclip", ("sd1",), 320, 1024, 1536),
    UNetSignature("unet-sd2-unclip", ("sd1",), 320, 1024, 2048),
    UNetSignature(
        "unet-i2vgen-xl", ("sd1",), 320, 1024, keys=Keys(any_of=("image_latents_proj_in.*",))
    ),
    UNetSignature("unet-text-to-video", ("sd1",), 320, 1024, keys=_TEMPORAL),
    UNetSignature("unet-sdxs", ("sd1",), 320, 1024, keys=SINGLE_RESNETS),
    UNetSignature("unet-sdxs", ("sd1",), 320, 768, keys=SINGLE_RESNETS),
    UNetSignature("unet-zero123", ("sd1",), 320, 768, marks=("cc_projection.weight",)),
    UNetSignature("unet-sd2", ("sd1",), 320, 1024),
    UNetSignature("unet-sd1", ("sd1",), 320, 768),
    # huggingface/diffusers src/diffusers/pipelines/{kandinsky,kandinsky2_2,kandinsky3}
    UNetSignature("unet-kandinsky2", ("movq",), 384, outputs=8, per_channel=2, confidence=0.95),
    UNetSignature(
        "unet-kandinsky3",
        ("movq-3",),
        192,
        keys=Keys(any_of=("add_time_condition.attention.to_q.weight",)),
        confidence=0.95,
    ),
    # huggingface/diffusers src/diffusers/pipelines/deepfloyd_if: RGB, mostly with its variance
    UNetSignature("unet-if", ("pixel",), None, inputs=3, outputs=6, per_channel=2),
    UNetSignature("unet-if", ("pixel",), None, inputs=6, outputs=6, per_channel=2),
    UNetSignature("unet-other", (), None),
)
"""First fit wins; the last row fits every UNet and settles nothing."""

_C_ORIGINAL = ("clip_txt_mapper.weight", "*.attn.in_proj_weight")
CASCADE = tuple(
    DenoiserSignature(
        architecture,
        layout,
        (family,),
        Keys(("clf.1.weight", *telling)),
        out="clf.1",
        per_channel=per_channel,
        needs=("embedding.1.weight", "down_blocks.0.*", "up_blocks.0.*"),
    )
    # yzkee/ComfyUI comfy/model_detection.py; diffusers loaders/single_file_utils.py
    for architecture, layout, family, telling, per_channel in (
        ("stable-cascade-c", "original", "cascade-prior", _C_ORIGINAL, 1),
        ("stable-cascade-c", "diffusers", "cascade-prior", _C_ORIGINAL[:1], 1),
        ("stable-cascade-b", "original", "cascade-a", ("clip_mapper.weight",), 4),
        ("stable-cascade-b", "diffusers", "cascade-a", ("effnet_mapper.0.weight",), 4),
    )
)
"""Stable Cascade's denoisers; their blocks are named like no other UNet's."""
