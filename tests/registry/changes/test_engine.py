"""Plans carried out: what is made, what is left alone and told, two processes, Ctrl-C."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.registry.changes.trees import AFTER, SETTINGS, build, plan, snapshot
from tests.servers.base import Reply, Request, Server
from vaereg.registry.changes import journal
from vaereg.registry.changes.base import Call, Change, Link, Plan, WriteText
from vaereg.registry.changes.engine import carry_out, preview
from vaereg.registry.changes.undoing import journals, undo
from vaereg.registry.errors import DatabaseLocked, NoSpace, Offline, Unreadable


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return build(tmp_path / "tree")


def outcomes(tree: Path, *changes: Change) -> list[tuple[str, str]]:
    """What the changes come to, said before and after alike."""
    wanted = Plan("a1111", str(tree), changes)
    before = [(step.outcome.replace("make", "made"), step.why) for step in preview(wanted)]
    after = [
        (step.outcome, step.why) for step in carry_out(wanted, str(tree.parent / "journals")).steps
    ]
    assert before == after
    return after


def test_a_preview_writes_nothing_and_tells_what_comes(tree: Path) -> None:
    before = snapshot(tree)
    steps = preview(plan(tree))
    assert [step.outcome for step in steps] == ["make"] * 6
    assert [step.kind for step in steps] == ["link"] * 4 + ["text"] * 2
    assert steps[0].why == "fits sdxl"
    assert snapshot(tree) == before


def test_everything_is_made_and_a_second_time_is_so_already(tree: Path, tmp_path: Path) -> None:
    report = carry_out(plan(tree), str(tmp_path / "journals"))
    assert report.complete
    assert [step.made_as for step in report.steps] == [
        "hard",
        "symlink",
        "copy",
        "copy",
        None,
        None,
    ]
    assert (tree / "webui/models/VAE/sdxl__vae.safetensors").read_bytes() == b"cached weights"
    assert (tree / "webui/config.json").is_symlink()
    assert (tree / "dotfiles.json").read_bytes() == AFTER.encode()
    assert (tree / "dotfiles.json").stat().st_mode & 0o777 == 0o640
    assert not list(tree.rglob(".*"))
    again = carry_out(plan(tree), str(tmp_path / "journals"))
    assert {step.outcome for step in again.steps} == {"same"}
    assert again.journal is None
    assert [run.id for run in journals(str(tmp_path / "journals"))] == ["0001"]


def test_what_lies_there_is_left_alone(tree: Path) -> None:
    model, vae = str(tree / "models/sub/kl.ckpt"), tree / "webui/models/VAE"
    vae.mkdir(parents=True)
    (vae / "mine.ckpt").write_bytes(b"mine")
    (vae / "broken.ckpt").symlink_to("nowhere")
    (tree / "webui/file").write_text("a file")
    (tree / "protected.json").write_text("{}")
    (tree / "protected.json").chmod(0o444)
    (tree / "double.json").write_text("{}")
    os.link(tree / "double.json", tree / "second.json")
    (tree / "latin.json").write_bytes(b'{"gr\xf6\xdfe": 1}')
    before = snapshot(tree)
    expected = (
        (Link(model, str(vae / "mine.ckpt")), "something else"),
        (Link(model, str(vae / "broken.ckpt")), "something else"),
        (Link(str(tree / "gone.ckpt"), str(vae / "new.ckpt")), "not there"),
        (Link(model, str(vae / "kl.safetensors")), "another format"),
        (Link(model, str(tree / "webui/file/kl.ckpt")), "no folder"),
        (Link(model, "kl.ckpt"), "absolute"),
        (Link(model, str(vae) + "/"), "absolute"),
        (Link(model, str(vae / ("x" * 300 + ".ckpt"))), "255"),
        (Link(model, str(vae / "nul\0.ckpt")), "absolute"),
        (WriteText(str(tree / "dotfiles.json"), AFTER, SETTINGS + " "), "changed since"),
        (WriteText(str(tree / "webui/file"), AFTER, None), "is now"),
        (WriteText(str(tree / "gone.json"), AFTER, "{}"), "is gone"),
        (WriteText(str(tree / "protected.json"), AFTER, "{}"), "write-protected"),
        (WriteText(str(tree / "double.json"), AFTER, "{}"), "hard links"),
        (WriteText(str(tree / "latin.json"), AFTER, "{}"), "changed since"),
        (WriteText(str(tree / "webui"), AFTER, None), "regular"),
        (WriteText(str(tree / "half.json"), "\ud800", None), "UTF-8"),
    )
    told = outcomes(tree, *(change for change, _ in expected))
    for (outcome, why), (_, word) in zip(told, expected, strict=True):
        assert outcome == "conflict"
        assert word in why
    assert snapshot(tree) == before
    assert not journals(str(tree.parent / "journals"))


def test_a_text_is_not_written_when_the_model_it_names_could_not_be_linked(tree: Path) -> None:
    model, vae = str(tree / "models/sub/kl.ckpt"), tree / "webui/models/VAE"
    vae.mkdir(parents=True)
    (vae / "süß.ckpt").write_bytes(b"mine")
    named = WriteText(str(tree / "a.json"), json.dumps({"vae": "süß.ckpt"}), None)
    other = WriteText(str(tree / "b.json"), '{"vae": "other.ckpt"}', None)
    old = WriteText(str(tree / "dotfiles.json"), SETTINGS + "\n", SETTINGS)
    told = outcomes(tree, Link(model, str(vae / "süß.ckpt")), named, other, old)
    assert [outcome for outcome, _ in told] == ["conflict", "conflict", "made", "made"]
    assert not (tree / "a.json").exists()


def test_one_name_twice_in_a_plan_is_made_once(tree: Path) -> None:
    models, vae = tree / "models/sub", tree / "webui/models/VAE"
    first = Link(str(models / "kl.ckpt"), str(vae / "KL.ckpt"))
    second = Link(str(tree / "hub/blobs/0a1b2c"), str(vae / "kl.CKPT"))
    told = outcomes(tree, first, second)
    assert [outcome for outcome, _ in told] == ["made", "conflict"]


def test_a_full_disk_and_other_refusals_are_told_and_the_rest_goes_on(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def full(source: str, target: str) -> None:
        if "dotfiles" in str(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    before = snapshot(tree)
    report = carry_out(plan(tree), str(tmp_path / "journals"))
    assert [step.outcome for step in report.steps].count("made") == 5
    assert "No space left" in report.of("failed")[0].why
    assert not list(tree.rglob(".*"))
    monkeypatch.undo()
    assert undo(str(tmp_path / "journals")).complete
    assert snapshot(tree) == before


def test_nothing_is_changed_that_cannot_be_written_down(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(tree)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreadable, match="journal"):
        carry_out(plan(tree), str(tmp_path / "file/journals"))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NoSpace, match="nothing more was changed"):
        carry_out(plan(tree), str(tmp_path / "journals"))
    assert snapshot(tree) == before


def test_interrupted_between_two_steps_what_was_made_can_be_undone(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = snapshot(tree)
    monkeypatch.setattr(os, "symlink", interrupted)
    with pytest.raises(KeyboardInterrupt):
        carry_out(plan(tree), str(tmp_path / "journals"))
    assert (tree / "webui/models/VAE/sdxl__vae.safetensors").exists()
    assert not journals(str(tmp_path / "journals"))[0].ended
    report = undo(str(tmp_path / "journals"))
    assert report.complete
    assert [step.kind for step in report.steps] == ["link", "folder", "folder"]
    assert snapshot(tree) == before


def test_a_second_process_waits_and_is_told_when_it_takes_too_long(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PATIENCE", 0.1)
    folder = str(tmp_path / "journals")
    with journal.locked(folder):
        for act in (lambda: carry_out(plan(tree), folder), lambda: undo(folder)):
            with pytest.raises(DatabaseLocked, match="another vaereg"):
                act()


def test_two_processes_at_once_make_each_change_once(tree: Path, tmp_path: Path) -> None:
    act = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import trees;"
        "from vaereg.registry.changes.engine import carry_out;"
        "steps = carry_out(trees.plan(Path(sys.argv[2])), sys.argv[3]).steps;"
        "sys.stdout.write(' '.join(step.outcome for step in steps))"
    )
    words = [str(Path(__file__).parent), str(tree), str(tmp_path / "journals")]
    children = [
        subprocess.Popen([sys.executable, "-c", act, *words], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = sorted(child.communicate(timeout=60)[0] for child in children)
    assert answers == [" ".join(["made"] * 6), " ".join(["same"] * 6)]
    assert len(journals(str(tmp_path / "journals"))) == 1


CANARY = "canary-5f3a"


class Frontend(Server):
    """Takes options and gives them back."""

    def reply(self, request: Request) -> Reply:
        return Reply.of_json({}, 200)


def send(method: str, url: str, body: object) -> None:
    """As a client that knows its password itself."""
    import requests

    try:
        requests.request(method, url, json=body, timeout=5).raise_for_status()
    except requests.RequestException as failure:
        raise Offline("the frontend does not answer") from failure


def test_a_request_is_sent_and_taken_back_and_no_secret_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "journals"
    with Frontend() as frontend:
        there = frontend.url.replace("//", f"//user:{CANARY}@") + f"/options?token={CANARY}&a=1"
        call = Call("POST", there, {"sd_vae": "x"}, "sets it", ("POST", there, {"sd_vae": "old"}))
        report = carry_out(Plan("a1111", str(tmp_path), (call,)), str(folder), send)
        assert report.complete
        back = undo(str(folder), take_back=lambda one: not send(one.method, one.url, one.body))
        bodies = [json.loads(request.body)["sd_vae"] for request in frontend.log]
        assert bodies == ["x", "old"]
        assert frontend.log[1].target == "/options?a=1"
    assert back.of("undone")[0].path == report.steps[0].path
    written = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert CANARY not in "".join((repr(report), repr(back), repr(journals(str(folder))), *written))


def test_a_request_that_is_not_taken_is_told(tmp_path: Path) -> None:
    call = Call("POST", "http://127.0.0.1:9/options", {}, undo=("POST", "http://x/", {}))
    wanted, folder = Plan("a1111", str(tmp_path), (call,)), str(tmp_path / "journals")
    assert "does not answer" in carry_out(wanted, folder, send).steps[0].why
    assert "no running frontend" in carry_out(wanted, folder).steps[0].why
