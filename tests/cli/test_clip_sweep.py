"""``vaereg clip --sweep`` as a user runs it: a table, a sheet, and a word where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.cli.conftest import Vaereg
from tests.registry.textual import models
from vaereg.probes.shapes.checkpoint import write_folder, write_single_file

QUICK = ("--sweep", "--steps", "2", "--size", "64", "--device", "cpu")


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """The small checkpoint as one file: its family is told by its VAE's weights alone."""
    path = tmp_path / "shapes.safetensors"
    write_single_file(path)
    return path


def test_the_document(vaereg: Vaereg, shapes: Path, tmp_path: Path) -> None:
    run = vaereg("clip", "--model", shapes, *QUICK, "--json")
    assert run.code == 0, run.out
    document = run.document
    assert document["prompt"] == "a red circle"
    (swept,) = document["sweep"]
    assert swept["text_encoder"] == document["text_encoders"][0]["name"]
    assert [row["clip_skip"] for row in swept["layers"]] == [1, 2, 3, 4]
    assert set(swept["layers"][0]) == {
        "clip_skip",
        "layer",
        "cosine",
        "cosine_all",
        "norm",
        "finite",
    }
    assert [one["clip_skip"] for one in document["pictures"]] == [1, 2, 3, 4]
    assert set(document["pictures"][0]) == {"clip_skip", "words", "kind"}
    (image,) = map(Path, document["images"])
    assert image.parent == tmp_path / "home" / "pictures"
    assert image.name.startswith("shapes--clip-skip--")
    assert image.read_bytes().startswith(b"\x89PNG")
    assert document["warnings"] == []
    assert run.err == ""


def test_the_same_in_words(vaereg: Vaereg, tmp_path: Path) -> None:
    write_folder(tmp_path / "shapes")
    sheet = tmp_path / "new" / "sheet.png"
    run = vaereg("clip", "--model", tmp_path / "shapes", *QUICK, "--out", sheet)
    assert run.code == 0, run.out
    assert '"a red circle" at each layer of CLIP, beside the last:' in run.out
    assert f"picture: {sheet}" in run.out
    assert sheet.exists()


def test_a_sweep_hashes_nothing(vaereg: Vaereg, shapes: Path, tmp_path: Path) -> None:
    models.padded(shapes)
    run = vaereg("clip", "--model", shapes, *QUICK, "--json")
    assert run.code == 0, run.out
    (image,) = map(Path, run.document["images"])
    assert image.exists()
    assert image.name.startswith("shapes--clip-skip--")
    assert image.stem.rpartition("--")[2]


def test_nothing_is_run_without_the_option(vaereg: Vaereg, shapes: Path) -> None:
    assert "sweep" not in vaereg("clip", "--model", shapes, "--json").document


WRONG = [
    (("--out", "a.png"), 2, "--sweep"),
    (("--steps", "4"), 2, "--sweep"),
    (("--size", "64"), 2, "--sweep"),
    (("--seed", "0"), 2, "--sweep"),
    (("--device", "cuda"), 2, "--sweep"),
    (("--dtype", "auto"), 2, "--sweep"),
    (("--sweep", "--out", "a.jpg"), 2, ".png"),
    (("--sweep", "--device", "toaster"), 2, "cpu"),
    (("--sweep", "--out", "shapes.safetensors/a.png"), 1, "may write"),
]


@pytest.mark.parametrize(("words", "code", "hint"), WRONG)
def test_wrong_usage(
    vaereg: Vaereg, shapes: Path, words: tuple[str, ...], code: int, hint: str
) -> None:
    run = vaereg("clip", "--model", shapes, *words, "--json")
    assert run.code == code
    assert hint in run.document["error"]["hint"]


def test_where_nothing_can_be_swept_nothing_is_called_done(vaereg: Vaereg, tmp_path: Path) -> None:
    folder, sheet = tmp_path / "shapes", tmp_path / "sheet.png"
    write_folder(folder)
    (folder / "text_encoder" / "config.json").unlink()
    run = vaereg("clip", "--model", folder, *QUICK, "--out", sheet, "--json")
    assert (run.code, run.document["error"]["code"]) == (1, "unsupported_format")
    message = run.document["error"]["message"]
    assert "text encoder text_encoder has no config.json" in message
    assert "no pictures were drawn" in message
    assert not sheet.exists()
    plain = vaereg("clip", "--model", folder, "--json")
    assert (plain.code, plain.document["text_encoders"][0]["layers"]) == (0, 4)


def test_damaged_weights_stand_among_the_defects(vaereg: Vaereg, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    write_folder(tmp_path / "shapes")
    weights = tmp_path / "shapes" / "text_encoder" / "model.safetensors"
    tensors = load_file(weights)
    next(it for name, it in tensors.items() if "layers.3.mlp.fc1.weight" in name)[0] = float("nan")
    save_file(tensors, weights)
    run = vaereg("clip", "--model", tmp_path / "shapes", *QUICK, "--json")
    assert run.code == 0, run.out
    (encoder,) = run.document["text_encoders"]
    assert [fault["code"] for fault in encoder["defects"]] == ["weights_not_finite"]
    words = vaereg("clip", "--model", tmp_path / "shapes", *QUICK).out
    assert "defect of CLIP: 1 of " in words
    first, second = [line.split() for line in words.splitlines() if line[:2] in ("1 ", "2 ")][:2]
    assert first[2:] == ["not", "finite", "not", "finite", "not", "finite"]
    assert second[2:6] == ["last", "not", "finite", "last"]


def test_wrong_figures_of_a_config_do_not_write_on_stderr(vaereg: Vaereg, tmp_path: Path) -> None:
    write_folder(tmp_path / "shapes")
    config = tmp_path / "shapes" / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"cross_attention_dim": 0}))
    run = vaereg("clip", "--model", tmp_path / "shapes", *QUICK, "--json")
    assert (run.code, run.err) == (0, "")
    assert [note["code"] for note in run.document["warnings"]] == ["no_pictures"]


def broken(tmp_path: Path, module: str) -> dict[str, str]:
    """An environment in which a library is not installed."""
    folder = tmp_path / "broken"
    folder.mkdir()
    says = f"raise ModuleNotFoundError('No module named {module}', name='{module}')"
    (folder / f"{module}.py").write_text(says, "utf-8")
    return {"PYTHONPATH": str(folder)}


def test_without_diffusers_the_table_stands_alone(
    vaereg: Vaereg, shapes: Path, tmp_path: Path
) -> None:
    run = vaereg("clip", "--model", shapes, *QUICK, "--json", **broken(tmp_path, "diffusers"))
    assert run.code == 0, run.out
    document = run.document
    assert len(document["sweep"][0]["layers"]) == 4
    assert (document["images"], document["pictures"]) == ([], [])
    (note,) = document["warnings"]
    assert note["code"] == "missing_dependency"
    assert "diffusers is not installed" in note["message"]


@pytest.mark.parametrize("module", ["torch", "transformers"])
def test_without_what_runs_text_encoders_it_says_so(
    vaereg: Vaereg, shapes: Path, tmp_path: Path, module: str
) -> None:
    gone = broken(tmp_path, module)
    run = vaereg("clip", "--model", shapes, *QUICK, "--json", **gone)
    assert (run.code, run.document["error"]["code"]) == (1, "missing_dependency")
    assert "vaereg[probe]" in run.document["error"]["hint"]
    assert vaereg("clip", "--model", shapes, **gone).code == 0
