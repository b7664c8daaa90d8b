"""Links by what the file system allows, and names that fit everywhere."""

from __future__ import annotations

import errno
import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from tests.registry.changes.trees import build
from vaereg.registry.changes.base import Link, Plan
from vaereg.registry.changes.engine import carry_out
from vaereg.registry.changes.linking import free_name, wishes
from vaereg.registry.changes.reports import Step
from vaereg.registry.changes.undoing import undo
from vaereg.registry.errors import NotFound, UsageError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return build(tmp_path / "tree")


def made(tree: Path, link: Link) -> Step:
    """What came of one link."""
    plan = Plan("comfyui", str(tree), (link,))
    return carry_out(plan, str(tree.parent / "journals")).steps[0]


def test_a_link_of_a_cached_file_is_of_the_file_behind_under_its_name(tree: Path) -> None:
    cached = tree / "hub/snapshots/abc/vae.safetensors"
    hard, soft = tree / "webui/hard.safetensors", tree / "webui/soft.safetensors"
    assert made(tree, Link(str(cached), str(hard))).made_as == "hard"
    assert made(tree, Link(str(cached), str(soft), ("symlink",))).made_as == "symlink"
    assert not hard.is_symlink()
    assert hard.samefile(tree / "hub/blobs/0a1b2c")
    assert os.readlink(soft) == str(cached)
    assert soft.read_bytes() == b"cached weights"


@pytest.mark.parametrize(
    "number", [errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EACCES]
)
def test_without_hard_links_the_next_kind_is_made(
    tree: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    source, target = tree / "models/sub/kl.ckpt", tree / "webui/kl.ckpt"
    monkeypatch.setattr(os, "link", refused)
    assert made(tree, Link(str(source), str(target))).made_as == "symlink"
    monkeypatch.setattr(os, "symlink", refused)
    other = str(tree / "webui/other.ckpt")
    step = made(tree, Link(str(source), other))
    assert step.outcome == "failed"
    assert "copy was not asked for" in step.why
    assert not os.path.lexists(other)
    assert made(tree, Link(str(source), other, ("hard", "symlink", "copy"))).made_as == "copy"
    assert made(tree, Link(str(source), other, ("hard", "symlink", "copy"))).outcome == "same"
    assert undo(str(tree.parent / "journals")).complete
    assert not os.path.lexists(other)


def test_another_drive_gets_a_symlink(tree: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tree.stat().st_dev:
        pytest.skip("there is no second drive here")
    folder = other / f"vaereg-{tree.parent.name}-{os.getpid()}"
    try:
        step = made(tree, Link(str(tree / "models/sub/kl.ckpt"), str(folder / "kl.ckpt")))
        assert step.made_as == "symlink"
        assert undo(str(tree.parent / "journals")).complete
        assert not folder.exists()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_folder_is_linked_or_copied_but_never_by_a_hard_link(tree: Path) -> None:
    pipe, target = str(tree / "models/sub/pipe"), str(tree / "webui/pipe")
    step = made(tree, Link(pipe, target, ("hard", "junction", "symlink")))
    assert step.made_as in ("junction", "symlink")
    assert os.path.samefile(pipe, target)
    assert undo(str(tree.parent / "journals")).complete
    assert os.listdir(pipe) == ["config.json"]


def test_a_name_taken_meanwhile_is_left(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tree / "models/sub/kl.ckpt", tree / "webui/kl.ckpt"
    link = os.link

    def taken(*words: str, **more: object) -> None:
        target.write_bytes(b"mine")
        link(*words, **more)

    monkeypatch.setattr(os, "link", taken)
    assert made(tree, Link(str(source), str(target))).outcome == "conflict"
    with pytest.raises(NotFound, match="nothing to undo"):
        undo(str(tree.parent / "journals"))
    assert target.read_bytes() == b"mine"


def test_a_copy_that_does_not_fit_is_not_begun(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")(1 << 40, 0, 1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    link = Link(str(tree / "models/sub/kl.ckpt"), str(tree / "webui/kl.ckpt"), ("copy",))
    step = made(tree, link)
    assert (step.outcome, "has not free" in step.why) == ("failed", True)
    assert not list(tree.rglob("*.part"))


@pytest.mark.parametrize(
    ("wanted", "taken", "name"),
    [
        ("VAE-ft-MSE.safetensors", (), "vae-ft-mse.safetensors"),
        ("There.safetensors", (), "there-2.safetensors"),
        ("a.ckpt", ("A.CKPT", "a-2.ckpt"), "a-3.ckpt"),
        (("there.safetensors", "sdxl__there.safetensors"), (), "sdxl__there.safetensors"),
        (("a.pt", "sd1__a.pt", "a-0a1b2c3d.pt"), ("a.pt", "SD1__a.pt"), "a-0a1b2c3d.pt"),
        ("CON.ckpt", (), "_con.ckpt"),
        ("com1.vae.pt", (), "_com1.vae.pt"),
        ('a<b>:"c|?*.pt', (), "abc.pt"),
        ("../../etc/passwd.pt", (), "passwd.pt"),
        ("C:\\models\\x.safetensors", (), "x.safetensors"),
        ("trailing. . .", (), "trailing"),
        (".hidden.pt", (), "hidden.pt"),
        ("cafe\u0301.pt", (), "café.pt"),
        ("Straße.pt", ("STRASSE.pt",), "strasse-2.pt"),
        ("x" * 300 + ".safetensors", (), "x" * 188 + ".safetensors"),
        ("sdxl v1.0 pipeline", (), "sdxl v1.0 pipeline"),
        ("\0\n.pt", (), "pt"),
    ],
)
def test_names_are_free_without_case_and_fit_every_disk(
    tmp_path: Path, wanted: str | tuple[str, ...], taken: tuple[str, ...], name: str
) -> None:
    (tmp_path / "THERE.safetensors").write_bytes(b"")
    assert free_name(str(tmp_path), wanted, taken) == name


def test_a_name_under_which_the_model_lies_already_is_kept(tree: Path) -> None:
    source = tree / "models/sub/kl.ckpt"
    (tree / "webui/kl.ckpt").symlink_to(source)
    (tree / "webui/copy.ckpt").write_bytes(source.read_bytes())
    folder = str(tree / "webui")
    assert free_name(folder, "kl.ckpt") == "kl-2.ckpt"
    assert free_name(folder, "kl.ckpt", source=str(source)) == "kl.ckpt"
    assert free_name(folder, "copy.ckpt", source=str(source)) == "copy.ckpt"
    assert free_name(str(tree / "nowhere"), "kl.ckpt") == "kl.ckpt"


def test_without_a_wish_there_is_a_sentence(tree: Path) -> None:
    with pytest.raises(UsageError, match="no name is left for"):
        free_name(str(tree), [], source=str(tree / "mse.safetensors"))


def test_wishes_go_from_the_bare_name_to_the_hash() -> None:
    assert wishes("a.pt", "sdxl", "0a1b2c3d4e") == ("a.pt", "sdxl__a.pt", "a-0a1b2c3d.pt")
    assert wishes("a.pt", None, "0a1b2c3d4e") == ("a.pt", "a-0a1b2c3d.pt")
