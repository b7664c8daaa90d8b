"""A VAE's config settles what shapes leave open, and never overrules the tensors."""

from __future__ import annotations

import math

import pytest

from vaereg.registry.families import family
from vaereg.registry.identify.vae import identify_vae
from vaereg.registry.identify.vae_config import latent_of_config
from vaereg.registry.identify.view import View
from vaereg.registry.values import Component, Latent

from ...builders import header_of
from . import vae_originals as original
from .vae_headers import diffusers

Config = dict[str, object]

_WIDTHS = [128, 256, 512, 512]
_QUANTLESS = {"use_quant_conv": False, "use_post_quant_conv": False}


def kl(**more: object) -> Config:
    """An AutoencoderKL config of 4 channels; None takes a key away."""
    config = {
        "_class_name": "AutoencoderKL",
        "block_out_channels": _WIDTHS,
        "latent_channels": 4,
        "sample_size": 512,
    } | more
    return {key: value for key, value in config.items() if value is not None}


def kl16(**more: object) -> Config:
    """An AutoencoderKL config of 16 channels without quantisation convolutions."""
    return kl(latent_channels=16, sample_size=1024, **_QUANTLESS, **more)


def of(name: str) -> Config:
    """A config that says its class alone."""
    return {"_class_name": name}


_PLAYGROUND = family("playground-v2.5")
_EQ = family("eq-sdxl")

SETTLED: list[tuple[str, Config, str | None, float]] = [
    ("sd", kl(scaling_factor=0.18215), "sd1", 0.9),
    ("sd", kl(), "sd1", 0.7),
    ("sd", kl(sample_size=None), "sd1", 0.7),
    ("sd", kl(sample_size=1024), None, 0.0),
    ("sd", kl(sample_size=1024, scaling_factor=0.18215), None, 0.0),
    ("sd", kl(sample_size=1024, scaling_factor=0.13025), "sdxl", 0.9),
    ("sd", kl(scaling_factor=0.13025, latents_mean=None), "sdxl", 0.9),
    (
        "sd",
        kl(
            scaling_factor=0.5,
            latents_mean=list(_PLAYGROUND.latents_mean or ()),
            latents_std=list(_PLAYGROUND.latents_std or ()),
        ),
        *("playground-v2.5", 0.9),
    ),
    (
        "sd",
        kl(
            scaling_factor=_EQ.scaling_factor,
            shift_factor=_EQ.shift_factor,
            latents_mean=list(_EQ.latents_mean or ()),
        ),
        *("eq-sdxl", 0.9),
    ),
    ("sd", kl(scaling_factor=0.5), None, 0.0),
    ("sd", kl(scaling_factor=1.0), None, 0.0),
    ("sd", of("SomethingElse"), None, 0.0),
    ("sd3", kl16(scaling_factor=1.5305, shift_factor=0.0609), "sd3", 0.9),
    ("sd3", kl16(scaling_factor=0.3611, shift_factor=0.1159), "flux1", 0.9),
    ("sd3", kl16(latents_mean=[0.1] * 16, latents_std=[1.0] * 16), "glm-image", 0.9),
    ("sd3", kl16(scaling_factor=0.18215), None, 0.0),
    ("sd3", kl16(scaling_factor=1.5305, shift_factor=0.1159), None, 0.0),
    ("asymmetric-2", of("AsymmetricAutoencoderKL") | {"scaling_factor": 0.18215}, "sd1", 0.9),
    ("wan21", of("AutoencoderKLWan"), "wan21", 0.9),
    ("wan21", of("AutoencoderKLQwenImage"), "qwen-image", 0.9),
    ("hunyuan-15", of("AutoencoderKLHunyuanVideo15"), "hunyuan-video-1.5", 0.9),
    ("hunyuan-15", of("AutoencoderKLHunyuanImageRefiner"), "hunyuan-image-2.1-refiner", 0.9),
    ("cogvideox", of("AutoencoderKLCogVideoX") | {"scaling_factor": 0.7}, "cogvideox-5b", 0.9),
    ("cogvideox", of("AutoencoderKLCogVideoX") | {"scaling_factor": 1.15258426}, "cogvideox", 0.9),
    ("cogvideox", of("AutoencoderKLCogVideoX"), None, 0.0),
    ("dc-f32", of("AutoencoderDC") | {"scaling_factor": 0.3189}, "dcae-f32c32-in", 0.9),
    ("dc-f128", of("AutoencoderDC") | {"scaling_factor": 0.362}, "dcae-f128c512-mix", 0.9),
    ("tiny-4", of("AutoencoderTiny") | {"scaling_factor": 1.0}, None, 0.0),
    ("tiny-4", of("AutoencoderTiny") | {"_name_or_path": "madebyollin/taesdxl"}, None, 0.0),
]


def identified(name: str, config: Config) -> tuple[Component, Latent]:
    """The component of a diffusers VAE with that config."""
    component = identify_vae(View(header_of(diffusers(name)).tensors), "vae/", config)
    assert component is not None
    assert component.latent is not None
    return component, component.latent


@pytest.mark.parametrize(("name", "config", "known", "confidence"), SETTLED)
def test_config_settles_the_family(
    name: str, config: Config, known: str | None, confidence: float
) -> None:
    """By its figures or its class, and only where exactly one family remains."""
    component, latent = identified(name, config)
    assert component.prefix == "vae/"
    assert component.notices == ()
    assert latent.family == known
    assert latent.determined_by == ("config" if known else None)
    assert latent.confidence == pytest.approx(confidence)
    assert latent.candidates == ((known,) if known else latent.candidates)
    if known is None:
        assert len(latent.candidates) > 1


def test_scaling_is_the_configs_where_it_states_one() -> None:
    """Also where it settles no family; an absent one is the family's."""
    _, latent = identified("sd", kl(scaling_factor=1.0))
    assert (latent.scaling_factor, latent.scaling_determined_by) == (1.0, "config")
    _, latent = identified("sd", kl())
    assert (latent.scaling_factor, latent.scaling_determined_by) == (0.18215, "family")
    _, latent = identified("sd3", kl16(scaling_factor=0.3611, shift_factor=0.1159))
    assert (latent.scaling_factor, latent.shift_factor) == (0.3611, 0.1159)
    _, latent = identified("movq", of("VQModel") | {"scaling_factor": 0.18215})
    assert (latent.scaling_factor, latent.scaling_determined_by) == (1.0, "family")


@pytest.mark.parametrize(
    ("name", "config", "word"),
    [
        ("sd", kl(latent_channels=16), "16 latent channels"),
        ("sd3", kl(scaling_factor=0.18215), "4 latent channels"),
        ("sd", kl(block_out_channels=[128, 256, 512]), "spatial factor"),
        ("sd", of("AutoencoderKLWan"), "AutoencoderKLWan"),
        ("wan21", kl(scaling_factor=0.13025), "AutoencoderKL"),
    ],
)
def test_tensors_overrule_a_config_that_lies(name: str, config: Config, word: str) -> None:
    """The header's answer stands, and a notice says where they differ."""
    component, latent = identified(name, config)
    plain, bare = identified(name, {})
    assert latent == bare
    assert plain.notices == ()
    (notice,) = component.notices
    assert notice.code == "config_disagrees"
    assert word in notice.message


@pytest.mark.parametrize(
    "value", [None, "4", [], {}, True, math.nan, math.inf, -1, 10**400, [None], ["x"] * 99, 0.5]
)
def test_hostile_configs_raise_nothing(value: object) -> None:
    """Any JSON value under any key."""
    figures = ["latent_channels", "z_dim", "scaling_factor", "shift_factor", "latents_mean"]
    for key in [*figures, "block_out_channels", "sample_size", "use_quant_conv", "_class_name"]:
        identified("sd", kl() | {key: value})
        identified("sd3", kl16() | {key: value})
        latent_of_config(kl() | {key: value})
        latent_of_config(kl16() | {key: value})


ALONE: list[tuple[Config, tuple[object, ...]]] = [
    (kl(), (4, 8, 1, "sd1")),
    (kl(scaling_factor=0.13025), (4, 8, 1, "sdxl")),
    (kl(scaling_factor=0.08333, block_out_channels=[128, 256, 512]), (4, 4, 1, "sd-x4-upscaler")),
    (kl16(scaling_factor=0.3611, shift_factor=0.1159), (16, 8, 1, "flux1")),
    (kl16(), (16, 8, 1, None)),
    (kl16(block_out_channels=[128, 512, 1024, 1024], scaling_factor=1.0), (16, 8, 1, "cogview")),
    (of("AutoencoderKLWan") | {"z_dim": 48}, (48, 16, 4, "wan22")),
    (of("AutoencoderKLWan") | {"z_dim": 16}, (16, 8, 4, "wan21")),
    (of("AutoencoderKLFlux2"), (32, 8, 1, "flux2")),
    (of("AutoencoderTiny") | {"latent_channels": 4}, (4, 8, 1, None)),
    (
        of("AutoencoderDC") | {"latent_channels": 32, "scaling_factor": 0.41407},
        (32, 32, 1, "sana-dcae"),
    ),
    (of("PaellaVQModel") | {"latent_channels": 4, "scale_factor": 0.3764}, (4, 4, 1, "cascade-a")),
]


@pytest.mark.parametrize(("config", "expected"), ALONE)
def test_a_config_alone_tells_the_latents(config: Config, expected: tuple[object, ...]) -> None:
    """For folders whose weights are not there or not readable."""
    latent = latent_of_config(config)
    assert latent is not None
    shape = (latent.channels, latent.spatial_factor, latent.temporal_factor, latent.family)
    assert shape == expected
    assert latent.determined_by == ("config" if latent.family else None)


def test_other_classes_are_no_vae() -> None:
    """A UNet's config or none."""
    assert latent_of_config(of("UNet2DConditionModel")) is None
    assert latent_of_config({}) is None


def test_config_serves_other_layouts_too() -> None:
    """A folder may hold weights under LDM's names."""
    view = View(header_of(original.ldm(diffusers("sd"))).tensors)
    component = identify_vae(view, config=kl(scaling_factor=0.13025))
    assert component is not None
    assert component.latent is not None
    assert component.latent.family == "sdxl"


def test_a_scaling_factor_that_is_no_number_settles_nothing() -> None:
    """It is stated, so the class's default does not hold either."""
    config = {"_class_name": "AutoencoderKL", "latent_channels": 4, "scaling_factor": "x"}
    latent = latent_of_config(config)
    assert latent is None or latent.family is None
