"""``vaereg check --probe generate``: a small trained checkpoint draws, its VAEs decode."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("diffusers")

from vaereg.probes.shapes.checkpoint import write_folder, write_single_file
from vaereg.probes.shapes.vaes import write_vae

from .conftest import Vaereg


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    write_folder(folder / "shapes")
    for name in ("own", "vivid", "foreign", "scaled", "nan", "overflow"):
        write_vae(folder / f"{name}.safetensors", name)
    return folder


def check(vaereg: Vaereg, shapes: Path, vae: str, *words: str, **env: str):
    """In one home for all tests: the checkpoint draws once."""
    pair = ("--model", shapes / "shapes", "--vae", shapes / f"{vae}.safetensors")
    home = ("--home", shapes / "home") if "--home" not in words else ()
    return vaereg("check", *pair, "--probe", "generate", "--json", *home, *words, **env)


def row(document: dict, check: str) -> dict:
    return next(found for found in document["evidence"] if found["check"] == check)


@pytest.mark.parametrize(
    ("vae", "code", "verdict", "outcome", "seen"),
    [
        ("vivid", 0, "compatible", "pass", "vivid"),
        ("foreign", 3, "incompatible", "fail", "broken"),
        ("scaled", 0, "degraded", "warn", "washed"),
        ("nan", 3, "incompatible", "fail", "nan"),
    ],
)
def test_the_picture_that_the_checkpoint_draws_tells(
    here: Vaereg, shapes: Path, vae: str, code: int, verdict: str, outcome: str, seen: str
) -> None:
    run = check(here, shapes, vae)
    found = run.document
    assert (run.code, found["verdict"]) == (code, verdict)
    picture = row(found, "generation")
    assert picture["outcome"] == outcome
    assert picture["found"].startswith(seen)
    assert "a red circle" in picture["message"]
    assert found["probe"]["level"] == "generate"
    assert found["probe"]["device"] == "cpu"
    assert found["probe"]["peak_memory_bytes"] > 0
    strip = found["images"][-1]
    assert strip.endswith("--generated.png")
    assert Path(strip).read_bytes().startswith(b"\x89PNG")


def test_one_drawing_serves_every_vae_and_the_verdicts_are_listed(
    vaereg: Vaereg, shapes: Path, tmp_path: Path
) -> None:
    home = ("--home", tmp_path / "home")
    vaereg("scan", shapes, *home)
    for vae in ("own", "overflow"):
        assert check(vaereg, shapes, vae, *map(str, home)).code == 0
    assert len(os.listdir(tmp_path / "home" / "drawings")) == 1
    listed = vaereg("list", "--compatible", "--json", *home).document
    fits = {fit["name"]: fit for fit in listed[0]["vaes"]}
    assert (fits["own"]["verdict"], fits["own"]["level"]) == ("compatible", "generate")
    assert fits["shapes"]["level"] == "none"
    shown = vaereg("show", "overflow", "--json", *home).document["verdicts"][0]
    assert (shown["level"], shown["probe"]["device"]) == ("generate", "cpu")
    assert "black pictures in fp16" in row(shown, "fp16-range")["message"]
    drawn = vaereg("show", "own", "--json", *home).document["verdicts"][0]
    assert set(drawn["probe"]["versions"]) >= {"torch", "diffusers"}
    again = check(vaereg, shapes, "own", *map(str, home)).document
    assert again["probe"]["level"] == "generate"
    told = vaereg("check", "--model", "shapes", "--vae", "own", "--probe", "generate", *home)
    assert "recalled from" in told.out


def test_a_checkpoint_that_cannot_draw_gets_the_lower_level_and_says_so(
    here: Vaereg, library: Path
) -> None:
    """The library's checkpoints have no text encoders."""
    here("scan", library)
    pair = ("--model", "forest_v1", "--vae", "vae_final_FIXED")
    run = here("check", *pair, "--probe", "generate", "--json")
    assert (run.code, run.document["probe"]["level"]) == (0, "decode")
    told = row(run.document, "generation")
    assert told["outcome"] == "unknown"
    assert "text encoder" in told["message"]
    assert "a cross-decode answers" in told["message"]


def test_without_diffusers_the_lower_level_answers(
    vaereg: Vaereg, shapes: Path, tmp_path: Path
) -> None:
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "diffusers.py").write_text("raise ImportError(name='diffusers')")
    home = ("--home", str(tmp_path / "home"))
    run = check(vaereg, shapes, "foreign", *home, PYTHONPATH=str(tmp_path / "lacking"))
    assert (run.code, run.document["probe"]["level"]) == (3, "decode")
    assert "diffusers" in row(run.document, "generation")["message"]


def test_a_device_that_is_not_there_is_no_answer(here: Vaereg, shapes: Path) -> None:
    run = check(here, shapes, "own", "--device", "cuda:7")
    assert (run.code, run.document["error"]["code"]) == (1, "no_device")


@pytest.mark.parametrize("words", [("--size", "100"), ("--steps", "0"), ("--steps", "many")])
def test_figures_that_make_no_picture_are_wrong_usage(
    vaereg: Vaereg, shapes: Path, words: tuple[str, str]
) -> None:
    run = check(vaereg, shapes, "own", *words)
    assert (run.code, run.document["error"]["code"]) == (2, "usage")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on POSIX")
def test_a_long_drawing_can_be_interrupted(shapes: Path, tmp_path: Path) -> None:
    """Nothing half-made stays behind, and it is drawn anew."""
    home = tmp_path / "home"
    pair = ["--model", shapes / "shapes", "--vae", shapes / "own.safetensors"]
    words = ["check", *pair, "--probe", "generate", "--steps", "200", "--size", "512"]
    process = subprocess.Popen(
        [sys.executable, "-m", "vaereg", *map(str, words), "--home", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    until = time.monotonic() + 60
    while not (home / "pictures").is_dir() or not os.listdir(home / "pictures"):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert not (home / "drawings").exists() or not os.listdir(home / "drawings")


def test_while_the_space_is_open_no_recorded_vae_judges(here: Vaereg, tmp_path: Path) -> None:
    """As one file the checkpoint does not tell its space: an SDXL VAE must not speak for it."""
    write_single_file(tmp_path / "models" / "painter.safetensors")
    for name in ("foreign", "twin"):
        write_vae(tmp_path / "models" / f"{name}.safetensors", name)
    here("scan", tmp_path / "models")
    for name in ("foreign", "twin"):
        here("check", "--model", "painter", "--vae", name, "--probe", "decode", "--json")
    own = here("check", "--model", "painter", "--vae", "painter", "--probe", "decode", "--json")
    assert own.document["verdict"] != "incompatible"
    twin = here("check", "--model", "painter", "--vae", "twin", "--probe", "decode", "--json")
    assert twin.document["verdict"] == "compatible"
