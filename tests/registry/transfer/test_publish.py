"""Publishing: a name appears at once and takes nothing from another file."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from tests.registry.transfer.fetching import NAME, names
from vaereg.registry.transfer.publish import Target, publish, stage

SHA256 = "0123456789abcdef" * 4


def part(folder: Path, content: bytes = b"new") -> str:
    path = folder / ".part"
    path.write_bytes(content)
    return str(path)


def test_a_file_gets_its_name(tmp_path: Path) -> None:
    path = publish(part(tmp_path), Target(str(tmp_path), NAME), SHA256)
    assert path == str(tmp_path / NAME)
    assert names(tmp_path) == {NAME}


def occupied(place: Path) -> None:
    place.write_bytes(b"old")


def a_folder(place: Path) -> None:
    place.mkdir()


def a_dangling_link(place: Path) -> None:
    place.symlink_to("nowhere")


@pytest.mark.parametrize("take", [occupied, a_folder, a_dangling_link])
def test_whatever_has_the_name_keeps_it(tmp_path: Path, take) -> None:
    take(tmp_path / NAME)
    before = (tmp_path / NAME).lstat()
    path = publish(part(tmp_path), Target(str(tmp_path), NAME), SHA256)
    assert path == str(tmp_path / "a-01234567.safetensors")
    assert Path(path).read_bytes() == b"new"
    assert (tmp_path / NAME).lstat().st_ino == before.st_ino


def test_only_the_same_content_is_replaced(tmp_path: Path) -> None:
    occupied(tmp_path / NAME)
    before = (tmp_path / NAME).read_bytes()
    second = publish(part(tmp_path), Target(str(tmp_path), NAME), SHA256, replace=True)
    assert (tmp_path / NAME).read_bytes() == before, "nobody's file is lost"
    assert Path(second).read_bytes() == b"new"
    sha256 = hashlib.sha256(b"new").hexdigest()
    same = publish(part(tmp_path), Target(str(tmp_path), Path(second).name), sha256, replace=True)
    assert same == second


@pytest.mark.parametrize("refused", [(), ("link",), ("link", "symlink")])
def test_a_copy_is_linked_where_that_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: tuple[str, ...]
) -> None:
    """A file system without links, as exFAT is."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    for name in refused:
        monkeypatch.setattr(os, name, refuse)
    (tmp_path / "cached").write_bytes(b"content")
    stage(str(tmp_path / "cached"), str(tmp_path / NAME))
    made = tmp_path / NAME
    assert made.read_bytes() == b"content"
    same = made.stat().st_ino == (tmp_path / "cached").stat().st_ino
    assert (same, made.is_symlink()) == {
        (): (True, False),
        ("link",): (True, True),
        ("link", "symlink"): (False, False),
    }[refused]
