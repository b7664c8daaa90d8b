"""Model folders: which weights are read, what is noticed, and whose fault stops the reading."""

import json
import struct

import pytest

from vaereg.registry.errors import FileError, Unreadable, UnsafePickle, UnsupportedFormat
from vaereg.registry.formats.diffusers_folder import is_model_folder, read_folder
from vaereg.registry.formats.local import LocalFolder
from vaereg.registry.formats.safetensors import read_safetensors

from ...builders import write_safetensors

WEIGHTS = "diffusion_pytorch_model.safetensors"
SHARDS = "diffusion_pytorch_model-0000{}-of-00002.safetensors"
VAE = {"_class_name": "AutoencoderKL", "latent_channels": 4, "scaling_factor": 0.18215}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def read(folder, read_header=read_safetensors):
    return read_folder(LocalFolder(folder), read_header)


def codes(found):
    return [notice.code for notice in found.notices]


def test_a_pipeline_is_read_part_by_part(tmp_path):
    index = {"_class_name": "StableDiffusionPipeline", "vae": ["diffusers", "AutoencoderKL"]}
    write(tmp_path / "model_index.json", index | {"movq": ["diffusers", "VQModel"]})
    for part in ("vae", "vae_1_0", "unet", "text_encoder", "safety_checker"):
        write(tmp_path / part / "config.json", VAE | {"_class_name": part})
        write_safetensors(tmp_path / part / WEIGHTS, {f"{part}.weight": [2, 2]})
    write_safetensors(tmp_path / "movq" / WEIGHTS, {"a": [1]})
    write_safetensors(tmp_path / "unrelated" / WEIGHTS, {"a": [1]})
    write_safetensors(tmp_path / "v1-5-pruned.safetensors", {"a": [1]})
    write(tmp_path / "scheduler" / "scheduler_config.json", {"prediction_type": "v_prediction"})
    write(tmp_path / "feature_extractor" / "preprocessor_config.json", {})
    write(tmp_path / "tokenizer" / "config.json", {})
    found = read(tmp_path)
    parts = {part.name: part for part in found.parts}
    assert set(parts) == {"scheduler", "movq", "text_encoder", "unet", "vae", "vae_1_0"}
    assert found.index["vae"] == ["diffusers", "AutoencoderKL"]
    assert parts["scheduler"].config == {"prediction_type": "v_prediction"}
    assert parts["scheduler"].header is None
    assert parts["vae"].config["scaling_factor"] == 0.18215
    assert list(parts["vae"].header.tensors) == ["vae.weight"]
    assert parts["movq"].config == {}
    assert codes(found) == []
    used = ["model_index.json", "scheduler/scheduler_config.json", f"movq/{WEIGHTS}"]
    for part in ("text_encoder", "unet", "vae", "vae_1_0"):
        used += [f"{part}/config.json", f"{part}/{WEIGHTS}"]
    assert found.size == sum((tmp_path / name).stat().st_size for name in used)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ([WEIGHTS, "diffusion_pytorch_model.fp16.safetensors"], WEIGHTS),
        (
            ["diffusion_pytorch_model.bin", "diffusion_pytorch_model.fp16.safetensors"],
            "diffusion_pytorch_model.fp16.safetensors",
        ),
        (
            [
                "diffusion_pytorch_model.fp16.safetensors",
                "diffusion_pytorch_model.bf16.safetensors",
            ],
            "diffusion_pytorch_model.fp16.safetensors",
        ),
        (["pytorch_model.bin", "flax_model.msgpack"], "pytorch_model.bin"),
        (["model.safetensors", "pytorch_model.bin"], "model.safetensors"),
        (["diffusion_pytorch_model.non_ema.bin"], "diffusion_pytorch_model.non_ema.bin"),
        (["model.onnx", "sdxl_vae.safetensors"], "sdxl_vae.safetensors"),
        ([WEIGHTS, f"{WEIGHTS}.index.json", SHARDS.format(1)], WEIGHTS),
    ],
)
def test_the_best_weights_are_chosen(tmp_path, names, chosen):
    write(tmp_path / "config.json", VAE)
    for name in names:
        write_safetensors(tmp_path / name, {name: [1]})
    found = read(tmp_path)
    assert [part.name for part in found.parts] == [""]
    assert list(found.parts[0].header.tensors) == [chosen]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], "no weights"),
        (["model.onnx"], "ONNX"),
        (["openvino_model.xml", "openvino_model.bin"], "OpenVINO"),
        (["diffusion_flax_model.msgpack"], "Flax"),
        (["a.safetensors", "b.safetensors"], "no weights"),
    ],
)
def test_a_configuration_without_weights_is_noticed(tmp_path, names, says):
    write(tmp_path / "config.json", VAE)
    for name in names:
        write(tmp_path / name, b"x")
    found = read(tmp_path)
    assert found.parts[0].header is None
    assert found.parts[0].config == VAE
    assert codes(found) == ["no_weights"]
    assert says in found.notices[0].message


def write_shards(folder, weight_map, present=(1, 2), index=f"{WEIGHTS}.index.json"):
    write(folder / "config.json", VAE)
    write(folder / index, {"metadata": {}, "weight_map": weight_map})
    for number in present:
        write_safetensors(
            folder / SHARDS.format(number), {f"t{number}": [number], "both": [number]}
        )


MAP = {"t1": SHARDS.format(1), "t2": SHARDS.format(2), "both": SHARDS.format(2)}


@pytest.mark.parametrize(
    "index",
    [f"{WEIGHTS}.index.json", f"{WEIGHTS}.index.fp16.json", "model.fp16.safetensors.index.json"],
)
def test_shards_are_merged_as_the_index_says(tmp_path, index):
    write_shards(tmp_path, MAP, index=index)
    found = read(tmp_path)
    header = found.parts[0].header
    assert {name: tensor.shape for name, tensor in header.tensors.items()} == {
        "t1": (1,),
        "t2": (2,),
        "both": (2,),
    }
    assert header.size == sum((tmp_path / SHARDS.format(n)).stat().st_size for n in (1, 2))
    assert codes(found) == []


def test_a_missing_shard_is_noticed_by_name(tmp_path):
    write_shards(tmp_path / "transformer", MAP, present=[1])
    write(tmp_path / "model_index.json", {"transformer": ["diffusers", "X"]})
    found = read(tmp_path)
    assert list(found.parts[0].header.tensors) == ["t1"]
    assert codes(found) == ["missing_shard"]
    assert f"transformer/{SHARDS.format(2)}" in found.notices[0].message


def test_all_shards_missing_leave_no_header(tmp_path):
    write_shards(tmp_path, MAP, present=[])
    found = read(tmp_path)
    assert found.parts[0].header is None
    assert codes(found) == ["missing_shard", "missing_shard"]


def test_tensors_that_no_shard_holds_are_noticed(tmp_path):
    write_shards(tmp_path, MAP | {"lost": SHARDS.format(1)})
    assert codes(read(tmp_path)) == ["missing_tensors"]


@pytest.mark.parametrize(
    "weight_map",
    [
        None,
        [],
        {},
        {"a": 1},
        {"a": "../secret.safetensors"},
        {"a": "/etc/passwd"},
        {"a": "inner/x.safetensors"},
        {"a": "..\\secret"},
        {"a": "C:secret"},
        {"a": ".."},
        {"a": ""},
        {"a": "nul\0"},
        {str(number): f"{number}.safetensors" for number in range(1001)},
    ],
)
def test_an_index_that_leads_astray_is_refused(tmp_path, weight_map):
    write_safetensors(tmp_path / "secret.safetensors", {"a": [1]})
    write_safetensors(tmp_path / "model/inner/x.safetensors", {"a": [1]})
    write_shards(tmp_path / "model", weight_map, present=[])
    with pytest.raises(Unreadable, match=r"index\.json") as caught:
        read(tmp_path / "model")
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a":' + b"[" * 100_000,
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"' + b"x" * 5_000_000 + b'"}',
    ],
)
@pytest.mark.parametrize("name", ["model_index.json", "vae/config.json"])
def test_a_broken_configuration_is_named(tmp_path, name, content):
    write(tmp_path / "model_index.json", {"vae": ["diffusers", "AutoencoderKL"]})
    write(tmp_path / name, content)
    with pytest.raises(Unreadable, match=name):
        read(tmp_path)


@pytest.mark.parametrize("error", [Unreadable, UnsafePickle])
def test_a_bad_component_stops_the_reading_and_is_named(tmp_path, error):
    write(tmp_path / "model_index.json", {})
    for part in ("unet", "vae"):
        write(tmp_path / part / "config.json", VAE)
        write(tmp_path / part / "diffusion_pytorch_model.bin", b"bad")

    def refuse(source):
        raise error("what was read is damaged", "Do this.")

    with pytest.raises(error, match=r"unet/diffusion_pytorch_model\.bin") as caught:
        read(tmp_path, refuse)
    assert caught.value.hint == "Do this."


def test_a_damaged_weights_file_is_named(tmp_path):
    write(tmp_path / "config.json", VAE)
    write(tmp_path / WEIGHTS, struct.pack("<Q", 100) + b"{}")
    with pytest.raises(Unreadable, match=WEIGHTS):
        read(tmp_path)


@pytest.mark.parametrize(
    ("names", "answer"),
    [
        (["model_index.json"], True),
        (["model_index.json", "vae/config.json"], True),
        (["config.json", WEIGHTS], True),
        (["config.json", "model.fp16.safetensors"], True),
        (["config.json", "sdxl_vae.safetensors"], True),
        (["config.json", "a.safetensors", "b.safetensors"], False),
        (["config.json", f"vae/{WEIGHTS}"], False),
        (["config.json"], False),
        (["adapter_config.json", "adapter_model.safetensors"], False),
        ([WEIGHTS], False),
        ([], False),
    ],
)
def test_what_makes_a_folder_a_model(names, answer):
    assert is_model_folder(names) is answer


@pytest.mark.parametrize("config", [None, {"name": "some program's settings"}])
def test_any_other_folder_is_refused(tmp_path, config):
    write(tmp_path / "a.ckpt", b"x")
    if config:
        write(tmp_path / "config.json", config)
    with pytest.raises(UnsupportedFormat, match="no model folder"):
        read(tmp_path)


def test_a_hidden_error_is_a_file_error(tmp_path):
    write(tmp_path / "config.json", VAE)
    write(tmp_path / "model.safetensors", b"\0" * 3)
    with pytest.raises(FileError):
        read(tmp_path)
