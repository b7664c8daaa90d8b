"""The format is told by content; what is no model gets its true name."""

import io
import struct
import tarfile

import pytest

from vaereg.registry.errors import Unreadable, UnsupportedFormat
from vaereg.registry.formats.sniff import sniff

from .sources import BytesSource


def tar():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("sys_info"))
    return buffer.getvalue()


def length(number):
    return struct.pack("<Q", number)


@pytest.mark.parametrize(
    ("content", "format"),
    [
        (length(2) + b"{}", "safetensors"),
        (length(0x280) + b'{"a":', "safetensors"),
        (b"\x80\x02\x00\x00\x00\x00\x00\x00{}", "safetensors"),
        (b"PK\x03\x04\x00\x00\x00\x00{}", "safetensors"),
        (b"PK\x03\x04\x00\x00\x08\x08\x00\x00", "torch-zip"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "gguf"),
        (b"GGUF" + struct.pack("<IQQ", 3, ord("{"), 0), "gguf"),
        *(
            (bytes((0x80, protocol)) + b"\x8a\x0al\xfc\x9cF", "torch-legacy")
            for protocol in range(6)
        ),
    ],
)
def test_models_are_told_by_their_first_bytes(content, format):
    assert sniff(BytesSource(content, name="misleading.html")) == format


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"", Unreadable, "is empty"),
        (b"\0" * 5000, Unreadable, "zeros"),
        (b"<!DOCTYPE html><title>Sign in</title>", Unreadable, "web page saved as a model"),
        (b"\xef\xbb\xbf \r\n<HTML lang=en>", Unreadable, "web page"),
        (b"<html>\n" + "é".encode() * 400, Unreadable, "web page"),
        (b"<?xml version='1.0'?><Error/>", Unreadable, "XML"),
        (b'{"error": "Unauthorized"}', Unreadable, "JSON"),
        (b'{"data":{"message":"x"}}', Unreadable, "JSON"),
        (b" [1]", Unreadable, "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", Unreadable, "git-lfs"),
        (b"\x1f\x8b\x08" + bytes(20), UnsupportedFormat, "gzip"),
        (b"BZh91AY", UnsupportedFormat, "bzip2"),
        (b"\xfd7zXZ\x00\x00", UnsupportedFormat, "xz"),
        (b"7z\xbc\xaf\x27\x1c\x00", UnsupportedFormat, "7z"),
        (b"Rar!\x1a\x07\x01\x00", UnsupportedFormat, "RAR"),
        (b"\x28\xb5\x2f\xfd\x00", UnsupportedFormat, "zstd"),
        (tar(), UnsupportedFormat, "tar archive"),
        (b"PK\x05\x06" + bytes(18), Unreadable, "empty zip"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", UnsupportedFormat, "PNG"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", UnsupportedFormat, "JPEG"),
        (b"RIFF\x00\x01\x00\x00WEBPVP8 ", UnsupportedFormat, "WebP"),
        (b"MZ\x90\x00\x03\x00", UnsupportedFormat, "Windows program"),
        (b"\x7fELF\x02\x01\x01", UnsupportedFormat, "Linux program"),
        (b"\x00\x05\x16\x07\x00\x02\x00\x00", UnsupportedFormat, "AppleDouble"),
        (b"# A model\nof mine\n", UnsupportedFormat, "text file"),
        (b"\x80\x06\x00\x00\x01\x00\x00\x00\x00", UnsupportedFormat, "80 06"),
        (b"\x01\x02\x03", Unreadable, "3 bytes"),
    ],
)
def test_everything_else_is_refused_by_its_name(content, error, says):
    with pytest.raises(error, match=says) as caught:
        sniff(BytesSource(content, name="vae.safetensors"))
    assert caught.type is error
    assert caught.value.message.startswith("vae.safetensors ")


def test_a_hostile_name_is_shown_harmless():
    with pytest.raises(Unreadable) as caught:
        sniff(BytesSource(b"", name="a\x1b[31m\u202e.safetensors"))
    assert caught.value.message.isprintable()
