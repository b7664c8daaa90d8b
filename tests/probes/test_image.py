"""A user's picture becomes tiles whatever its kind, and what is none is named as such."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

from vaereg.probes.pictures.image import MOST_PIXELS, picture  # noqa: E402
from vaereg.registry.errors import Unreadable  # noqa: E402

RED, BLUE = (200, 30, 40), (20, 60, 210)


def halves(width: int, height: int, mode: str = "RGB"):
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image.convert(mode)


def corner(pixels, right: bool):
    """Mean colour of a patch near the left or right edge, 0-255."""
    patch = pixels[0, :, 40:60, -30:-10] if right else pixels[0, :, 40:60, 10:30]
    return (patch.mean((1, 2)) + 1) * 127.5


@pytest.mark.parametrize(
    ("width", "height"),
    [(640, 480), (300, 900), (5000, 200), (37, 41), (128, 128), (1, 1), (1024, 1024)],
)
def test_any_size_fits_every_spatial_factor(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "picture.png"
    halves(width, height).save(path)
    pixels = picture(str(path))
    assert pixels.shape[:2] == (1, 3)
    assert all(side % 128 == 0 and side > 0 for side in pixels.shape[2:])
    assert pixels.shape[2] * pixels.shape[3] <= MOST_PIXELS
    assert pixels.dtype == torch.float32
    assert pixels.min() >= -1
    assert pixels.max() <= 1
    if width > 2 * height:
        assert pixels.shape[3] > pixels.shape[2]


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("RGB", "jpg"),
        ("RGB", "webp"),
        ("RGB", "bmp"),
        ("P", "gif"),
        ("CMYK", "tif"),
        ("RGBA", "png"),
    ],
)
def test_common_formats_keep_their_colours(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"picture.{suffix}"
    halves(512, 384, mode).save(path)
    pixels = picture(str(path))
    for right, colour in ((False, RED), (True, BLUE)):
        assert (corner(pixels, right) - torch.tensor(colour)).abs().max() < 12


def test_transparent_parts_are_laid_on_white(tmp_path: Path) -> None:
    image = halves(256, 256, "RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 128, 256))
    image.save(tmp_path / "cut_out.png")
    assert corner(picture(str(tmp_path / "cut_out.png")), right=False).min() > 250


def test_a_turned_photograph_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    image = Image.new("RGB", (600, 300), RED)
    image.paste(BLUE, (0, 150, 600, 300))
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    pixels = picture(str(tmp_path / "turned.jpg"))
    assert pixels.shape[2] > pixels.shape[3]
    assert corner(pixels, right=False)[2] > 180
    assert corner(pixels, right=True)[0] > 180


def test_a_16_bit_picture_is_not_white(tmp_path: Path) -> None:
    Image.new("I;16", (200, 200), 128 * 257).save(tmp_path / "deep.png")
    assert abs(float(picture(str(tmp_path / "deep.png")).mean())) < 0.02


@pytest.mark.parametrize(
    ("kind", "white"), [("float32", 1.0), ("int32", 255), ("int32", 65535), ("uint16", 65535)]
)
def test_a_deep_grey_picture_keeps_its_shades(tmp_path: Path, kind: str, white: float) -> None:
    """Black on the left, white on the right, grey in the middle."""
    ramp = np.tile(np.linspace(0, white, 384), (128, 1)).astype(kind)
    path = tmp_path / "deep.tif"
    Image.fromarray(ramp).save(path)
    pixels = picture(str(path))
    assert pixels[..., 0].max() < -0.98
    assert pixels[..., -1].min() > 0.98
    assert abs(float(pixels.mean())) < 0.02


@pytest.mark.parametrize("values", [(0, 200), (-1, 1), (0, float("nan")), (0, float("inf"))])
def test_floats_of_an_unknown_white_are_refused(tmp_path: Path, values) -> None:
    path = tmp_path / "floats.tif"
    Image.fromarray(np.tile(np.array(values, np.float32), (128, 64))).save(path)
    with pytest.raises(Unreadable, match=r"floats\.tif .*brightnesses"):
        picture(str(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(Unreadable, match=r"pipe\.png is a pipe"):
        picture(str(tmp_path / "pipe.png"))


@pytest.mark.parametrize(
    ("name", "says"),
    [("", "path of the picture is empty"), ("gone.png", r"no picture at .*gone\.png")],
)
def test_a_missing_picture_is_named_plainly(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says) as refused:
        picture(str(tmp_path / name) if name else "")
    assert "Errno" not in refused.value.message


def test_a_file_of_another_kind_is_told_without_pillow_s_words(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("a picture of a cat")
    with pytest.raises(Unreadable) as refused:
        picture(str(tmp_path / "notes.png"))
    assert refused.value.message.endswith(
        "notes.png cannot be read as a picture: it is of no format that Pillow knows"
    )


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0" * 99))


def cut_jpeg(tmp_path: Path) -> bytes:
    halves(800, 600).save(tmp_path / "whole.jpg")
    return (tmp_path / "whole.jpg").read_bytes()[:900]


@pytest.mark.parametrize(
    "kind", ["text", "empty", "bomb", "small bomb", "cut", "folder", "missing"]
)
def test_what_is_no_picture_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "holiday.png"
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        data = {
            "text": b"a picture of a cat",
            "empty": b"",
            "bomb": png_bomb(60000, 60000),
            "small bomb": png_bomb(11000, 10000),
            "cut": cut_jpeg(tmp_path),
        }
        path.write_bytes(data[kind])
    with pytest.raises(Unreadable, match=r"holiday\.png") as refused:
        picture(str(path))
    assert refused.value.hint
    if "bomb" in kind:
        assert "pixels" in refused.value.message
