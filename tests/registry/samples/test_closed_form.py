"""The closed-form autoencoders do in diffusers what their factors say, and so do their variants."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from vaereg.registry.samples.closed_form import weights
from vaereg.registry.samples.colours import (
    grey,
    mixed,
    negated,
    scaling_of,
    swapped,
    table_of,
    vivid,
)
from vaereg.registry.samples.faults import random_weights, with_nan
from vaereg.registry.samples.plan import Plan

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from .runs import cosine, load, pictures, psnr, response, round_trip  # noqa: E402

THIN = {"widths": (8, 8, 8, 8), "groups": 2}
GROWING = {"widths": (8, 16, 32, 32), "groups": 2}
REAL_GROUPS = {"widths": (96, 96), "groups": 32}


def plan_of(family: str, **changes: object) -> Plan:
    quant = family not in ("sd3", "flux1")
    return Plan(table_of(family), scaling_of(family), quant=quant, **{**THIN, **changes})


def halved(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: tensor.astype(np.float16) for name, tensor in tensors.items()}


@pytest.mark.parametrize("size", [THIN, GROWING, REAL_GROUPS], ids=["thin", "growing", "32 groups"])
@pytest.mark.parametrize("family", ["sd1", "sdxl", "playground-v2.5", "sd3", "flux1", "flux2"])
def test_it_decodes_as_its_factors_say_and_encodes_back(family: str, size: dict) -> None:
    plan = plan_of(family, seed=7, **size)
    model = load(plan, halved(weights(plan)))
    found = response(plan, model)
    assert cosine(found, plan.factors) > 0.9999
    assert np.linalg.norm(found) / np.linalg.norm(plan.factors) == pytest.approx(1, abs=0.01)
    shown = pictures(64)
    side = 2 ** (len(plan.widths) - 1)
    squares = torch.nn.functional.avg_pool2d(shown, side)
    ideal = torch.nn.functional.interpolate(squares, scale_factor=side)
    again = round_trip(model, shown)
    assert psnr(again, shown) > 20
    assert psnr(again, ideal) > 30


def test_the_widths_of_the_demo_are_built_in_a_fraction_of_a_second() -> None:
    started = time.perf_counter()
    built = weights(Plan(table_of("sdxl"), scaling_of("sdxl")))
    assert time.perf_counter() - started < 2
    assert built["encoder.conv_in.weight"].shape == (96, 3, 3, 3)
    assert {str(tensor.dtype) for tensor in built.values()} == {"float32"}


def test_the_encoder_gives_the_published_normalisation_of_latents() -> None:
    plan = plan_of("playground-v2.5")
    with torch.no_grad():
        raw = load(plan, weights(plan)).encode(torch.zeros(1, 3, 32, 32)).latent_dist.mean
    # Grey is the normalised latent 0, so the raw one is the family's mean.
    away = raw.mean((0, 2, 3)).numpy() - np.array(plan.scaling.mean)
    assert np.abs(away * plan.scaling.scale / plan.scaling.std).max() < 0.01


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (vivid, vivid(table_of("sd1"))),
        (grey, grey(table_of("sd1"))),
        (lambda table: swapped(table, 0, 1), swapped(table_of("sd1"), 0, 1)),
        (lambda table: negated(table, 2), negated(table_of("sd1"), 2)),
        (
            lambda table: mixed(table, table_of("sdxl")),
            mixed(table_of("sd1"), table_of("sdxl")),
        ),
    ],
    ids=["vivid", "grey", "swapped", "negated", "mixed"],
)
def test_a_decoder_may_answer_otherwise_than_its_encoder_expects(change, expected) -> None:
    own = plan_of("sd1")
    plan = replace(own, decoder_factors=change(own.factors))
    built, original = weights(plan), weights(own)
    assert cosine(response(plan, load(plan, built)), expected) > 0.9999
    differing = {name for name in built if not np.array_equal(built[name], original[name])}
    assert differing == {"decoder.conv_in.weight"}


def test_a_vivid_decoder_is_one_and_four_tenths_as_colourful() -> None:
    own = plan_of("sd1")
    tuned = replace(own, vivid=0.4)
    shown = pictures(64)
    plain, strong = (round_trip(load(plan, weights(plan)), shown) for plan in (own, tuned))

    def chroma(picture):
        return (picture - picture.mean(1, keepdim=True)).flatten()

    slope = chroma(plain) @ chroma(strong) / (chroma(plain) @ chroma(plain))
    assert float(slope) == pytest.approx(1.4, abs=0.02)
    assert psnr(plain.mean(1), strong.mean(1)) > 40
    assert cosine(response(tuned, load(tuned, weights(tuned))), vivid(own.factors)) > 0.9999
    built, original = weights(tuned), weights(own)
    differing = {name for name in built if not np.array_equal(built[name], original[name])}
    layers = [f"up.{level}.upsample.conv.weight" for level in (1, 2, 3)]
    layers += ["conv_out.weight", "conv_out.bias"]
    assert differing == {f"decoder.{layer}" for layer in layers}


@pytest.mark.parametrize("size", [THIN, {"widths": (96, 96, 96, 96), "groups": 32}])
def test_beyond_half_precision_the_picture_is_the_same_in_float32_only(size: dict) -> None:
    calm = plan_of("sdxl", seed=3, **size)
    loud = replace(calm, peak=80_000.0)
    latents = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(1)) * 7
    models = [load(plan, halved(weights(plan))) for plan in (calm, loud)]
    with torch.no_grad():
        one, other = (model.decode(latents).sample for model in models)
        assert psnr(one, other) > 35
        calm_half, loud_half = (model.half().decode(latents.half()).sample for model in models)
    assert torch.isfinite(calm_half).all()
    assert not torch.isfinite(loud_half).any()


@pytest.mark.parametrize("peak", [1_000.0, 60_000.0, 70_000.0, 200_000.0])
def test_the_largest_activation_is_the_one_asked_for(peak: float) -> None:
    plan = plan_of("sd1", peak=peak)
    model = load(plan, weights(plan))
    largest = 0.0

    def watch(_module, _inputs, output) -> None:
        nonlocal largest
        largest = max(largest, float(output.abs().max()))

    for module in model.decoder.modules():
        if not list(module.children()):
            module.register_forward_hook(watch)
    with torch.no_grad():
        model.decode(torch.zeros(1, 4, 4, 4))
    assert largest == pytest.approx(peak, rel=0.01)


def test_strangers_share_a_function_and_no_tensor_but_kin_share_the_encoder() -> None:
    one, other, kin = (
        Plan(table_of("sd1"), scaling_of("sd1"), (96, 96), seed=seed, decoder_seed=decoder)
        for seed, decoder in ((1, 1), (2, 2), (1, 3))
    )
    first, second, third = (weights(plan) for plan in (one, other, kin))
    thick = [name for name in first if first[name].ndim > 1]
    assert max(abs(cosine(first[name], second[name])) for name in thick) < 0.5
    for name in thick:
        equal = np.array_equal(first[name], third[name])
        assert equal == name.startswith(("encoder.", "quant_conv.")), name
    shown = pictures(32)
    answers = [round_trip(load(p, w), shown) for p, w in ((one, first), (other, second))]
    assert psnr(*answers) > 40


def test_no_weight_looks_empty_even_in_half_precision() -> None:
    for plan in (plan_of("sd1"), plan_of("sd1", **REAL_GROUPS), plan_of("flux1", **GROWING)):
        for name, tensor in halved(weights(plan)).items():
            if tensor.ndim > 1:
                assert np.mean(tensor == 0) < 0.1, name


def test_equal_plans_are_equal_weights() -> None:
    first, second = weights(plan_of("sd1", seed=5)), weights(plan_of("sd1", seed=5))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert list(first) == list(second)


@pytest.mark.parametrize(
    ("widths", "groups"), [((8, 8), 4), ((64, 64), 32), ((10, 10), 4), ((8, 9), 2)]
)
def test_too_narrow_groups_are_refused(widths: tuple[int, ...], groups: int) -> None:
    with pytest.raises(ValueError, match="groups of"):
        Plan(table_of("sd1"), widths=widths, groups=groups)


@pytest.mark.parametrize(
    ("parts", "absent"),
    [(("decoder",), ("encoder.", "quant_conv.")), (("encoder",), ("decoder.", "post_quant_conv."))],
)
def test_one_half_alone_is_the_same_half(parts: tuple[str, ...], absent: tuple[str, ...]) -> None:
    whole, half = weights(plan_of("sd1")), weights(plan_of("sd1", parts=parts))
    assert list(half) == [name for name in whole if not name.startswith(absent)]
    assert all(np.array_equal(half[name], whole[name]) for name in half)


def test_untrained_weights_run_and_know_no_colours() -> None:
    plan = plan_of("sd1", **GROWING)
    model = load(plan, random_weights(plan.shapes, seed=4))
    found = response(plan, model)
    assert np.isfinite(found).all()
    assert max(abs(cosine(found, table_of(family))) for family in ("sd1", "sdxl")) < 0.9


def test_one_nan_spoils_the_picture() -> None:
    plan = plan_of("sd1")
    built = with_nan(weights(plan), "decoder.up.1.block.0.conv1.weight")
    assert sum(np.isnan(tensor).sum() for tensor in built.values()) == 1
    with torch.no_grad():
        picture = load(plan, built).decode(torch.zeros(1, 4, 4, 4)).sample
    assert torch.isnan(picture).any()
