"""Real files of VAEs decoded across: each fault shows as what it is, none as a match."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from vaereg.probes.measures.crossing import cross  # noqa: E402
from vaereg.probes.runners.catalog import load  # noqa: E402
from vaereg.registry.errors import CannotRun, Unreadable  # noqa: E402
from vaereg.registry.measures import (  # noqa: E402
    Convention,
    Crossing,
    CrossTask,
    Scaling,
    VaeFile,
)
from vaereg.registry.samples import closed_form, colours, files  # noqa: E402
from vaereg.registry.samples.closed_form import Plan  # noqa: E402
from vaereg.registry.samples.faults import random_weights, with_nan  # noqa: E402
from vaereg.registry.verdicts.crossing import half_outcome, outcome, trusted  # noqa: E402

torch.set_num_threads(1)
"""Tests may run on every core at once."""

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CPU = torch.device("cpu")
SMALL = {"widths": (8, 8, 8, 8), "groups": 2}
SD1, SDXL = colours.scaling_of("sd1"), colours.scaling_of("sdxl")


def plan_of(family: str, **changes) -> Plan:
    return Plan(colours.table_of(family), colours.scaling_of(family), **(SMALL | changes))


def written(folder: Path, name: str, plan: Plan, change=lambda weights: weights) -> VaeFile:
    path = folder / f"{name}.safetensors"
    weights = change(closed_form.weights(plan))
    path.write_bytes(files.safetensors(weights, "float32", files.metadata_of(plan)))
    return VaeFile(name, str(path), "", "autoencoder-kl", plan.parts, len(plan.factors), None)


def convention(scaling: Scaling, name: str = "checkpoint") -> Convention:
    return Convention(name, ("ComfyUI",), scaling)


def crossed(reference: VaeFile, vae: VaeFile, scaling: Scaling = SD1, **more) -> Crossing:
    asked = more.pop("conventions", (convention(scaling),))
    task = CrossTask(reference, reference, vae, scaling, asked, **more)
    return cross(task, load, CPU, torch.float32)


@pytest.fixture
def sd1(tmp_path: Path) -> VaeFile:
    return written(tmp_path, "reference", plan_of("sd1"))


def table(family: str = "sd1"):
    return colours.table_of(family)


FAULTS = {
    "itself": ({}, "match"),
    "another lineage": ({"seed": 7}, "match"),
    "vivid": ({"decoder_factors": colours.vivid(table())}, "vivid"),
    "grey": ({"decoder_factors": colours.grey(table())}, "broken"),
    "foreign": ({"decoder_factors": table("sdxl")}, "broken"),
    **{f"negated {k}": ({"decoder_factors": colours.negated(table(), k)}, None) for k in range(4)},
    **{
        f"swapped {a} and {b}": ({"decoder_factors": colours.swapped(table(), a, b)}, None)
        for a in range(4)
        for b in range(a)
    },
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_decoder_shows_as_what_it_is(tmp_path: Path, sd1: VaeFile, name: str) -> None:
    changes, expected = FAULTS[name]
    found = crossed(sd1, written(tmp_path, "candidate", plan_of("sd1", **changes)))
    assert found.own is not None
    assert trusted(found.own)
    result = outcome(found.looks[0].scores)
    if expected is None:
        assert result.name not in ("match", "vivid", "duller", "blurry"), result
    else:
        assert result.name == expected, result


@pytest.mark.parametrize("channel", [3, 5, 7, 11])
def test_one_negated_channel_of_sixteen_is_no_match(tmp_path: Path, channel: int) -> None:
    """These make so little of the picture that it stays within 35 dB and more."""
    reference = written(tmp_path, "reference", plan_of("flux1"))
    negated = colours.negated(table("flux1"), channel)
    vae = written(tmp_path, "negated", plan_of("flux1", decoder_factors=negated))
    scores = crossed(reference, vae, colours.scaling_of("flux1")).looks[0].scores
    assert scores.psnr > 30
    assert outcome(scores).name == "degraded"
    assert "negated" in outcome(scores).message


def test_a_foreign_vae_of_the_same_shape_is_broken_both_ways(tmp_path: Path) -> None:
    one, other = (written(tmp_path, family, plan_of(family)) for family in ("sd1", "sdxl"))
    assert outcome(crossed(one, other, SD1).looks[0].scores).name == "broken"
    assert outcome(crossed(other, one, SDXL).looks[0].scores).name == "broken"
    assert outcome(crossed(other, other, SDXL).looks[0].scores).name == "match"


def test_the_convention_that_undoes_the_wrong_constant_is_told_apart(tmp_path: Path) -> None:
    """A bare SDXL file under the constant of SD1 is washed out, by .13025 / .18215 = .715."""
    vae = written(tmp_path, "sdxl", plan_of("sdxl"))
    asked = (convention(SDXL), convention(SD1, "config"))
    found = crossed(vae, vae, SDXL, conventions=asked)
    assert [look.convention for look in found.looks] == ["checkpoint", "config"]
    first, second = (outcome(look.scores) for look in found.looks)
    assert (first.name, second.name) == ("match", "washed")
    assert f"{SDXL.scale / SD1.scale:.2f}" in second.message


def test_conventions_that_agree_are_decoded_once(tmp_path: Path, sd1: VaeFile) -> None:
    decoded = []

    def counted(*words, **more):
        vae = load(*words, **more)
        if vae.has_decoder:
            decode = vae.decode
            vae.decode = lambda latents: decoded.append(len(latents)) or decode(latents)
        return vae

    def tiles(*asked: Convention) -> int:
        decoded.clear()
        task = CrossTask(sd1, sd1, sd1, SD1, asked)
        assert len(cross(task, counted, CPU, torch.float32).looks) == len(asked)
        return sum(decoded)

    one = tiles(convention(SD1))
    assert tiles(convention(SD1), convention(Scaling(SD1.scale), "config")) == one
    assert tiles(convention(SD1), convention(SDXL, "config")) == one + 8


def test_encoder_and_decoder_of_the_reference_may_be_two_files(tmp_path: Path, sd1) -> None:
    halves = [
        written(tmp_path, part, plan_of("sd1", parts=(part,))) for part in ("encoder", "decoder")
    ]
    task = CrossTask(halves[0], halves[1], sd1, SD1, (convention(SD1),))
    found = cross(task, load, CPU, torch.float32)
    assert outcome(found.looks[0].scores).name == "match"


def test_a_broken_reference_is_not_trusted(tmp_path: Path, sd1: VaeFile) -> None:
    def wild(weights):
        return random_weights({name: tensor.shape for name, tensor in weights.items()}, 3)

    broken = written(tmp_path, "random", plan_of("sd1"), wild)
    foreign = written(tmp_path, "mixed halves", plan_of("sd1", decoder_factors=table("sdxl")))
    for reference in (broken, foreign):
        found = crossed(reference, sd1)
        assert found.own is not None
        assert not trusted(found.own)


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_nan_in_the_weights(tmp_path: Path, sd1: VaeFile, half: str) -> None:
    spoilt = written(
        tmp_path, "spoilt", plan_of("sd1"), lambda w: with_nan(w, f"{half}.conv_in.weight")
    )
    if half == "encoder":
        assert outcome(crossed(sd1, spoilt).looks[0].scores).name == "match"
        with pytest.raises(CannotRun, match=r"spoilt encodes .* not finite"):
            crossed(spoilt, sd1)
    else:
        found = crossed(sd1, spoilt)
        assert outcome(found.looks[0].scores).name == "nan"
        assert found.half is not None
        assert half_outcome(found.half) == "overflow"
        assert not trusted(crossed(spoilt, sd1).own)


@pytest.mark.parametrize(
    ("peak", "expected"), [(10.0, "safe"), (30_000.0, "risk"), (90_000.0, "overflow")]
)
def test_activations_beyond_half_precision(
    tmp_path: Path, sd1: VaeFile, peak: float, expected: str
) -> None:
    found = crossed(sd1, written(tmp_path, "loud", plan_of("sd1", peak=peak)))
    assert outcome(found.looks[0].scores).name == "match"
    assert found.half is not None
    assert half_outcome(found.half) == expected
    if expected != "safe":
        assert found.half.block.startswith("decoder.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"factors": tuple((0.1, 0.2, 0.3) for _ in range(16))}, "16 channels"),
        ({"widths": (8, 8, 8)}, "1/4"),
    ],
)
def test_latents_that_do_not_fit_are_refused(tmp_path, sd1, changes: dict, words: str) -> None:
    plan = replace(plan_of("sd1"), **changes)
    with pytest.raises(CannotRun, match="candidate decodes latents of") as refused:
        crossed(sd1, written(tmp_path, "candidate", plan))
    assert words in refused.value.message


def test_a_half_that_is_missing_is_named(tmp_path: Path, sd1: VaeFile) -> None:
    decoder = written(tmp_path, "decoder only", plan_of("sd1", parts=("decoder",)))
    assert outcome(crossed(sd1, decoder).looks[0].scores).name == "match"
    with pytest.raises(CannotRun, match="decoder only"):
        crossed(decoder, sd1)


def test_a_scaling_of_zero_is_refused(tmp_path: Path, sd1: VaeFile) -> None:
    with pytest.raises(CannotRun, match="normalisation"):
        crossed(sd1, sd1, SD1, conventions=(convention(Scaling(0.0)),))


def photograph(path: Path, saturation: float = 1.0) -> str:
    from PIL import Image

    from vaereg.probes.pictures.card import test_card as card

    tile = ((card()[0] + 1) * 127.5).byte().permute(1, 2, 0).numpy()
    image = Image.fromarray(tile).resize((700, 500))
    image = image if saturation else image.convert("L").convert("RGB")
    image.save(path)
    return str(path)


def test_a_users_own_picture_is_judged_alike(tmp_path: Path, sd1: VaeFile) -> None:
    pytest.importorskip("PIL")
    image = photograph(tmp_path / "holiday.png")
    vivid = written(tmp_path, "vivid", plan_of("sd1", decoder_factors=colours.vivid(table())))
    foreign = written(tmp_path, "foreign", plan_of("sdxl"))
    found = {
        vae.name: outcome(crossed(sd1, vae, image=image).looks[0].scores).name
        for vae in (sd1, vivid, foreign)
    }
    assert found == {"reference": "match", "vivid": "vivid", "foreign": "broken"}


def test_a_picture_without_colour_cannot_judge(tmp_path: Path, sd1: VaeFile) -> None:
    image_of = pytest.importorskip("PIL.Image")
    with pytest.raises(CannotRun, match=r"grey\.png has too little colour"):
        crossed(sd1, sd1, image=photograph(tmp_path / "grey.png", saturation=0))
    image_of.new("RGB", (300, 300), (200, 30, 30)).save(tmp_path / "plain.png")
    with pytest.raises(CannotRun, match="too little light and dark"):
        crossed(sd1, sd1, image=str(tmp_path / "plain.png"))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(Unreadable, match=r"text\.png"):
        crossed(sd1, sd1, image=str(tmp_path / "text.png"))


def test_bfloat16_sees_the_same(tmp_path: Path, sd1: VaeFile) -> None:
    foreign = written(tmp_path, "foreign", plan_of("sdxl"))
    for vae, expected in ((sd1, "match"), (foreign, "broken")):
        task = CrossTask(sd1, sd1, vae, SD1, (convention(SD1),))
        found = cross(task, load, CPU, torch.bfloat16)
        assert outcome(found.looks[0].scores).name == expected


def tiny(name: str, half: str) -> VaeFile:
    path = DATA / f"{name}_{half}.safetensors"
    if not path.exists():
        pytest.skip("the folder of shared real weights is not there")
    return VaeFile(name, str(path), "", "autoencoder-tiny", (half,), 4, None)


@pytest.mark.parametrize(("one", "other"), [("taesd", "taesdxl"), ("taesdxl", "taesd")])
def test_real_tiny_autoencoders(one: str, other: str) -> None:
    """Weights of madebyollin/taesd: of one shape, of two latent spaces."""
    scaling = {"taesd": SD1, "taesdxl": SDXL}[one]
    off = Scaling(scaling.scale / 0.715)
    encoder, decoder = tiny(one, "encoder"), tiny(one, "decoder")
    asked = (convention(scaling), convention(off, "config"))
    own = cross(CrossTask(encoder, decoder, decoder, scaling, asked), load, CPU, torch.float32)
    assert own.own is not None
    assert trusted(own.own)
    assert [outcome(look.scores).name for look in own.looks] == ["match", "washed"]
    task = CrossTask(encoder, decoder, tiny(other, "decoder"), scaling, asked[:1])
    foreign = cross(task, load, CPU, torch.float32)
    assert outcome(foreign.looks[0].scores).name == "broken"
    assert foreign.looks[0].scores.channel_agreement < 0
    assert foreign.half is not None
    assert math.isfinite(foreign.half.largest)


@pytest.mark.gpu
def test_a_gpu_says_the_same_and_runs_half_precision(tmp_path: Path, sd1: VaeFile) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    loud = written(tmp_path, "loud", plan_of("sd1", peak=90_000.0))
    for vae, overflows in ((sd1, False), (loud, True)):
        task = CrossTask(sd1, sd1, vae, SD1, (convention(SD1),))
        here = cross(task, load, CPU, torch.float32)
        there = cross(task, load, torch.device("cuda"), torch.float32)
        for name in here.looks[0].scores.__dataclass_fields__:
            pair = [getattr(found.looks[0].scores, name) for found in (here, there)]
            assert pair[0] == pytest.approx(pair[1], abs=1e-3 if name != "psnr" else 30)
        assert there.half is not None
        assert bool(there.half.overflowing) is overflows
