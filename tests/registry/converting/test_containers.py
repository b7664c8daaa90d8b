"""Sources of every container: torch archives old and new, views, GGUF, folders, shards."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.registry.converting.cases import arrays, converted, plan_of, raw, write_vae
from tests.registry.formats.test_gguf import TEXT, pair, tensor
from vaereg.registry.errors import UnsafePickle, UnsupportedFormat
from vaereg.registry.samples.closed_form import weights
from vaereg.registry.samples.files import safetensors, write_folder

KINDS = {0: np.float32, 1: np.float16, 30: None}
"""GGUF's numbers of float32, float16 and bfloat16."""


@pytest.fixture
def wanted(tmp_path: Path) -> dict:
    """What every source must become, to the byte."""
    return raw(write_vae(tmp_path / "wanted.safetensors"))


def torch_file(path: Path, views: bool = False, **options) -> Path:
    torch = pytest.importorskip("torch")
    held = {name: torch.from_numpy(value) for name, value in weights(plan_of()).items()}
    if views:
        held = {
            name: value.transpose(0, 1).contiguous().transpose(0, 1) if value.ndim == 4 else value
            for name, value in held.items()
        }
    torch.save({"state_dict": held, "epoch": 3, "optimizer_states": [{}]}, path, **options)
    return path


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("views", [True, False])
def test_torch_files(tmp_path: Path, wanted: dict, new: bool, views: bool) -> None:
    """Zip archives and the pickles before them, tensors in order or transposed in memory."""
    source = torch_file(tmp_path / "vae.ckpt", views, _use_new_zipfile_serialization=new)
    done = converted(source, tmp_path / "made.safetensors")
    assert raw(Path(done.path)) == wanted


def test_a_hostile_pickle_runs_nothing(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch = pytest.importorskip("torch")
    torch.save({"state_dict": {"x": Evil()}}, tmp_path / "vae.ckpt")
    with pytest.raises(UnsafePickle):
        converted(tmp_path / "vae.ckpt", tmp_path / "made.safetensors")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "made.safetensors").exists()


def gguf_file(path: Path, kind: int) -> Path:
    """Every tensor in one float type; GGUF writes dimensions from the last."""
    tensors = weights(plan_of())
    infos, data = [], b""
    for name, value in tensors.items():
        infos.append(tensor(name, value.shape[::-1], kind, len(data)))
        numbers = KINDS[kind]
        if numbers is None:
            data += (value.view("<u4") >> 16).astype("<u2").tobytes()
        else:
            data += value.astype(numbers).tobytes()
        data += bytes(-len(data) % 32)
    pairs = [pair("general.architecture", TEXT, "vae")]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(pairs))
    head += b"".join(pairs) + b"".join(infos)
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_gguf_of_floats(tmp_path: Path, kind: int) -> None:
    source = gguf_file(tmp_path / "vae.gguf", kind)
    done = converted(source, tmp_path / "made.safetensors", "diffusers")
    before, after = arrays(source), arrays(Path(done.path))
    same = "decoder.conv_in.weight"
    assert np.array_equal(after[same], before[same])
    assert done.vae.content == done.source.content


def test_a_diffusers_folder_becomes_one_file(tmp_path: Path, wanted: dict) -> None:
    write_folder(tmp_path / "vae", plan_of(), weights(plan_of()))
    done = converted(tmp_path / "vae", tmp_path / "made.safetensors")
    assert raw(Path(done.path)) == wanted


def test_shards_become_one_file(tmp_path: Path, wanted: dict) -> None:
    write_folder(tmp_path / "vae", plan_of(), weights(plan_of()))
    whole = tmp_path / "vae/diffusion_pytorch_model.safetensors"
    tensors = {name: value.copy() for name, value in arrays(tmp_path / "vae").items()}
    whole.unlink()
    places = {}
    for number in (1, 2):
        name = f"diffusion_pytorch_model-0000{number}-of-00002.safetensors"
        share = {key: tensors[key] for key in sorted(tensors)[number - 1 :: 2]}
        (tmp_path / "vae" / name).write_bytes(safetensors(share, "float32"))
        places |= dict.fromkeys(share, name)
    index = tmp_path / "vae/diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    done = converted(tmp_path / "vae", tmp_path / "made.safetensors")
    assert raw(Path(done.path)) == wanted


def test_a_pipelines_vae_is_taken_out(tmp_path: Path, wanted: dict) -> None:
    write_folder(tmp_path / "pipe/vae", plan_of(), weights(plan_of()))
    index = {"_class_name": "StableDiffusionPipeline", "vae": ["diffusers", "AutoencoderKL"]}
    (tmp_path / "pipe/model_index.json").write_text(json.dumps(index))
    done = converted(tmp_path / "pipe", tmp_path / "made.safetensors")
    assert raw(Path(done.path)) == wanted


def test_numbers_that_no_type_of_ours_is_are_refused(tmp_path: Path) -> None:
    """Eight-bit integers with the names of a VAE."""
    from safetensors.numpy import save_file

    held = {name: value.astype(np.int8) for name, value in weights(plan_of()).items()}
    save_file(held, tmp_path / "vae.safetensors")
    with pytest.raises(UnsupportedFormat, match="quantised"):
        converted(tmp_path / "vae.safetensors", tmp_path / "made.safetensors")
