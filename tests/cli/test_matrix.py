"""``vaereg matrix``: every pair judged, resumable, bounded; in words, as JSON, as a page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Vaereg

torch = pytest.importorskip("torch")
pytest.importorskip("PIL")

from vaereg.cli.matrix import with_settings  # noqa: E402
from vaereg.probes.prober import TorchProber  # noqa: E402
from vaereg.probes.shapes.checkpoint import write_folder  # noqa: E402
from vaereg.probes.shapes.vaes import write_vae  # noqa: E402
from vaereg.registry.judging.request import Picture, Request  # noqa: E402

CELL = {
    "model", "vae", "baked", "verdict", "confidence", "reason", "level", "evidence", "advice",
    "images", "device", "dtype", "seconds", "decided_at", "recalled", "notes", "error",
}  # fmt: skip


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """The small trained checkpoint, in a folder that takes VAEs beside it."""
    write_folder(tmp_path / "shapes" / "painter")
    return tmp_path / "shapes"


def shelf(vaereg: Vaereg, folder: Path, *vaes: str) -> None:
    """Write some of the small checkpoint's VAEs and record the folder."""
    for vae in vaes:
        write_vae(folder / f"{vae}.safetensors", vae)
    assert vaereg("scan", folder).code == 0


def told(document: dict) -> dict[tuple[str, str], dict]:
    """The cells by the names of their models."""
    names = {one["sha256"]: one["name"] for one in document["checkpoints"] + document["vaes"]}
    return {(names[cell["model"]], names[cell["vae"]]): cell for cell in document["cells"]}


def test_without_a_probe_every_pair_is_told_by_rules(here: Vaereg, library: Path) -> None:
    here("scan", library)
    run = here("matrix", "--probe", "none", "--json")
    assert run.code == 0
    document = run.document
    assert set(document) == {
        "checkpoints", "vaes", "cells", "counts", "errors", "seconds", "peak_memory_bytes", "page",
    }  # fmt: skip
    cells = told(document)
    assert len(cells) == document["counts"]["pairs"] == 2 * 3 + 2
    assert all(set(cell) == CELL and cell["level"] == "none" for cell in cells.values())
    assert cells["forest_v1", "vae_final_FIXED"]["verdict"] == "compatible"
    assert cells["harbour_xl", "harbour_xl"]["baked"]
    shape = cells["harbour_xl", "ae"]
    assert (shape["verdict"], shape["confidence"]) == ("incompatible", 0.99)
    assert "16" in shape["reason"]
    assert cells["harbour_xl", "sdxl_vae"]["verdict"] == "unknown"
    assert document["errors"] == []
    assert document["page"] is None


def test_a_cross_decode_of_each_pair_is_what_check_says_and_is_kept(
    here: Vaereg, shapes: Path, tmp_path: Path
) -> None:
    shelf(here, shapes, "twin", "foreign", "scaled", "nan")
    page = tmp_path / "out" / "matrix.html"
    first = here("matrix", "--probe", "decode", "--out", page, "--json").document
    found = {vae: (cell["verdict"], cell["level"]) for (_, vae), cell in told(first).items()}
    assert found == {
        "painter": ("compatible", "decode"),
        "twin": ("compatible", "decode"),
        "foreign": ("incompatible", "decode"),
        "scaled": ("degraded", "decode"),
        "nan": ("incompatible", "none"),
    }
    assert first["counts"]["recalled"] == 0
    assert first["page"] == str(page)
    text = page.read_text("utf-8")
    assert all(name in text for name in ("painter", "twin", "foreign", "scaled"))
    assert "asked: by decoding" in text
    assert "4 by decoding latents of a known VAE, 1 by headers" in text
    again = here("matrix", "--probe", "decode", "--device", "cpu", "--json").document
    assert again["counts"] == first["counts"] | {"recalled": 4}
    pictures = {path for cell in first["cells"] for path in cell["images"]}
    assert len(pictures) == 4
    assert all(Path(path).read_bytes().startswith(b"\x89PNG") for path in pictures)
    check = here("check", "--model", "painter", "--vae", "scaled", "--probe", "decode")
    assert "recalled" in check.out
    assert "degraded" in check.out
    listed = here("list", "--compatible", "--json").document[0]["vaes"]
    assert {fit["name"] for fit in listed} == {"painter", "twin", "scaled"}
    fresh = here("matrix", "--probe", "decode", "--vae", "twin", "--fresh", "--json").document
    assert (fresh["counts"]["pairs"], fresh["counts"]["recalled"]) == (1, 0)


def test_each_checkpoint_draws_once_and_one_that_cannot_is_told(
    here: Vaereg, shapes: Path, library: Path, tmp_path: Path
) -> None:
    pytest.importorskip("diffusers")
    pytest.importorskip("transformers")
    shelf(here, shapes, "foreign")
    here("scan", library / "checkpoints" / "forest_v1.safetensors")
    words = ["matrix", "--probe", "generate", "--vae", "foreign", "--json"]
    first = here(*words)
    assert first.code == 0
    found = {key: (cell["verdict"], cell["level"]) for key, cell in told(first.document).items()}
    assert found == {
        ("painter", "foreign"): ("incompatible", "generate"),
        ("forest_v1", "foreign"): ("incompatible", "decode"),
    }
    (error,) = first.document["errors"]
    assert "forest_v1" in error["message"]
    assert "text encoder" in error["message"]
    assert error["hint"]
    undrawn = told(first.document)["forest_v1", "foreign"]["evidence"]
    assert any("no picture was generated" in row["message"] for row in undrawn)
    kept = list((tmp_path / "home" / "drawings").iterdir())
    assert len(kept) == 1
    again = here(*words).document
    assert again["counts"]["recalled"] == 2
    assert again["errors"] == first.document["errors"]


@pytest.mark.parametrize(
    ("probe", "drawn", "path"),
    [
        ("generate", Picture(), "/p/a--b.png"),
        ("generate", Picture(seed=5), "/p/a--b--5seed.png"),
        ("generate", Picture(steps=4, size=256), "/p/a--b--4steps--256px.png"),
        ("decode", Picture(seed=5), "/p/a--b.png"),
    ],
)
def test_a_recorded_picture_answers_only_for_the_settings_that_it_was_drawn_with(
    probe: str, drawn: Picture, path: str
) -> None:
    """The picture's path is what a recorded verdict is found again by."""
    request = Request(probe, TorchProber, drawn=drawn)
    assert with_settings("/p/a--b.png", request) == path


def test_an_interrupted_run_goes_on_where_it_was(here: Vaereg, shapes: Path) -> None:
    shelf(here, shapes, "twin", "vivid")
    with subprocess.Popen(
        [sys.executable, "-m", "vaereg", "matrix", "--probe", "decode", "--verbose", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stderr is not None
        assert any(b"latents through this VAE" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert b'"interrupted"' in out
    again = here("matrix", "--probe", "decode", "--json").document
    assert 1 <= again["counts"]["recalled"] < again["counts"]["pairs"] == 3
    assert again["counts"]["unknown"] == again["counts"]["failed"] == 0


def test_a_model_that_is_gone_or_changed_does_not_stop_the_rest(here: Vaereg, shapes: Path) -> None:
    shelf(here, shapes, "own", "twin", "vivid")
    (shapes / "twin.safetensors").unlink()
    data = (shapes / "vivid.safetensors").read_bytes()
    (shapes / "vivid.safetensors").write_bytes(data[: len(data) // 2])
    run = here("matrix", "--probe", "weights", "--json")
    assert run.code == 0
    cells = {vae: cell for (_, vae), cell in told(run.document).items()}
    assert cells["own"]["verdict"] == "compatible"
    assert cells["own"]["level"] == "weights"
    assert cells["twin"]["level"] == cells["vivid"]["level"] == "none"
    assert cells["twin"]["verdict"] == cells["vivid"]["verdict"] == "unknown"
    gone, changed = sorted(run.document["errors"], key=lambda error: error["code"])
    assert (gone["code"], changed["code"]) == ("not_found", "unreadable_file")
    assert "not there now" in gone["message"]
    assert "vaereg scan" in changed["hint"]


def test_without_any_file_nothing_could_run_and_each_cell_says_why(
    here: Vaereg, shapes: Path, tmp_path: Path
) -> None:
    shelf(here, shapes, "foreign")
    here("matrix", "--probe", "weights", "--json")
    shapes.rename(tmp_path / "unplugged")
    for probe, code, recalled in (("weights", 0, 2), ("decode", 1, 0), ("none", 0, 2)):
        run = here("matrix", "--probe", probe, "--json")
        assert (run.code, run.document["counts"]["recalled"]) == (code, recalled)
    run = here("matrix", "--probe", "decode", "--fresh", "--json")
    assert run.code == 1
    assert {cell["level"] for cell in run.document["cells"]} == {"none"}
    notes = {vae: cell["notes"] for (_, vae), cell in told(run.document).items()}
    for vae in ("painter", "foreign"):
        (note,) = notes[vae]
        assert re.match(f"the probe decode did not run: {vae} was recorded at .* not there", note)


def test_a_checkpoint_that_is_gone_leaves_a_cross_decode_and_a_note(
    here: Vaereg, shapes: Path, tmp_path: Path
) -> None:
    shelf(here, shapes, "own", "twin")
    (shapes / "painter").rename(tmp_path / "unplugged")
    run = here("matrix", "--probe", "generate", "--vae", "twin", "--json")
    (cell,) = run.document["cells"]
    assert run.code == 0
    assert cell["level"] == "decode"
    assert cell["notes"][0].startswith("no picture was generated: painter is not on this machine")


def test_memory_is_kept_to_and_the_deepest_probe_that_it_allows_answers(
    alone: Vaereg, here: Vaereg, shapes: Path
) -> None:
    """No drawing begins that would leave too little for what comes after it."""
    shelf(here, shapes, "foreign")
    words = ["matrix", "--vae", "foreign", "--json", "--fresh", "--memory"]
    refused = alone(*words, "20M", "--probe", "decode")
    assert refused.code == 2
    base = int(re.search(r"hold (\d+) MiB", refused.document["error"]["message"])[1])
    for more, probe, verdict, level, stopped in (
        (12, "decode", "unknown", "none", "the probes decode and weights did not run: "),
        (base + 20, "generate", "incompatible", "decode", "no picture was generated: drawing with"),
    ):
        run = alone(*words, f"{base + more}M", "--probe", probe)
        (cell,) = run.document["cells"]
        assert (cell["verdict"], cell["level"]) == (verdict, level)
        assert run.code == (1 if level == "none" else 0)
        assert cell["notes"][0].startswith(stopped)
        assert "allowed on cpu" in cell["notes"][0]
        assert base / 2 < run.document["peak_memory_bytes"] / 2**20 < base + more + 16


def test_memory_does_not_grow_with_the_number_of_models(
    vaereg: Vaereg, here: Vaereg, shapes: Path
) -> None:
    write_vae(shapes / "twin.safetensors", "twin")
    vae = (shapes / "twin.safetensors").read_bytes()
    for number in range(8):
        # Another content each: the last bytes are one number of a bias.
        copy = vae[:-2] + number.to_bytes(2, "little")
        (shapes / f"twin{number}.safetensors").write_bytes(copy)
    here("scan", shapes)
    peaks = []
    for asked in (2, 8):
        named = [word for number in range(asked) for word in ("--vae", f"twin{number}")]
        run = vaereg("matrix", "--probe", "weights", "--fresh", *named, "--json").document
        assert run["counts"]["pairs"] == asked
        assert {cell["level"] for cell in run["cells"]} == {"weights"}
        peaks.append(run["peak_memory_bytes"])
    # Each of them takes 1.6 MB to be run.
    assert peaks[1] < peaks[0] + 8e6


def test_what_cannot_be_done_is_one_clear_error(here: Vaereg, tmp_path: Path) -> None:
    shelf(here, tmp_path / "shapes", "twin")
    for words, code, error in (
        ([], 1, "not_found"),
        (["--out", "matrix.png"], 2, "usage"),
        (["--memory", "plenty"], 2, "usage"),
        (["--memory", "0"], 2, "usage"),
        (["--device", "toaster"], 2, "usage"),
        (["--model", "nobody"], 1, "not_found"),
        (["--model", "twin"], 1, "unsupported_format"),
    ):
        run = here("matrix", *words, "--json")
        assert (run.code, run.document["error"]["code"]) == (code, error), words


def test_words_fit_the_screen_and_names_do_no_harm(
    here: Vaereg, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_vae(shapes / "harmless\x1b[31m.safetensors", "twin")
    shelf(here, shapes, "nan")
    for width, shows, hides in (
        ("150", r"painter +compatible +unknown +incompatible", "signs:"),
        ("40", r"painter +\+ +\? +x[\s\S]*\d harmless", "HARMLESS"),
        ("16", r"CHECKPOINT +COMPATIBLE[\s\S]*painter +1 +1 +1", "signs:"),
    ):
        monkeypatch.setenv("COLUMNS", width)
        run = here("matrix", "--probe", "none")
        assert run.code == 0
        assert re.search(shows, run.out)
        assert hides not in run.out
        assert "\x1b" not in run.out
        assert "done: 3 pairs in" in run.out
