"""Taking files in: one unchanged content, or a sentence why not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.builders import write_safetensors
from vaereg.registry.errors import NotFound, Unreadable, UnsupportedFormat
from vaereg.registry.intake import look, take_in


def test_a_file_that_is_written_to_all_the_time_is_refused(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "busy.safetensors", {"x": (1 << 23,)})

    def write(_: int) -> None:
        with path.open("r+b") as file:
            file.seek(-1, 2)
            file.write(b"\1")

    with pytest.raises(Unreadable, match="changed while it was read"):
        take_in(str(path), write)


def test_a_file_that_is_replaced_meanwhile_is_read_once_more(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "one.safetensors", {"x": (1 << 23,)})
    other = write_safetensors(tmp_path / "other", {"y": (1 << 22,)})
    replaced = threading.Event()

    def replace(_: int) -> None:
        if not replaced.is_set():
            replaced.set()
            other.rename(path)

    taken = take_in(str(path), replace)
    assert taken.artifact.size == path.stat().st_size
    assert taken.location.stamp.inode == path.stat().st_ino


def test_looking_reads_little_of_a_large_file(tmp_path: Path) -> None:
    shapes = {f"block.{number}.weight": (1 << 20,) for number in range(2000)}
    path = write_safetensors(tmp_path / "big.safetensors", shapes)
    _, size, read = look(str(path))
    assert size > 4_000_000_000
    assert read < 400_000


def test_what_is_no_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        look(str(tmp_path / "nowhere"))
    (tmp_path / "picture.safetensors").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(UnsupportedFormat):
        look(str(tmp_path / "picture.safetensors"))
    (tmp_path / "empty").mkdir()
    with pytest.raises((NotFound, Unreadable, UnsupportedFormat)):
        look(str(tmp_path / "empty"))


def test_a_folders_digest_follows_its_content_not_its_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        write_safetensors(folder / "diffusion_pytorch_model.safetensors", {"x": (2, 2)})
        (folder / "config.json").write_text('{"_class_name": "AutoencoderKL"}')
    first, second = take_in(str(tmp_path / "one")), take_in(str(tmp_path / "two"))
    assert first.artifact.digests == second.artifact.digests
    (tmp_path / "two" / "config.json").write_text('{"_class_name": "AutoencoderTiny"}')
    assert take_in(str(tmp_path / "two")).artifact.digests != first.artifact.digests


def test_only_a_vaes_weights_are_measured_while_hashing(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "other.safetensors", {"x": (4, 4)})
    taken = take_in(str(path))
    assert taken.health is None
    assert taken.artifact.digests.content is None
    whole = take_in(str(path), whole=True)
    assert whole.health is not None
    assert whole.health.zero_tensors == 1
    assert whole.artifact.digests.sha256 == taken.artifact.digests.sha256
