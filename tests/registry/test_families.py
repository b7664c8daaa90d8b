"""The table of latent families is whole, and a faulty row is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vaereg.registry import families as module
from vaereg.registry.families import families, family, same_shape


def test_the_families_people_use_are_there_with_their_published_figures() -> None:
    expected = {
        "sd1": (4, 8, 1, 0.18215, None),
        "sdxl": (4, 8, 1, 0.13025, None),
        "sd3": (16, 8, 1, 1.5305, 0.0609),
        "flux1": (16, 8, 1, 0.3611, 0.1159),
        "flux2": (32, 8, 1, None, None),
        "wan21": (16, 8, 4, 1.0, None),
        "wan22": (48, 16, 4, 1.0, None),
        "sana-dcae": (32, 32, 1, 0.41407, None),
    }
    for name, figures in expected.items():
        row = family(name)
        assert (*row.shape, row.scaling_factor, row.shift_factor) == figures


def test_every_row_names_its_sources() -> None:
    assert all(row.sources for row in families().values())
    assert all(table.source for row in families().values() for table in row.rgb_tables)


def test_spaces_that_shapes_cannot_tell_apart() -> None:
    assert {"sd1", "sdxl"} <= set(same_shape(4, 8, 1))
    assert {"sd3", "flux1"} <= set(same_shape(16, 8, 1))
    assert {"wan21", "qwen-image"} <= set(same_shape(16, 8, 4))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": "sdxl"}, "sdxl stands twice"),
        ({"space": "nowhere"}, "its space nowhere"),
        ({"normalisation": "magic"}, "normalisation magic"),
        ({"latents_mean": [1.0, 2.0]}, "statistics of the wrong length"),
        ({"sources": []}, "no source"),
        ({"rgb_tables": [{"source": "x", "factors": [[1, 2, 3]], "bias": None}]}, "wrong channels"),
    ],
)
def test_a_faulty_row_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], complaint: str
) -> None:
    rows = json.loads(module._TABLE.read_text("utf-8"))
    rows[0] |= change
    table = tmp_path / "families.json"
    table.write_text(json.dumps(rows))
    monkeypatch.setattr(module, "_TABLE", table)
    families.cache_clear()
    try:
        with pytest.raises(ValueError, match=complaint):
            families()
    finally:
        families.cache_clear()
