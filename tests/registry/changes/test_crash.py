"""Killed at any moment, while changing and while undoing: nothing is lost and all can be undone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.registry.changes.trees import build, plan, snapshot
from vaereg.registry.changes.engine import carry_out
from vaereg.registry.changes.undoing import journals, undo
from vaereg.registry.errors import NotFound

CHILD = Path(__file__).with_name("child.py")


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is killed is a process and not the machine."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def killed(mode: str, base: Path, each: int = 1) -> list[Path]:
    """Trees, each from a process that was killed some moments later; the last one lived."""
    child = [sys.executable, str(CHILD), mode, str(base), str(each)]
    subprocess.run(child, check=True, timeout=120)
    return sorted(base.iterdir())


def undone(tree: Path) -> dict[str, object]:
    """What the tree holds after everything was undone, without the journals."""
    folder = str(tree / "journals")
    while True:
        try:
            report = undo(folder)
        except NotFound:
            break
        assert report.complete, report
    return {name: held for name, held in snapshot(tree).items() if "journals" not in name}


def test_killed_while_changing(tmp_path: Path) -> None:
    trees = killed("apply", tmp_path / "trees")
    before = snapshot(build(tmp_path / "fresh"))
    assert len(trees) > 100
    for tree in trees:
        assert undone(tree) == before, tree.name
    assert any(not journals(str(tree / "journals"))[-1].ended for tree in trees[30:])


def test_killed_and_carried_out_again_and_all_undone(tmp_path: Path) -> None:
    trees = killed("apply", tmp_path / "trees", each=3)
    before = snapshot(build(tmp_path / "fresh"))
    for tree in trees:
        assert carry_out(plan(tree), str(tree / "journals")).complete, tree.name
        assert undone(tree) == before, tree.name


def test_killed_while_undoing(tmp_path: Path) -> None:
    trees = killed("undo", tmp_path / "trees", each=2)
    before = snapshot(build(tmp_path / "fresh"))
    assert len(trees) > 20
    for tree in trees:
        assert undone(tree) == before, tree.name
