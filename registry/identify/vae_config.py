"""What a VAE's config.json adds to its tensors: the family where shapes leave it open, scaling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from ..families import Family, family
from ..naming import shown
from ..values import Latent, Notice
from .vae_kl import KL_SPACES

SURE = 0.9
"""Confidence in a family that a config settles by a figure or by its class."""
BY_DEFAULT = 0.7
"""Confidence where only the class default of AutoencoderKL speaks."""
SCALING_DEFAULT = 0.18215
"""Scaling factor of an AutoencoderKL config without one: SD 1 and 2 (huggingface/diffusers
src/diffusers/models/autoencoders/autoencoder_kl.py)."""
LARGEST_SD1 = 768
"""``sample_size`` of SD 1 and 2 VAEs ends here; SDXL's say 1024 (their vae/config.json), and some
SDXL finetunes state or imply SD 1's scaling by mistake."""

_SCALING_TOLERANCE = 1e-4
_STATISTICS_TOLERANCE = 1e-3
_WITH_STATISTICS = ("mean-std", "mean-std-scale", "mean-std-half", "statistics-in-file")

Config = Mapping[str, object]
_Figure = TypeVar("_Figure", int, float)

_KL4 = KL_SPACES[0].families
_KL = tuple(dict.fromkeys(name for space in KL_SPACES for name in space.families))
_DC = (
    "sana-dcae",
    "dcae-f32c32-in",
    "dcae-f32c32-mix",
    "dcae-f64c128-in",
    "dcae-f64c128-mix",
    "dcae-f128c512-in",
    "dcae-f128c512-mix",
)


@dataclass(frozen=True, slots=True)
class ConfigClass:
    """A diffusers VAE class: whose tensors it fits and which families are saved as it."""

    architectures: tuple[str, ...]
    families: tuple[str, ...]
    channels: str = "latent_channels"
    scaling: str | None = "scaling_factor"
    """Key of a scaling factor that pipelines apply; None where they ignore it."""
    defaults: bool = False
    """Whether an absent figure means SD 1's, as for AutoencoderKL."""
    levels: bool = False
    """Whether ``block_out_channels`` tells the spatial factor."""


CLASSES = {
    "AutoencoderKL": ConfigClass(
        ("autoencoder-kl", "autoencoder-kl-flux2"), _KL, defaults=True, levels=True
    ),
    "AutoencoderKLTemporalDecoder": ConfigClass(("autoencoder-kl-temporal-decoder",), ("sd1",)),
    "ConsistencyDecoderVAE": ConfigClass(("consistency-decoder-vae", "autoencoder-kl"), ("sd1",)),
    "AsymmetricAutoencoderKL": ConfigClass(
        ("asymmetric-autoencoder-kl", "autoencoder-kl"), _KL4, defaults=True
    ),
    "AutoencoderTiny": ConfigClass(
        ("autoencoder-tiny",),
        (*_KL4, "sd3", "flux1", "glm-image", "flux2", "sana-dcae"),
        scaling=None,
    ),
    "AutoencoderDC": ConfigClass(("autoencoder-dc",), _DC),
    "VQModel": ConfigClass(("vq-model",), ("movq", "movq-3"), scaling=None),
    "PaellaVQModel": ConfigClass(("paella-vq-model",), ("cascade-a",), scaling="scale_factor"),
    "AutoencoderKLFlux2": ConfigClass(("autoencoder-kl-flux2", "autoencoder-kl"), ("flux2",)),
    "AutoencoderKLWan": ConfigClass(("autoencoder-kl-wan",), ("wan21", "wan22"), channels="z_dim"),
    "AutoencoderKLQwenImage": ConfigClass(
        ("autoencoder-kl-wan",), ("qwen-image",), channels="z_dim"
    ),
    "AutoencoderKLQwenImage21": ConfigClass(
        ("autoencoder-kl-qwen-image-21",), ("qwen-image-2.1",), channels="z_dim"
    ),
    "AutoencoderKLHunyuanVideo": ConfigClass(("autoencoder-kl-hunyuan-video",), ("hunyuan-video",)),
    "AutoencoderKLHunyuanVideo15": ConfigClass(
        ("autoencoder-kl-hunyuan-video15",), ("hunyuan-video-1.5",)
    ),
    "AutoencoderKLHunyuanImageRefiner": ConfigClass(
        ("autoencoder-kl-hunyuan-video15",), ("hunyuan-image-2.1-refiner",)
    ),
    "AutoencoderKLHunyuanImage": ConfigClass(
        ("autoencoder-kl-hunyuan-image",), ("hunyuan-image-2.1",)
    ),
    "AutoencoderKLLTXVideo": ConfigClass(
        ("autoencoder-kl-ltx-video", "autoencoder-kl-ltx2-video"), ("ltx-video",)
    ),
    "AutoencoderKLLTX2Video": ConfigClass(
        ("autoencoder-kl-ltx2-video", "autoencoder-kl-ltx-video"), ("ltx2",)
    ),
    "AutoencoderKLMochi": ConfigClass(("autoencoder-kl-mochi",), ("mochi",)),
    "AutoencoderKLCosmos": ConfigClass(("autoencoder-kl-cosmos",), ("cosmos",)),
    "AutoencoderKLCogVideoX": ConfigClass(
        ("autoencoder-kl-cog-video-x",), ("cogvideox", "cogvideox-5b")
    ),
    "AutoencoderKLAllegro": ConfigClass(("autoencoder-kl-allegro",), ("allegro",)),
    "AutoencoderKLMagvit": ConfigClass(("autoencoder-kl-magvit",), ("easyanimate-magvit",)),
    "AutoencoderKLMiniMaxH3": ConfigClass(("autoencoder-kl-minimax-h3",), ("minimax-h3",)),
    "AutoencoderKLKVAE": ConfigClass(("autoencoder-kl-kvae",), ("kvae",)),
    "Kandinsky6SRVAE": ConfigClass(("kandinsky6-sr-vae",), ("kandinsky6-sr",)),
}
"""huggingface/diffusers src/diffusers/models/autoencoders, by ``_class_name``."""


def latent_of_config(config: Config) -> Latent | None:
    """What a VAE's config says alone, None where it names no VAE class that vaereg knows."""
    known = _known(config)
    if known is None:
        return None
    channels = _count(config, known.channels)
    factor = _factor(config, known)
    rows = [family(name) for name in known.families]
    if channels is not None:
        rows = [row for row in rows if row.channels == channels]
    if factor is not None:
        rows = [row for row in rows if row.spatial_factor == factor]
    if known.defaults and channels == 16:
        names = _by_widths(config, channels, factor)
        rows = [row for row in rows if row.id in names]
    latent = Latent(
        channels=channels or _shared([row.channels for row in rows]),
        spatial_factor=_shared([row.spatial_factor for row in rows]) or factor,
        temporal_factor=_shared([row.temporal_factor for row in rows]),
        candidates=tuple(row.id for row in rows),
    )
    return _scaled(_settled(latent, config, known), config, known, False)


def narrowed(
    latent: Latent, architecture: str, config: Config, statistics: bool
) -> tuple[Latent, tuple[Notice, ...]]:
    """A header's latent with what the config adds to it; the header wins where they disagree.

    ``statistics`` tells that the file itself holds the latents' normalisation.
    """
    known = _known(config)
    disagreement = _disagreement(latent, architecture, config, known) if known else None
    if known is None or disagreement is not None:
        notices = (Notice("config_disagrees", disagreement),) if disagreement else ()
        return _scaled(latent, {}, None, statistics), notices
    if latent.family is None:
        latent = _settled(latent, config, known)
    return _scaled(latent, config, known, statistics), ()


def _known(config: Config) -> ConfigClass | None:
    name = config.get("_class_name")
    return CLASSES.get(name) if isinstance(name, str) else None


def _disagreement(
    latent: Latent, architecture: str, config: Config, known: ConfigClass
) -> str | None:
    """The sentence that says where config and tensors differ."""
    name = shown(str(config.get("_class_name")))
    if architecture not in known.architectures:
        return (
            f"config.json says {name}, the tensors are those of {architecture}: the tensors count"
        )
    channels = _count(config, known.channels)
    if None not in (channels, latent.channels) and channels != latent.channels:
        return (
            f"config.json says {channels} latent channels, the tensors have {latent.channels}:"
            " the tensors count"
        )
    factor = _factor(config, known)
    if None not in (factor, latent.spatial_factor) and factor != latent.spatial_factor:
        return (
            f"config.json says a spatial factor of {factor}, the tensors have"
            f" {latent.spatial_factor:g}: the tensors count"
        )
    return None


def _settled(latent: Latent, config: Config, known: ConfigClass) -> Latent:
    """The latent with every candidate taken away that the config's figures rule out."""
    if latent.family is not None:
        return latent
    names = tuple(name for name in latent.candidates if name in known.families)
    fits = tuple(name for name in names if _agrees(family(name), config, known))
    confidence = SURE
    if known.defaults and "sd1" in names and _close_to_sd1(config) and not _statistics_of(config):
        if (_count(config, "sample_size") or 0) > LARGEST_SD1:
            return latent
        fits = ("sd1",)
        confidence = SURE if "scaling_factor" in config else BY_DEFAULT
    if len(fits) != 1:
        return replace(latent, candidates=fits) if fits else latent
    return replace(
        latent, family=fits[0], candidates=fits, determined_by="config", confidence=confidence
    )


def _close_to_sd1(config: Config) -> bool:
    """A scaling factor left out means the class's default; one that is no number means nothing."""
    if config.get("scaling_factor") is None:
        return True
    scaling = _number(config, "scaling_factor")
    return scaling is not None and _near(scaling, SCALING_DEFAULT)


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= _SCALING_TOLERANCE


def _agrees(row: Family, config: Config, known: ConfigClass) -> bool:
    """Whether none of the config's figures contradicts the family's."""
    mean = _statistics_of(config)
    if mean is not None:
        if row.normalisation not in _WITH_STATISTICS:
            return False
        if row.latents_mean is not None and not _alike(mean, row.latents_mean):
            return False
    elif known.defaults and row.normalisation in _WITH_STATISTICS:
        return False
    scaling = _number(config, known.scaling) if known.scaling else None
    published = row.scaling_factor
    if scaling is not None and published is not None and not _near(scaling, published):
        return known.families == (row.id,)
    shift = _number(config, "shift_factor")
    if shift is not None and known.defaults:
        return _near(shift, row.shift_factor or 0.0)
    return True


def _scaled(latent: Latent, config: Config, known: ConfigClass | None, statistics: bool) -> Latent:
    """The latent with its scaling: the config's, else the family's, and who says so."""
    stated = _number(config, known.scaling) if known and known.scaling else None
    shift = _number(config, "shift_factor") if known and known.scaling else None
    row = family(latent.family) if latent.family else None
    if stated is not None:
        return replace(
            latent,
            scaling_factor=stated,
            shift_factor=shift if shift is not None or row is None else row.shift_factor,
            scaling_determined_by="config",
        )
    published = row is not None and (row.scaling_factor, row.latents_mean) != (None, None)
    return replace(
        latent,
        scaling_factor=row.scaling_factor if row else None,
        shift_factor=row.shift_factor if row else None,
        scaling_determined_by="file" if statistics else "family" if published else None,
    )


def _by_widths(config: Config, channels: int, factor: int | None) -> tuple[str, ...]:
    """Families of 16 channels are told apart by the levels' widths and by quantisation layers."""
    blocks = config.get("block_out_channels")
    widths = tuple(blocks) if isinstance(blocks, list | tuple) else ()
    quant = config.get("use_quant_conv", True)
    for space in KL_SPACES:
        if (space.channels, space.factor) == (channels, factor) and widths in (space.widths or ()):
            return space.families if space.quant in (None, quant) else ()
    return ()


def _factor(config: Config, known: ConfigClass) -> int | None:
    blocks = config.get("block_out_channels")
    if not known.levels or not isinstance(blocks, list | tuple) or not 1 < len(blocks) < 10:
        return None
    return int(2 ** (len(blocks) - 1))


def _shared(values: list[_Figure]) -> _Figure | None:
    return values[0] if values and all(value == values[0] for value in values) else None


def _number(config: Config, key: str | None) -> float | None:
    """A finite number of the config, None for anything else that stands there."""
    value = config.get(key) if key else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _count(config: Config, key: str) -> int | None:
    value = config.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _statistics_of(config: Config) -> list[float] | None:
    values = config.get("latents_mean")
    if not isinstance(values, list | tuple) or not values:
        return None
    numbers = [value for value in values if isinstance(value, int | float)]
    return [float(value) for value in numbers] if len(numbers) == len(values) else None


def _alike(one: list[float], other: tuple[float, ...]) -> bool:
    return len(one) == len(other) and all(
        abs(a - b) <= _STATISTICS_TOLERANCE for a, b in zip(one, other, strict=True)
    )
