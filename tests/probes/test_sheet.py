"""The strip is a picture that opens, says what it should, and is written whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

from tests.probes.test_crossing import SD1, SDXL, convention, crossed, plan_of, written  # noqa: E402
from vaereg.probes.pictures import card  # noqa: E402
from vaereg.probes.pictures.sheet import Column, write_sheet  # noqa: E402
from vaereg.registry.errors import NoSpace, Unreadable  # noqa: E402


def column(name: str = "some VAE", word: str = "match", notes: tuple[str, ...] = ()) -> Column:
    return Column("in question", name, card.test_card()[:2], word, notes)


def test_one_row_a_picture_and_one_column_a_decode(tmp_path: Path) -> None:
    sizes = []
    for columns, rows in ((2, 1), (3, 1), (2, 3)):
        path = tmp_path / "sheet.png"
        pictures = card.test_card()[:rows]
        write_sheet(str(path), ("a headline",), [Column("r", "n", pictures)] * columns)
        with Image.open(path) as image:
            image.load()
            assert image.format == "PNG"
            sizes.append(image.size)
    (width, height), (wider, same), (again, higher) = sizes
    assert wider > width == again
    assert higher > height == same


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        write_sheet(str(tmp_path / name), ("head", "line"), [column(), column(word="broken")])
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["one.png", "two.png"]


@pytest.mark.parametrize(
    "name",
    [
        "模型 のテスト модель",
        "é" * 300,
        "\x1b[31mred\x07\n\u202eevil",
        "\ud800 broken letter",
        "🎨" * 40,
        "",
        "x" * 100_000,
    ],
)
def test_no_name_breaks_the_strip(tmp_path: Path, name: str) -> None:
    path = tmp_path / "sheet.png"
    write_sheet(str(path), (name, name), [column(name, "vivid", (name,)), column()])
    with Image.open(path) as image:
        assert image.size[0] < 600


def test_the_folder_is_made(tmp_path: Path) -> None:
    write_sheet(str(tmp_path / "new" / "sheet.png"), (), [column()])
    assert os.listdir(tmp_path / "new") == ["sheet.png"]


def test_pictures_that_are_not_finite_are_black(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    write_sheet(str(path), (), [Column("r", "n", torch.full((1, 3, 128, 128), float("nan")))])
    with Image.open(path) as image:
        assert image.getpixel((image.size[0] // 2, image.size[1] // 2)) == (0, 0, 0)


def test_a_place_that_is_no_folder_and_a_full_disk(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unreadable, match="cannot be written"):
        write_sheet(str(tmp_path / "file" / "sheet.png"), (), [column()])

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vaereg.probes.pictures.writing.os.replace", full)
    with pytest.raises(NoSpace, match="full"):
        write_sheet(str(tmp_path / "sheet.png"), (), [column()])
    assert os.listdir(tmp_path) == ["file"]


def test_a_cross_decode_writes_its_strip(tmp_path: Path) -> None:
    """Five columns where the conventions differ: card, reference, twice the VAE, difference."""
    vae = written(tmp_path, "sdxl", plan_of("sdxl"))
    widths = []
    for asked in ((convention(SDXL),), (convention(SDXL), convention(SD1, "config"))):
        path = tmp_path / f"strip{len(asked)}.png"
        found = crossed(vae, vae, SDXL, conventions=asked, picture=str(path), captions=("a", "b"))
        assert found.picture == str(path)
        with Image.open(path) as image:
            widths.append(image.size[0])
    assert widths[1] > widths[0]
    assert widths[1] / widths[0] == pytest.approx(5 / 4, abs=0.03)
