"""Undoing: back to the byte, but for what the user changed since."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.registry.changes.trees import AFTER, SETTINGS, build, plan, snapshot
from vaereg.registry.changes.base import Call, Link, Plan, WriteText
from vaereg.registry.changes.engine import carry_out
from vaereg.registry.changes.undoing import journals, undo
from vaereg.registry.errors import NotFound, Unreadable, UsageError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return build(tmp_path / "tree")


@pytest.fixture
def folder(tree: Path, tmp_path: Path) -> str:
    """The journals of a plan that was carried out."""
    journals = str(tmp_path / "journals")
    assert carry_out(plan(tree), journals).complete
    return journals


def test_everything_is_as_it_was_and_twice_there_is_nothing(
    tree: Path, folder: str, tmp_path: Path
) -> None:
    (run,) = journals(folder)
    assert (run.id, run.frontend, run.ended, run.undone) == ("0001", "a1111", True, False)
    report = undo(folder)
    assert report.complete
    assert [step.kind for step in report.steps].count("folder") == 5
    assert snapshot(tree) == snapshot(build(tmp_path / "fresh"))
    with pytest.raises(NotFound, match="nothing to undo"):
        undo(folder)
    with pytest.raises(NotFound, match="0001 is undone already"):
        undo(folder, "1")
    with pytest.raises(NotFound, match="no run 7"):
        undo(folder, "7")


def test_what_the_user_changed_since_is_left_and_told(tree: Path, folder: str) -> None:
    vae, copies = tree / "webui/models/VAE", tree / "webui/copies"
    (vae / "sdxl__vae.safetensors").unlink()
    (vae / "sdxl__vae.safetensors").write_bytes(b"resaved by the frontend")
    (vae / "kl.ckpt").unlink()
    (vae / "kl.ckpt").symlink_to("elsewhere")
    (copies / "kl.pt").write_bytes(b"changed")
    (copies / "pipe/more.json").write_text("{}")
    (tree / "dotfiles.json").write_text(AFTER + " ")
    (tree / "webui/meta/new/kl.json").write_text("{}")
    before = snapshot(tree)
    report = undo(folder)
    assert {step.outcome for step in report.steps} == {"left"}
    assert all(step.why for step in report.steps)
    assert snapshot(tree) == before
    settings = next(step for step in report.steps if "dotfiles" in step.path)
    kept = settings.why.rpartition(" ")[2]
    assert Path(kept).read_bytes() == SETTINGS.encode()


def test_what_the_user_removed_is_gone(tree: Path, folder: str) -> None:
    (tree / "webui/models/VAE/kl.ckpt").unlink()
    (tree / "webui/meta/new/kl.json").unlink()
    (tree / "webui/meta/new").rmdir()
    report = undo(folder)
    assert len(report.of("gone")) == 3
    assert report.complete
    assert not (tree / "webui/models").exists()


def test_the_last_copy_of_a_model_is_never_removed(tree: Path, folder: str) -> None:
    (tree / "hub/blobs/0a1b2c").unlink()
    (tree / "models/sub/kl.ckpt").unlink()
    report = undo(folder)
    told = {Path(step.path).name: step.why for step in report.of("left")}
    assert "last name" in told["sdxl__vae.safetensors"]
    assert "last copy" in told["kl.pt"]
    assert (tree / "webui/models/VAE/sdxl__vae.safetensors").read_bytes() == b"cached weights"
    assert (tree / "webui/copies/kl.pt").read_bytes() == b"weights"


def test_a_text_changed_by_two_runs_is_undone_in_turn(tree: Path, folder: str) -> None:
    path, other = str(tree / "webui/config.json"), str(tree / "other.json")
    second = WriteText(path, AFTER + "\n", AFTER)
    carry_out(Plan("a1111", str(tree), (second,)), folder)
    carry_out(Plan("a1111", str(tree), (WriteText(other, "{}", None),)), folder)
    with pytest.raises(UsageError, match="run 0002 changed"):
        undo(folder, "1")
    assert undo(folder, "2").complete
    assert undo(folder, "1").complete
    assert (tree / "dotfiles.json").read_bytes() == SETTINGS.encode()
    assert Path(other).exists()
    assert undo(folder).journal == "0003"


def test_a_step_that_fails_can_be_tried_again(
    tree: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refused)
    report = undo(folder)
    assert [step.path for step in report.of("failed")] == [str(tree / "dotfiles.json")]
    monkeypatch.undo()
    again = undo(folder)
    assert [step.outcome for step in again.steps] == ["undone"]
    assert (tree / "dotfiles.json").read_bytes() == SETTINGS.encode()


def test_a_line_that_was_cut_short_tells_of_nothing(tree: Path, folder: str) -> None:
    journal = Path(folder) / "0001/journal.jsonl"
    for tail in (b'{"begin": 99, "kind": "li', b"\0" * 100):
        journal.write_bytes(journal.read_bytes() + tail)
        assert len(journals(folder)) == 1
    assert undo(folder).complete
    with pytest.raises(NotFound):
        undo(folder)


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b"[1]",
        b'{"begin": 0, "kind": "other"}',
        b'{"begin": 0, "kind": "folder", "path": 7}',
        b'{"begin": 0, "kind": "folder"}',
        b'{"done": [], "as": null}',
        b"{}",
        b"\xff",
    ],
)
def test_a_damaged_journal_is_told_and_nothing_is_touched(
    tree: Path, folder: str, line: bytes
) -> None:
    before = snapshot(tree)
    journal = Path(folder) / "0001/journal.jsonl"
    journal.write_bytes(journal.read_bytes() + line + b"\n")
    with pytest.raises(Unreadable, match="damaged"):
        undo(folder)
    assert snapshot(tree) == before


def test_a_damaged_backup_is_not_put_back(tree: Path, folder: str) -> None:
    for backup in Path(folder).rglob("*.before"):
        backup.write_bytes(b"rot")
    assert "damaged" in undo(folder).of("left")[0].why
    assert (tree / "dotfiles.json").read_bytes() == AFTER.encode()


def test_a_request_that_nothing_takes_back_is_told(tmp_path: Path) -> None:
    folder = str(tmp_path / "journals")
    calls = (
        Call("POST", "http://localhost:7860/a", {}),
        Call("POST", "http://localhost:7860/b", {}, undo=("PUT", "http://localhost:7860/b", [1])),
    )
    carry_out(Plan("a1111", str(tmp_path), calls), folder, lambda *_: None)
    second, first = undo(folder).steps
    assert (first.outcome, second.outcome) == ("left", "left")
    assert "PUT http://localhost:7860/b [1]" in second.why


def test_links_that_a_later_run_names_are_undone_after_it(tree: Path, folder: str) -> None:
    names = WriteText(str(tree / "late.json"), '{"vae": "kl.ckpt"}', None)
    carry_out(Plan("a1111", str(tree), (names,)), folder)
    with pytest.raises(UsageError, match=r"run 0002 wrote the name of .*kl\.ckpt") as caught:
        undo(folder, "1")
    assert caught.value.hint == "vaereg apply --undo 0002"
    assert (tree / "webui/models/VAE/kl.ckpt").exists()
    assert undo(folder, "2").complete
    assert undo(folder, "1").complete


def test_a_yaml_that_shows_a_later_runs_links_is_undone_after_it(tmp_path: Path) -> None:
    (tmp_path / "kl.pt").write_bytes(b"weights")
    own, folder = tmp_path / "own", str(tmp_path / "journals")
    yaml = WriteText(str(own / "extra.yaml"), "vaereg:\n  vae: vae\n", None)
    carry_out(Plan("comfyui", str(tmp_path), (yaml,)), folder)
    link = Link(str(tmp_path / "kl.pt"), str(own / "vae/kl.pt"))
    carry_out(Plan("comfyui", str(tmp_path), (link,)), folder)
    with pytest.raises(UsageError, match="run 0002 made"):
        undo(folder, "1")
    assert undo(folder, "2").complete
    assert undo(folder, "1").complete


def test_a_run_whose_frontend_is_gone_is_the_latest_no_more(tree: Path, folder: str) -> None:
    url = "http://localhost:7860/b"
    call = Call("POST", url, {"a": 2}, undo=("POST", url, {"a": 1}))
    carry_out(Plan("a1111", str(tree), (call,)), folder, lambda *_: None, url=url)
    assert [step.outcome for step in undo(folder).steps] == ["left"]
    assert undo(folder).journal == "0001"
    with pytest.raises(NotFound) as caught:
        undo(folder)
    assert caught.value.hint == f"vaereg apply --undo 0002 --url {url}"
    assert undo(folder, take_back=lambda _: True, url=url).journal == "0002"
