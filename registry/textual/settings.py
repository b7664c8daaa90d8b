"""Clip skip in every frontend: its own name, and the value that means the layer wanted."""

from __future__ import annotations

from dataclasses import dataclass

from .values import Setting


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value that does not depend on the count; None where the setting is to be left alone."""

    value: int | None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """A value that follows the count n from the end: factor * n + offset."""

    factor: int = 1
    offset: int = 0
    note: str | None = None


Rule = Fixed | Counted | None
"""None: the frontend does not run such checkpoints."""


@dataclass(frozen=True, slots=True)
class Frontend:
    """One row of the table: a frontend and what its setting means for each line of models."""

    name: str
    setting: str
    sd1: Rule
    sd2: Rule
    sdxl: Rule


_DEFAULT = "the default"
_COMFY_NOTE = "without the node it is the same; -1, the node's own default, is not"

FRONTENDS = (
    # AUTOMATIC1111/stable-diffusion-webui modules/sd_hijack_clip.py, modules/shared_options.py
    Frontend(
        "A1111",
        "CLIP_stop_at_last_layers",
        sd1=Counted(),
        sd2=Fixed(None, "ignored: the layer stands in the checkpoint's yaml"),
        sdxl=Fixed(None, "ignored, unless sdxl_clip_l_skip is on: then 2 is the default"),
    ),
    # lllyasviel/stable-diffusion-webui-forge backend/text_processing/classic_engine.py
    Frontend(
        "Forge",
        "CLIP_stop_at_last_layers",
        sd1=Counted(),
        sd2=Fixed(1, _DEFAULT),
        sdxl=Fixed(2, "1 does the same"),
    ),
    # yzkee/ComfyUI nodes.py (CLIPSetLastLayer), comfy/sd1_clip.py, sdxl_clip.py, sd2_clip.py
    Frontend(
        "ComfyUI",
        "CLIPSetLastLayer stop_at_clip_layer",
        sd1=Counted(-1),
        sd2=Fixed(-2, _COMFY_NOTE),
        sdxl=Fixed(-2, _COMFY_NOTE),
    ),
    # mcmonkeyprojects/SwarmUI src/Text2Image/T2IParamTypes.cs: handed on to ComfyUI
    Frontend(
        "SwarmUI",
        "CLIP Stop At Layer",
        sd1=Counted(-1),
        sd2=Fixed(-2, _DEFAULT),
        sdxl=Fixed(-2, _DEFAULT),
    ),
    # lllyasviel/Fooocus modules/config.py, modules/default_pipeline.py: SDXL alone
    Frontend("Fooocus", "clip_skip", sd1=None, sd2=None, sdxl=Fixed(2, _DEFAULT)),
    # huggingface/diffusers src/diffusers/pipelines/stable_diffusion/pipeline_stable_diffusion.py,
    # stable_diffusion_xl/pipeline_stable_diffusion_xl.py (encode_prompt)
    Frontend(
        "diffusers",
        "clip_skip",
        sd1=Counted(offset=-1),
        sd2=Fixed(None, "leave it out: its text encoder ends at the layer wanted"),
        sdxl=Fixed(None, "leave it out: it counts from the layer wanted, so 2 goes 2 deeper"),
    ),
    # vladmandic/sdnext modules/prompt_parser_diffusers.py
    Frontend(
        "SD.Next",
        "clip_skip",
        sd1=Counted(note="takes effect with clip_skip_enabled"),
        sd2=Fixed(1, _DEFAULT),
        sdxl=Fixed(1, "the default; 2 is one layer deeper than elsewhere"),
    ),
    # invoke-ai/InvokeAI invokeai/app/invocations/compel.py
    Frontend(
        "InvokeAI",
        "skipped_layers",
        sd1=Counted(offset=-1),
        sd2=Fixed(0, _DEFAULT),
        sdxl=Fixed(0, _DEFAULT),
    ),
    # leejet/stable-diffusion.cpp conditioner.hpp
    Frontend(
        "stable-diffusion.cpp",
        "--clip-skip",
        sd1=Counted(),
        sd2=Fixed(2, _DEFAULT),
        sdxl=Fixed(2, _DEFAULT),
    ),
    # kohya-ss/sd-scripts library/train_util.py, sdxl_train_util.py
    Frontend(
        "kohya sd-scripts",
        "--clip_skip",
        sd1=Counted(),
        sd2=Fixed(None, "leave it out"),
        sdxl=Fixed(None, "ignored with a warning"),
    ),
)


def settings_for(line: str, count: int) -> tuple[Setting, ...]:
    """What to set everywhere; ``line`` is ``sd1``, ``sd2`` or ``sdxl``, 1 the last layer."""
    rows = []
    for frontend in FRONTENDS:
        rule: Rule = getattr(frontend, line)
        if rule is not None:
            value = rule.value if isinstance(rule, Fixed) else rule.factor * count + rule.offset
            rows.append(Setting(frontend.name, frontend.setting, value, rule.note))
    return tuple(rows)
