"""The comparison sheet is a PNG that shows every picture, its detail and what is said of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

from vaereg.probes.comparison.compared import Column, compare  # noqa: E402
from vaereg.probes.comparison.sheet import write_sheet  # noqa: E402
from vaereg.registry.errors import Unreadable  # noqa: E402


def scene(width: int = 64, height: int = 64):
    """A ramp with a chequered corner, where the detail is."""
    ramp = np.linspace(0.2, 0.8, width)[None].repeat(height, 0)
    picture = np.stack([ramp, ramp.T[:height, :1].repeat(width, 1) * 0 + 0.3, 1 - ramp])
    down, across = np.mgrid[: height // 4, : width // 4]
    picture[:, : height // 4, : width // 4] = (down // 2 + across // 2) % 2
    return picture


def drawn(path: Path, columns, captions=("A headline", "a line")):
    write_sheet(str(path), compare(columns), captions)
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def columns(count: int, picture=None):
    given = scene() if picture is None else picture
    return [Column(f"VAE {number}", given, "a note") for number in range(count)]


def test_many_pictures_wrap_into_rows_of_equal_length(tmp_path: Path) -> None:
    sizes = [drawn(tmp_path / "sheet.png", columns(count)).shape[:2] for count in (1, 3, 5, 6, 11)]
    heights, widths = zip(*sizes, strict=True)
    assert widths[0] < widths[1] == widths[3] < widths[4] < widths[2]
    assert heights[0] == heights[1] == heights[2] < heights[3] < heights[4]
    assert max(widths) < 1600


def test_each_picture_stands_in_its_place_with_its_detail_below(tmp_path: Path) -> None:
    paints = ((0.9, 0.1, 0.1), (0.1, 0.9, 0.1), (0.1, 0.1, 0.9))
    given = [Column("x", scene() * 0 + np.array(paint)[:, None, None]) for paint in paints]
    sheet = drawn(tmp_path / "sheet.png", given)
    places = [np.argwhere((sheet == np.rint(np.array(p) * 255)).all(2)) for p in paints]
    for place in places:
        assert len(place) > 1.9 * 272 * 272  # The whole and the detail, but for the frame.
    lefts = [place[:, 1].min() for place in places]
    assert lefts == sorted(lefts)
    assert np.diff(lefts).tolist() == [296, 296]
    assert len({tuple(place.min(0)[:1]) for place in places}) == 1


def test_the_detail_shows_the_pixels_of_the_busiest_corner(tmp_path: Path) -> None:
    given = compare(columns(1))
    assert given.detail.within(64, 64) == (0, 0, 16, 16)
    sheet = drawn(tmp_path / "sheet.png", columns(1))
    assert (sheet == 255).all(2).sum() > 0.4 * 272 * 272
    assert (sheet == 0).all(2).sum() > 0.4 * 272 * 272


def test_numbers_that_are_not_finite_are_shown_as_frontends_show_them(tmp_path: Path) -> None:
    """NaN black, infinity white, the other infinity black."""
    for value, colour in ((np.nan, 0), (np.inf, 255), (-np.inf, 0)):
        sheet = drawn(tmp_path / "sheet.png", [Column("a", scene() * 0 + value)], ())
        assert (sheet == colour).all(2).sum() > 1.9 * 272 * 272


def test_words_and_figures_are_written_in_the_colour_of_what_they_say(tmp_path: Path) -> None:
    fault = drawn(tmp_path / "a.png", [*columns(1), Column("b", scene() * 0)])
    same = drawn(tmp_path / "b.png", columns(2))
    for colour, sheet, other in (((240, 92, 92), fault, same), ((96, 201, 120), same, fault)):
        assert (sheet == colour).all(2).sum() > 20
        assert (other == colour).all(2).sum() == 0


@pytest.mark.parametrize(
    "name",
    ["模型 модель", "é" * 300, "\x1b[31mred\n\u202eevil", "\ud800", "🎨" * 40, "", "x" * 9999],
)
def test_no_name_breaks_the_sheet(tmp_path: Path, name: str) -> None:
    given = [Column(name, scene(), name), Column(name, scene() * np.nan, name)]
    assert drawn(tmp_path / "sheet.png", given, (name, name)).shape[1] < 700


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3), (16, 16), (512, 384)])
def test_pictures_of_any_shape_have_their_place(tmp_path: Path, shape: tuple[int, int]) -> None:
    given = [Column("odd", scene(64, 64)[:, :1, :1].repeat(shape[0], 1).repeat(shape[1], 2))]
    sizes = {
        drawn(tmp_path / "sheet.png", [*given, *columns(1)]).shape[1],
        drawn(tmp_path / "sheet.png", [*columns(1), *given]).shape[1],
    }
    assert len(sizes) == 1


def test_the_same_input_gives_the_same_bytes_and_nothing_else_is_left(tmp_path: Path) -> None:
    for name in ("new/one.png", "new/two.png"):
        write_sheet(str(tmp_path / name), compare(columns(2)))
    assert (tmp_path / "new/one.png").read_bytes() == (tmp_path / "new/two.png").read_bytes()
    assert sorted(os.listdir(tmp_path / "new")) == ["one.png", "two.png"]


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unreadable, match="cannot be written"):
        write_sheet(str(tmp_path / "file" / "sheet.png"), compare(columns(1)))
