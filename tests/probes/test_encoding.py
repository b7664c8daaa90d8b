"""A user's picture becomes latents that any VAE of its space decodes."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

from tests.probes.test_crossing import CPU, SD1, SDXL, photograph, plan_of, tiny, written  # noqa: E402
from vaereg.probes.generation.kept import load_latents, recalled  # noqa: E402
from vaereg.probes.measures.encoding import encode  # noqa: E402
from vaereg.probes.measures.showing import show  # noqa: E402
from vaereg.probes.runners.catalog import load  # noqa: E402
from vaereg.registry.drawing import Drawing, ShowTask  # noqa: E402
from vaereg.registry.errors import CannotRun, Unreadable  # noqa: E402
from vaereg.registry.measures import Convention, Scaling, VaeFile  # noqa: E402
from vaereg.registry.samples import colours  # noqa: E402
from vaereg.registry.samples.faults import with_nan  # noqa: E402
from vaereg.registry.verdicts.crossing import outcome  # noqa: E402


@pytest.fixture
def sd1(tmp_path: Path) -> VaeFile:
    return written(tmp_path, "reference", plan_of("sd1"))


def encoded(image, vae: VaeFile, folder: Path, scaling: Scaling = SD1) -> Drawing:
    return encode(str(image), vae, scaling, str(folder / "drawings"), load, CPU)


def test_what_is_told_of_an_encoded_picture(tmp_path: Path, sd1: VaeFile) -> None:
    made = encoded(photograph(tmp_path / "holiday.png"), sd1, tmp_path)
    latents = load_latents(made.path)
    assert latents.shape == (1, 4, made.height // 8, made.width // 8)
    assert (made.steps, made.text, made.channels) == (0, "holiday.png", 4)
    assert made.finite
    kept = recalled(made.path)
    assert kept is not None
    assert (kept.width, kept.height, kept.text) == (made.width, made.height, made.text)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "match"),
        ({"seed": 7}, "match"),
        ({"decoder_factors": colours.vivid(colours.table_of("sd1"))}, "vivid"),
        ({"decoder_factors": colours.table_of("sdxl")}, "broken"),
    ],
)
def test_a_picture_shows_a_vae_without_any_denoiser(tmp_path, sd1, changes, expected: str) -> None:
    drawing = encoded(photograph(tmp_path / "holiday.png"), sd1, tmp_path)
    vae = written(tmp_path, "candidate", plan_of("sd1", **changes))
    asked = (Convention("checkpoint", ("ComfyUI",), SD1),)
    found = show(ShowTask(drawing, sd1, vae, SD1, asked), load, CPU, torch.float32)
    assert outcome(found.looks[0].scores).name == expected
    assert found.reference_kind == "fine"


def test_one_file_for_one_picture_vae_and_scaling(tmp_path: Path, sd1: VaeFile) -> None:
    image = photograph(tmp_path / "one.png")
    other = written(tmp_path, "other", plan_of("sd1", seed=7))
    Image.new("RGB", (256, 256), (200, 60, 30)).save(tmp_path / "two.png")
    made = [
        encoded(image, sd1, tmp_path),
        encoded(image, other, tmp_path),
        encoded(image, sd1, tmp_path, SDXL),
        encoded(tmp_path / "two.png", sd1, tmp_path),
    ]
    assert len({drawing.path for drawing in made}) == 4
    assert encoded(image, sd1, tmp_path).path == made[0].path
    first, scaled = (load_latents(made[place].path) for place in (0, 2))
    assert abs(first / scaled - SD1.scale / SDXL.scale).max() < 1e-3


def test_a_vae_of_normalised_latents_needs_no_scaling(tmp_path: Path) -> None:
    """Weights of madebyollin/taesd."""
    image = photograph(tmp_path / "holiday.png")
    made = [encoded(image, tiny("taesd", "encoder"), tmp_path, it) for it in (SD1, Scaling(1.0))]
    one, other = (load_latents(drawing.path) for drawing in made)
    assert (one == other).all()
    assert 0.3 < one.std() < 3


@pytest.mark.parametrize(
    "name", ["bro\udcffken.png", "日本語 ☃.png", "line\nbreak.png", "é" * 60 + ".png"]
)
def test_pictures_of_any_name(tmp_path: Path, sd1: VaeFile, name: str) -> None:
    image = photograph(tmp_path / "plain.png")
    path = Path(image).rename(tmp_path / name)
    made = encoded(path, sd1, tmp_path)
    assert made.text.isprintable()
    assert recalled(made.path) is not None


def test_what_cannot_be_encoded(tmp_path: Path, sd1: VaeFile) -> None:
    image = photograph(tmp_path / "holiday.png")
    (tmp_path / "text.png").write_text("no picture")
    for path in ("text.png", "gone.png"):
        with pytest.raises(Unreadable, match=path):
            encoded(tmp_path / path, sd1, tmp_path)
    decoder = written(tmp_path, "half", plan_of("sd1", parts=("decoder",)))
    with pytest.raises(CannotRun, match="half has no encoder"):
        encoded(image, decoder, tmp_path)
    spoilt = written(
        tmp_path, "spoilt", plan_of("sd1"), lambda it: with_nan(it, "encoder.conv_in.weight")
    )
    with pytest.raises(CannotRun, match=r"spoilt encodes .* not finite"):
        encoded(image, spoilt, tmp_path)
    with pytest.raises(CannotRun, match="normalisation"):
        encoded(image, sd1, tmp_path, Scaling(0.0))
    (tmp_path / "drawings").touch()
    with pytest.raises(Unreadable, match="drawings is no folder"):
        encoded(image, sd1, tmp_path)
