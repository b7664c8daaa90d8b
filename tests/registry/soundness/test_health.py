"""Really damaged files are called damaged, each by its fault; sound and odd ones are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vaereg.registry.formats.catalog import read_path
from vaereg.registry.intake import examine, take_in
from vaereg.registry.samples.autoencoder import autoencoder_kl
from vaereg.registry.samples.faults import random_weights, with_nan, with_zeroed_tail
from vaereg.registry.samples.files import safetensors

SHAPES = autoencoder_kl(4, (32, 64, 64))
VAE = random_weights(SHAPES, 1)
LARGE = "decoder.mid.block_1.conv1.weight"
"""147 KB in float32."""


def file_of(tmp_path: Path, weights, dtype: str = "float32") -> Path:
    path = tmp_path / "vae.safetensors"
    path.write_bytes(safetensors(weights, dtype))
    return path


def codes(path: Path) -> set[str]:
    """What a scan notes of the VAE itself."""
    return {note.code for note in take_in(str(path)).artifact.identity.components[0].notices}


def health(path: Path):
    found = examine(str(path))[2]
    assert found is not None
    return found


def overwritten(path: Path, place: Callable[[int, int], tuple[int, int]], name: str = LARGE):
    """Zero bytes over the range that ``place`` makes of the tensor's first and last offset."""
    tensor = read_path(path).tensors[name]
    begin, end = place(tensor.offset, tensor.offset + tensor.nbytes)
    with path.open("r+b") as file:
        file.seek(begin)
        file.write(bytes(end - begin))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_sound_vae_is_sound(tmp_path: Path, dtype: str) -> None:
    path = file_of(tmp_path, VAE, dtype)
    found = health(path)
    assert found.finite
    assert (found.nan_tensors, found.inf_tensors, found.zero_tensors) == ((), (), 0)
    assert (found.zeroed_tails, found.huge_tensors, found.archive_crc) == ((), (), "n/a")
    assert codes(path) == set()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", [LARGE, "decoder.conv_out.bias"])
def test_one_nan_or_infinity_is_found(tmp_path: Path, dtype: str, name: str) -> None:
    path = file_of(tmp_path, with_nan(VAE, name), dtype)
    assert health(path).nan_tensors == (name,)
    assert not health(path).finite
    assert codes(path) == {"not_finite"}
    spoilt = VAE[name].copy()
    spoilt.flat[-1] = -np.inf
    path = file_of(tmp_path, VAE | {name: spoilt}, dtype)
    assert health(path).inf_tensors == (name,)
    assert health(path).nan_tensors == ()


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "float64"])
def test_nan_in_rarer_float_types(tmp_path: Path, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    tensors = {name: torch.from_numpy(values) for name, values in with_nan(VAE, LARGE).items()}
    path = tmp_path / "vae.pt"
    torch.save({name: held.to(getattr(torch, dtype)) for name, held in tensors.items()}, path)
    assert health(path).nan_tensors == (LARGE,)


def test_numbers_that_no_training_reaches(tmp_path: Path) -> None:
    """A flipped exponent bit makes 0.01 some 1e36; one half's greatest number is none of that."""
    spoilt = VAE[LARGE].copy()
    spoilt.view(np.uint32).flat[7] ^= 1 << 30
    path = file_of(tmp_path, VAE | {LARGE: spoilt})
    assert health(path).huge_tensors == (LARGE,)
    assert health(path).finite
    assert codes(path) == {"absurd_magnitude"}
    wide = file_of(tmp_path, VAE | {LARGE: VAE[LARGE] * 0 + 65504})
    assert codes(wide) == set()


HOLES = {
    "in the middle of a tensor": lambda begin, end: (begin + 10_000, begin + 10_000 + (64 << 10)),
    "from within a tensor on": lambda begin, end: (end - 70_001, end),
    "over several tensors": lambda begin, end: (begin - 30_000, begin + 40_001),
}


@pytest.mark.parametrize("hole", HOLES)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_holes_of_broken_downloads(tmp_path: Path, hole: str, dtype: str) -> None:
    path = file_of(tmp_path, VAE, dtype)
    overwritten(path, HOLES[hole])
    assert LARGE in health(path).zeroed_tails
    assert codes(path) == {"zeroed_tail"}


@pytest.mark.parametrize("share", [0.1, 0.25, 0.9])
def test_a_download_that_broke_off(tmp_path: Path, share: float) -> None:
    path = tmp_path / "vae.safetensors"
    path.write_bytes(with_zeroed_tail(safetensors(VAE, "float16"), share))
    last = list(VAE)[-1]
    assert last in health(path).zeroed_tails
    assert codes(path) == {"zeroed_tail"}


def sparse(values):
    """One number in every 32 rows."""
    kept = np.zeros_like(values)
    kept[::32, 0, 1, 1] = values[::32, 0, 1, 1]
    return kept


MEANT = {
    "a zero convolution": (np.zeros_like, 1),
    "zero output channels": (
        lambda values: np.concatenate([values[:20], np.zeros_like(values[20:])]),
        0,
    ),
    "zeros but for a few numbers": (sparse, 0),
}


@pytest.mark.parametrize("kind", MEANT)
def test_zeros_that_are_meant_are_no_holes(tmp_path: Path, kind: str) -> None:
    change, zero_tensors = MEANT[kind]
    bias = LARGE.replace("weight", "bias")
    weights = VAE | {LARGE: change(VAE[LARGE]), bias: np.zeros_like(VAE[bias])}
    path = file_of(tmp_path, weights)
    assert health(path).zeroed_tails == ()
    assert health(path).zero_tensors == zero_tensors
    assert codes(path) == set()


def test_a_zero_norm_amid_zeros_is_a_hole(tmp_path: Path) -> None:
    """The hole's ends meet the tensors' by chance; no training makes a norm's weights zero."""
    start = "decoder.mid.block_1."
    gone = [name for name in VAE if name.startswith((start + "conv", start + "norm2"))]
    path = file_of(tmp_path, VAE | {name: np.zeros_like(VAE[name]) for name in gone})
    assert set(health(path).zeroed_tails) == set(gone)


def test_a_file_of_zeros_alone_is_no_broken_download(tmp_path: Path) -> None:
    path = file_of(tmp_path, {name: np.zeros_like(held) for name, held in VAE.items()})
    assert health(path).zeroed_tails == ()
    assert health(path).zero_tensors == sum(len(shape) > 1 for shape in SHAPES.values())


def test_zip_checksums(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "vae.pt"
    tensors = {name: torch.from_numpy(values) for name, values in VAE.items()}
    torch.save(tensors, path)
    assert health(path).archive_crc == "ok"
    tensor = read_path(path).tensors[LARGE]
    with path.open("r+b") as file:
        file.seek(tensor.offset + 1001)
        byte = file.read(1)[0]
        file.seek(tensor.offset + 1001)
        file.write(bytes([byte ^ 1]))
    assert health(path).archive_crc == "bad"
    identity = take_in(str(path)).artifact.identity
    assert "archive_crc" in {note.code for note in identity.all_notices}
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(tensors, path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert health(path).archive_crc == "n/a"


@pytest.mark.parametrize("legacy", [True, False])
def test_damage_in_torch_files(tmp_path: Path, legacy: bool) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "vae.ckpt"
    tensors = {name: torch.from_numpy(values) for name, values in with_nan(VAE, LARGE).items()}
    torch.save({"state_dict": tensors}, path, _use_new_zipfile_serialization=not legacy)
    assert health(path).nan_tensors == (LARGE,)
    torch.save({"state_dict": tensors}, path, _use_new_zipfile_serialization=not legacy)
    overwritten(path, lambda begin, end: (begin + 5_001, end))
    assert health(path).zeroed_tails == (LARGE,)
