"""UNets: every architecture in every layout is recognised as itself and as nothing else."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from vaereg.registry.identify.identify import identify
from vaereg.registry.identify.unet import unet_of_config
from vaereg.registry.identify.unet_rows import CASCADE, UNETS

from ...builders import header_of
from .denoiser_headers import LDM, Case, ldm_unet, meta
from .unet_cases import SD1, SDXL, UNET_CASES

HEADERS = Path(__file__).parents[4] / "shared" / "data" / "headers"


@pytest.mark.parametrize("prefix", ["", LDM])
@pytest.mark.parametrize("case", UNET_CASES, ids=lambda case: case.id)
def test_a_unet_is_itself_and_nothing_else(case: Case, prefix: str) -> None:
    """Architecture, layout, family and channels, bare and inside a checkpoint."""
    identity = identify(header_of(case.in_file(prefix)))
    (denoiser,) = identity.components
    assert denoiser.latent is not None
    assert identity.kind == "checkpoint"
    assert (denoiser.role, denoiser.prefix) == ("denoiser", prefix)
    assert (denoiser.architecture, denoiser.layout) == (case.architecture, case.layout)
    assert (denoiser.latent.family, denoiser.latent.channels) == (case.family, case.channels)
    assert denoiser.latent.candidates == case.possible


def test_every_row_of_the_table_is_tried() -> None:
    """No row stands without a case here."""
    met = {(case.architecture, case.family) for case in UNET_CASES}
    rows = {(row.architecture, (*row.families, None)[0]) for row in UNETS}
    assert rows <= met
    assert {(row.architecture, row.families[0]) for row in CASCADE} <= met


def test_an_open_family_is_not_named() -> None:
    """A UNet of 16 channels may belong to six families: none is guessed."""
    case = next(case for case in UNET_CASES if case.id == "sdxl-16-ldm")
    latent = identify(header_of(case.in_file(LDM))).components[0].latent
    assert latent is not None
    assert (latent.family, latent.determined_by, latent.confidence) == (None, None, 0.0)
    assert latent.candidates == ("sd3", "flux1", "ostris-d16", "cogview", "glm-image", "kvae")
    assert (latent.spatial_factor, latent.temporal_factor) == (8, 1)
    assert latent.scaling_factor is None


def test_a_settled_family_brings_its_scaling() -> None:
    """SDXL's factor comes from the table of families."""
    latent = identify(header_of(ldm_unet(**SDXL)())).components[0].latent
    assert latent is not None
    assert (latent.scaling_factor, latent.scaling_determined_by) == (0.13025, "family")
    assert (latent.determined_by, latent.confidence) == ("header", 0.9)


@pytest.mark.parametrize(
    ("inputs", "code"),
    [(9, "inpainting"), (8, "image_conditioning"), (5, "depth_conditioning"), (4, None)],
)
def test_surplus_inputs_are_conditioning(inputs: int, code: str | None) -> None:
    """Input channels beyond the latent's never change the family, they are explained."""
    (denoiser,) = identify(header_of(meta_sd1(in_channels=inputs))).components
    assert denoiser.latent is not None
    assert denoiser.latent.channels == 4
    assert [notice.code for notice in denoiser.notices] == ([code] if code else [])


def meta_sd1(**changes: Any) -> dict[str, tuple[int, ...]]:
    """SD1's UNet in diffusers layout with some of its config changed."""
    return meta("UNet2DConditionModel", **SD1 | changes)()


LDM_SD1 = ldm_unet(**SD1)


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("out.", "out.2.weight"),
        ("output_blocks.", "output_blocks.0.*"),
        ("output_blocks.7.", "output_blocks"),
        ("input_blocks.5.", "input_blocks.5"),
        ("middle_block.", "middle_block"),
        ("time_embed.", "time_embed.0.weight"),
    ],
)
def test_a_unet_that_lacks_parts_is_no_checkpoint(lost: str, named: str) -> None:
    """The notice names what is missing."""
    kept = {LDM + name: shape for name, shape in LDM_SD1().items() if not name.startswith(lost)}
    identity = identify(header_of(kept))
    assert (identity.kind, identity.components) == ("unknown", ())
    assert identity.notices[0].code == "parts_missing"
    assert named in identity.notices[0].message


@pytest.mark.parametrize("layout", ["ldm", "diffusers"])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
def test_a_truncated_list_of_names_is_no_checkpoint(layout: str, share: float) -> None:
    """Whatever the order in which the names stand."""
    shapes = LDM_SD1() if layout == "ldm" else meta_sd1()
    for names in (sorted(shapes), list(shapes), sorted(shapes, reverse=True)):
        kept = {name: shapes[name] for name in names[: int(share * len(names))]}
        assert identify(header_of(kept)).kind == "unknown"


@pytest.mark.parametrize(
    ("config", "architecture", "family"),
    [
        (SD1, "unet-sd1", "sd1"),
        (SD1 | {"cross_attention_dim": 1024}, "unet-sd2", "sd1"),
        (SDXL, "unet-sdxl", "sdxl"),
        (SDXL | {"out_channels": 32}, "unet-sdxl", "sdxl-flux2"),
        (SDXL | {"out_channels": 16}, "unet-sdxl", None),
        (SDXL | {"projection_class_embeddings_input_dim": 5632}, "unet-kolors", "sdxl"),
        ({}, "unet-other", None),
        ({"block_out_channels": "many", "cross_attention_dim": [[]]}, "unet-other", None),
    ],
)
def test_a_config_tells_the_same_as_the_tensors(
    config: dict[str, Any], architecture: str, family: str | None
) -> None:
    """Damaged or absent figures leave the family open."""
    plain = {"block_out_channels": [320], "out_channels": 4} | config if config else config
    found, latent = unet_of_config(plain)
    assert (found, latent.family) == (architecture, family)
    assert latent.determined_by == ("config" if family else None)


@pytest.mark.parametrize(
    ("header", "config"), [("ck-sd15-fp16", SD1), ("ck-sdxl-base", SDXL)], ids=["sd1", "sdxl"]
)
def test_the_renamer_of_these_tests_gives_published_names(
    header: str, config: dict[str, Any]
) -> None:
    """The LDM names that the tests derive are those of the released files."""
    path = HEADERS / f"{header}.json.gz"
    if not path.exists():
        pytest.skip("the folder of shared sample headers is not there")
    entries = json.loads(gzip.decompress(path.read_bytes()))
    real = {
        name.removeprefix(LDM): tuple(entry["shape"])
        for name, entry in entries.items()
        if name.startswith(LDM)
    }
    assert ldm_unet(**config)() == real
