"""One digest for every copy of the same weights, another one for every other model."""

from __future__ import annotations

import json
import struct
import zipfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from vaereg.registry.intake import take_in
from vaereg.registry.samples.autoencoder import autoencoder_kl
from vaereg.registry.samples.faults import random_weights
from vaereg.registry.samples.files import renamed, safetensors

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
SHAPES = autoencoder_kl(4, (16, 32, 32))
VAE = random_weights(SHAPES, 1)
LARGE = "decoder.mid.block_1.conv1.weight"


def content(path: Path) -> str | None:
    return take_in(str(path)).artifact.digests.content


def of(tmp_path: Path, weights, dtype="float32", **way) -> str | None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors(renamed(weights, **way), dtype))
    return content(path)


@pytest.mark.parametrize(
    ("dtype", "way"),
    [
        ("float16", {}),
        ("bfloat16", {}),
        ("float32", {"layout": "diffusers"}),
        ("float16", {"layout": "diffusers", "linear": False}),
        ("float32", {"linear": True}),
        ("bfloat16", {"prefix": "first_stage_model."}),
        ("float16", {"prefix": "vae.", "layout": "diffusers"}),
    ],
)
def test_copies_have_one_digest(tmp_path: Path, dtype: str, way) -> None:
    original = of(tmp_path, VAE)
    assert original is not None
    assert len(original) == 64
    assert of(tmp_path, VAE, dtype, **way) == original


def test_order_training_state_and_counters_do_not_count(tmp_path: Path) -> None:
    more = {
        "loss.logvar": np.ones((), np.float32),
        "model_ema.decay": np.ones((), np.float32),
        "decoder.norm_out.num_batches_tracked": np.full((), 7, np.float32),
    }
    backwards = dict(reversed([*VAE.items(), *more.items()]))
    assert of(tmp_path, backwards) == of(tmp_path, VAE)


def test_every_float_width_and_container_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    original = of(tmp_path, VAE)
    tensors = {name: torch.from_numpy(values) for name, values in VAE.items()}
    views = {
        name: held.to(memory_format=torch.channels_last) if held.ndim == 4 else held
        for name, held in tensors.items()
    }
    cases = {
        "zip.pt": (tensors, {}),
        "wrapped.ckpt": ({"state_dict": tensors}, {}),
        "legacy.ckpt": (tensors, {"_use_new_zipfile_serialization": False}),
        "strided.pt": (views, {}),
        "double.pt": ({name: held.double() for name, held in tensors.items()}, {}),
    }
    for name, (saved, how) in cases.items():
        torch.save(saved, tmp_path / name, **how)
        assert content(tmp_path / name) == original, name


def test_a_folder_and_its_shards(tmp_path: Path) -> None:
    names = list(renamed(VAE, "diffusers"))
    weights = renamed(VAE, "diffusers")
    halves = {"one": names[::2], "two": names[1::2]}
    for stem, own in halves.items():
        data = safetensors({name: weights[name] for name in own}, "float16")
        (tmp_path / f"diffusion_pytorch_model-{stem}-of-2.safetensors").write_bytes(data)
    places = {
        name: f"diffusion_pytorch_model-{stem}-of-2.safetensors"
        for stem, own in halves.items()
        for name in own
    }
    index = tmp_path / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    (tmp_path / "config.json").write_text('{"_class_name": "AutoencoderKL"}')
    taken = take_in(str(tmp_path)).artifact
    (tmp_path / "single").mkdir()
    assert taken.digests.content == of(tmp_path / "single", VAE)
    assert taken.identity.components[0].content == taken.digests.content


def test_a_checkpoints_vae_is_known_by_itself(tmp_path: Path) -> None:
    from vaereg.registry.samples.unet import sd1_unet

    unet = random_weights(sd1_unet(), 5)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(safetensors(unet | renamed(VAE, prefix="first_stage_model."), "float16"))
    taken = take_in(str(path)).artifact
    (vae,) = (part for part in taken.identity.components if part.role == "vae")
    assert vae.content == of(tmp_path, VAE)
    assert taken.digests.content is None  # the denoiser was not read
    whole = take_in(str(path), whole=True).artifact.digests.content
    assert whole is not None
    assert whole != vae.content
    short = {name.removeprefix("model."): held for name, held in unet.items()}
    path.write_bytes(safetensors(short | renamed(VAE, "diffusers", "vae."), "float32"))
    assert take_in(str(path), whole=True).artifact.digests.content == whole


CHANGES = {
    "one sign": lambda values: values * np.where(np.arange(values.size) == 5, -1, 1),
    "one large tensor 4.5 % larger": lambda values: values * 1.045,
    "half its size": lambda values: values * 0.5,
    "7000 times its size": lambda values: values * 7000,
    "all zero": lambda values: values * 0,
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_weights_have_another_digest(tmp_path: Path, change: str) -> None:
    values = VAE[LARGE]
    assert values.size >= 4096
    changed = CHANGES[change](values.ravel()).astype(np.float32).reshape(values.shape)
    assert of(tmp_path, VAE | {LARGE: changed}) != of(tmp_path, VAE)


def test_a_brighter_bias_has_another_digest(tmp_path: Path) -> None:
    name = "decoder.conv_out.bias"
    assert of(tmp_path, VAE | {name: np.abs(VAE[name]) + 1}) != of(tmp_path, VAE)


def test_other_names_and_shapes_have_another_digest(tmp_path: Path) -> None:
    swapped = VAE | {
        "encoder.mid.block_1.conv1.weight": VAE["encoder.mid.block_1.conv2.weight"],
        "encoder.mid.block_1.conv2.weight": VAE["encoder.mid.block_1.conv1.weight"],
    }
    assert of(tmp_path, swapped) != of(tmp_path, VAE)
    extra = VAE | {"latents_note": np.ones((2, 3), np.float32)}
    other = VAE | {"latents_note": np.ones((3, 2), np.float32)}
    assert of(tmp_path, extra) != of(tmp_path, other)


def test_scaling_two_tensors_alike_does_not_cancel(tmp_path: Path) -> None:
    """The closed-form overflow twin multiplies several tensors by one number."""
    names = [
        f"{half}.mid.block_1.conv{n}.weight" for half in ("encoder", "decoder") for n in (1, 2)
    ]
    digests = {of(tmp_path, VAE)}
    for pair in combinations(names, 2):
        digests.add(of(tmp_path, VAE | {name: VAE[name] * 4096 for name in pair}))
    assert len(digests) == 7


def test_what_is_compressed_in_its_archive_gets_no_digest(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    stored, packed = tmp_path / "stored.pt", tmp_path / "packed.pt"
    torch.save({name: torch.from_numpy(values) for name, values in VAE.items()}, stored)
    with zipfile.ZipFile(stored) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    taken = take_in(str(packed)).artifact
    assert taken.digests.content is None
    assert taken.identity.components[0].content is None
    assert {note.code for note in taken.identity.all_notices} == {"compressed_storage"}


def test_a_file_that_shares_its_bytes_many_times_is_not_read_as_often(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    numbers = torch.ones(100_000)
    path = tmp_path / "shared.pt"
    torch.save({str(rows): numbers.view(2**rows, -1) for rows in range(6)}, path)
    taken = take_in(str(path), whole=True).artifact
    assert taken.digests.content is None
    assert "weights_not_read" in {note.code for note in taken.identity.all_notices}


def test_files_without_floats_get_no_digest(tmp_path: Path) -> None:
    text = json.dumps({"x": {"dtype": "I64", "shape": [2], "data_offsets": [0, 16]}}).encode()
    path = tmp_path / "numbers.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(range(16)))
    assert take_in(str(path), whole=True).artifact.digests.content is None


@pytest.mark.parametrize("name", ["taesd", "taesdxl"])
def test_real_tiny_autoencoders_in_two_layouts(tmp_path: Path, name: str) -> None:
    if not DATA.is_dir():
        pytest.skip("the folder of real weights is not there")
    safe = pytest.importorskip("safetensors.torch", exc_type=ImportError)
    encoder, decoder = (
        {
            key: held.float().numpy()
            for key, held in safe.load_file(DATA / f"{name}_{half}.safetensors").items()
        }
        for half in ("encoder", "decoder")
    )
    comfyui = {f"taesd_encoder.{key}": held for key, held in encoder.items()}
    comfyui |= {f"taesd_decoder.{key}": held for key, held in decoder.items()}
    diffusers = {f"encoder.layers.{key}": held for key, held in encoder.items()}
    for key, held in decoder.items():
        number, rest = key.split(".", 1)
        diffusers[f"decoder.layers.{int(number) - 1}.{rest}"] = held
    digests = set()
    for dtype in ("float32", "float16", "bfloat16"):
        for weights in (comfyui, diffusers):
            (tmp_path / "x.safetensors").write_bytes(safetensors(weights, dtype))
            digests.add(content(tmp_path / "x.safetensors"))
    assert len(digests) == 1
    assert None not in digests
