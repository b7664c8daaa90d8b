"""Which parts of a checkpoint draw: their configs, where their tensors lie, what may be lacking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...registry.errors import CannotRun
from ...registry.formats.local import is_folder
from ...registry.naming import shown
from ...registry.textual.kinds import KINDS
from ...registry.values import Component, Identity
from .schedules import schedule_of
from .shipped import SHIPPED, Config, Configs, configs_of, read_configs

INSTEAD = "the decode probe needs no denoiser: use --probe decode"
"""The end of hints: what answers where nothing can be drawn."""
TEXT_PARTS = ("text_encoder", "text_encoder_2")
FACTOR = 8
"""Pixels of a latent pixel in every model with a UNet that is drawn with here."""
_CONDITIONED = ("inpainting", "image_conditioning", "depth_conditioning")
"""Notices of denoisers that take more than latents and text."""
_MOST = {"number": 1 << 20, "layers": 128, "entries": 64}
"""Beyond these a config describes no UNet or text encoder, and building it might take for ever."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint on disk, as sampling is told of it."""

    name: str
    path: str
    """A file, or a diffusers folder."""
    identity: Identity
    configs: str | None = None
    """A folder of configs for a file whose parts are not those of the published models."""


@dataclass(frozen=True, slots=True)
class Part:
    """One model within the checkpoint."""

    architecture: str
    layout: str
    prefix: str
    config: Config


@dataclass(frozen=True, slots=True)
class Parts:
    """What draws: a UNet, its text encoders in order, and how noise was added in training."""

    denoiser: Part
    texts: tuple[Part, ...]
    schedule: Config
    notes: tuple[str, ...] = ()

    @property
    def xl(self) -> bool:
        """Whether the UNet takes sizes and a pooled text, as SDXL's does."""
        return self.denoiser.config.get("addition_embed_type") == "text_time"

    @property
    def side(self) -> int:
        """Pixels of the square that the model was trained on."""
        if self.denoiser.architecture == "unet-sd2" and self.predicts == "epsilon":
            # stabilityai/stable-diffusion-2-1-base: the 768 of its sibling goes with v.
            return 512
        return FACTOR * number(self.denoiser.config, "sample_size", 64)

    @property
    def predicts(self) -> str:
        """``epsilon`` | ``v_prediction`` | ``sample``."""
        return str(self.schedule.get("prediction_type", "epsilon"))

    @property
    def channels(self) -> int:
        """Latent channels."""
        return number(self.denoiser.config, "in_channels", 4)

    @property
    def vocabulary(self) -> int:
        """Tokens that the first text encoder knows."""
        return number(self.texts[0].config, "vocab_size", 49408)


def parts_of(checkpoint: Checkpoint) -> Parts:
    """The parts that draw; reads headers and configs alone.

    Raises ``CannotRun`` naming what is missing and what answers instead, ``NotFound`` and
    ``FileError``.
    """
    denoiser = checkpoint.identity.component("denoiser")
    model = shown(checkpoint.name)
    if denoiser is None:
        why = next((f" ({it.message})" for it in checkpoint.identity.all_notices), "")
        raise CannotRun(f"{model} has no denoiser that is known, so it draws nothing{why}", INSTEAD)
    if not denoiser.tensors:
        raise CannotRun(f"{model} has a config of a denoiser but no weights", INSTEAD)
    if not has_unet(checkpoint):
        raise CannotRun(
            f"{model} is {denoiser.architecture}: it reads no prompts by CLIP's layers", INSTEAD
        )
    _require_plain(denoiser, model)
    folder = is_folder(checkpoint.path)
    configs = _configs(checkpoint, denoiser, folder)
    for name, config in configs.items():
        _require_sane(config, f"{model}'s config of {shown(name)}")
    texts = _texts(checkpoint, denoiser, configs, folder)
    own = folder or checkpoint.configs is not None
    schedule, notes = schedule_of(checkpoint.path, denoiser, configs.get("scheduler", {}), own)
    unet = _part(denoiser, _required(configs, "unet", model))
    _require_channels(unet.config, model)
    return Parts(unet, texts, schedule, notes)


def clip_texts_of(checkpoint: Checkpoint) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The text encoders of CLIP's kind, whatever they serve, and why others of it cannot be run.

    Reads headers and configs alone. Raises ``NotFound`` and ``FileError``.
    """
    folder = is_folder(checkpoint.path)
    configs = read_configs(checkpoint.path) if folder else _shipped_texts()
    model, found, troubles = shown(checkpoint.name), list[Part](), list[str]()
    for component in checkpoint.identity.components:
        called = component.prefix.rstrip("/") if folder else component.architecture
        config = configs.get(called, {})
        if _is_clip(component, config) and component.tensors:
            try:
                _require_described(config, model, called, folder)
                found.append(_text(component, config, model))
            except CannotRun as failure:
                troubles.append(failure.message)
    return tuple(found), tuple(troubles)


def _is_clip(component: Component, config: Config) -> bool:
    """Whether the weights or the config are those of one of CLIP's text encoders."""
    kind = KINDS.get(component.architecture)
    told = config.get("model_type") == "clip_text_model" or (kind is not None and kind.clip)
    return component.role == "text_encoder" and told


def _require_described(config: Config, model: str, called: str, folder: bool) -> None:
    if not config:
        lacks = "no config.json" if folder else "no config that ships"
        raise CannotRun(f"{model}'s text encoder {shown(called)} has {lacks}, so it cannot be run")
    _require_sane(config, f"{model}'s config of {shown(called)}")


def _shipped_texts() -> Configs:
    """Those that ship, by the text encoder's architecture."""
    return {
        architecture: configs_of(row.name)[part]
        for row in reversed(SHIPPED.values())
        for part, architecture in row.texts.items()
    }


def has_unet(checkpoint: Checkpoint) -> bool:
    """Whether the denoiser is a UNet, which is drawn with part by part, or there is none at all."""
    denoiser = checkpoint.identity.component("denoiser")
    return denoiser is None or denoiser.architecture.startswith("unet-")


def _configs(checkpoint: Checkpoint, denoiser: Component, folder: bool) -> Configs:
    """The checkpoint's own configs where it has any, else those that ship."""
    given = checkpoint.configs or (checkpoint.path if folder else None)
    if given:
        return read_configs(given)
    row = SHIPPED.get(denoiser.architecture)
    if row is None:
        raise CannotRun(
            f"{shown(checkpoint.name)} is {denoiser.architecture}, for which no configs ship: in "
            "one file it cannot be drawn with",
            f"use it as a diffusers folder; {INSTEAD}",
        )
    return configs_of(row.name)


def _texts(
    checkpoint: Checkpoint, denoiser: Component, configs: Configs, folder: bool
) -> tuple[Part, ...]:
    """The text encoders that the configs list, each with its component in the checkpoint."""
    model = shown(checkpoint.name)
    wanted = [name for name in TEXT_PARTS if name in configs]
    if not wanted:
        raise CannotRun(f"{model} has no config of a text encoder, so no prompt", INSTEAD)
    row = SHIPPED.get(denoiser.architecture)
    found: Mapping[str, Component] = {
        part.prefix.rstrip("/") if folder else part.architecture: part
        for part in reversed(checkpoint.identity.components)
        if part.role == "text_encoder" and part.tensors
    }
    parts = []
    for name in wanted:
        called = name if folder else row.texts.get(name, "") if row else ""
        there = found.get(called)
        if there is None:
            what = name if folder else called or name
            raise CannotRun(
                f"{model} lacks the text encoder {what}, so no prompt can be read",
                f"use a copy of the model with its text encoders; {INSTEAD}",
            )
        parts.append(_text(there, configs[name], model))
    return tuple(parts)


def _text(component: Component, config: Config, model: str) -> Part:
    if config.get("model_type") != "clip_text_model":
        raise CannotRun(
            f"{model} reads prompts with {component.architecture} by a config of "
            f"{shown(str(config.get('model_type')), 40)}; only CLIP's text encoders, of "
            "clip_text_model, are run",
            INSTEAD,
        )
    if number(config, "num_hidden_layers", 1) < 1:
        raise CannotRun(f"{model}'s config of a text encoder tells of no layer", INSTEAD)
    return _part(component, config)


def _part(component: Component, config: Config) -> Part:
    return Part(component.architecture, component.layout, component.prefix, config)


def _required(configs: Configs, name: str, model: str) -> Config:
    if name not in configs:
        raise CannotRun(f"{model} has no {name}/config.json", INSTEAD)
    return configs[name]


def _require_plain(denoiser: Component, model: str) -> None:
    """Refuse denoisers that do not draw from text alone."""
    notice = next((it for it in denoiser.notices if it.code in _CONDITIONED), None)
    if notice:
        raise CannotRun(f"{model} does not draw from text alone: {notice.message}", INSTEAD)
    if denoiser.architecture == "unet-sdxl-refiner":
        raise CannotRun(f"{model} refines pictures and draws none itself", INSTEAD)


def _require_channels(unet: Config, model: str) -> None:
    ins, outs = number(unet, "in_channels", 4), number(unet, "out_channels", 4)
    if min(ins, outs) < 1:
        raise CannotRun(f"{model}'s config of its UNet tells of no channels", "download it again")
    if ins != outs:
        raise CannotRun(
            f"{model} does not draw from text alone: it takes {ins} channels and gives {outs}",
            INSTEAD,
        )


def _require_sane(config: Config, what: str) -> None:
    """Refuse figures that would take a lifetime to build."""
    for key, value in config.items():
        if not _is_sane(key, value):
            raise CannotRun(f"{what} has an impossible {shown(key)}", "download it again")


def _is_sane(key: str, value: object) -> bool:
    if isinstance(value, list):
        return len(value) <= _MOST["entries"] and all(_is_sane(key, item) for item in value)
    if isinstance(value, int | float):
        return abs(value) <= _MOST["layers" if "layers" in key else "number"]
    return True


def number(config: Config, key: str, default: int) -> int:
    """A whole number of a config; the default where it says nothing of the kind."""
    value = config.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else default
