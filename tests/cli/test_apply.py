"""``vaereg apply`` as a user runs it: planned, made, listed, undone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Vaereg
from tests.cli.feeding_cases import checkpoint, ready
from tests.registry.feeding.cases import picture_of
from tests.servers.frontends import FakeA1111

CANARY = "canary-7f3a91"


def test_planned_made_listed_and_undone(vaereg: Vaereg, library: Path, tmp_path: Path) -> None:
    ui = ready(vaereg, library, tmp_path / "ui")
    words = ("apply", "--frontend", str(ui), "--vae", "forest_v1.ldm")
    before = picture_of(ui)
    plan = vaereg(*words)
    assert plan.code == 0
    assert "--apply makes these changes" in plan.out
    assert picture_of(ui) == before
    done = vaereg(*words, "--apply", "--json")
    assert done.code == 0
    assert [one["kind"] for one in done.document["changes"]] == ["link", "write"]
    assert {one["state"] for one in done.document["changes"]} == {"made"}
    said = json.loads(checkpoint(ui).with_suffix(".json").read_text())
    assert (ui / "models/VAE" / said["vae"]).exists()
    journal = done.document["journal"]
    rows = vaereg("apply", "--list", "--json").document
    assert [(row["id"], row["frontend"], row["state"]) for row in rows] == [
        (journal, "a1111", "made")
    ]
    undone = vaereg("apply", "--undo", "--json")
    assert undone.code == 0
    assert undone.document["journal"] == journal
    assert {one["state"] for one in undone.document["changes"]} == {"undone"}
    assert picture_of(ui) == before
    assert vaereg("apply", "--list", "--json").document[0]["state"] == "undone"
    assert vaereg("apply", "--undo", journal).code == 1


def test_what_conflicts_is_told_and_the_rest_is_done(
    vaereg: Vaereg, library: Path, tmp_path: Path
) -> None:
    ui = ready(vaereg, library, tmp_path / "ui")
    beside = checkpoint(ui).with_suffix(".json")
    beside.write_text("{broken")
    words = ("apply", "--frontend", str(ui), "--vae", "forest_v1.ldm")
    assert vaereg(*words).code == 0
    run = vaereg(*words, "--apply", "--json")
    assert run.code == 1
    states = {one["kind"]: one["state"] for one in run.document["changes"]}
    assert states == {"link": "made", "write": "conflict"}
    assert run.document["journal"]
    assert beside.read_text() == "{broken"


def test_its_own_vae_fits_and_stays(vaereg: Vaereg, library: Path, tmp_path: Path) -> None:
    ui = ready(vaereg, library, tmp_path / "ui")
    run = vaereg("apply", "--frontend", str(ui), "--apply")
    assert run.code == 0
    assert "decodes with its own VAE already" in run.out
    assert "nothing was written" in run.out
    assert vaereg("apply", "--list").out == "nothing was changed in any frontend yet\n"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "--frontend NAME=ROOT"),
        (("0001",), 2, "goes with --undo only"),
        (("--undo",), 1, "nothing to undo"),
        (("--undo", "../../x"), 1, "no run"),
        (("--frontend", "fooocus=.", "--url", "http://127.0.0.1:9"), 2, "leave out --url"),
    ],
)
def test_wrong_usage(vaereg: Vaereg, words: tuple[str, ...], code: int, says: str) -> None:
    run = vaereg("apply", *words)
    assert (run.code, run.out) == (code, "")
    assert says in run.err


def test_a_running_one_is_told_and_no_secret_is_kept(
    vaereg: Vaereg, library: Path, tmp_path: Path, own_home: Path
) -> None:
    ui = ready(vaereg, library, tmp_path / "ui", config={"sd_vae": "gone.pt"})
    with FakeA1111() as server:
        server.basic("me", CANARY)
        server.checkpoints = {"forest_v1.safetensors": str(checkpoint(ui))}
        server.settings["sd_vae"] = "gone.pt"
        url = server.url.replace("://", f"://me:{CANARY}@")
        words = ("apply", "--frontend", str(ui), "--vae", "forest_v1.ldm", "--url", url)
        plan = vaereg(*words)
        done = vaereg(*words, "--apply", "--json")
        assert server.settings["sd_vae"] == "Automatic"
        undone = vaereg("apply", "--undo", "--url", url)
        assert server.settings["sd_vae"] == "gone.pt"
    assert (plan.code, done.code, undone.code) == (0, 0, 0)
    assert done.document["confirmed"][0]["before"] == "gone.pt"
    assert done.document["confirmed"][0]["took"]
    for run in (plan, done, undone):
        assert CANARY not in run.out + run.err
    kept = [path for path in own_home.rglob("*") if path.is_file()]
    assert not [path for path in kept if CANARY.encode() in path.read_bytes()]


def test_the_command_that_undoes_names_the_frontend_and_no_password(
    vaereg: Vaereg, library: Path, tmp_path: Path
) -> None:
    ui = ready(vaereg, library, tmp_path / "ui", config={"sd_vae": "gone.pt"})
    with FakeA1111() as server:
        server.basic("me", CANARY)
        server.checkpoints = {"forest_v1.safetensors": str(checkpoint(ui))}
        server.settings["sd_vae"] = "gone.pt"
        url = server.url.replace("://", f"://me:{CANARY}@")
        words = ("apply", "--frontend", str(ui), "--vae", "forest_v1.ldm", "--url", url, "--apply")
        done = vaereg(*words)
        assert f"undone by: vaereg apply --undo 0001 --url {server.url}\n" in done.out
        half = vaereg("apply", "--undo", "0001")
        assert half.code == 1
        assert vaereg("apply", "--list", "--json").document[0]["state"] == "partly undone"
        assert vaereg("apply", "--undo", "0001", "--url", url).code == 0
        assert server.settings["sd_vae"] == "gone.pt"
    for run in (done, half):
        assert CANARY not in run.out + run.err
