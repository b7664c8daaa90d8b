"""``vaereg clip`` as a user runs it: the layers, what is wrong, and what to type where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import write_safetensors
from tests.cli.conftest import Vaereg
from tests.registry.textual import models
from vaereg.cli.app import COMMANDS

pytestmark = pytest.mark.skipif(
    "clip" not in COMMANDS, reason="the command clip is not registered in cli/app.py"
)


@pytest.fixture
def merge(tmp_path: Path) -> Path:
    """An SD1 merge with the classical defect, made with clip skip 2."""
    values = models.positions(models.SD1_TEXT, models.ANYTHING)
    metadata = {"ss_clip_skip": "2"}
    return models.write(tmp_path / "merge.safetensors", models.sd1(), values, metadata)


def test_the_document(vaereg: Vaereg, merge: Path) -> None:
    run = vaereg("clip", "--model", merge, "--json")
    document = run.document
    assert run.code == 0
    assert set(document) == {"model", "text_encoders", "advised", "frontends", "warnings"}
    assert document["model"]["path"] == str(merge)
    assert document["model"]["family"] == "sd1"
    (encoder,) = document["text_encoders"]
    (defect,) = encoder.pop("defects")
    assert encoder == {
        "name": "CLIP-L",
        "architecture": "clip-l",
        "layers": 12,
        "width": 768,
        "prefix": models.SD1_TEXT,
    }
    assert defect["code"] == "shifted_position_ids"
    assert set(defect) == {"code", "message", "cure"}
    advised = document["advised"]
    assert (advised["clip_skip"], advised["determined_by"]) == (2, "metadata")
    typed = {row["frontend"]: row["value"] for row in document["frontends"]}
    assert (typed["A1111"], typed["ComfyUI"], typed["diffusers"], typed["InvokeAI"]) == (
        2,
        -2,
        1,
        1,
    )
    assert document["warnings"] == []


def test_the_same_in_words(vaereg: Vaereg, merge: Path) -> None:
    run = vaereg("clip", "--model", merge)
    assert run.code == 0
    for words in (
        "CLIP-L",
        "76 is stored as 75.9975",
        "cure: ",
        "clip skip: 2 (by metadata)",
        "stop_at_clip_layer",
    ):
        assert words in run.out


def test_a_recorded_model_is_named_and_a_lost_one_told(vaereg: Vaereg, merge: Path) -> None:
    assert vaereg("scan", merge.parent).code == 0
    assert vaereg("clip", "--model", "merge", "--json").document["advised"]["clip_skip"] == 2
    merge.unlink()
    lost = vaereg("clip", "--model", "merge", "--json")
    assert (lost.code, lost.document["error"]["code"]) == (1, "not_found")


@pytest.mark.parametrize("recorded", [False, True], ids=["new", "changed"])
def test_a_file_that_is_not_recorded_is_not_read_whole(
    vaereg: Vaereg, merge: Path, recorded: bool
) -> None:
    if recorded:
        assert vaereg("scan", merge.parent).code == 0
    models.padded(merge)
    run = vaereg("clip", "--model", merge, "--json")
    assert run.code == 0, run.out
    (defect,) = run.document["text_encoders"][0]["defects"]
    assert defect["code"] == "shifted_position_ids"
    assert run.document["model"]["sha256"] is None
    assert len(vaereg("list", "--json").document) == recorded


def test_a_diffusers_folder(vaereg: Vaereg, tmp_path: Path) -> None:
    folder = models.write_folder(tmp_path / "model", 12, models.clip())
    document = vaereg("clip", "--model", folder, "--json").document
    assert [one["prefix"] for one in document["text_encoders"]] == ["text_encoder/"]
    assert document["advised"]["clip_skip"] == 1


def test_sdxl_is_left_alone_where_its_frontend_ignores_the_setting(
    vaereg: Vaereg, tmp_path: Path
) -> None:
    run = vaereg("clip", "--model", models.write(tmp_path / "xl.safetensors", models.sdxl()))
    a1111 = next(line for line in run.out.splitlines() if line.startswith("A1111"))
    assert "leave it" in a1111
    assert "ignored" in a1111


def test_a_vae_alone_has_no_clip_skip(vaereg: Vaereg, library: Path) -> None:
    run = vaereg("clip", "--model", library / "vae/ae.safetensors", "--json")
    assert run.code == 1
    assert run.document["error"]["code"] == "unsupported_format"
    assert "of kind vae" in run.document["error"]["message"]


def test_a_web_page_that_calls_itself_a_model(vaereg: Vaereg, tmp_path: Path) -> None:
    page = tmp_path / "model.safetensors"
    page.write_text("<!doctype html><title>Sign in</title>", "utf-8")
    assert vaereg("clip", "--model", page).code == 1


def test_names_from_a_file_cannot_write_on_the_terminal(vaereg: Vaereg, tmp_path: Path) -> None:
    shapes = models.below("a\x1b[2Jb.", models.clip())
    path = write_safetensors(tmp_path / "clip.safetensors", shapes)
    run = vaereg("clip", "--model", path)
    assert run.code == 0
    assert "\x1b" not in run.out + run.err
