"""How VAEs are related by their weights: finetunes, copies, strangers, and what only looks kin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.registry.kinship.kin_cases import (
    DECODER,
    DISTURBED,
    ENCODER,
    SHAPES,
    Change,
    another,
    disturbed,
    drift,
    drifted,
    mix,
    narrow,
    put,
    relate,
    shift_a_channel,
    swap,
    times,
    trained,
    without,
    write,
)
from vaereg.registry.kinship.kinship import kinship
from vaereg.registry.samples.closed_form import Plan
from vaereg.registry.samples.closed_form import weights as closed_form
from vaereg.registry.samples.colours import mixed, negated, scaling_of, swapped, table_of
from vaereg.registry.weights import open_weights


@pytest.mark.parametrize(
    ("changes", "relation"),
    [
        ([], "same-weights"),
        ([narrow("float16")], "same-weights"),
        ([drifted("decoder.")], "same-encoder"),
        ([drifted(*DECODER), narrow("float16")], "same-encoder"),
        ([drifted("decoder.", "encoder.")], "same-lineage"),
        ([drifted("encoder.")], "same-lineage"),
        ([drifted(*DECODER, *ENCODER), narrow("float16")], "same-lineage"),
        # One latent channel of four at the border of either half is another space.
        ([swap("encoder.conv_out.weight", 0)], DISTURBED),
        ([swap("quant_conv.weight", 0)], DISTURBED),
        ([swap("post_quant_conv.weight", 1)], DISTURBED),
        ([swap("decoder.conv_in.weight", 1)], DISTURBED),
        ([drifted(*DECODER, *ENCODER), swap("decoder.conv_in.weight", 1)], DISTURBED),
        ([times(-1, "quant_conv.weight", channel=(0, 3))], DISTURBED),
        ([times(-1, "encoder.conv_out.weight", channel=(0, 1))], DISTURBED),
        ([times(-1, "post_quant_conv.weight", channel=(1, 3))], DISTURBED),
        ([times(-1, "decoder.conv_in.weight", channel=(1, 0))], DISTURBED),
        ([times(1.4, "encoder.conv_out.weight")], "altered-latents"),
        ([times(1.4, "decoder.conv_in.weight")], "altered-latents"),
        ([times(0.715, "post_quant_conv.weight")], "altered-latents"),
        ([times(1.4, "quant_conv.weight", channel=(0, 2))], "altered-latents"),
        ([shift_a_channel], "altered-latents"),
        # A gain before the border scales the latents too.
        ([times(1.4, "encoder.norm_out.weight", "encoder.norm_out.bias")], "unclear"),
        ([another("decoder.up.1.block.0.")], "other-decoder"),
        ([another("decoder.mid.attn_1.q.")], "other-decoder"),
        ([another(*DECODER)], "other-decoder"),
        ([mix(0.5)], "other-decoder"),
        ([mix(0.15)], "other-decoder"),
        ([times(1.4, "decoder.up.1.block.0.conv1.weight")], "other-decoder"),
        ([times(0.0, "decoder.up.1.block.0.conv1.weight")], "other-decoder"),
        ([another("encoder.down.1.")], "unclear"),
        ([another(*ENCODER)], "unclear"),
        ([another(*ENCODER, *DECODER)], "unrelated"),
        ([put("decoder.up.1.block.0.conv1.weight", np.nan)], "unclear"),
        ([put("encoder.conv_in.bias", np.inf)], "unclear"),
        ([put("decoder.conv_in.weight", 3e38)], "unclear"),
        ([times(1e30, "encoder.conv_out.weight", "quant_conv.weight")], "unclear"),
        ([without("decoder.", "post_")], "same-weights"),
        ([without("encoder.", "quant_")], "same-weights"),
        ([without("encoder.", "quant_"), drifted(*DECODER)], "same-lineage"),
        ([without("encoder.", "quant_"), another(*DECODER)], "unrelated"),
        ([without("encoder.", "quant_"), swap("decoder.conv_in.weight", 1)], DISTURBED),
        ([without("decoder.", "post_"), swap("quant_conv.weight", 0)], DISTURBED),
        ([without("encoder.down.1.block.0.conv1")], None),
        ([without("quant_conv")], None),
        ([times(0.0, *SHAPES)], None),
    ],
)
def test_relations(tmp_path: Path, changes: list[Change], relation: str | None) -> None:
    weights = trained(1)
    for change in changes:
        change(weights)
    found = relate(tmp_path, weights, trained(1))
    told = disturbed(found.relation) if relation == DISTURBED else found.relation
    assert (told, found.settles) == (relation, relation in KIN), found
    assert relate(tmp_path, trained(1), trained(1)).settles
    back = relate(tmp_path, trained(1), weights)
    if set(weights) == set(SHAPES):
        assert relation in (back.relation, disturbed(back.relation))


KIN = ("same-weights", "same-encoder", "same-lineage")


SHARED = Path(__file__).parents[4] / "shared" / "data"
SD1 = Plan(table_of("sd1"), scaling_of("sd1"), (48, 64, 80, 80), 16, seed=1)


@pytest.mark.parametrize(
    "plan",
    [
        replace(SD1, decoder_factors=swapped(SD1.factors, 0, 1)),
        replace(SD1, decoder_factors=negated(SD1.factors, 2)),
        replace(SD1, decoder_factors=mixed(SD1.factors, table_of("sdxl"))),
        replace(SD1, decoder_factors=table_of("sdxl")),
        replace(SD1, factors=table_of("sdxl"), scaling=scaling_of("sdxl")),
        replace(SD1, scaling=scaling_of("sdxl")),
    ],
)
def test_another_latent_space_in_weights_that_are_nearly_all_equal(
    tmp_path: Path, plan: Plan
) -> None:
    """Twelve numbers of the decoder, or 144 of the encoder, are all that tells them apart."""
    paths = (
        write(tmp_path / "y.safetensors", closed_form(plan)),
        write(tmp_path / "x.safetensors", closed_form(SD1)),
    )
    with open_weights(str(paths[0])) as mine, open_weights(str(paths[1])) as theirs:
        found = kinship(mine, theirs)
    assert (disturbed(found.relation), found.settles) == (DISTURBED, False)


def test_a_vae_of_another_shape_is_not_compared(tmp_path: Path) -> None:
    found = relate(tmp_path, trained(1), trained(1, channels=16))
    assert found.relation is None
    assert found.bytes_read == 0


def test_a_full_vae_is_not_kin_by_its_encoder_alone(tmp_path: Path) -> None:
    """Its decoder may be another space's."""
    half = trained(1)
    without("decoder.", "post_")(half)
    assert relate(tmp_path, trained(1), half).relation == "unclear"


def test_statistics_of_the_latents_belong_to_the_latent_space(tmp_path: Path) -> None:
    """FLUX.2 keeps its normalisation as those of a batch norm (its diffusers class)."""
    statistics = {"bn.running_mean": np.zeros(8, np.float32), "bn.running_var": np.full(8, 3.0)}
    one, other = trained(1) | statistics, trained(1) | statistics
    assert relate(tmp_path, one, other).relation == "same-weights"
    other["bn.running_var"] = other["bn.running_var"] * 1.4
    assert relate(tmp_path, one, other).relation == "altered-latents"


def test_quantised_weights_are_not_compared(tmp_path: Path) -> None:
    weights = {name: (it * 100).astype(np.int8) for name, it in trained(1).items()}
    assert relate(tmp_path, weights, weights).relation is None
    half = trained(1)
    half["decoder.up.1.block.0.conv1.weight"] = weights["decoder.up.1.block.0.conv1.weight"]
    assert relate(tmp_path, half, trained(1)).relation == "other-decoder"


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_real_tiny_autoencoders_of_two_spaces_are_unrelated(half: str) -> None:
    if not SHARED.exists():
        pytest.skip("the folder of shared samples is not there")
    one, other = SHARED / f"taesd_{half}.safetensors", SHARED / f"taesdxl_{half}.safetensors"
    with open_weights(str(one)) as mine, open_weights(str(other)) as theirs:
        found = kinship(mine, theirs)
        assert found.relation == "unrelated"
        assert abs(found.encoder_cosine or found.decoder_cosine or 1) < 0.1
        assert kinship(mine, mine).relation == "same-weights"


@pytest.mark.parametrize(
    "shapes",
    [
        {"encoder.conv_out.weight": ()},
        {"encoder.conv_out.weight": (8, 0)},
        {"encoder.conv_out.weight": (8,), "quant_conv.weight": (8, 8, 1, 1)},
        {"quant_conv.bias": (3,)},
        {"encoder.conv_out.bias": (5,)},
        {"quant_conv.weight": (7, 3, 1, 1)},
        {"post_quant_conv.weight": (3, 9, 1, 1)},
        {"decoder.conv_in.weight": (100_000, 1, 1, 1), "post_quant_conv.weight": (1, 100_000)},
        {"encoder.conv_out.weight": (1, 100_000), "quant_conv.weight": (100_000, 1)},
    ],
)
def test_shapes_that_belong_to_no_vae_are_kin_only_to_their_copy(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]]
) -> None:
    odd = trained(1) | {name: np.full(shape, 0.5, np.float32) for name, shape in shapes.items()}
    near = dict(odd)
    drift(near, "decoder.up", "encoder.down")
    assert relate(tmp_path, odd, odd).relation in ("same-weights", "unclear")
    assert not relate(tmp_path, near, odd).settles


@pytest.mark.parametrize(
    "change",
    [swap("decoder.conv_in.weight", 1), times(-1, "decoder.conv_in.weight", channel=(1, 0))],
)
def test_swapped_and_negated_latents_are_called_so(tmp_path: Path, change: Change) -> None:
    weights = trained(1)
    weights.pop("post_quant_conv.weight")
    weights.pop("post_quant_conv.bias")
    original = dict(weights)
    change(weights)
    assert relate(tmp_path, weights, original).relation == "swapped-latents"
