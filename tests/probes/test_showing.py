"""What the small checkpoint draws, decoded for real: each VAE shows as what it is."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tests.probes.showing_cases import (  # noqa: E402
    SD1,
    SDXL,
    Bench,
    convention,
    counting,
    short_of_memory,
)
from tests.probes.test_crossing import plan_of, written  # noqa: E402
from vaereg.probes.measures.crossing import cross  # noqa: E402
from vaereg.registry.errors import CannotRun, NotFound, OutOfMemory, Unreadable  # noqa: E402
from vaereg.registry.measures import CrossTask, Scaling  # noqa: E402
from vaereg.registry.verdicts.crossing import half_outcome, outcome  # noqa: E402

CUDA = torch.device("cuda:0")
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("showing"))


@pytest.mark.parametrize(
    ("vae", "expected", "kind", "half"),
    [
        ("own", "match", "fine", "safe"),
        ("twin", "match", "fine", "safe"),
        ("vivid", "vivid", "fine", "safe"),
        ("grey", "broken", "fine", "safe"),
        ("foreign", "broken", "grey", "safe"),
        ("scaled", "washed", "fine", "safe"),
        ("overflow", "match", "fine", "overflow"),
        ("nan", "nan", "nan", "overflow"),
    ],
)
def test_each_vae_shows_as_what_it_is(bench, vae: str, expected: str, kind: str, half: str) -> None:
    found = bench.shown(vae)
    (look,) = found.looks
    assert look.convention == "checkpoint"
    assert outcome(look.scores).name == expected
    assert (found.kind, found.reference_kind) == (kind, "fine")
    assert found.half is not None
    assert half_outcome(found.half) == half
    assert (found.picture, found.notes) == (None, ())
    if vae == "overflow":
        assert found.half.largest > 65504
        assert found.half.overflowing is None


def test_half_precision_is_run_where_it_was_asked_for(bench) -> None:
    for vae, overflows in (("own", False), ("overflow", True)):
        half = bench.shown(vae, dtype=torch.float16).half
        assert half is not None
        assert half.dtype == "float16"
        assert bool(half.overflowing) is overflows
    wider = bench.shown("overflow", dtype=torch.bfloat16).half
    assert wider is not None
    assert (wider.dtype, wider.overflowing) == ("bfloat16", 0)


def test_a_cpu_does_not_run_float16_for_hours(bench) -> None:
    seen: list = []
    found = bench.shown("own", drawing=bench.large(), loader=counting(seen), dtype=torch.float16)
    assert {dtype for _, dtype, _ in seen} == {torch.float32}
    assert found.half is not None
    assert found.half.overflowing is None
    assert "was not run in float16" in found.notes[0]


def test_each_scaling_has_its_look(bench) -> None:
    asked = (convention(SD1), convention(SDXL, "config"), convention(SD1, "other"))
    found = bench.shown("twin", conventions=asked)
    assert [look.convention for look in found.looks] == ["checkpoint", "config", "other"]
    names = [outcome(look.scores).name for look in found.looks]
    assert names[0] == names[2] == "match"
    assert names[1] != "match"


def test_nothing_is_decoded_more_often_than_needed(bench) -> None:
    """One decode each, one more for the largest activation of a small picture."""
    once = ("own", torch.float32, (1, 4, 16, 16))
    twin = ("twin", *once[1:])
    both = (convention(SD1), convention(SDXL, "config"), convention(SD1, "again"))
    cases = [
        ("twin", {}, [once, twin, twin]),
        ("twin", {"conventions": both}, [once, twin, twin, twin]),
        ("twin", {"reference": None}, [twin, twin]),
        ("own", {}, [once, once]),
    ]
    for vae, asked, expected in cases:
        seen: list = []
        bench.shown(vae, loader=counting(seen), **asked)
        assert seen == expected, (vae, asked)
    large: list = []
    bench.shown("twin", drawing=bench.large(), loader=counting(large))
    assert [name for name, *_ in large] == ["own", "twin"]


def test_the_checkpoints_own_vae_is_itself(bench) -> None:
    assert bench.shown("own").looks[0].scores.psnr == 99


def test_without_a_reference_only_the_picture_itself_is_told(bench) -> None:
    found = bench.shown("foreign", reference=None)
    assert found.looks == ()
    assert (found.kind, found.reference_kind) == ("grey", None)


def test_a_reference_that_shows_nothing_judges_nothing(bench) -> None:
    found = bench.shown("own", reference="nan")
    assert found.looks == ()
    assert (found.kind, found.reference_kind) == ("fine", "nan")


def test_latents_without_a_picture_match_nothing(bench) -> None:
    """Two pictures of one colour all over are alike, which says nothing for either VAE."""
    plain = bench.kept("plain", bench.sampled.latents * 0)
    found = bench.shown("foreign", drawing=plain)
    assert found.looks == ()
    assert found.reference_kind == "flat"


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (replace(plan_of("sd1"), factors=((0.1, 0.2, 0.3),) * 16), "16 channels"),
        (replace(plan_of("sd1"), widths=(8, 8, 8)), "1/4"),
        (plan_of("sd1", parts=("encoder",)), "decoder"),
    ],
)
def test_vaes_that_cannot_decode_the_drawing(bench, tmp_path: Path, plan, words: str) -> None:
    file = written(tmp_path, "unfit", plan)
    task_vae = bench.vae
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "vae", lambda name: file if name == "unfit" else task_vae(name))
        with pytest.raises(CannotRun, match="unfit") as refused:
            bench.shown("unfit")
    assert words in refused.value.message


def test_a_drawing_that_is_not_finite_is_the_checkpoints_fault(bench) -> None:
    latents = bench.sampled.latents.copy()
    latents[0, 1, 2, 3] = math.nan
    drawing = bench.kept("not finite", latents, finite=False, failed_at=3)
    with pytest.raises(CannotRun, match=r"checkpoint itself .* \(step 3 of 8\)"):
        bench.shown("own", drawing=drawing)


def test_files_that_are_gone_or_damaged(bench, tmp_path: Path) -> None:
    gone = replace(bench.drawing, path=str(tmp_path / "gone.safetensors"))
    with pytest.raises(NotFound):
        bench.shown("own", drawing=gone)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(Path(bench.drawing.path).read_bytes()[:-100])
    with pytest.raises(Unreadable):
        bench.shown("own", drawing=replace(bench.drawing, path=str(damaged)))


def test_a_useless_scaling_is_refused(bench) -> None:
    with pytest.raises(CannotRun, match="normalisation"):
        bench.shown("twin", conventions=(convention(Scaling(0.0)),))


def test_the_strip_has_a_column_for_each_picture(bench, tmp_path: Path) -> None:
    image_of = pytest.importorskip("PIL.Image")
    both = (convention(SD1), convention(SDXL, "config"))
    widths = {}
    for name, vae, asked in (
        ("alone", "nan", {"reference": None}),
        ("two", "vivid", {}),
        ("nan", "nan", {}),
        ("scalings", "twin", {"conventions": both}),
    ):
        path = str(tmp_path / f"{name}.png")
        found = bench.shown(vae, picture=path, captions=("a headline", "a line"), **asked)
        assert found.picture == path
        with image_of.open(path) as image:
            image.load()
            widths[name] = image.size[0]
    column = widths["scalings"] - widths["two"]
    assert column > 300
    assert widths["two"] == widths["nan"] == widths["alone"] + 2 * column


def test_short_memory_decodes_in_tiles_and_says_so(bench) -> None:
    whole = bench.shown("vivid", drawing=bench.large())
    for most, words in ((64, "decoded in tiles"), (32, "decoded in smaller tiles")):
        tight = short_of_memory(lambda _n, _d, it, m=most: it is None or it.shape[-1] <= m, FULL)
        found = bench.shown("vivid", drawing=bench.large(), loader=tight)
        assert [note.partition(" ")[2] for note in found.notes] == [
            f"{words}: cpu has too little memory"
        ] * 2
        assert outcome(found.looks[0].scores).name == outcome(whole.looks[0].scores).name
        assert found.looks[0].scores.psnr == pytest.approx(whole.looks[0].scores.psnr, abs=0.1)
        assert found.half is not None
        assert found.half.largest == pytest.approx(whole.half.largest, rel=0.2)


def test_what_is_compared_is_cut_alike(bench) -> None:
    """The reference has room for all of the picture, the VAE in question has not."""
    seen: list = []
    tight = short_of_memory(lambda n, _d, it: n == "own" or it is None or it.shape[-1] <= 64, FULL)
    found = bench.shown("twin", drawing=bench.large(), loader=counting(seen, tight))
    assert max(shape[-1] for name, _, shape in seen[-2:] if name == "own") <= 64
    assert outcome(found.looks[0].scores).name == "match"


def test_a_small_device_hands_over_to_the_cpu(bench) -> None:
    """The device has room for the weights, but for no decode of any size."""
    tight = short_of_memory(lambda _n, device, it: it is None or device.type == "cpu", FULL)
    seen: list = []
    loader = short_of_memory(lambda _n, device, _it: device.type == "cpu", FULL)
    for short in (tight, loader):
        found = bench.shown("vivid", loader=counting(seen, short), device=CUDA)
        assert outcome(found.looks[0].scores).name == "vivid"
        assert any("decoded on the CPU: cuda:0 has too little" in note for note in found.notes)
        assert any("was not run in float16: cuda:0" in note for note in found.notes)
        assert found.half is not None
        assert found.half.overflowing is None


def test_nothing_helps(bench) -> None:
    for error in (FULL, RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")):
        tight = short_of_memory(lambda _n, _d, it: it is None, error)
        with pytest.raises(OutOfMemory, match=r"cpu lacks the memory .* own.*not even in tiles"):
            bench.shown("twin", loader=tight)
        with pytest.raises(OutOfMemory, match=r"neither cuda:0 nor the CPU has"):
            bench.shown("twin", loader=tight, device=CUDA)
    with pytest.raises(OutOfMemory, match="too little memory"):
        bench.shown("twin", loader=short_of_memory(lambda _n, _d, _it: False, FULL))


def test_other_errors_are_no_want_of_memory(bench) -> None:
    odd = short_of_memory(lambda _n, _d, it: it is None, RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        bench.shown("twin", loader=odd)


def test_a_cross_decode_gets_by_with_less_memory_too(bench) -> None:
    """Room for one tile of the test card at a time, which is what is told."""
    vae = bench.vae("own")
    tight = short_of_memory(lambda _n, _d, it: it is None or len(it) == 1, FULL)
    task = CrossTask(vae, vae, bench.vae("vivid"), SD1, (convention(SD1),))
    found = cross(task, tight, torch.device("cpu"), torch.float32)
    assert outcome(found.looks[0].scores).name == "vivid"
    assert all("cpu has too little memory" in note for note in found.notes)
    assert len(found.notes) == 2


@pytest.mark.gpu
def test_a_real_gpu_that_is_short_of_memory(bench) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    here = bench.shown("vivid", drawing=bench.large(), device=CUDA)
    assert here.notes == ()
    total = torch.cuda.get_device_properties(CUDA).total_memory
    share = 0.7 * torch.cuda.max_memory_reserved(CUDA) / total
    try:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(share, CUDA)
        there = bench.shown("vivid", drawing=bench.large(), device=CUDA)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, CUDA)
    assert any("decoded" in note for note in there.notes)
    assert there.looks[0].scores.psnr == pytest.approx(here.looks[0].scores.psnr, abs=0.1)
