"""One pass over a file measures its tensors, however its bytes come and lie."""

from __future__ import annotations

import math
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.builders import write_safetensors
from vaereg.registry.formats.catalog import read_header
from vaereg.registry.formats.local import LocalFile
from vaereg.registry.intake import examine, take_in
from vaereg.registry.samples.files import safetensors
from vaereg.registry.soundness.weight_pass import WeightPass

ODD = {
    "first": np.array([1.5, -2.0, 0.0], np.float32),
    "matrix": np.random.default_rng(0).standard_normal((301, 77)).astype(np.float32),
    "last": np.array([-0.0], np.float32),
}


def measured(path: Path, pieces):
    """The pass over a file whose bytes come in pieces of these sizes."""
    with LocalFile(path) as file:
        header = read_header(file)
        sweep = WeightPass(file, header, header.tensors)
        data, offset = memoryview(path.read_bytes()), 0
        while offset < len(data):
            piece = data[offset : offset + next(pieces)]
            sweep.update(piece, offset)
            offset += len(piece)
        return sweep.measured()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_figures_do_not_depend_on_how_the_bytes_come(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors(ODD, dtype))
    whole = measured(path, iter([1 << 30]))
    chance = random.Random(1)
    uneven = measured(path, iter(lambda: chance.randrange(1, 999), None))
    assert whole.figures.keys() == uneven.figures.keys() == ODD.keys()
    for name, found in whole.figures.items():
        other = uneven.figures[name]
        assert (found.mark, found.zero) == (other.mark, other.zero)
        expected = float(np.square(ODD[name], dtype=np.float64).sum())
        assert math.isclose(found.squares, expected, rel_tol=1e-2)
        assert math.isclose(found.squares, other.squares, rel_tol=1e-6)
    assert whole.figures["last"].zero
    assert not whole.figures["first"].zero


def test_float32_norms_are_exact_enough_for_a_step_of_the_digest(tmp_path: Path) -> None:
    values = np.random.default_rng(3).standard_normal((1000, 3000)).astype(np.float32)
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors({"x": values}, "float32"))
    found = measured(path, iter([1 << 30])).figures["x"]
    exact = float(np.square(values, dtype=np.float64).sum())
    assert math.isclose(found.squares, exact, rel_tol=1e-6)


def test_the_sign_of_nan_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    marks = set()
    for sign in (1.0, -1.0):
        values = np.array([1.0, -2.0, math.nan, 3.0], np.float32)
        values[2] = np.copysign(values[2], sign)
        path.write_bytes(safetensors({"x": values}, "float32"))
        marks.add(measured(path, iter([1 << 30])).figures["x"].mark)
    assert len(marks) == 1


def test_views_with_strides_are_read_in_their_order(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    values = torch.from_numpy(ODD["matrix"])
    torch.save({"x": values.T, "y": values.T.contiguous(), "z": values}, tmp_path / "x.pt")
    figures = measured(tmp_path / "x.pt", iter([1 << 30])).figures
    assert figures["x"].mark == figures["y"].mark != figures["z"].mark
    assert figures["x"].squares == figures["y"].squares


def test_tied_weights_are_measured_once_for_all_their_names(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    values = torch.from_numpy(ODD["matrix"])
    torch.save({str(number): values for number in range(50)}, tmp_path / "x.pt")
    found = measured(tmp_path / "x.pt", iter([1 << 30]))
    assert len(found.figures) == 50
    assert found.unread == ()


def test_integers_are_measured_by_value(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    numbers = torch.arange(1000)
    kinds = {str(kind): numbers.to(kind) for kind in (torch.int64, torch.int32, torch.int16)}
    torch.save(kinds | {"flags": numbers > 5}, tmp_path / "x.pt")
    figures = measured(tmp_path / "x.pt", iter([1 << 30])).figures
    assert {found.kind for found in figures.values()} == {"integer"}
    assert len({found.mark for found in figures.values()}) == 2


def test_quantised_tensors_are_told_by_type_and_bytes(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "x.safetensors", {"packed": (64,)}, "float8_e4m3fn")
    content = path.read_bytes().replace(b"F8_E4M3", b"F8_E8M0")
    marks = set()
    for last in (0, 1):
        path.write_bytes(content[:-1] + bytes([last]))
        found = measured(path, iter([1 << 30])).figures["packed"]
        assert found.kind == "raw"
        marks.add(found.mark)
    assert len(marks) == 2


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    shapes = {f"block.{number}.weight": (4096, 4096) for number in range(8)}
    path = write_safetensors(tmp_path / "big.safetensors", shapes)
    assert path.stat().st_size > 250_000_000
    tracemalloc.start()
    try:
        examine(str(path))
        take_in(str(path), whole=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 << 20
