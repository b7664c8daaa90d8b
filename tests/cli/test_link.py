"""``vaereg link`` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Vaereg
from tests.cli.feeding_cases import ready

KEYS = {
    *("frontend", "root", "version", "applied", "journal", "changes"),
    *("kept", "reminders", "snippets", "notices", "confirmed"),
}


def test_a_plan_then_the_links_then_none(vaereg: Vaereg, library: Path, tmp_path: Path) -> None:
    ui = ready(vaereg, library, tmp_path / "ui")
    words = ("link", "--frontend", f"a1111={ui}")
    plan = vaereg(*words, "--json")
    assert plan.code == 0
    assert plan.document.keys() == KEYS
    target = ui / "models/VAE/vae_forest_v1.ldm.safetensors"
    found = {one["path"]: one for one in plan.document["changes"]}
    made = next(one for one in found.values() if one["kind"] == "link" and one["state"] == "make")
    assert not Path(made["path"]).exists()
    # AUTOMATIC1111 would pair whatever begins with forest_v1.
    assert not Path(made["path"]).name.startswith("forest_v1")
    done = vaereg(*words, "--vae", "forest_v1.ldm", "--apply", "--json").document
    assert (done["applied"], done["version"]) == (True, "1.10.1")
    assert [(one["state"], one["made_as"]) for one in done["changes"]] == [("made", "hard")]
    assert Path(done["changes"][0]["source"]).samefile(done["changes"][0]["path"])
    again = vaereg(*words, "--vae", "forest_v1.ldm", "--apply", "--json").document
    assert (again["journal"], again["changes"]) == (None, [])
    told = vaereg(*words, "--vae", "forest_v1.ldm").out
    assert "is shown as" in told
    assert not target.exists()


@pytest.mark.parametrize("command", ["link", "apply"])
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "--frontend NAME=ROOT"),
        (("--frontend", "a1111=x", "--frontend", "forge=y"), 2, "one frontend at a time"),
        (("--frontend", "auto"), 2, "auto finds frontends for scan and doctor"),
        (("--frontend", "nothing=."), 2, "there is no frontend called nothing"),
        (("--frontend", "a1111=/not/there"), 1, "is no folder"),
        (("--frontend", "a1111=.", "--vae", "nobody"), 1, "nobody"),
    ],
)
def test_wrong_usage(
    vaereg: Vaereg, command: str, words: tuple[str, ...], code: int, says: str
) -> None:
    run = vaereg(command, *words)
    assert (run.code, run.out) == (code, "")
    assert says in run.err


def test_a_checkpoint_is_no_vae(vaereg: Vaereg, library: Path, tmp_path: Path) -> None:
    ui = ready(vaereg, library, tmp_path / "ui")
    run = vaereg("link", "--frontend", f"a1111={ui}", "--vae", "forest_v1", "--json")
    assert run.code == 1
    assert "vaereg convert forest_v1" in run.document["error"]["hint"]


def test_linked_files_are_not_read_again(vaereg: Vaereg, library: Path, tmp_path: Path) -> None:
    """A hard link moves a file's time of change, which a scan looks at."""
    ui = ready(vaereg, library, tmp_path / "ui")
    vaereg("scan", library)
    link = ("link", "--frontend", f"a1111={ui}", "--vae", "sdxl_vae", "--apply", "--json")
    assert vaereg(*link).document["changes"][0]["made_as"] == "hard"
    assert "read " not in vaereg("scan", library, "--verbose").err
    assert vaereg("apply", "--undo").code == 0
    assert "read " not in vaereg("scan", library, "--verbose").err
