"""``vaereg compare``: one sampling, several VAEs, a sheet and a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("diffusers")

from PIL import Image
from safetensors.torch import load_file, save_file

from vaereg.probes.shapes.checkpoint import write_folder, write_single_file
from vaereg.probes.shapes.vaes import write_vae
from vaereg.registry.samples.library import SAMPLES, build

from .conftest import Vaereg

VAES = ("vivid", "foreign", "scaled", "nan")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    write_folder(folder / "shapes")
    for name in VAES:
        write_vae(folder / f"{name}.safetensors", name)
    build_some(folder / "other", "ae")
    return folder


def build_some(folder: Path, *names: str) -> None:
    build(folder, samples=[one for one in SAMPLES if Path(one.path).stem in names])


def named(shapes: Path, *names: str) -> list[str]:
    return [word for name in names for word in ("--vae", str(shapes / f"{name}.safetensors"))]


def test_one_sampling_shows_what_each_vae_makes_of_it(
    here: Vaereg, shapes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sheet.png"
    words = ["compare", "--model", shapes / "shapes", "--out", out, "--ui", "html", "--json"]
    found = here(*words, *named(shapes, *VAES, "other/vae/ae"), "--home", tmp_path / "h").document
    own, plain, *others = found["pictures"]
    assert own["note"] == "checkpoint's own VAE"
    assert plain["name"] == "sd1 latents"
    assert found["drawing"]["steps"] == 8
    assert [one["name"] for one in others] == [*VAES, "ae"]
    by_name = {one["name"]: one for one in others}
    vivid = by_name["vivid"]
    assert re.match(r"3\d % more saturated", vivid["words"])
    assert vivid["difference"]["colourfulness_gain"] > 1.2
    verdicts = {name: by_name[name]["verdict"] for name in by_name}
    assert verdicts == {
        "vivid": "compatible",
        "foreign": "incompatible",
        "scaled": "degraded",
        "nan": "incompatible",
        "ae": "incompatible",
    }
    assert "16 latent channels" in by_name["ae"]["trouble"]
    assert found["images"] == [str(out)]
    with Image.open(out) as sheet:
        assert sheet.width > 900
    page = Path(found["page"]).read_text("utf-8")
    assert page.count("data:image/png;base64,") == 6
    assert len(list((tmp_path / "h" / "drawings").iterdir())) == 1


def test_without_vaes_named_the_recorded_ones_that_may_fit_are_shown(
    here: Vaereg, shapes: Path, tmp_path: Path
) -> None:
    home = ("--home", tmp_path / "h")
    here("scan", shapes, *home)
    found = here("compare", "--model", "shapes", "--json", *home).document
    names = {one["name"] for one in found["pictures"][2:]}
    assert "vivid" in names
    assert "ae" not in names
    listed = here("list", "--compatible", "--model", "shapes", "--json", *home).document
    fits = {fit["name"]: fit for fit in listed[0]["vaes"]}
    assert (fits["vivid"]["verdict"], fits["vivid"]["level"]) == ("compatible", "generate")
    assert "foreign" not in fits
    assert Path(found["images"][0]).parent == tmp_path / "h" / "pictures"


def test_a_picture_of_ones_own_needs_no_denoiser(
    here: Vaereg, shapes: Path, tmp_path: Path
) -> None:
    """The library's checkpoint has no text encoder, so it draws nothing."""
    build_some(tmp_path / "library", "forest_v1", "forest_vivid")
    here("scan", tmp_path / "library")
    picture = tmp_path / "mine.png"
    Image.linear_gradient("L").resize((300, 200)).convert("RGB").save(picture)
    with Image.open(picture) as grey:
        grey.putdata([(x % 256, (2 * x) % 256, 90) for x in range(300 * 200)])
        grey.save(picture)
    pair = ("compare", "--model", "forest_v1", "--vae", "forest_vivid")
    refused = here(*pair, "--json")
    assert refused.code == 1
    assert "text encoder" in refused.document["error"]["message"]
    found = here(*pair, "--image", picture, "--json").document
    assert found["drawing"]["steps"] == 0
    assert found["pictures"][-1]["verdict"] == "compatible"
    assert found["probe"]["level"] == "decode"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--vae", "nowhere.safetensors"), "not_found"),
        (("--out", "sheet.jpg"), "usage"),
        (("--image", "absent.png"), "unreadable_file"),
        (("--device", "cuda:9"), "no_device"),
    ],
)
def test_mistakes_are_told(here: Vaereg, shapes: Path, words: tuple[str, str], code: str) -> None:
    run = here("compare", "--model", shapes / "shapes", *words, "--json")
    assert run.document["error"]["code"] == code
    assert run.code == (2 if code == "usage" else 1)


def test_a_checkpoint_without_a_vae_and_of_open_space(
    here: Vaereg, shapes: Path, tmp_path: Path
) -> None:
    """The VAE's own family tells the scale; nothing is judged by it alone."""
    whole = tmp_path / "whole.safetensors"
    write_single_file(whole)
    kept = {
        name: value
        for name, value in load_file(whole).items()
        if not name.startswith("first_stage_model.")
    }
    bare = tmp_path / "bare.safetensors"
    save_file(kept, bare)
    write_vae(tmp_path / "twin.safetensors", "twin")
    lacking = here("compare", "--model", bare, "--json")
    assert lacking.code == 1
    assert "has no VAE of its own" in lacking.document["error"]["message"]
    here("check", "--model", bare, "--vae", tmp_path / "twin.safetensors", "--probe", "weights")
    found = here("compare", "--model", bare, "--vae", tmp_path / "twin.safetensors", "--json")
    first, plain = found.document["pictures"][:2]
    assert (first["kind"], plain["words"]) == ("fine", "the same picture")
    assert found.document["pictures"][-1]["verdict"] is None


def test_a_look_on_one_picture_does_not_overrule_the_test_card(
    here: Vaereg, shapes: Path, tmp_path: Path
) -> None:
    home = ("--home", tmp_path / "h")
    pair = ("--model", shapes / "shapes", "--vae", shapes / "vivid.safetensors")
    here("check", *pair, "--probe", "decode", *home)
    found = here("compare", *pair, "--steps", "2", "--size", "64", "--json", *home).document
    assert found["pictures"][-1]["verdict"] == "compatible"
    first = here("compare", *pair, "--seed", "1", "--size", "64", "--json", *home).document
    assert first["images"] != found["images"]
