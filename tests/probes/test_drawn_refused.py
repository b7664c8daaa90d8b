"""What a checkpoint cannot draw, and where no drawing can be kept, is told at once."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")


from tests.probes.drawing_cases import counting, task  # noqa: E402
from tests.probes.generation_cases import CPU  # noqa: E402
from vaereg.probes.generation.drawn import draw  # noqa: E402
from vaereg.probes.shapes import checkpoint  # noqa: E402
from vaereg.registry.errors import (  # noqa: E402
    CannotRun,
    NoSpace,
    Unreadable,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawn") / "shapes.safetensors"
    checkpoint.write_single_file(path)
    return path


def folder_of(model: Path, tmp_path: Path, **changes: int) -> Path:
    """The checkpoint as a folder whose configs say something else."""
    folder = tmp_path / "lying"
    checkpoint.write_folder(folder)
    for name, value in changes.items():
        part, _, key = name.partition("__")
        config = folder / part / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | {key: value}))
    return folder


@pytest.mark.parametrize(
    ("lies", "says"),
    [
        ({"unet__sample_size": 10}, "pictures of 80 x 80 pixels"),
        ({"unet__sample_size": -5}, "pictures of -40 x -40 pixels"),
        ({"text_encoder__num_hidden_layers": 0}, "no layer"),
        ({"unet__in_channels": 0, "unet__out_channels": 0}, "no channels"),
        ({"unet__cross_attention_dim": 0}, "has the shape"),
    ],
    ids=str,
)
def test_false_configs_are_not_the_user_s_fault(model, tmp_path: Path, lies, says) -> None:
    """pytest makes errors of warnings: none of torch's may come out either."""
    folder = folder_of(model, tmp_path, **lies)
    with pytest.raises(CannotRun, match=says):
        draw(task(folder, tmp_path / "kept"), CPU, "auto")


def test_a_size_that_is_asked_for_goes_before_the_config_s(model, tmp_path: Path) -> None:
    folder = folder_of(model, tmp_path, unet__sample_size=10)
    made = draw(task(folder, tmp_path / "kept", size=64, steps=1), CPU, "auto")
    assert (made.width, made.height) == (64, 64)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def a_file(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [dangling, a_file])
def test_a_place_that_cannot_be_is_told_before_anything_is_drawn(
    model, tmp_path: Path, harm
) -> None:
    harm(tmp_path / "drawings")
    watch, steps = counting()
    for folder in (tmp_path / "drawings", tmp_path / "drawings" / "deeper"):
        with pytest.raises(Unreadable, match="drawings is no folder") as caught:
            draw(task(model, folder), CPU, "auto", watch)
        assert "--home" in str(caught.value.hint)
    assert steps == []


def test_a_folder_at_a_drawing_s_place(model, tmp_path: Path) -> None:
    made = draw(task(model, tmp_path, steps=1), CPU, "auto")
    os.unlink(made.path)
    os.mkdir(made.path)
    watch, steps = counting()
    with pytest.raises(Unreadable, match="a folder lies there") as caught:
        draw(task(model, tmp_path, steps=1), CPU, "auto", watch)
    assert made.path in caught.value.message
    assert steps == []


def test_a_disk_that_is_full_already(model, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=4096))
    watch, steps = counting()
    with pytest.raises(NoSpace, match=re.escape(str(tmp_path))):
        draw(task(model, tmp_path, steps=1), CPU, "auto", watch)
    assert steps == []


def test_a_full_disk_is_told(model, tmp_path: Path, monkeypatch) -> None:
    def full(_partial: str, _path: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(NoSpace):
        draw(task(model, tmp_path, steps=1), CPU, "auto")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_none(model, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unreadable, match="file"):
        draw(task(model, tmp_path / "file", steps=1), CPU, "auto")


def test_nothing_to_draw_with(tmp_path: Path) -> None:
    from vaereg.probes.shapes.vaes import write_vae

    write_vae(tmp_path / "vae.safetensors")
    with pytest.raises(CannotRun, match="no denoiser"):
        draw(task(tmp_path / "vae.safetensors", tmp_path / "kept"), CPU, "auto")
