"""One drawing through several VAEs: each is told for what it is, and none spoils the others."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

from tests.probes.showing_cases import CPU, SD1, Bench, counting, short_of_memory  # noqa: E402
from tests.probes.test_crossing import plan_of, written  # noqa: E402
from vaereg.probes.comparison.task import compare  # noqa: E402
from vaereg.probes.pictures import pixels  # noqa: E402
from vaereg.probes.runners.catalog import load  # noqa: E402
from vaereg.registry.drawing import CompareTask, Shown  # noqa: E402
from vaereg.registry.errors import CannotRun, NotFound  # noqa: E402
from vaereg.registry.verdicts.crossing import outcome  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    return Bench(tmp_path_factory.mktemp("comparison"))


def task(bench: Bench, *names: str, **more) -> CompareTask:
    """The drawing through VAEs by name, each under the checkpoint's scaling."""
    vaes = tuple(Shown(bench.vae(name), SD1, f"the {name} one") for name in names)
    more = {"drawing": bench.drawing, "vaes": vaes, "family": "sd1"} | more
    return CompareTask(**more)


TOLD = {
    "twin": ("fine", "the same picture", "same", "match"),
    "vivid": ("fine", "more saturated", "look", "vivid"),
    "grey": ("fine", "grey: none of the colour", "fault", "broken"),
    "foreign": ("grey", "follow the first", "fault", "broken"),
    "scaled": ("fine", "28 % less contrast", "look", "washed"),
    "nan": ("nan", "not finite: every number", "fault", "nan"),
    "overflow": ("fine", "the same picture", "same", "match"),
}


@pytest.fixture(scope="module")
def all_of_them(bench: Bench):
    seen: list = []
    asked = task(
        bench, "own", *TOLD, sheet=str(bench.root / "a.png"), page=str(bench.root / "a.html")
    )
    return compare(asked, counting(seen), CPU), seen


def test_the_first_the_projection_and_the_others_in_order(all_of_them) -> None:
    made, _ = all_of_them
    names = [one.name.partition(".")[0] for one in made.pictures]
    assert names == ["own", "sd1 latents", *TOLD]
    own, projection = made.pictures[:2]
    assert (own.note, own.grade, own.difference, own.scores) == ("the own one", "alone", None, None)
    assert projection.scores is None
    assert projection.difference is not None
    assert projection.trouble is None
    assert made.notes == ()


@pytest.mark.parametrize("name", TOLD)
def test_each_vae_is_told(all_of_them, name: str) -> None:
    made, _ = all_of_them
    told = made.pictures[2 + list(TOLD).index(name)]
    kind, words, grade, found = TOLD[name]
    assert words in told.words
    assert (told.kind, told.grade, outcome(told.scores).name) == (kind, grade, found)
    assert (told.difference is None) == (name == "nan")


def test_every_vae_is_loaded_and_decodes_once(all_of_them) -> None:
    _, seen = all_of_them
    assert [(name, dtype) for name, dtype, _ in seen] == [
        (name, torch.float32) for name in ("own", *TOLD)
    ]


def test_figures_are_flat_numbers_and_the_scores_those_of_the_verdict(all_of_them, bench) -> None:
    made, _ = all_of_them
    json.dumps([asdict(one) for one in made.pictures], allow_nan=False)
    for one in made.pictures:
        numbers = [*one.figures.values(), *(one.difference or {}).values()]
        assert all(isinstance(number, int | float) for number in numbers)
    vivid = made.pictures[2 + list(TOLD).index("vivid")]
    assert vivid.difference["psnr"] == vivid.scores.psnr
    latents = torch.from_numpy(bench.sampled.latents) / SD1.scale
    both = [load(bench.vae(name), CPU, torch.float32).decode(latents) for name in ("own", "vivid")]
    assert vivid.scores.chroma_slope == pytest.approx(pixels.compare(*both).chroma_slope, abs=1e-5)


def test_the_sheet_and_the_page_hold_every_picture(all_of_them, bench) -> None:
    made, _ = all_of_them
    with Image.open(made.sheet) as sheet:
        assert sheet.format == "PNG"
    assert Path(made.page).read_text("utf-8").count("data:image/png;base64") == len(made.pictures)
    assert (made.sheet, made.page) == (str(bench.root / "a.png"), str(bench.root / "a.html"))


def test_what_cannot_decode_is_told_and_the_others_go_on(bench: Bench, tmp_path: Path) -> None:
    wide = written(tmp_path, "wide", plan_of("flux1"))
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes((bench.root / "twin.safetensors").read_bytes()[:5000])
    gone = replace(bench.vae("twin"), name="gone", path=str(tmp_path / "gone.safetensors"))
    strange = replace(bench.vae("twin"), architecture="cascade\x1b")
    own = bench.vae("own")
    vaes = (own, wide, replace(own, name="damaged", path=str(damaged)), gone, strange, own)
    shown = tuple(Shown(vae, SD1) for vae in vaes)
    page = str(tmp_path / "page.html")
    made = compare(task(bench, vaes=shown, family=None, page=page), load, CPU)
    troubles = [one.trouble for one in made.pictures]
    assert [bool(trouble) for trouble in troubles] == [False, True, True, True, True, False]
    for number, words in ((1, "16 channels"), (2, "damaged.safetensors"), (3, "gone")):
        assert words in str(troubles[number])
    assert made.pictures[1].grade == "fault"
    assert (made.pictures[1].figures, made.pictures[1].scores) == ({}, None)
    assert made.pictures[-1].words == "the same picture"
    text = Path(page).read_text("utf-8")
    assert text.count("data:image/png;base64") == 2
    assert "not shown: " in text


def test_beside_a_stand_in_for_the_first_nothing_is_judged(bench: Bench, tmp_path: Path) -> None:
    vaes = (written(tmp_path, "wide", plan_of("flux1")), bench.vae("vivid"), bench.vae("twin"))
    made = compare(task(bench, vaes=tuple(Shown(vae, SD1) for vae in vaes)), load, CPU)
    wide, projection, vivid, twin = made.pictures
    assert wide.trouble
    assert projection.name == "sd1 latents"
    assert (vivid.grade, twin.grade) == ("alone", "look")
    assert {one.scores for one in made.pictures} == {None}
    assert made.notes == ("the pictures are compared with that of vivid.safetensors",)


def test_nothing_but_the_projection_may_be_left(bench: Bench, tmp_path: Path) -> None:
    wide, sheet = Shown(written(tmp_path, "wide", plan_of("flux1")), SD1), str(tmp_path / "a.png")
    made = compare(task(bench, vaes=(wide,), sheet=sheet), load, CPU)
    assert [bool(one.trouble) for one in made.pictures] == [True, False]
    assert made.notes == ()
    assert Path(sheet).exists()
    bare = compare(task(bench, vaes=(wide,), sheet=str(tmp_path / "b.png"), family=None), load, CPU)
    assert (len(bare.pictures), bare.sheet) == (1, None)
    assert not (tmp_path / "b.png").exists()


def test_latents_that_nobody_can_show_without_a_vae(bench: Bench) -> None:
    for family, words in (("flux1", "4 x 16 x 16 are no latents"), ("nobody", "nobody")):
        made = compare(task(bench, "own", "twin", family=family), load, CPU)
        assert len(made.pictures) == 2
        assert words in made.notes[0]


def test_a_drawing_without_a_picture_blames_no_vae(bench: Bench) -> None:
    spoilt = bench.kept("spoilt", bench.sampled.latents * np.nan, finite=False, failed_at=3)
    with pytest.raises(CannotRun, match="the checkpoint itself"):
        compare(task(bench, "own", drawing=spoilt), load, CPU)
    with pytest.raises(CannotRun, match="no VAE"):
        compare(task(bench), load, CPU)
    lost = replace(bench.drawing, path=str(bench.root / "lost"))
    with pytest.raises(NotFound):
        compare(task(bench, "own", drawing=lost), load, CPU)


def test_where_memory_is_short_all_are_cut_alike(bench: Bench) -> None:
    """The second one has no room for whole pictures, so that the first is decoded again."""
    seen: list = []
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory")
    tight = short_of_memory(
        lambda name, _device, given: name != "twin" or given is None or given.shape[-1] <= 64, error
    )
    plain = torch.from_numpy(bench.sampled.latents)
    wide = torch.nn.functional.interpolate(plain, size=(8, 80), mode="bilinear")
    large = bench.kept("wide", wide.numpy())
    made = compare(task(bench, "own", "twin", drawing=large), counting(seen, tight), CPU)
    assert sorted(made.notes) == [
        f"{name}.safetensors decoded in tiles: cpu has too little memory"
        for name in ("own", "twin")
    ]
    widths = [(name, shape[-1]) for name, _, shape in seen]
    assert widths[0] == ("own", 80)
    assert ("own", 64) in widths
    assert made.pictures[2].words == "the same picture"


def test_no_memory_at_all_for_one_is_its_own_trouble(bench: Bench) -> None:
    error = RuntimeError("out of memory")
    tight = short_of_memory(lambda name, *_: name != "twin", error)
    made = compare(task(bench, "own", "twin", "vivid"), tight, CPU)
    own, _, twin, vivid = made.pictures
    assert "too little memory" in str(twin.trouble)
    assert own.trouble is None
    assert outcome(vivid.scores).name == "vivid"
