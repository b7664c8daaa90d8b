"""``inspect --hash`` and ``--weights``: what the weights are and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Vaereg
from vaereg.registry.samples.autoencoder import autoencoder_kl
from vaereg.registry.samples.faults import random_weights, with_nan, with_zeroed_tail
from vaereg.registry.samples.files import renamed, safetensors

VAE = random_weights(autoencoder_kl(4, (32, 64, 64)), 1)
SPOILT = "decoder.mid.block_1.conv1.weight"
KEYS = {"finite", "nan_tensors", "inf_tensors", "zero_tensors", "archive_crc", "fp16_safe"}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    contents = {
        "sound": safetensors(VAE, "float32"),
        "copy": safetensors(renamed(VAE, "diffusers", "vae."), "float16"),
        "nan": safetensors(with_nan(VAE, SPOILT), "float16"),
        "cut": with_zeroed_tail(safetensors(VAE, "float16")),
        "huge": safetensors(VAE | {SPOILT: VAE[SPOILT] * np.float32(1e30)}, "float32"),
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.safetensors").write_bytes(content)
    return {name: tmp_path / f"{name}.safetensors" for name in contents}


def test_without_being_asked_nothing_is_read(vaereg: Vaereg, files: dict[str, Path]) -> None:
    document = vaereg("inspect", "--json", files["nan"]).document
    assert document["health"] is None
    assert "hashes" not in document
    assert document["warnings"] == []
    assert document["bytes_read"] < document["size"]


def test_health_has_the_keys_of_the_interface(vaereg: Vaereg, files: dict[str, Path]) -> None:
    document = vaereg("inspect", "--json", "--weights", files["sound"]).document
    assert document["health"] == {
        "finite": True,
        "nan_tensors": [],
        "inf_tensors": [],
        "zero_tensors": 0,
        "archive_crc": "n/a",
        "fp16_safe": None,
    }
    assert document["bytes_read"] == document["size"] == files["sound"].stat().st_size
    assert "hashes" not in document


@pytest.mark.parametrize(
    ("name", "code", "key"),
    [
        ("nan", "not_finite", "nan_tensors"),
        ("cut", "zeroed_tail", "zeroed_tails"),
        ("huge", "absurd_magnitude", "huge_tensors"),
    ],
)
def test_damage_is_a_warning_and_no_failure(
    vaereg: Vaereg, files: dict[str, Path], name: str, code: str, key: str
) -> None:
    run = vaereg("inspect", "--json", "--weights", files[name])
    assert run.code == 0
    health = run.document["health"]
    assert set(health) >= KEYS
    assert health[key]
    assert health["finite"] == (name != "nan")
    warnings = {warning["code"]: warning["message"] for warning in run.document["warnings"]}
    assert code in warnings
    words = vaereg("inspect", "--hash", files[name])
    assert words.code == 0
    assert warnings[code] in words.out.replace("\n", " ")


def test_hashes_tell_copies_by_their_content(vaereg: Vaereg, files: dict[str, Path]) -> None:
    run = vaereg("inspect", "--json", "--hash", *files.values())
    assert run.code == 0
    sound, copy, *others = (document["hashes"] for document in run.document)
    assert sound["sha256"] != copy["sha256"]
    assert sound["content"] == copy["content"]
    assert sound["content"] not in {other["content"] for other in others}
    assert all(document["health"] is None for document in run.document)


def test_both_together_read_the_file_once(vaereg: Vaereg, files: dict[str, Path]) -> None:
    document = vaereg("inspect", "--json", "--hash", "--weights", files["cut"]).document
    assert document["hashes"]["content"]
    assert document["health"]["zeroed_tails"]
    assert document["bytes_read"] == document["size"]


def test_a_folder_and_a_name_in_the_registry(
    vaereg: Vaereg, files: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "model" / "vae"
    folder.mkdir(parents=True)
    weights = renamed(with_nan(VAE, SPOILT), "diffusers")
    (folder / "diffusion_pytorch_model.safetensors").write_bytes(safetensors(weights))
    (folder / "config.json").write_text('{"_class_name": "AutoencoderKL"}')
    index = {"_class_name": "StableDiffusionPipeline", "vae": ["diffusers", "AutoencoderKL"]}
    (tmp_path / "model" / "model_index.json").write_text(json.dumps(index))
    document = vaereg("inspect", "--json", "--weights", "--hash", tmp_path / "model").document
    assert document["health"]["nan_tensors"] == ["vae/decoder.mid_block.resnets.0.conv1.weight"]
    assert "not_finite" in {warning["code"] for warning in document["warnings"]}
    vaereg("scan", files["sound"].parent)
    named = vaereg("inspect", "--json", "--weights", "sound").document
    assert named["health"]["finite"]


def test_a_flipped_bit_in_an_archive_is_told(vaereg: Vaereg, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "vae.pt"
    torch.save({name: torch.from_numpy(values) for name, values in VAE.items()}, path)
    words = vaereg("inspect", "--weights", path)
    assert "archive checksums ok" in words.out
    data = bytearray(path.read_bytes())
    place = data.find(VAE[SPOILT].tobytes())
    data[place + 100] ^= 1
    path.write_bytes(data)
    document = vaereg("inspect", "--json", "--hash", path).document
    assert "archive_crc" in {warning["code"] for warning in document["warnings"]}


def test_a_file_that_is_no_model_fails_as_before(vaereg: Vaereg, tmp_path: Path) -> None:
    (tmp_path / "page.safetensors").write_text("<!DOCTYPE html><html></html>")
    run = vaereg("inspect", "--json", "--weights", tmp_path / "page.safetensors")
    assert run.code == 1
    assert run.document["error"]["code"] == "unreadable_file"
