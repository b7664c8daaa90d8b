"""The flow from a header to kind and components: bundles, baked VAEs, broken and empty files."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from vaereg.registry.formats.catalog import read_path
from vaereg.registry.identify.identify import identify
from vaereg.registry.values import Header, Identity, Notice

from ...builders import header_of
from .denoiser_headers import LDM, Shapes, ldm_unet, meta
from .original_cases import flux, hunyuan, wan
from .text_headers import below, clip, open_clip, t5
from .unet_cases import SD1, SDXL
from .vae_headers import diffusers as vae_shapes
from .vae_originals import ldm

DATA = Path(__file__).parents[4] / "shared" / "data"
FIRST_STAGE = "first_stage_model."


def unet(prefix: str = LDM) -> Shapes:
    """SD1's UNet."""
    return below(prefix, ldm_unet(**SD1)())


def vae(prefix: str = FIRST_STAGE, name: str = "sd") -> Shapes:
    """A KL autoencoder in LDM's layout."""
    return below(prefix, ldm(vae_shapes(name)))


def sd1(text: bool = True, baked: bool = True) -> Shapes:
    """An SD1 checkpoint as released, its sampling tables included."""
    tables: Shapes = dict.fromkeys(("betas", "alphas_cumprod", "posterior_variance"), (1000,))
    shapes = unet() | tables | (vae() if baked else {})
    return shapes | (below("cond_stage_model.transformer.", clip()) if text else {})


def roles(identity: Identity) -> list[str]:
    """The roles of the components in their order."""
    return [part.role for part in identity.components]


def codes(identity: Identity) -> list[str]:
    """The codes of the file's notices."""
    return [notice.code for notice in identity.notices]


def test_a_checkpoint_holds_its_parts() -> None:
    """Denoiser, VAE and text encoder, each with its prefix; the VAE's family stays open."""
    identity = identify(header_of(sd1()))
    denoiser, baked, text = identity.components
    assert (identity.format, identity.kind) == ("safetensors", "checkpoint")
    assert (denoiser.role, denoiser.architecture, denoiser.prefix) == ("denoiser", "unet-sd1", LDM)
    assert (baked.role, baked.prefix, baked.tensors) == ("vae", FIRST_STAGE, 248)
    assert (text.role, text.prefix) == ("text_encoder", "cond_stage_model.transformer.")
    assert denoiser.latent is not None
    assert baked.latent is not None
    assert (denoiser.latent.family, baked.latent.family) == ("sd1", None)
    assert "sd1" in baked.latent.candidates
    assert (denoiser.dtypes, denoiser.parameters) == (("float16",), 859_520_964)
    assert identity.notices == ()


@pytest.mark.parametrize(("text", "baked"), [(True, False), (False, True), (False, False)])
def test_what_is_not_baked_in_is_no_component(text: bool, baked: bool) -> None:
    """Pruned files lack a VAE, text encoders or both."""
    identity = identify(header_of(sd1(text, baked)))
    expected = ["denoiser"] + ["vae"] * baked + ["text_encoder"] * text
    assert (identity.kind, roles(identity)) == ("checkpoint", expected)


@pytest.mark.parametrize(
    ("prefix", "denoiser", "baked"),
    [
        (LDM, flux(), "sd3"),
        ("transformer.", meta("FluxTransformer2DModel", num_layers=1, num_single_layers=1), "sd3"),
        ("unet.", meta("UNet2DConditionModel", **SDXL), "sd"),
        ("", flux(), "sd3"),
        ("net.", wan, "wan21"),
        ("model.", partial(hunyuan, (16, 1, 2, 2), 64, vector_in__in_layer=768), "hunyuan-video"),
    ],
    ids=["ldm", "transformer", "unet", "bare", "net", "model"],
)  # fmt: skip
def test_bundles_of_every_tool(prefix: str, denoiser: Callable[[], Shapes], baked: str) -> None:
    """Wherever the denoiser lies, the VAE beside it is found."""
    identity = identify(header_of(below(prefix, denoiser()) | below("vae.", vae_shapes(baked))))
    component = identity.component("vae")
    assert (identity.kind, roles(identity)) == ("checkpoint", ["denoiser", "vae"])
    assert component is not None
    assert component.prefix == "vae."


def test_what_training_left_behind_is_no_part() -> None:
    """EMA copies, losses and optimizers are left out of the count."""
    rest: Shapes = {"model_ema.decay": (), "model_ema.diffusion_modelout2weight": (4, 320, 3, 3)}
    rest |= {f"loss.discriminator.{n}.weight": (64, 3, 4, 4) for n in range(100)}
    assert roles(identify(header_of(sd1() | rest))) == ["denoiser", "vae", "text_encoder"]
    alone = identify(header_of(vae("") | rest))
    assert (alone.kind, alone.components[0].tensors) == ("vae", 248)


def test_a_wrapper_around_all_names_is_part_of_the_prefix() -> None:
    """Data-parallel training puts ``module.`` before every name."""
    identity = identify(header_of(below("module.", sd1())))
    prefixes = [part.prefix for part in identity.components]
    assert prefixes == [
        f"module.{LDM}",
        f"module.{FIRST_STAGE}",
        "module.cond_stage_model.transformer.",
    ]


@pytest.mark.parametrize("prefix", ["", FIRST_STAGE, "vae."])
def test_a_vae_alone_is_a_vae(prefix: str) -> None:
    """Bare or below the prefix it had in its checkpoint."""
    identity = identify(header_of(vae(prefix)))
    assert (identity.kind, roles(identity)) == ("vae", ["vae"])
    assert identity.components[0].prefix == prefix


def test_a_vae_beside_text_encoders_is_a_bundle() -> None:
    """What some front ends call a CLIP and VAE pack; it is no checkpoint."""
    shapes = vae("vae.", "sd3") | below("text_encoders.t5xxl.transformer.", t5(layers=2))
    identity = identify(header_of(shapes))
    assert (identity.kind, roles(identity)) == ("bundle", ["vae", "text_encoder"])


def test_a_vae_in_the_remains_of_a_checkpoint_makes_no_vae() -> None:
    """A file that lost half of its UNet is a broken checkpoint."""
    kept = dict(list(unet().items())[:300])
    identity = identify(header_of(kept | vae()))
    assert (identity.kind, identity.components) == ("unknown", ())
    assert codes(identity) == ["parts_missing"]


def test_a_vae_beside_an_unknown_model_makes_no_vae() -> None:
    """A denoiser that no signature knows is not overlooked."""
    stranger: Shapes = {f"trunk.{n}.gate.weight": (64, 64) for n in range(200)}
    for prefix in ("", LDM):
        identity = identify(header_of(below(prefix, stranger) | vae()))
        assert (identity.kind, identity.components) == ("unknown", ())
        assert codes(identity) == ["unknown_architecture"]


def test_a_partly_baked_vae_is_reported() -> None:
    """Scraps of a VAE are none; a half is one with a half missing."""
    scraps = dict(list(vae().items())[:30])
    identity = identify(header_of(unet() | scraps))
    assert roles(identity) == ["denoiser"]
    decoder = {name: shape for name, shape in vae().items() if ".encoder." not in name}
    half = identify(header_of(unet() | decoder)).component("vae")
    assert half is not None
    assert half.parts == ("decoder",)


def test_a_baked_vae_of_other_channels_is_reported() -> None:
    """An SD1 UNet cannot use FLUX's VAE."""
    identity = identify(header_of(unet() | vae(name="sd3")))
    assert codes(identity) == ["family_disagrees"]


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ("v_pred", "v-prediction"),
        ("edm_vpred.sigma_max", "EDM v-prediction"),
        ("edm_mean", "EDM prediction"),
        (f"{LDM}__x0__", "x0 prediction"),
    ],
)
def test_marks_of_the_prediction_are_reported(mark: str, says: str) -> None:
    """A wrong prediction makes noise that is easily blamed on the VAE."""
    (notice,) = identify(header_of(unet() | {mark: ()})).notices
    assert notice.code == "prediction_type"
    assert says in notice.message


def test_a_declared_architecture_settles_nothing() -> None:
    """Metadata is its author's word; it is shown, made harmless, where the tensors are silent."""
    said = {"modelspec.architecture": "stable-diffusion-xl-v1-base/vae\x1b[2J"}
    identity = identify(header_of(vae(""), metadata=said))
    assert identity.components[0].latent is not None
    assert identity.components[0].latent.family is None
    assert codes(identity) == ["declared_family"]
    assert "sdxl" in identity.notices[0].message
    assert "\x1b" not in identity.notices[0].message
    assert codes(identify(header_of(below(LDM, ldm_unet(**SDXL)()), metadata=said))) == []


def test_an_empty_file_is_named() -> None:
    """Valid, but without a tensor; the reader's own notices are kept."""
    header = Header("safetensors", 10, {}, notices=(Notice("odd", "Odd."),))
    identity = identify(header)
    assert (identity.kind, codes(identity)) == ("unknown", ["odd", "no_tensors"])


def test_names_of_files_play_no_part() -> None:
    """The same names in another container are the same model."""
    first = identify(header_of(sd1(), format="torch-zip"))
    second = identify(header_of(sd1(), format="gguf"))
    assert first.components == second.components
    assert (first.format, second.format) == ("torch-zip", "gguf")


def test_any_names_and_shapes_are_answered() -> None:
    """Names and shapes of the right spelling and the wrong rank raise nothing."""
    for shape in ((), (0,), (0, 0), (1, 2, 3, 4, 5, 6), (10**18, 10**18)):
        for shapes in (sd1(), flux()(), clip(), open_clip(), wan()):
            identity = identify(header_of(dict.fromkeys(shapes, shape)))
            assert identity.format == "safetensors"


def test_an_sdxl_checkpoint_takes_milliseconds() -> None:
    """2,500 tensors; the bound leaves room for a slow machine, a usual run takes 7 ms."""
    shapes = below(LDM, ldm_unet(**SDXL)()) | vae()
    shapes |= below("conditioner.embedders.0.transformer.", clip())
    shapes |= below("conditioner.embedders.1.model.", open_clip(1280))
    header = header_of(shapes)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        identify(header)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.05


SAMPLES = {
    "vae-ft-mse-840000-ema-pruned": ("vae", ["vae"]),
    "sdxl_vae": ("vae", ["vae"]),
    "ae": ("vae", ["vae"]),
    "sd3_vae": ("vae", ["vae"]),
    "sd-vae-ft-mse-diffusers": ("vae", ["vae"]),
    "dreamshaper_8": ("checkpoint", ["denoiser", "vae", "text_encoder"]),
    "anything-v3-pruned-novae": ("checkpoint", ["denoiser", "text_encoder"]),
    "sd_xl_base_1.0": ("checkpoint", ["denoiser", "vae", "text_encoder", "text_encoder"]),
    "v2-1_768-ema-pruned": ("checkpoint", ["denoiser", "vae", "text_encoder"]),
    "flux1-dev": ("checkpoint", ["denoiser"]),
    "sd3_medium": ("checkpoint", ["denoiser", "vae"]),
    "style_lora": ("lora", []),
    "EasyNegativeV2": ("embedding", []),
    "controlnet-canny-sdxl-1.0-mid": ("controlnet", []),
    "clip_l": ("text_encoder", ["text_encoder"]),
}


def test_released_files_are_what_they_are(tmp_path: Path) -> None:
    """Header-true copies of fifteen releases, read from disk."""
    script = DATA / "make_samples.py"
    if not script.exists():
        pytest.skip("the folder of shared samples is not there")
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, capture_output=True)
    files = sorted(tmp_path.glob("*.safetensors"))
    assert {path.stem for path in files} == set(SAMPLES)
    for path in files:
        header = read_path(str(path))
        assert isinstance(header, Header)
        identity = identify(header)
        assert (identity.kind, roles(identity)) == SAMPLES[path.stem], path.stem


@pytest.mark.parametrize(
    ("name", "kind"), [("vae-approx-sd1.pt", "preview"), ("taesd_decoder.safetensors", "vae")]
)
def test_small_real_files(name: str, kind: str) -> None:
    """A preview net is no VAE, a tiny VAE is one."""
    path = DATA / name
    if not path.exists():
        pytest.skip("the folder of shared samples is not there")
    header = read_path(str(path))
    assert isinstance(header, Header)
    assert identify(header).kind == kind
