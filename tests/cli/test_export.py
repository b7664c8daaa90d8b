"""``vaereg export`` as a user runs it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Vaereg
from tests.cli.feeding_cases import ready
from vaereg.registry.feeding.catalog import EXPORTS


def test_flags_for_one_pair(vaereg: Vaereg, library: Path, tmp_path: Path) -> None:
    ready(vaereg, library, tmp_path / "ui")
    words = ("export", "sdcpp", "--model", "forest_v1", "--vae", "forest_v1.ldm")
    run = vaereg(*words)
    assert run.code == 0
    said = shlex.split(run.out)
    assert said[2] == "--vae"
    assert [Path(path).exists() for path in (said[1], said[3])] == [True, True]
    assert run.out.count("\n") == 1
    document = vaereg(*words, "--json").document
    assert document["frontend"] == "sdcpp"
    assert document["snippets"][0]["text"] == run.out.strip()


def test_what_surely_fits_nothing_is_said_to(vaereg: Vaereg, library: Path, tmp_path: Path) -> None:
    ready(vaereg, library, tmp_path / "ui")
    vaereg("scan", library)
    run = vaereg("export", "sdcpp", "--model", "harbour_xl", "--vae", "forest_v1.ldm")
    assert (run.code, run.out) == (0, "")
    assert "harbour_xl" in run.err


@pytest.mark.parametrize("name", EXPORTS[:1])
def test_an_empty_registry(vaereg: Vaereg, tmp_path: Path, name: str) -> None:
    run = vaereg("export", name, "--json")
    assert run.code == 0
    assert run.document["frontend"] == name


def test_what_the_frontend_cannot_load_is_left_out(
    vaereg: Vaereg, library: Path, tmp_path: Path
) -> None:
    ready(vaereg, library, tmp_path / "ui")
    made = vaereg("convert", "forest_v1.ldm", "--layout", "diffusers", "--family", "sd1").out
    folder = Path(made.strip())
    checked = ("--model", "forest_v1", "--vae", folder, "--probe", "none")
    assert vaereg("check", *checked).code == 0
    words = ("export", "a1111", "--model", "forest_v1", "--vae", folder)
    run = vaereg(*words)
    assert (run.code, run.out) == (1, "")
    assert "left out: " in run.err
    assert "diffusers" in run.err
    document = vaereg(*words, "--json").document
    assert document["snippets"] == []
    (refused,) = document["refused"]
    assert refused["path"].startswith(str(folder))
    assert refused["why"] in run.err


@pytest.mark.parametrize(
    "words", [("nothing",), (), ("sdcpp", "--shell", "fish"), ("stabilitymatrix",)]
)
def test_wrong_usage(vaereg: Vaereg, words: tuple[str, ...]) -> None:
    run = vaereg("export", *words)
    assert (run.code, run.out) == (2, "")
    assert "('" not in run.err
