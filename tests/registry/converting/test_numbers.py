"""Numbers in another float type: rounded as torch rounds them, refused where they do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.registry.converting.cases import arrays, converted, left_behind, raw, write_vae
from vaereg.registry.converting.numbers import encoded
from vaereg.registry.errors import Unreadable, UnsupportedFormat
from vaereg.registry.samples.closed_form import weights
from vaereg.registry.samples.files import renamed, safetensors
from vaereg.registry.values import Tensor

from .cases import plan_of

EDGES = [0.0, -0.0, 1.0, 1 + 2**-8, 1 + 3 * 2**-8, 65504, -65504, 1e-8, 6e-8, 2**-126, 1e-45, np.pi]
NAMES = {"F32": "fp32", "F16": "fp16", "BF16": "bf16"}


def tensor_of(values: np.ndarray, dtype: str) -> Tensor:
    return Tensor("x", dtype, values.shape, 8, values.nbytes)


@pytest.mark.parametrize("wanted", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("source", ["float32", "float64"])
def test_rounding_is_torchs(wanted: str, source: str) -> None:
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    some = random.standard_normal(100_000) * 10.0 ** random.integers(-9, 4, 100_000)
    values = np.concatenate([np.array(EDGES), some]).astype(np.float32).astype(source)
    data, lost = encoded(values.tobytes(), tensor_of(values, source), wanted, "file")
    made = torch.from_numpy(values).to(getattr(torch, wanted))
    assert data == made.view(torch.uint8).numpy().tobytes()
    assert lost == 0


@pytest.mark.parametrize("wanted", ["float16", "bfloat16"])
def test_every_upper_half_of_a_float32_keeps_what_it_is(wanted: str) -> None:
    """All 65536 bfloat16 numbers, and with full lower halves, which carry when they are rounded."""
    for low in (0, 0xFFFF, 0x8000, 0x7FFF):
        bits = (np.arange(65536, dtype=np.uint32) << 16) | np.uint32(low)
        values = bits.view(np.float32)
        data, lost = encoded(bits.tobytes(), tensor_of(values, "float32"), wanted, "file")
        if wanted == "float16":
            made = np.frombuffer(data, np.float16).astype(np.float32)
        else:
            made = (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32)
        assert np.array_equal(np.isnan(made), np.isnan(values))
        assert lost == np.count_nonzero(np.isinf(made) & np.isfinite(values))
        numbers = ~np.isnan(values)
        assert np.array_equal(np.signbit(made[numbers]), np.signbit(values[numbers]))


@pytest.mark.parametrize("code", NAMES)
@pytest.mark.parametrize("source", ["float32", "float16", "bfloat16"])
def test_every_type_into_every_other(tmp_path: Path, code: str, source: str) -> None:
    path = write_vae(tmp_path / "vae.safetensors", dtype=source)
    done = converted(path, tmp_path / "made.safetensors", dtype=NAMES[code])
    assert {entry[0] for entry in raw(Path(done.path)).values()} == {code}
    before, after = arrays(path), arrays(Path(done.path))
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values, rtol=2**-8, atol=3e-8)
    assert done.vae.content == done.source.content or done.warnings


def test_keep_leaves_each_tensor_its_own_type(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    mixed = {
        name: value.astype(np.float16) if name.startswith("encoder") else value
        for name, value in weights(plan_of()).items()
    }
    save_file(mixed, tmp_path / "mixed.safetensors", {"norm_num_groups": "2"})
    done = converted(tmp_path / "mixed.safetensors", tmp_path / "made.safetensors", "diffusers")
    made = raw(Path(done.path))
    assert made["encoder.conv_in.weight"][0] == "F16"
    assert made["decoder.conv_in.weight"][0] == "F32"
    assert done.vae.content == done.source.content


@pytest.mark.parametrize(
    ("value", "dtype", "fits"),
    [
        (65504.0, "fp16", True),
        (65519.0, "fp16", True),  # rounds down to 65504
        (65520.0, "fp16", False),
        (70000.0, "fp16", False),
        (70000.0, "bf16", True),
        (3.4e38, "bf16", False),
        (3.4e38, "fp32", True),
        (float("nan"), "fp16", True),
        (float("inf"), "fp16", True),
    ],
)
def test_a_number_that_does_not_fit_is_refused(
    tmp_path: Path, value: float, dtype: str, fits: bool
) -> None:
    tensors = weights(plan_of())
    tensors["decoder.conv_out.bias"][1] = value
    path = tmp_path / "vae.safetensors"
    path.write_bytes(safetensors(renamed(tensors), "float32"))
    if not fits:
        with pytest.raises(UnsupportedFormat, match=r"1 numbers in decoder\.conv_out\.bias"):
            converted(path, tmp_path / "made.safetensors", dtype=dtype)
        assert left_behind(tmp_path) == ["vae.safetensors"]
        return
    done = converted(path, tmp_path / "made.safetensors", dtype=dtype)
    kept = arrays(Path(done.path))["decoder.conv_out.bias"][1]
    assert np.isfinite(kept) == np.isfinite(value)
    assert np.isnan(kept) == np.isnan(value)
    told = {note.code for note in done.warnings}
    assert ("not_finite" in told) == (not np.isfinite(value))


def test_a_tensor_of_several_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vaereg.registry.converting import numbers

    path = write_vae(tmp_path / "vae.safetensors")
    whole = converted(path, tmp_path / "whole.safetensors", dtype="bf16")
    monkeypatch.setattr(numbers, "BLOCK", 64)
    pieces = converted(path, tmp_path / "pieces.safetensors", dtype="bf16")
    assert Path(pieces.path).read_bytes() == Path(whole.path).read_bytes()


def faint(path: Path, scale: float) -> Path:
    """A VAE with two layers of numbers near the end of what half precision holds."""
    tensors = weights(plan_of())
    for name in ("encoder.conv_in.weight", "decoder.conv_in.weight"):
        tensors[name] = tensors[name] * np.float32(scale)
    path.write_bytes(safetensors(renamed(tensors), "float32"))
    return path


def test_numbers_too_small_for_the_type_are_not_blamed_on_the_disk(tmp_path: Path) -> None:
    path = faint(tmp_path / "vae.safetensors", 1e-9)
    with pytest.raises(UnsupportedFormat, match="too small for float16") as caught:
        converted(path, tmp_path / "made.safetensors", dtype="fp16")
    assert "conv_in.weight" in caught.value.message
    assert "--dtype bf16 or --dtype fp32" in (caught.value.hint or "")
    assert left_behind(tmp_path) == ["vae.safetensors"]
    assert converted(path, tmp_path / "made.safetensors", dtype="bf16").vae.content


def test_what_a_disk_changed_is_blamed_on_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaereg.registry.converting import convert

    written = convert.write

    def spoilt(path: str, *given):
        measures = written(path, *given)
        data = bytearray(Path(path).read_bytes())
        data[-200_000:] = bytes(200_000)
        Path(path).write_bytes(data)
        return measures

    monkeypatch.setattr(convert, "write", spoilt)
    path = faint(tmp_path / "vae.safetensors", 1e-9)
    with pytest.raises(Unreadable, match="does not read back"):
        converted(path, tmp_path / "made.safetensors", dtype="fp16")
