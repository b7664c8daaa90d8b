"""``verify``, ``rm``, ``doctor`` and ``db``: keeping house."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Vaereg
from vaereg.cli.demo import MARKER, answer, clear
from vaereg.registry.errors import VaeregError


@pytest.fixture
def recorded(vaereg: Vaereg, library: Path) -> Path:
    vaereg("scan", library)
    return library


def test_verify_finds_one_flipped_bit(vaereg: Vaereg, recorded: Path) -> None:
    fine = vaereg("verify", "--json")
    assert (fine.code, fine.document["ok"]) == (0, 5)
    path = recorded / "vae/ae.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    (recorded / "vae/sdxl_vae.safetensors").unlink()
    run = vaereg("verify", "--json")
    assert run.code == 1
    assert (run.document["ok"], run.document["changed"], run.document["missing"]) == (3, 1, 1)
    changed = next(entry for entry in run.document["files"] if entry["outcome"] == "changed")
    assert changed["path"] == str(path)
    assert vaereg("verify", "forest_v1").code == 0


def test_rm_forgets_the_record_and_keeps_the_file(vaereg: Vaereg, recorded: Path) -> None:
    vaereg("check", "--model", "forest_v1", "--vae", "ae")
    run = vaereg("rm", "ae", "--json")
    assert run.document["paths"] == [str(recorded / "vae/ae.safetensors")]
    assert (recorded / "vae/ae.safetensors").exists()
    assert vaereg("path", "ae").code == 1
    assert vaereg("show", "forest_v1", "--json").document["verdicts"] == []
    assert vaereg("scan", recorded, "--json").document["added"] == 1


def test_doctor_reports_what_is_worth_knowing(vaereg: Vaereg, recorded: Path) -> None:
    shutil.copy(recorded / "vae/ae.safetensors", recorded / "copy.safetensors")
    (recorded / "vae/sdxl_vae.safetensors").unlink()
    vaereg("scan", recorded)
    run = vaereg("doctor", "--json")
    assert run.code == 0
    outcomes = {found["check"]: found["outcome"] for found in run.document["findings"]}
    assert outcomes["copies"] == "warn"
    assert outcomes["lost-files"] == "warn"
    assert outcomes["rejected-files"] == "warn"
    assert outcomes["damaged-models"] == "pass"


def test_backup_and_check(vaereg: Vaereg, recorded: Path, tmp_path: Path) -> None:
    copy = Path(vaereg("db", "backup", tmp_path / "copy.db").out.strip())
    listed = vaereg("list", "--db", f"sqlite:///{copy}", "--json").document
    assert len(listed) == 5
    assert vaereg("db", "check", "--json").document["ok"] is True
    upgraded = vaereg("db", "upgrade", "--json").document
    assert upgraded["before"] == upgraded["after"]


def test_the_demo_runs_the_main_job_and_stays_in_its_home(vaereg: Vaereg, tmp_path: Path) -> None:
    run = vaereg("demo", "--home", tmp_path / "here", "--json")
    assert run.code == 0
    verdicts = [
        step["answer"]["verdict"] for step in run.document["steps"] if step["command"][1] == "check"
    ]
    assert verdicts == [
        "compatible",
        "incompatible",
        "compatible",
        "compatible",
        "compatible",
        "incompatible",
        "incompatible",
    ]
    steps = {step["command"][1]: step["answer"] for step in run.document["steps"]}
    drawn = {one["name"]: one for one in steps["compare"]["pictures"]}
    assert "more saturated" in drawn["shapes_vivid"]["words"]
    assert steps["matrix"]["counts"]["compatible"] == 2
    assert len(steps["clip"]["pictures"]) == 4
    pictures = {path.name for path in (tmp_path / "here/demo/pictures").iterdir()}
    assert {"shapes.png", "shapes.html", "clip_skip.png", "matrix.html"} <= pictures
    assert {path.name for path in tmp_path.iterdir()} == {"here"}


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_interrupted_demo_ends_at_once(tmp_path: Path, form: tuple[str, ...]) -> None:
    """Amid a step; the next ones must not be run, least of all on a library half imported."""
    registry = tmp_path / "demo/registry.db"
    with subprocess.Popen(
        [sys.executable, "-m", "vaereg", "demo", "--home", tmp_path, *form],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        if form:
            while not registry.exists():
                time.sleep(0.02)
        else:
            # Right before torch is imported.
            assert any(b"$ vaereg check" in line for line in process.stdout)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert b"$ vaereg" not in out
    assert b"interrupted" in (out if form else err)
    assert out.count(b"{") == 2 * len(form)


def test_the_demo_removes_only_what_a_demo_wrote(vaereg: Vaereg, tmp_path: Path) -> None:
    kept = tmp_path / "demo/models/years_of_work.safetensors"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    run = vaereg("demo", "--home", tmp_path, "--json")
    assert (run.code, run.document["error"]["code"]) == (2, "usage")
    assert str(tmp_path / "demo") in run.document["error"]["message"]
    assert "--home" in run.document["error"]["hint"]
    assert [path for path in (tmp_path / "demo").rglob("*") if path.is_file()] == [kept]
    assert kept.read_text() == "mine"


def test_a_second_demo_leaves_what_was_put_beside_it(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "demo", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "model").touch()
    clear(folder)
    (folder / "notes.txt").touch()
    (folder / "pictures").mkdir()
    (folder / "models").symlink_to(elsewhere)
    clear(folder)
    assert {path.name for path in folder.iterdir()} == {"notes.txt", MARKER}
    assert (elsewhere / "model").exists()


def test_a_step_of_the_demo_that_fails_stops_it(tmp_path: Path) -> None:
    (tmp_path / "web.safetensors").write_text("<html>")
    with pytest.raises(VaeregError, match=r"the demo stopped: vaereg inspect .* exit code 1"):
        answer(tmp_path / "demo", ["inspect", *[str(tmp_path / "web.safetensors")] * 2])
