"""Walking: every candidate once, nothing that hangs, trouble told and passed by."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from vaereg.registry.values import Rejection
from vaereg.registry.walk import Found, walk


def found(root: Path) -> list[str]:
    return [
        os.path.relpath(entry.path, root) for entry in walk(str(root)) if isinstance(entry, Found)
    ]


def refused(root: Path) -> dict[str, str]:
    return {
        os.path.relpath(entry.path, root): entry.message
        for entry in walk(str(root))
        if isinstance(entry, Rejection)
    }


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_models_by_any_case_of_their_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "a.safetensors", "b.CKPT", "c.Pt", "d.gguf", "readme.md", "e.png", "f.yaml")
    assert found(tmp_path) == ["a.safetensors", "b.CKPT", "c.Pt", "d.gguf"]


def test_the_files_of_a_pipeline_are_one_folder(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "sd/model_index.json",
        "sd/vae/config.json",
        "sd/vae/diffusion_pytorch_model.safetensors",
        "sd/v1-5-pruned.safetensors",
    )
    assert found(tmp_path) == ["sd", "sd/v1-5-pruned.safetensors"]


def test_a_stray_config_does_not_swallow_a_folder_of_models(tmp_path: Path) -> None:
    touch(tmp_path, "config.json", "a.safetensors", "b.safetensors")
    assert found(tmp_path) == ["a.safetensors", "b.safetensors"]


def test_links_lead_nowhere_twice(tmp_path: Path) -> None:
    touch(tmp_path, "deep/er/a.safetensors")
    (tmp_path / "deep/er/up").symlink_to(tmp_path)
    (tmp_path / "beside").symlink_to(tmp_path / "deep")
    assert len(found(tmp_path)) == 1


def test_what_is_no_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.ckpt")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket's path has to be short
        server.bind("sock.pt")
    (tmp_path / "gone.pt").symlink_to(tmp_path / "nowhere")
    told = refused(tmp_path)
    assert "named pipe" in told["pipe.ckpt"]
    assert "socket" in told["sock.pt"]
    assert "cannot be read" in told["gone.pt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_an_unreadable_folder_is_told_and_passed_by(tmp_path: Path) -> None:
    touch(tmp_path, "open/a.safetensors", "shut/b.safetensors")
    (tmp_path / "shut").chmod(0)
    try:
        assert found(tmp_path) == ["open/a.safetensors"]
        assert "cannot be read" in refused(tmp_path)["shut"]
    finally:
        (tmp_path / "shut").chmod(0o700)


def test_a_tree_without_end_is_told(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(60):
        deep = deep / "d"
    touch(deep, "a.safetensors")
    assert found(tmp_path) == []
    assert any("deep" in message for message in refused(tmp_path).values())
