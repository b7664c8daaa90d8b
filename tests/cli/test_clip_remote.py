"""``vaereg clip`` on models elsewhere: what was read once answers, of files and of folders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Vaereg
from tests.registry.textual import models
from tests.servers.hub import Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with Hub() as running:
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("VAEREG_CIVITAI_ENDPOINT", "http://127.0.0.1:9")
        yield running


def put_folder(hub: Hub, folder: Path) -> None:
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    hub.put("maker/model", files)


def test_a_remote_file_is_read_once(vaereg: Vaereg, hub: Hub, tmp_path: Path) -> None:
    values = models.positions(models.SD1_TEXT, models.ANYTHING)
    path = models.write(tmp_path / "merge.safetensors", models.sd1(), values)
    hub.put("maker/merge", {"merge.safetensors": path})
    run = vaereg("inspect", "hf:maker/merge/merge.safetensors")
    assert run.code == 0
    by_inspect = len(hub.log) + len(hub.storage.log)
    hub.log.clear()
    hub.storage.log.clear()
    run = vaereg("clip", "--model", "hf:maker/merge/merge.safetensors", "--json")
    assert run.code == 0, run.out
    (encoder,) = run.document["text_encoders"]
    assert [fault["code"] for fault in encoder["defects"]] == ["shifted_position_ids"]
    spans = [request.headers.get("range") for request in hub.storage.log]
    assert len(set(spans)) == len(spans), "nothing is fetched twice"
    # One range more than inspect needs: the 77 positions. It may be led to the storage once more.
    assert len(hub.log) + len(hub.storage.log) <= by_inspect + 2


def test_a_remote_folder_gets_a_real_answer(vaereg: Vaereg, hub: Hub, tmp_path: Path) -> None:
    text = models.without(models.clip(), "encoder.layers.3.")
    folder = models.write_folder(tmp_path / "model", 12, text)
    values = models.positions("", models.ANYTHING)
    models.write(folder / "text_encoder" / "model.safetensors", text, values)
    put_folder(hub, folder)
    run = vaereg("clip", "--model", "hf:maker/model", "--json")
    assert run.code == 0, run.out
    (encoder,) = run.document["text_encoders"]
    assert (encoder["layers"], encoder["width"]) == (11, 768)
    codes = [fault["code"] for fault in encoder["defects"]]
    assert codes == ["layers_missing", "shifted_position_ids"]
    assert not run.document["warnings"]


def test_a_remote_folder_whose_positions_lie_in_shards(
    vaereg: Vaereg, hub: Hub, tmp_path: Path
) -> None:
    folder = models.write_folder(tmp_path / "model", 12, {})
    shard, text = "model-00001-of-00001.safetensors", models.clip()
    values = models.positions("", models.ANYTHING)
    models.write(folder / "text_encoder" / shard, text, values)
    places = {"weight_map": dict.fromkeys([*text, *values], shard)}
    (folder / "text_encoder" / "model.safetensors.index.json").write_text(json.dumps(places))
    put_folder(hub, folder)
    document = vaereg("clip", "--model", "hf:maker/model", "--json").document
    (encoder,) = document["text_encoders"]
    assert encoder["layers"] == 12
    (note,) = document["warnings"]
    assert note["code"] == "not_checked"
    assert "several files" in note["message"]


def test_a_sweep_needs_the_weights_here(vaereg: Vaereg, hub: Hub, tmp_path: Path) -> None:
    path = models.write(tmp_path / "merge.safetensors", models.sd1())
    hub.put("maker/merge", {"merge.safetensors": path})
    run = vaereg("clip", "--model", "hf:maker/merge/merge.safetensors", "--sweep", "--json")
    assert run.code == 2
    assert "vaereg pull hf:maker/merge" in run.document["error"]["hint"]
