"""Streams, exit codes and options: what scripts and frontends rely on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import write_safetensors
from tests.cli.conftest import Vaereg
from vaereg import __version__


@pytest.fixture
def vaereg(alone: Vaereg) -> Vaereg:
    """The contract is that of the program, so each run here is a process of its own."""
    return alone


def test_the_version(vaereg: Vaereg) -> None:
    assert vaereg("--version").out.strip() == f"vaereg {__version__}"
    assert vaereg("--json", "--version").document == {"version": __version__}


@pytest.mark.parametrize("place", ["before", "after"])
def test_global_options_stand_before_and_after_the_command(
    vaereg: Vaereg, library: Path, tmp_path: Path, place: str
) -> None:
    home = tmp_path / "elsewhere"
    options = ["--home", str(home), "--json", "--quiet"]
    words = ["scan", str(library)]
    run = vaereg(*options, *words) if place == "before" else vaereg(*words, *options)
    assert run.document["added"] == 5
    assert (home / "registry.db").exists()
    named = vaereg("list", f"--db=sqlite:///{home}/registry.db", "--json")
    assert len(named.document) == 5


def test_the_database_can_be_named_by_the_environment(
    vaereg: Vaereg, library: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'shared' / 'models.db'}"
    vaereg("scan", library, VAEREG_DATABASE_URL=url)
    assert (tmp_path / "shared" / "models.db").exists()
    assert len(vaereg("list", "--json", VAEREG_DATABASE_URL=url).document) == 5


@pytest.mark.parametrize(
    "words",
    [
        ["check", "--model", "x"],
        ["list", "--nonsense"],
        ["nonsense"],
        ["check", "--model", "x", "--vae", "y", "--probe", "magic"],
        ["scan", "--jobs", "0", "."],
        ["inspect"],
    ],
)
def test_wrong_usage_is_code_2_in_words_and_in_json(vaereg: Vaereg, words: list[str]) -> None:
    run = vaereg(*words)
    assert (run.code, run.out) == (2, "")
    assert "vaereg: " in run.err
    told = vaereg(*words, "--json")
    assert told.code == 2
    assert told.document["error"]["code"] == "usage"


def test_an_error_is_one_json_document_on_stdout(vaereg: Vaereg) -> None:
    run = vaereg("inspect", "nowhere.safetensors", "--json")
    assert run.code == 1
    assert set(run.document["error"]) == {"code", "message", "hint"}
    assert run.document["error"]["code"] == "not_found"


def test_several_refs_go_on_past_a_broken_one(vaereg: Vaereg, library: Path) -> None:
    good, bad = library / "vae/ae.safetensors", library / "vae/pony_vae.safetensors"
    run = vaereg("inspect", good, bad, good, "--json")
    assert run.code == 1
    first, second, third = run.document
    assert first == third
    assert second["path"] == str(bad)
    assert second["error"]["code"] == "unreadable_file"


def test_inspect_tells_the_interfaces_shape_and_writes_nothing(
    vaereg: Vaereg, library: Path, tmp_path: Path
) -> None:
    path = library / "checkpoints/forest_v1.safetensors"
    document = vaereg("inspect", path, "--json").document
    assert document["path"] == str(path)
    assert document["size"] == path.stat().st_size
    assert (document["format"], document["kind"]) == ("safetensors", "checkpoint")
    assert document["health"] is None
    assert "hashes" not in document
    assert 0 < document["bytes_read"] < 200_000
    roles = {part["role"]: part for part in document["components"]}
    assert roles["vae"]["prefix"] == "first_stage_model."
    assert roles["vae"]["parts"] == ["encoder", "decoder"]
    assert roles["vae"]["tensors"] == 248
    assert roles["vae"]["latent"]["family"] is None
    assert {"sd1", "sdxl"} <= set(roles["vae"]["latent"]["candidates"])
    assert roles["denoiser"]["latent"]["family"] == "sd1"
    assert roles["denoiser"]["latent"]["determined_by"] == "header"
    assert roles["denoiser"]["latent"]["scaling_factor"] == pytest.approx(0.18215)
    assert not (tmp_path / "home").exists()


def test_hashes_come_when_asked_for(vaereg: Vaereg, library: Path) -> None:
    document = vaereg("inspect", library / "vae/ae.safetensors", "--hash", "--json").document
    names = {"sha256", "autov1", "autov2", "autov3", "blake3", "crc32", "content"}
    assert set(document["hashes"]) == names
    assert document["hashes"]["autov2"] == document["hashes"]["sha256"][:10]


def test_hostile_texts_reach_no_terminal(vaereg: Vaereg, tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J[bold red]x[/] :warning: \u202egpj"
    folder = tmp_path / "m"
    write_safetensors(
        folder / f"{evil.replace('/', '')}.safetensors",
        {f"{evil}{n}": (2, 2) for n in range(4)},
        metadata={"modelspec.architecture": evil},
    )
    for words in (["scan", folder], ["list"], ["doctor"], ["inspect", *folder.iterdir()]):
        run = vaereg(*words)
        assert run.code in (0, 1)
        assert not any(sign in run.out + run.err for sign in "\x1b\x07\u202e"), words
    assert "[bold red]" in vaereg("list").out


def test_narrow_encodings_lose_no_answer(vaereg: Vaereg, tmp_path: Path) -> None:
    write_safetensors(tmp_path / "m" / "модель 模型.safetensors", {"x": (2,)})
    for encoding in ("ascii", "cp1252"):
        run = vaereg("scan", tmp_path / "m", PYTHONIOENCODING=encoding)
        assert run.code == 0
        assert vaereg("list", PYTHONIOENCODING=encoding).code == 0


def test_a_closed_pipe_is_no_error(library: Path, vaereg: Vaereg) -> None:
    vaereg("scan", library)
    done = subprocess.run(
        f"{sys.executable} -m vaereg list | head -n 1",
        shell=True,
        capture_output=True,
        check=False,
        env=dict(os.environ),
    )
    assert done.stderr == b""


def test_a_damaged_registry_is_a_sentence_and_is_never_deleted(
    vaereg: Vaereg, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "registry.db").write_bytes(b"this is not a database" * 100)
    run = vaereg("list", "--json")
    assert run.code == 1
    assert json.loads(run.out)["error"]["code"] == "unreadable_file"
    assert (home / "registry.db").read_bytes().startswith(b"this is not")


def test_an_unknown_kind_of_database_is_wrong_usage(vaereg: Vaereg) -> None:
    assert vaereg("list", "--db", "mysql://x/y").code == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_answer_that_cannot_be_written_is_a_sentence(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "vaereg", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"cannot be written" in done.stderr


def test_a_missing_command_is_answered_with_help(vaereg: Vaereg) -> None:
    for words in ([], ["db"]):
        run = vaereg(*words)
        assert run.code == 2
        assert "Commands:" in run.out
        assert vaereg(*words, "--json").document["error"]["code"] == "usage"


def test_empty_options_are_wrong_usage(vaereg: Vaereg) -> None:
    assert vaereg("list", "--home", "").code == 2
    assert vaereg("list", "--db", "").code == 2


def test_an_option_that_is_missing_is_named_with_its_choices_in_one_line(vaereg: Vaereg) -> None:
    run = vaereg("convert", "x")
    assert run.code == 2
    assert "'--layout'. Choose from: ldm, diffusers\n" in run.err
