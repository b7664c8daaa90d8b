"""Diffusion transformers: every architecture in every layout is itself and nothing else."""

from __future__ import annotations

import pytest

from vaereg.registry.families import families
from vaereg.registry.identify.denoiser import missing
from vaereg.registry.identify.identify import identify
from vaereg.registry.identify.transformer import TRANSFORMERS
from vaereg.registry.identify.view import View

from ...builders import header_of
from .denoiser_headers import LDM, Case, Shapes, meta
from .diffusers_cases import DIFFUSERS_CASES
from .original_cases import ORIGINAL_CASES, flux, wan

CASES = DIFFUSERS_CASES + ORIGINAL_CASES
_VAGUE = ("hidream-o1", "pixeldit", "flux3", "sefi-image", "pid")
WHOLE = [case for case in CASES if case.id not in _VAGUE]
"""Cases whose row says what a whole one has: of the others little is published."""


@pytest.mark.parametrize("prefix", ["", LDM, "transformer."])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.layout}-{case.id}")
def test_a_transformer_is_itself_and_nothing_else(case: Case, prefix: str) -> None:
    """Architecture, layout, family and channels under every prefix it is found with."""
    identity = identify(header_of(case.in_file(prefix)))
    (denoiser,) = identity.components
    assert denoiser.latent is not None
    assert identity.kind == "checkpoint"
    assert (denoiser.role, denoiser.prefix) == ("denoiser", prefix)
    assert (denoiser.architecture, denoiser.layout) == (case.architecture, case.layout)
    assert (denoiser.latent.family, denoiser.latent.channels) == (case.family, case.channels)
    assert denoiser.latent.candidates == case.possible
    if case.family:
        row = families()[case.family]
        assert row.shape[1:] == (denoiser.latent.spatial_factor, denoiser.latent.temporal_factor)


@pytest.mark.parametrize(
    "case",
    [case for case in WHOLE if case.id != "kandinsky6"],  # both of its ends stand first
    ids=lambda case: f"{case.layout}-{case.id}",
)
def test_one_of_two_shards_is_no_checkpoint(case: Case) -> None:
    """A shard holds the input or the output of a model, never both."""
    shapes = case.shapes()
    names = list(shapes)
    for kept in (names[: len(names) // 2], names[len(names) // 2 :]):
        identity = identify(header_of({name: shapes[name] for name in kept}))
        assert identity.kind not in ("checkpoint", "vae")
        assert identity.components == ()


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: f"{case.layout}-{case.id}")
def test_every_part_that_a_row_needs_is_asked_for(case: Case) -> None:
    """Without one of them the file is broken, and the notice names it."""
    shapes = case.shapes()
    view = View(header_of(shapes).tensors)
    row = next(row for row in TRANSFORMERS if row.keys.holds(view))
    for pattern in row.needs:
        rest = {
            name: shape
            for name, shape in shapes.items()
            if not View({name: view.tensors[name]}).has(pattern)
        }
        identity = identify(header_of(rest))
        assert identity.kind not in ("checkpoint", "vae"), pattern
    assert missing(view, row.needs, row.blocks) == ()


def test_a_gap_between_blocks_is_named() -> None:
    """A merge that lost a block does not pass for whole."""
    shapes = {
        name.replace("double_blocks.1.", "double_blocks.2."): shape
        for name, shape in flux()().items()
    }
    identity = identify(header_of(shapes))
    assert identity.kind == "unknown"
    assert "double_blocks.1" in identity.notices[0].message


def test_other_output_channels_leave_the_family_open() -> None:
    """A FLUX trained on latents of 32 channels is not one of FLUX.1's."""
    latent = identify(header_of(flux(outputs=128)())).components[0].latent
    assert latent is not None
    assert (latent.family, latent.channels) == (None, 32)
    assert latent.candidates == ("flux2", "sdxl-flux2")


def test_four_bit_weights_still_tell_their_outputs_by_the_bias() -> None:
    """bitsandbytes packs a weight to [n, 1]; the bias stays as it was."""
    shapes = flux()() | {"img_in.weight": (98304, 1), "final_layer.linear.weight": (98304, 1)}
    latent = identify(header_of(shapes)).components[0].latent
    assert latent is not None
    assert (latent.family, latent.channels) == ("flux1", 16)


def test_low_rank_branches_of_a_quantised_model_are_no_lora() -> None:
    """Nunchaku keeps lora_down and lora_up beside its 4-bit weights."""
    shapes: Shapes = {}
    for name, shape in meta("FluxTransformer2DModel", num_layers=2, num_single_layers=2)().items():
        stem = name.removesuffix(".weight")
        if ".attn.to_q" in name and stem != name:
            shapes |= {f"{stem}.qweight": (1536, 3072), f"{stem}.lora_down": (3072, 32)}
            shapes |= {f"{stem}.lora_up": (3072, 32), f"{stem}.wscales": (48, 3072)}
        else:
            shapes[name] = shape
    assert identify(header_of(shapes)).kind == "checkpoint"


def test_gguf_names_need_no_prefix() -> None:
    """GGUF keeps the original names; what its metadata claims plays no part."""
    header = header_of(wan(), metadata={"general.architecture": "flux"}, format="gguf")
    identity = identify(header)
    assert (identity.format, identity.kind) == ("gguf", "checkpoint")
    assert identity.components[0].architecture == "wan21"


def test_every_row_of_the_table_is_sound() -> None:
    """Each names known families and has something to be told by."""
    for row in TRANSFORMERS:
        assert set(row.families) <= set(families()), row
        assert row.keys.all_of or row.keys.any_of or row.keys.shapes, row
        assert row.layout in ("original", "diffusers"), row


def test_every_row_of_the_table_is_tried() -> None:
    """No row stands without a case here, or behind one that takes all that would fit it."""
    met = set()
    for case in CASES:
        view = View(header_of(case.shapes()).tensors)
        met.add(next((i for i, row in enumerate(TRANSFORMERS) if row.keys.holds(view)), None))
    untried = [row for i, row in enumerate(TRANSFORMERS) if i not in met]
    assert [(row.architecture, row.layout, row.families) for row in untried] == []
