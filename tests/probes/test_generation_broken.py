"""Checkpoints that cannot be drawn with: each says what is missing and what answers instead."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.probes.generation_cases import (  # noqa: E402
    DENOISER,
    TEXT,
    copied,
    described,
    drawn,
    rewritten,
)
from vaereg.probes.generation.parts import parts_of  # noqa: E402
from vaereg.probes.generation.schedules import SCHEDULERS, schedule_of  # noqa: E402
from vaereg.probes.shapes import checkpoint  # noqa: E402
from vaereg.probes.shapes.vaes import write_vae  # noqa: E402
from vaereg.registry.errors import CannotRun, FileError, VaeregError  # noqa: E402
from vaereg.registry.values import Component, Notice  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("folder") / "small"
    checkpoint.write_folder(path)
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "small.safetensors"
    checkpoint.write_single_file(path)
    return path


def without(start: str):
    """The change that takes away every tensor below a prefix."""
    return lambda tensors: {name: it for name, it in tensors.items() if not name.startswith(start)}


def reshaped(tensors) -> None:
    tensors[f"{TEXT}transformer.text_model.encoder.layers.2.mlp.fc1.bias"] = torch.zeros(3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without(TEXT), "lacks the text encoder clip"),
        (without(f"{TEXT}transformer.text_model.final_layer_norm"), "lacks .*final_layer_norm"),
        (without(f"{TEXT}transformer.text_model.encoder.layers.3"), "lacks .*layers.3"),
        (without(DENOISER), "no denoiser"),
        (reshaped, r"fc1.bias has the shape \[3\] where \[128\] fits"),
    ],
)
def test_files_with_parts_missing(file: Path, tmp_path: Path, change, says: str) -> None:
    path = rewritten(file, tmp_path / "broken.safetensors", change)
    with pytest.raises(CannotRun, match=says) as caught:
        drawn(path)
    assert caught.value.hint


def test_a_truncated_file(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(file.read_bytes())
    told = described(path)
    path.write_bytes(file.read_bytes()[:600_000])
    with pytest.raises(FileError):
        parts_of(told)


@pytest.mark.parametrize(
    ("part", "change", "says"),
    [
        ("unet/config.json", {"block_out_channels": [32, 48]}, "shape|config"),
        ("unet/config.json", {"layers_per_block": 10**9}, "impossible layers_per_block"),
        ("unet/config.json", {"block_out_channels": [10**30, 64]}, "impossible|out of range"),
        ("unet/config.json", {"down_block_types": ["os.system", "DownBlock2D"]}, "no UNet"),
        ("unet/config.json", {"act_fn": "__import__"}, "no UNet"),
        ("unet/config.json", {"attention_head_dim": "four"}, "no UNet"),
        ("unet/config.json", {"in_channels": 9}, "from text alone"),
        ("text_encoder/config.json", {"hidden_act": "eval"}, "no text encoder"),
        ("text_encoder/config.json", {"num_attention_heads": 7}, "no text encoder"),
        ("text_encoder/config.json", {"num_hidden_layers": 5}, "lacks"),
        ("text_encoder/config.json", {"vocab_size": 65}, "shape"),
        ("text_encoder/config.json", {"vocab_size": "many"}, "no text encoder"),
        ("text_encoder/config.json", {"model_type": "t5"}, "CLIP"),
        ("scheduler/scheduler_config.json", {"_class_name": "os.system"}, "os.system"),
        ("scheduler/scheduler_config.json", {"_class_name": None}, "_class_name"),
        ("scheduler/scheduler_config.json", {"_class_name": ["x"]}, "scheduler"),
        ("scheduler/scheduler_config.json", {"beta_schedule": "none"}, "do not fit together"),
        ("scheduler/scheduler_config.json", {"prediction_type": "luck"}, "do not fit together"),
        ("scheduler/scheduler_config.json", {"num_train_timesteps": 10**12}, "impossible"),
    ],
)
def test_folders_with_false_configs(folder: Path, tmp_path: Path, part, change, says) -> None:
    path = copied(folder, tmp_path / "broken")
    config = json.loads((path / part).read_text())
    (path / part).write_text(json.dumps(config | change))
    with pytest.raises(VaeregError, match=says) as caught:
        drawn(path)
    assert len(caught.value.message) < 400
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ("text_encoder/config.json", "text_encoder|text encoder"),
        ("text_encoder/model.safetensors", "lacks the text encoder text_encoder"),
        ("unet/config.json", "unet/config.json"),
        ("unet/diffusion_pytorch_model.safetensors", "no weights"),
        ("scheduler/scheduler_config.json", "scheduler_config.json"),
    ],
)
def test_folders_with_files_missing(folder: Path, tmp_path: Path, gone: str, says: str) -> None:
    path = copied(folder, tmp_path / "broken")
    (path / gone).unlink()
    with pytest.raises(CannotRun, match=says) as caught:
        drawn(path)
    assert caught.value.hint


def test_a_lone_vae_draws_nothing(tmp_path: Path) -> None:
    write_vae(tmp_path / "vae.safetensors")
    with pytest.raises(CannotRun, match="no denoiser"):
        drawn(tmp_path / "vae.safetensors")


@pytest.mark.parametrize("code", ["inpainting", "image_conditioning", "depth_conditioning"])
def test_denoisers_that_want_more_than_text(file: Path, code: str) -> None:
    told = described(file)
    denoiser = told.identity.component("denoiser")
    assert denoiser is not None
    wanting = replace(denoiser, notices=(Notice(code, "the denoiser takes a mask"),))
    others = tuple(part for part in told.identity.components if part is not denoiser)
    identity = replace(told.identity, components=(wanting, *others))
    with pytest.raises(CannotRun, match="takes a mask"):
        parts_of(replace(told, identity=identity))


@pytest.mark.parametrize(
    ("mark", "says"),
    [("v_pred", "v_prediction"), ("edm_mean", "epsilon"), ("nothing", "epsilon")],
)
def test_marks_of_the_prediction(file: Path, tmp_path: Path, mark: str, says: str) -> None:
    def marked(tensors) -> None:
        tensors[mark] = torch.zeros(1)
        tensors["ztsnr"] = torch.zeros(1)

    parts = parts_of(described(rewritten(file, tmp_path / "marked.safetensors", marked)))
    assert parts.predicts == says
    assert bool(parts.schedule.get("rescale_betas_zero_snr")) == (mark == "v_pred")
    assert ("EDM" in str(parts.schedule["_class_name"])) == (mark == "edm_mean")
    assert bool(parts.notes) == (mark != "nothing")


@pytest.mark.parametrize("named", SCHEDULERS)
def test_every_scheduler_draws(folder: Path, tmp_path: Path, named: str) -> None:
    path = copied(folder, tmp_path / "other")
    place = path / "scheduler" / "scheduler_config.json"
    config = json.loads(place.read_text())
    kept = {} if named.startswith("EDM") else config
    place.write_text(json.dumps({**kept, "_class_name": named, "an_unknown_key": 1}))
    made = drawn(path, steps=2)
    assert made.finite
    assert 0.1 < made.latents.std() < 3


def test_predictions_that_are_not_drawn_with(file: Path, tmp_path: Path) -> None:
    def marked(tensors) -> None:
        tensors["edm_vpred.sigma_max"] = torch.tensor(120.0)

    path = rewritten(file, tmp_path / "marked.safetensors", marked)
    with pytest.raises(CannotRun, match="EDM v-prediction") as caught:
        parts_of(described(path))
    assert "--probe decode" in str(caught.value.hint)


@pytest.mark.parametrize(("spread", "says"), [(0.03, "epsilon"), (0.2, "v_prediction")])
def test_what_an_sd2_predicts(tmp_path: Path, spread: float, says: str) -> None:
    from safetensors.torch import save_file

    name = f"{DENOISER}output_blocks.11.1.transformer_blocks.0.norm1.bias"
    bias = torch.randn(320, generator=torch.Generator().manual_seed(0)) * spread
    save_file({name: bias}, tmp_path / "sd2.safetensors")
    denoiser = Component("denoiser", "unet-sd2", "ldm", DENOISER, (), (), 1, 320)
    config = {"_class_name": "DDIMScheduler", "prediction_type": "epsilon"}
    schedule, _ = schedule_of(str(tmp_path / "sd2.safetensors"), denoiser, config, False)
    assert schedule["prediction_type"] == says


def test_the_authors_word_counts_where_the_file_says_nothing(file: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = tmp_path / "declared.safetensors"
    save_file(load_file(file), path, {"modelspec.prediction_type": "v"})
    parts = parts_of(described(path))
    assert parts.predicts == "v_prediction"
    assert "declares" in parts.notes[0]
