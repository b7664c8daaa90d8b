"""Which layer of its text encoders a checkpoint wants, and how that is known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..naming import shown
from ..values import Identity, Notice
from .kinds import KINDS
from .pictures import agreed, said
from .settings import settings_for
from .values import DEEPEST, Advice, SamplePictures, TextEncoder

METADATA_KEYS = ("modelspec.encoder_layer", "ss_clip_skip")
"""What trainers write into a file's header: kohya-ss/sd-scripts library/sai_model_spec.py,
train_network.py. An unset one is left out or reads ``None``."""


@dataclass(frozen=True, slots=True)
class Line:
    """Checkpoints that read their text encoders alike."""

    settings: str | None
    """Column of the frontends' table; None where clip skip does nothing."""
    count: int | None
    """The layer from the end that they were trained on."""
    reason: str


SD1 = Line(
    "sd1",
    1,
    "Stable Diffusion 1 reads the last layer of CLIP-L",
)
_SD2 = Line("sd2", 2, "Stable Diffusion 2 reads the layer before OpenCLIP-H's last, always")
_SDXL = Line("sdxl", 2, "SDXL reads the layer before the last of its text encoders, always")
_SD3 = Line(None, None, "SD3 reads fixed layers: there is no clip skip to set")
_FLUX = Line(None, None, "FLUX.1 takes one vector of CLIP-L's end and T5's last layer, no others")

LINES = {
    # SD1: CompVis/stable-diffusion ldm/modules/encoders/modules.py (FrozenCLIPEmbedder)
    "unet-sd1": SD1,
    # Stability-AI/stablediffusion configs/stable-diffusion/v2-inference.yaml (layer: penultimate)
    "unet-sd2": _SD2,
    "unet-sd2-unclip": _SD2,
    "unet-sd-x4-upscaler": _SD2,
    # Stability-AI/generative-models configs/inference/sd_xl_base.yaml, sd_xl_refiner.yaml
    "unet-sdxl": _SDXL,
    "unet-sdxl-refiner": _SDXL,
    "unet-ssd-1b": _SDXL,
    "unet-segmind-vega": _SDXL,
    "unet-koala": _SDXL,
    # Stability-AI/sd3.5 sd3_infer.py; black-forest-labs/flux src/flux/modules/conditioner.py
    "mmdit-sd3": _SD3,
    "flux1": _FLUX,
}
"""By the denoiser's architecture."""


def advise(
    identity: Identity,
    encoders: Sequence[TextEncoder],
    metadata: Mapping[str, str],
    pictures: SamplePictures | None = None,
) -> tuple[Advice, tuple[Notice, ...]]:
    """The clip skip to set, and what a user should know beside it.

    What the weights' own folder and metadata say comes before what sample pictures agree on, and
    that before the family's default.
    """
    denoiser = identity.component("denoiser")
    if denoiser is None:
        reason = (
            "the checkpoint that a text encoder serves decides: Stable Diffusion 1 reads the last"
            " layer or the one before it, the others always the same"
        )
        return Advice(None, reason, None), ()
    line = LINES.get(denoiser.architecture)
    if line is None:
        return _unlisted(denoiser.architecture, encoders), ()
    stated, notices = _stated(metadata)
    if line is SD1:
        advice = _for_sd1(identity, encoders, stated, pictures)
        told = stated or advice.determined_by != "family"
        return advice, (*notices, *(() if told else _novelai(encoders)))
    return _as_trained(line), (*notices, *_overruled(line, stated))


def _unlisted(architecture: str, encoders: Sequence[TextEncoder]) -> Advice:
    """Nothing to set: there is no CLIP to skip layers of, or no rule is known."""
    if encoders and not any(_is_clip(one) for one in encoders):
        names = " and ".join(dict.fromkeys(one.name for one in encoders))
        reason = f"clip skip is a matter of CLIP, and this model reads {names}"
        return Advice(None, reason, "family")
    reason = f"no clip skip is known to matter to {shown(architecture)}: leave it as it is"
    return Advice(None, reason, None)


def _is_clip(encoder: TextEncoder) -> bool:
    return encoder.architecture in KINDS and KINDS[encoder.architecture].clip


def _as_trained(line: Line) -> Advice:
    settings = settings_for(line.settings, line.count) if line.settings and line.count else ()
    return Advice(line.count, line.reason, "family", settings)


def _for_sd1(
    identity: Identity,
    encoders: Sequence[TextEncoder],
    stated: tuple[str, int] | None,
    pictures: SamplePictures | None,
) -> Advice:
    early = max((one.ends_early for one in encoders), default=0)
    count, by = SD1.count or 1, "family"
    if early and identity.format == "diffusers":
        # Programs build this text encoder as its config says: the skip is in the folder already.
        reason = (
            f"the folder's CLIP-L is used without its last {early} of {DEEPEST} layers, which is"
            f" what clip skip {early + 1} does: skip no further"
        )
    elif stated:
        key, count = stated
        by = "metadata"
        reason = f"the file's metadata says so ({key}); nothing verifies it"
    elif pictures and (shown_there := agreed(pictures)):
        count, by = shown_there, "sample-pictures"
        reason = f"{said(pictures)} (Civitai, {pictures.ref})"
    else:
        # NovelAI, "NovelAI Improvements on Stable Diffusion" (2022), section Using Hidden States
        reason = (
            f"{SD1.reason}; anime models of NovelAI's lineage were trained on the one before it"
            " (clip skip 2), and nothing in this model says whether it is one"
        )
    return Advice(count, reason, by, settings_for("sd1", count))


def _novelai(encoders: Sequence[TextEncoder]) -> Iterator[Notice]:
    if any(one.novelai_names for one in encoders):
        message = (
            "its text encoder's names lack text_model., as those of NovelAI's checkpoint do, which"
            " was trained at clip skip 2: compare pictures at 1 and 2"
        )
        yield Notice("novelai_names", message)


def _stated(metadata: Mapping[str, str]) -> tuple[tuple[str, int] | None, tuple[Notice, ...]]:
    """The key and count of the metadata, where it states one; what is wrong with it."""
    said = {key: str(metadata.get(key) or "").strip() for key in METADATA_KEYS}
    said = {key: text for key, text in said.items() if text not in ("", "None")}
    counts = {key: count for key, text in said.items() if (count := _count(text))}
    notices = tuple(
        Notice("metadata_ignored", f"{key} is {shown(text, 40)}, which counts no layer: ignored")
        for key, text in said.items()
        if key not in counts
    )
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{key} {count}" for key, count in counts.items())
        message = f"the metadata contradicts itself ({listed}): ignored"
        return None, (*notices, Notice("metadata_ignored", message))
    return next(iter(counts.items()), None), notices


def _count(text: str) -> int | None:
    if not re.fullmatch(r"[0-9]{1,2}", text):
        return None
    return int(text) if 1 <= int(text) <= DEEPEST else None


def _overruled(line: Line, stated: tuple[str, int] | None) -> Iterator[Notice]:
    """A word on metadata that says otherwise where the layer is fixed."""
    if stated and stated[1] != line.count:
        key, count = stated
        yield Notice("metadata_ignored", f"{key} says {count}, which this kind of model ignores")
