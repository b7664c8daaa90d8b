"""Latents in files are believed only where they are what is said of them."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from vaereg.probes.generation.kept import keep, load_latents, recalled
from vaereg.registry.drawing import Drawing
from vaereg.registry.errors import NotFound


def test_what_is_not_there(tmp_path: Path) -> None:
    assert recalled(str(tmp_path / "none")) is None
    assert recalled(str(tmp_path)) is None
    with pytest.raises(NotFound):
        load_latents(str(tmp_path / "none"))


KEPT = Drawing("", 4, 64, 64, "cpu", "float32", 1.5, 4, 0, 3.0, "ünïcödé \udcff", notes=("a", "b"))


@pytest.mark.parametrize(
    ("shape", "value", "changes", "sound"),
    [
        ((1, 4, 8, 8), 0.0, {}, True),
        ((1, 4, 8, 8), np.nan, {"finite": False, "failed_at": 3}, True),
        ((1, 4, 8, 8), np.nan, {}, False),
        ((1, 4, 8, 8), np.inf, {}, False),
        ((1, 4, 8, 8), 0.0, {"finite": False}, False),
        ((1, 16, 8, 8), 0.0, {}, False),
        ((2, 4, 8, 8), 0.0, {}, False),
        ((4, 8, 8), 0.0, {}, False),
        ((1, 4, 0, 8), 0.0, {}, False),
        ((1, 4, 8, 65), 0.0, {}, False),
        ((1, 4, 8, 8), 0.0, {"seed": "0"}, False),
        ((1, 4, 8, 8), 0.0, {"notes": (1,)}, False),
    ],
)
def test_latents_must_be_what_is_said_of_them(tmp_path: Path, shape, value, changes, sound) -> None:
    path = str(tmp_path / "a.safetensors")
    told = replace(KEPT, path=path, **changes)
    keep(path, np.full(shape, value, np.float32), told)
    assert recalled(path) == (replace(told, kept=True) if sound else None)


def test_every_figure_of_a_drawing_is_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "a.safetensors")
    odd = replace(KEPT, path=path, overflowed="float16", failed_at=2, finite=False)
    keep(path, np.full((1, 4, 8, 8), np.nan, np.float32), odd)
    back = recalled(path)
    for field in fields(Drawing):
        if field.name != "kept":
            assert getattr(back, field.name) == getattr(odd, field.name), field.name
