"""Every VAE architecture in every layout is named as itself, whole and in halves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest

from vaereg.registry.families import families, family
from vaereg.registry.identify.vae import identify_vae
from vaereg.registry.identify.vae_tables import SIGNATURES
from vaereg.registry.identify.view import View
from vaereg.registry.values import Component

from ...builders import header_of
from . import vae_originals as original
from . import vae_tiny_headers as tiny
from .vae_headers import Shapes, diffusers, effnet, half, stage_a

KL4 = "sd1 sdxl playground-v2.5 eq-sdxl"
KL16 = "sd3 flux1 glm-image"
TAEHV16 = "hunyuan-video wan21 qwen-image cogvideox cogvideox-5b"
REFINER = "hunyuan-video-1.5 hunyuan-image-2.1-refiner"
BOTH = ("encoder", "decoder")


class Row(NamedTuple):
    """A header and what it is."""

    name: str
    build: Callable[[], Shapes]
    architecture: str
    layout: str
    families: str
    latent: tuple[int, float, int]
    """Channels, spatial factor, temporal factor."""
    parts: tuple[str, ...] = BOTH


def _rows(name: str, kind: str, fams: str, latent: tuple[int, float, int]) -> list[Row]:
    """A KL autoencoder in the diffusers and in the LDM layout."""
    return [
        Row(name, lambda: diffusers(name), kind, "diffusers", fams, latent),
        Row(f"{name}-ldm", lambda: original.ldm(diffusers(name)), kind, "ldm", fams, latent),
    ]


def _diffusers(name: str, kind: str, fams: str, latent: tuple[int, float, int]) -> Row:
    return Row(name, lambda: diffusers(name), kind, "diffusers", fams, latent)


def _tiny(build: Callable[[str], Shapes], fams: str, latent: tuple[int, float, int]) -> list[Row]:
    return [
        Row(
            f"{build.__name__}-{part}",
            partial(build, part),
            "autoencoder-tiny",
            "original",
            fams,
            latent,
            (part,),
        )
        for part in BOTH
    ]


def _bare(part: str) -> Shapes:
    """One of the two files in which Mochi's halves were released."""
    found = half(part, original.mochi()).items()
    return {name.removeprefix(f"{part}."): shape for name, shape in found}


def _taehv(channels: int, images: int, fams: str, latent: tuple[int, float, int]) -> Row:
    build = partial(tiny.taehv, channels, images)
    return Row(f"taehv-{channels}", build, "taehv", "original", fams, latent)


WAN, WAN22 = ("wan21 qwen-image", (16, 8, 4)), ("wan22", (48, 16, 4))
LTX, LTX2 = ("ltx-video", (128, 32, 8)), ("ltx2", (128, 32, 8))
DC32 = ("dcae-f32c32-in dcae-f32c32-mix", (32, 32, 1))
DC64 = ("dcae-f64c128-in dcae-f64c128-mix", (128, 64, 1))
DC128 = ("dcae-f128c512-in dcae-f128c512-mix", (512, 128, 1))

MATRIX: list[Row] = [
    *_rows("sd", "autoencoder-kl", KL4, (4, 8, 1)),
    *_rows("x4", "autoencoder-kl", "sd-x4-upscaler", (4, 4, 1)),
    *_rows("kl-f4", "autoencoder-kl", "", (3, 4, 1)),
    *_rows("sd3", "autoencoder-kl", KL16, (16, 8, 1)),
    *_rows("16-quant", "autoencoder-kl", "sd3 flux1 glm-image cogview ostris-d16", (16, 8, 1)),
    *_rows("d16", "autoencoder-kl", "ostris-d16", (16, 8, 1)),
    *_rows("cogview", "autoencoder-kl", "cogview", (16, 8, 1)),
    *_rows("flux2", "autoencoder-kl-flux2", "flux2", (32, 8, 1)),
    *_rows("flux2-small", "autoencoder-kl-flux2", "flux2", (32, 8, 1)),
    *_rows("movq", "vq-model", "movq", (4, 8, 1)),
    *_rows("movq-3", "vq-model", "movq-3", (4, 8, 1)),
    *_rows("vq-f4", "vq-model", "", (3, 4, 1)),
    Row("flux2-own", original.flux2_original, "autoencoder-kl-flux2", "ldm", "flux2", (32, 8, 1)),
    Row(
        "sd-old-attention",
        lambda: original.old_attention(diffusers("sd")),
        *("autoencoder-kl", "diffusers", KL4, (4, 8, 1)),
    ),
    Row(
        "sd-ldm-linear",
        lambda: original.ldm(diffusers("sd"), rank=2),
        *("autoencoder-kl", "ldm", KL4, (4, 8, 1)),
    ),
    Row(
        "sd-ldm-3d",
        lambda: original.ldm(diffusers("sd"), rank=3),
        *("autoencoder-kl", "ldm", KL4, (4, 8, 1)),
    ),
    _diffusers("svd", "autoencoder-kl-temporal-decoder", "sd1", (4, 8, 1)),
    Row("svd-ldm", original.svd_ldm, "autoencoder-kl-temporal-decoder", "ldm", "sd1", (4, 8, 1)),
    _diffusers("asymmetric-1.5", "asymmetric-autoencoder-kl", KL4, (4, 8, 1)),
    _diffusers("asymmetric-2", "asymmetric-autoencoder-kl", KL4, (4, 8, 1)),
    _diffusers("consistency", "consistency-decoder-vae", "sd1", (4, 8, 1)),
    Row("stage-a", stage_a, "paella-vq-model", "diffusers", "cascade-a", (4, 4, 1)),
    Row(
        "stage-a-own",
        original.stage_a_original,
        "paella-vq-model",
        "original",
        "cascade-a",
        (4, 4, 1),
    ),
    Row(
        "effnet",
        effnet,
        *("effnet-encoder", "original", "cascade-prior", (16, 42.67, 1), ("encoder",)),
    ),
    Row(
        "effnet-bundle",
        original.effnet_in_bundle,
        *("effnet-encoder", "original", "cascade-prior", (16, 42.67, 1), ("encoder",)),
    ),
    _diffusers("tiny-4", "autoencoder-tiny", KL4, (4, 8, 1)),
    _diffusers("tiny-16", "autoencoder-tiny", KL16, (16, 8, 1)),
    Row("packed", tiny.packed_taesd, "autoencoder-tiny", "comfyui", KL4, (4, 8, 1)),
    Row(
        "packed-16",
        lambda: tiny.packed_taesd("tiny-16", statistics=False),
        *("autoencoder-tiny", "comfyui", KL16, (16, 8, 1)),
    ),
    *_tiny(tiny.taesd, KL4, (4, 8, 1)),
    *_tiny(tiny.taef2, "flux2", (32, 8, 1)),
    *_tiny(tiny.taesana, "sana-dcae", (32, 32, 1)),
    *_tiny(tiny.taeqi21, "qwen-image-2.1", (64, 16, 1)),
    _taehv(16, 3, TAEHV16, (16, 8, 4)),
    _taehv(24, 12, "minimax-h3", (24, 16, 4)),
    _taehv(32, 12, REFINER, (32, 16, 4)),
    _taehv(48, 12, "wan22", (48, 16, 4)),
    _taehv(128, 48, "ltx2", (128, 32, 8)),
    _diffusers("dc-sana", "autoencoder-dc", "sana-dcae", (32, 32, 1)),
    _diffusers("dc-f32", "autoencoder-dc", *DC32),
    _diffusers("dc-f64", "autoencoder-dc", *DC64),
    _diffusers("dc-f128", "autoencoder-dc", *DC128),
    *(
        Row(
            f"{name}-own",
            partial(original.dc_ae, name),
            "autoencoder-dc",
            "original",
            *what,
        )
        for name, what in (
            ("dc-sana", ("sana-dcae", (32, 32, 1))),
            ("dc-f32", DC32),
            ("dc-f64", DC64),
            ("dc-f128", DC128),
        )
    ),
    _diffusers("wan21", "autoencoder-kl-wan", *WAN),
    _diffusers("qwen-rgba", "autoencoder-kl-wan", *WAN),
    _diffusers("wan22", "autoencoder-kl-wan", *WAN22),
    Row("wan21-own", original.wan21, "autoencoder-kl-wan", "original", *WAN),
    Row(
        "wan-rgba-own",
        lambda: original.wan21("qwen-rgba"),
        *("autoencoder-kl-wan", "original", *WAN),
    ),
    Row("wan22-own", original.wan22, "autoencoder-kl-wan", "original", *WAN22),
    Row(
        "wan-flat-own",
        lambda: original.flat(original.wan21()),
        *("autoencoder-kl-wan", "original", *WAN),
    ),
    Row(
        "wan-flat",
        lambda: original.flat(diffusers("wan21")),
        *("autoencoder-kl-wan", "diffusers", *WAN),
    ),
    _diffusers("qwen21", "autoencoder-kl-qwen-image-21", "qwen-image-2.1", (64, 16, 1)),
    _diffusers("hunyuan-video", "autoencoder-kl-hunyuan-video", "hunyuan-video", (16, 8, 4)),
    Row(
        "hunyuan-video-own",
        original.hunyuan_video,
        *("autoencoder-kl-hunyuan-video", "original", "hunyuan-video", (16, 8, 4)),
    ),
    _diffusers("hunyuan-15", "autoencoder-kl-hunyuan-video15", REFINER, (32, 16, 4)),
    _diffusers("hunyuan-refiner", "autoencoder-kl-hunyuan-video15", REFINER, (32, 16, 4)),
    Row(
        "hunyuan-15-own",
        original.hunyuan_15,
        *("autoencoder-kl-hunyuan-video15", "original", REFINER, (32, 16, 4)),
    ),
    _diffusers("hunyuan-image", "autoencoder-kl-hunyuan-image", "hunyuan-image-2.1", (64, 32, 1)),
    Row(
        "hunyuan-image-own",
        original.hunyuan_image,
        *("autoencoder-kl-hunyuan-image", "original", "hunyuan-image-2.1", (64, 32, 1)),
    ),
    Row(
        "hunyuan-image-3",
        original.hunyuan_image_3,
        *("autoencoder-kl-hunyuan-image3", "original", "hunyuan-image-3", (32, 16, 4)),
    ),
    *(
        _diffusers(f"ltx-{v}", "autoencoder-kl-ltx-video", *LTX)
        for v in ("0.9.0", "0.9.1", "0.9.5")
    ),
    _diffusers("ltx2", "autoencoder-kl-ltx2-video", *LTX2),
    *(
        Row(
            f"ltx-{version}-own",
            partial(original.ltx, f"ltx-{version}"),
            *("autoencoder-kl-ltx-video", "original", *LTX),
        )
        for version in ("0.9.0", "0.9.1", "0.9.5")
    ),
    Row(
        "ltx2-own",
        lambda: original.ltx("ltx2"),
        *("autoencoder-kl-ltx2-video", "original", *LTX2),
    ),
    Row(
        "ltx2-diffusion",
        lambda: diffusers("ltx2-diffusion"),
        *("ltx2-video-diffusion-decoder", "diffusers", *LTX2, ("decoder",)),
    ),
    _diffusers("mochi", "autoencoder-kl-mochi", "mochi", (12, 8, 6)),
    Row("mochi-own", original.mochi, "autoencoder-kl-mochi", "original", "mochi", (12, 8, 6)),
    *(
        Row(
            f"mochi-bare-{part}",
            partial(_bare, part),
            *("autoencoder-kl-mochi", "original", "mochi", (12, 8, 6), (part,)),
        )
        for part in BOTH
    ),
    _diffusers("cosmos", "autoencoder-kl-cosmos", "cosmos", (16, 8, 8)),
    Row("cosmos-own", original.cosmos, "autoencoder-kl-cosmos", "original", "cosmos", (16, 8, 8)),
    _diffusers("cogvideox", "autoencoder-kl-cog-video-x", "cogvideox cogvideox-5b", (16, 8, 4)),
    _diffusers("allegro", "autoencoder-kl-allegro", "allegro", (4, 8, 4)),
    _diffusers("magvit", "autoencoder-kl-magvit", "easyanimate-magvit", (16, 8, 4)),
    _diffusers("minimax-h3", "autoencoder-kl-minimax-h3", "minimax-h3", (24, 16, 4)),
    Row(
        "minimax-h3-own",
        original.minimax_h3,
        *("autoencoder-kl-minimax-h3", "original", "minimax-h3", (24, 16, 4)),
    ),
    Row(
        "kvae",
        lambda: diffusers("kvae"),
        *("autoencoder-kl-kvae", "original", "kvae", (16, 8, 1)),
    ),
    Row(
        "kvae-video",
        lambda: diffusers("kvae-video"),
        *("autoencoder-kl-kvae-video", "original", "", (16, 8, 4)),
    ),
    Row(
        "kandinsky6-sr",
        lambda: diffusers("kandinsky6-sr"),
        *("kandinsky6-sr-vae", "original", "kandinsky6-sr", (64, 16, 4)),
    ),
    Row("seedvr2", original.seedvr2, "seedvr2-vae", "original", "seedvr2", (16, 8, 4)),
    Row("mage", original.mage, "mage-vae", "original", "mage-flow", (128, 16, 1)),
]

AMBIGUOUS_ENCODERS = {
    "svd": KL4,
    "svd-ldm": KL4,
    "consistency": KL4,
    "ltx-0.9.5": "ltx-video ltx2",
    "ltx-0.9.5-own": "ltx-video ltx2",
    "ltx2": "ltx-video ltx2",
    "ltx2-own": "ltx-video ltx2",
}
"""Rows whose encoder alone is another family's too."""
UNLIKE_HALVES = ("vq-f4", "vq-f4-ldm")
"""Without the codebook between them these halves are a KL autoencoder's."""


def identified(shapes: Shapes, prefix: str = "") -> Component:
    """The VAE of a header; fails the test where there is none."""
    component = identify_vae(View.below(header_of(shapes).tensors, prefix))
    assert component is not None
    return component


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.name)
def test_a_vae_is_named_as_itself(row: Row) -> None:
    """Architecture, layout, latents, families and parts, without a warning."""
    shapes = row.build()
    component = identified(shapes)
    latent = component.latent
    assert latent is not None
    known = tuple(row.families.split())
    assert (component.role, component.architecture, component.layout) == (
        *("vae", row.architecture),
        row.layout,
    )
    assert (component.parts, component.tensors) == (row.parts, len(shapes))
    assert (latent.channels, latent.spatial_factor, latent.temporal_factor) == row.latent
    assert latent.candidates == known
    assert component.notices == ()
    settled = known[0] if len(known) == 1 else None
    assert latent.family == settled
    assert latent.determined_by == ("header" if settled else None)
    assert latent.confidence == pytest.approx(0.97 if settled else 0.0)


@pytest.mark.parametrize("part", BOTH)
@pytest.mark.parametrize(
    "row",
    [row for row in MATRIX if row.parts == BOTH and row.name not in UNLIKE_HALVES],
    ids=lambda row: row.name,
)
def test_each_half_is_a_vae_of_its_own(row: Row, part: str) -> None:
    """Half a VAE is one, with that part alone and no family that only the other half settles."""
    shapes = _half(part, row.build())
    if not shapes:
        pytest.skip("the halves of this layout are not told apart by name")
    component = identified(shapes)
    latent = component.latent
    assert latent is not None
    assert component.parts == (part,)
    fams = row.families if part == "decoder" else AMBIGUOUS_ENCODERS.get(row.name, row.families)
    assert latent.candidates == tuple(fams.split())
    assert (latent.channels, latent.spatial_factor) == row.latent[:2]


def _half(part: str, shapes: Shapes) -> Shapes:
    if part == "decoder" and any(name.startswith("decoder_unet.") for name in shapes):
        return {name: shape for name, shape in shapes.items() if name.startswith("decoder_unet.")}
    return half(part, shapes)


def test_the_matrix_tries_every_row_of_the_table_and_every_family() -> None:
    """A new row or family without a header here shows up."""
    tried = {(row.architecture, row.layout) for row in MATRIX}
    assert {(row.architecture, row.layout) for row in SIGNATURES} <= tried
    named = {name for row in MATRIX for name in row.families.split()}
    assert named == set(families()) - {"pixel", "sdxl-flux2"}


@pytest.mark.parametrize("row", MATRIX[:2], ids=lambda row: row.name)
def test_prefix_is_reported_and_training_leftovers_do_not_count(row: Row) -> None:
    """Below its prefix a VAE counts its own tensors only."""
    shapes = {f"vae.{name}": shape for name, shape in row.build().items()}
    shapes |= {"vae.loss.logvar": (), "vae.model_ema.decay": (), "vae.loss.discriminator.w": (9, 9)}
    component = identified(shapes, "vae.")
    assert (component.prefix, component.tensors, component.parameters) == ("vae.", 248, 83_653_863)


@pytest.mark.parametrize(
    ("name", "scaling", "said_by"),
    [
        ("ltx2", 1.0, "file"),
        ("flux2", None, "file"),
        ("hunyuan-video", 0.476986, "family"),
        ("kvae", None, None),
        ("sd", None, None),
    ],
)
def test_scaling_comes_from_the_file_or_the_settled_family(
    name: str, scaling: float | None, said_by: str | None
) -> None:
    """No figure is given for a VAE whose family is open."""
    latent = identified(diffusers(name)).latent
    assert latent is not None
    assert (latent.scaling_factor, latent.scaling_determined_by) == (scaling, said_by)


def test_figures_of_a_settled_family_are_the_tables() -> None:
    """Factors follow the families table, so that both never drift apart."""
    for row in MATRIX:
        known = row.families.split()
        assert all(family(name).shape == row.latent for name in known), row.name
