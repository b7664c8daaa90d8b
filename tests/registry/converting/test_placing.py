"""A result gets its name when it is whole, what lies there stays, failures leave nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.registry.converting.cases import converted, left_behind, write_vae
from vaereg.registry.errors import NoSpace, Unreadable
from vaereg.registry.transfer import space

ROOT = Path(__file__).parents[3]
OUTS = pytest.mark.parametrize("out", ["made.safetensors", "made"])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_vae(tmp_path / "models/vae.safetensors")


def made(source: Path, out: Path, seed: int = 0, other: Path | None = None) -> str:
    if seed:
        source = write_vae(source.with_name(f"seed{seed}.safetensors"), seed=seed)
    return converted(source, out, "diffusers", family="sd1", other=other).path


def contents(path: Path) -> dict[str, bytes]:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {file.name: file.read_bytes() for file in files}


@OUTS
def test_the_same_again_is_done_already(source: Path, tmp_path: Path, out: str) -> None:
    path = Path(made(source, tmp_path / "o" / out))
    before = [(file, file.stat().st_mtime_ns) for file in sorted(path.parent.rglob("*"))]
    assert made(source, tmp_path / "o" / out) == str(path)
    assert [(file, file.stat().st_mtime_ns) for file in sorted(path.parent.rglob("*"))] == before


@OUTS
def test_something_else_is_never_overwritten(source: Path, tmp_path: Path, out: str) -> None:
    path = tmp_path / "o" / out
    made(source, path)
    before = contents(path)
    with pytest.raises(Unreadable, match="already and holds something else"):
        made(source, path, seed=7)
    assert contents(path) == before
    assert left_behind(tmp_path / "o") == [out]


@OUTS
def test_a_second_name_where_one_may_be_chosen(source: Path, tmp_path: Path, out: str) -> None:
    path = tmp_path / "o" / out
    other = path.with_name(f"second-{out}")
    made(source, path)
    assert made(source, path, seed=7, other=other) == str(other)
    assert made(source, path, seed=7, other=other) == str(other)
    assert left_behind(tmp_path / "o") == sorted([out, other.name])


@pytest.mark.parametrize("what", ["file", "folder", "link", "dangling"])
@OUTS
def test_whatever_lies_there_stays(source: Path, tmp_path: Path, out: str, what: str) -> None:
    path = tmp_path / "o" / out
    path.parent.mkdir()
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    if what == "file":
        path.write_bytes(b"precious")
    elif what == "folder":
        path.mkdir()
        (path / "precious").write_bytes(b"precious")
    else:
        path.symlink_to(precious if what == "link" else tmp_path / "nowhere")
    with pytest.raises(Unreadable, match="not touched"):
        made(source, path)
    assert precious.read_bytes() == b"precious"
    assert left_behind(tmp_path / "o") == [out]
    assert path.is_symlink() == (what in ("link", "dangling"))
    assert not (tmp_path / "nowhere").exists()


def test_the_source_itself_is_no_place_to_write(source: Path) -> None:
    before = source.read_bytes()
    with pytest.raises(Unreadable):
        made(source, source)
    assert source.read_bytes() == before


def test_where_no_hard_links_are_known(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_):
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "o/made.safetensors"
    assert made(source, path) == str(path)
    with pytest.raises(Unreadable, match="not touched"):
        made(source, path, seed=7)
    assert left_behind(tmp_path / "o") == ["made.safetensors"]


def child(source: Path, out: Path, limit: int = 0, pause: float = 0) -> subprocess.Popen[str]:
    words = [str(source), str(out), str(limit), str(pause)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.registry.converting.child", *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@OUTS
def test_a_full_disk_leaves_nothing(source: Path, tmp_path: Path, out: str) -> None:
    process = child(source, tmp_path / "o" / out, limit=300_000)
    assert process.communicate(timeout=60)[0].split()[-1] == "no_space"
    assert left_behind(tmp_path / "o") == []


def test_too_little_room_is_told_before(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "MARGIN", 1 << 62)
    with pytest.raises(NoSpace, match="free") as caught:
        made(source, tmp_path / "o/made.safetensors")
    assert "--out" in (caught.value.hint or "")
    assert left_behind(tmp_path / "o") == []


@OUTS
def test_ctrl_c_leaves_nothing(source: Path, tmp_path: Path, out: str) -> None:
    process = child(source, tmp_path / "o" / out, pause=0.02)
    assert process.stdout is not None
    for _ in range(5):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0].split()[-1] == "interrupted"
    assert left_behind(tmp_path / "o") == []


@OUTS
def test_a_kill_leaves_nothing_under_the_name(source: Path, tmp_path: Path, out: str) -> None:
    """What is left is hidden, and the next run takes it away."""
    process = child(source, tmp_path / "o" / out, pause=0.02)
    assert process.stdout is not None
    for _ in range(5):
        process.stdout.readline()
    process.kill()
    process.communicate(timeout=60)
    assert out not in left_behind(tmp_path / "o")
    assert made(source, tmp_path / "o" / out) == str(tmp_path / "o" / out)
    assert left_behind(tmp_path / "o") == [out]


@OUTS
def test_what_a_kill_left_goes_with_the_next_conversion_into_the_folder(
    source: Path, tmp_path: Path, out: str
) -> None:
    process = child(source, tmp_path / "o" / out, pause=0.02)
    assert process.stdout is not None
    for _ in range(5):
        process.stdout.readline()
    process.kill()
    process.communicate(timeout=60)
    assert f".{out}.part" in left_behind(tmp_path / "o")
    made(source, tmp_path / "o/other.safetensors")
    assert left_behind(tmp_path / "o") == ["other.safetensors"]


def test_only_what_is_left_of_conversions_is_taken_away(source: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    theirs = (".alone.safetensors.part", ".x.txt.part", ".x.txt.lock", ".only.safetensors.lock")
    held = (".held.safetensors.part", ".held.safetensors.lock")
    (tmp_path / "o").mkdir()
    for name in (*theirs, *held):
        (tmp_path / "o" / name).touch()
    with FileLock(tmp_path / "o" / held[1]):
        made(source, tmp_path / "o/other.safetensors")
    assert set(left_behind(tmp_path / "o")) >= {*theirs, held[0], "other.safetensors"}


def test_a_folder_that_may_not_be_written(source: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    (tmp_path / "o").mkdir(mode=0o500)
    with pytest.raises(Unreadable, match="written"):
        made(source, tmp_path / "o/made.safetensors")


def test_a_name_that_is_too_long(source: Path, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="could not be written"):
        made(source, tmp_path / "o" / f"{'x' * 300}.safetensors")


@OUTS
def test_two_at_once_make_one(source: Path, tmp_path: Path, out: str) -> None:
    path = tmp_path / "o" / out
    both = [child(source, path, pause=0.002) for _ in range(2)]
    assert [one.communicate(timeout=60)[0].split()[-1] for one in both] == [str(path)] * 2
    assert left_behind(tmp_path / "o") == [out]
