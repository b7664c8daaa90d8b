"""``vaereg scan`` records what is there, reads nothing twice and survives what users do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builders import write_safetensors
from tests.cli.conftest import Vaereg

COUNTS = ("files", "added", "changed", "unchanged", "moved", "missing")


def counts(document: dict[str, int]) -> tuple[int, ...]:
    return tuple(document[name] for name in COUNTS)


def test_the_first_scan_records_and_the_second_reads_nothing(vaereg: Vaereg, library: Path) -> None:
    first = vaereg("scan", library, "--json").document
    assert counts(first) == (6, 5, 0, 0, 0, 0)
    assert [Path(entry["path"]).name for entry in first["rejected"]] == ["pony_vae.safetensors"]
    assert first["rejected"][0]["code"] == "unreadable_file"
    assert "web page" in first["rejected"][0]["message"]
    second = vaereg("scan", library, "--json").document
    assert counts(second) == (6, 0, 0, 5, 0, 0)
    assert second["rejected"] == first["rejected"]


def test_without_folders_the_known_ones_are_scanned_again(vaereg: Vaereg, library: Path) -> None:
    assert vaereg("scan").code == 2
    vaereg("scan", library)
    write_safetensors(library / "new.safetensors", {"x": (3,)})
    assert counts(vaereg("scan", "--json").document) == (7, 1, 0, 5, 0, 0)


def test_a_moved_file_is_recognised_without_reading_it(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    (library / "vae" / "sdxl_vae.safetensors").rename(library / "renamed.safetensors")
    report = vaereg("scan", library, "--json").document
    assert counts(report) == (6, 0, 0, 4, 1, 0)
    assert vaereg("path", "renamed").out.strip() == str(library / "renamed.safetensors")
    assert vaereg("path", "sdxl_vae").code == 1


def test_a_file_copied_elsewhere_and_deleted_counts_as_moved(
    vaereg: Vaereg, library: Path, tmp_path: Path
) -> None:
    vaereg("scan", library)
    old, new = library / "vae" / "ae.safetensors", tmp_path / "other" / "ae2.safetensors"
    new.parent.mkdir()
    shutil.copy(old, new)
    old.unlink()
    report = vaereg("scan", library, tmp_path / "other", "--json").document
    assert (report["moved"], report["added"], report["missing"]) == (1, 0, 0)
    assert vaereg("path", "ae2").out.strip() == str(new)


def test_a_changed_file_is_read_anew(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    write_safetensors(library / "vae" / "ae.safetensors", {"other": (4,)})
    assert counts(vaereg("scan", library, "--json").document) == (6, 0, 1, 4, 0, 0)


def test_a_deleted_file_is_missing_and_comes_back(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    path = library / "vae" / "ae.safetensors"
    kept = path.rename(library.parent / "kept")
    assert vaereg("scan", library, "--json").document["missing"] == 1
    assert vaereg("path", "ae").code == 1
    kept.rename(path)
    assert vaereg("scan", library, "--json").document["missing"] == 0
    assert vaereg("path", "ae").code == 0


def test_an_unplugged_drive_deletes_nothing(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    away = library.rename(library.parent / "away")
    report = vaereg("scan", library, "--json").document
    assert (report["files"], report["missing"]) == (0, 5)
    states = {entry["state"] for entry in vaereg("list", "--json").document}
    assert states == {"offline"}
    away.rename(library)
    assert counts(vaereg("scan", library, "--json").document) == (6, 0, 0, 5, 0, 0)


def test_links_and_loops_are_followed_once(vaereg: Vaereg, library: Path) -> None:
    (library / "loop").symlink_to(library)
    (library / "vae" / "again").symlink_to(library / "checkpoints")
    os.link(library / "vae" / "ae.safetensors", library / "vae" / "ae_link.safetensors")
    (library / "gone.safetensors").symlink_to(library / "nowhere")
    report = vaereg("scan", library, "--json").document
    assert report["added"] == 6
    assert "gone.safetensors" in {Path(entry["path"]).name for entry in report["rejected"]}
    shown = vaereg("show", "ae", "--json").document
    assert len(shown["locations"]) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_never_hangs_the_scan(vaereg: Vaereg, library: Path) -> None:
    os.mkfifo(library / "pipe.safetensors")
    report = vaereg("scan", library, "--json").document
    assert report["added"] == 5
    assert any("named pipe" in entry["message"] for entry in report["rejected"])


def test_unfinished_downloads_and_hidden_files_are_left_alone(
    vaereg: Vaereg, library: Path
) -> None:
    for name in (
        "x.safetensors.part",
        "._x.safetensors",
        ".hidden.safetensors",
        "x.safetensors.tmp",
    ):
        (library / name).write_bytes(b"rubbish")
    assert vaereg("scan", library, "--json").document["files"] == 6


def test_undecodable_names_are_taken_in(vaereg: Vaereg, library: Path) -> None:
    odd = os.path.join(os.fsencode(library), b"caf\xe9 \x1b[31m.safetensors")
    shutil.copy(library / "vae" / "ae.safetensors", odd)
    assert vaereg("scan", library, "--json").document["added"] == 6
    listed = vaereg("list")
    assert listed.code == 0
    assert "\x1b" not in listed.out
    assert odd in vaereg("list", "-0").out.encode("utf-8", "surrogateescape").split(b"\0")


def test_a_folder_that_is_not_there_is_one_clear_sentence(vaereg: Vaereg, tmp_path: Path) -> None:
    run = vaereg("scan", tmp_path / "nowhere", "--json")
    assert run.code == 1
    assert run.document["error"]["code"] == "not_found"


def test_diffusers_folders_are_one_model(vaereg: Vaereg, tmp_path: Path) -> None:
    from vaereg.registry.samples.autoencoder import autoencoder_kl, in_diffusers_layout

    own = autoencoder_kl(4)
    shapes = {new: own[name] for new, name in in_diffusers_layout(own).items()}
    folder = tmp_path / "models" / "my-vae"
    write_safetensors(folder / "diffusion_pytorch_model.safetensors", shapes)
    (folder / "config.json").write_text(
        '{"_class_name": "AutoencoderKL", "latent_channels": 4, "scaling_factor": 0.13025}'
    )
    write_safetensors(folder / "loose.safetensors", {"x": (3,)})
    assert counts(vaereg("scan", tmp_path / "models", "--json").document) == (2, 2, 0, 0, 0, 0)
    found = vaereg("show", "my-vae", "--json").document
    assert (found["format"], found["kind"], found["family"]) == ("diffusers", "vae", "sdxl")
    assert found["determined_by"] == "config"
    assert counts(vaereg("scan", tmp_path / "models", "--json").document)[3] == 2
    (folder / "config.json").write_text(
        '{"_class_name": "AutoencoderKL", "latent_channels": 4, "scaling_factor": 0.18215}'
    )
    assert vaereg("scan", tmp_path / "models", "--json").document["changed"] == 1


def many_files(folder: Path) -> Path:
    for number in range(60):
        write_safetensors(folder / f"{number:02}.safetensors", {f"t{number}": (1 << 22,)})
    return folder


def start_scan(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "vaereg", "scan", str(folder), "--jobs", "1", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_scan_keeps_what_it_had(
    vaereg: Vaereg, tmp_path: Path, stop: signal.Signals
) -> None:
    folder = many_files(tmp_path / "many")
    process = start_scan(folder)
    recorded = 0
    while recorded == 0 and process.poll() is None:
        time.sleep(0.05)
        recorded = len(vaereg("list", "--json").document)
    process.send_signal(stop)
    _, err = process.communicate(timeout=30)
    assert b"Traceback" not in err
    if stop is signal.SIGINT and process.returncode != 0:
        assert process.returncode == 130
        assert b"interrupted" in err
    checked = vaereg("db", "check", "--json")
    assert checked.code == 0, checked.out
    kept = len(vaereg("list", "--json").document)
    assert kept >= recorded > 0
    report = vaereg("scan", folder, "--json").document
    assert report["unchanged"] == kept
    assert report["added"] == 60 - kept


def test_an_interrupted_scan_answers_with_its_one_document(tmp_path: Path) -> None:
    process = start_scan(many_files(tmp_path / "many"), "--json")
    registry = tmp_path / "home" / "registry.db"
    while not registry.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert b"Traceback" not in err
    assert process.returncode == 130
    assert json.loads(out)["error"]["code"] == "interrupted"
