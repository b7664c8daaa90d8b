"""One door for all formats: content picks the reader, and nothing but registry errors comes out."""

import json
import struct

import pytest

from vaereg.registry.errors import FileError, NotFound, Unreadable
from vaereg.registry.formats import catalog
from vaereg.registry.formats.catalog import READERS, open_local, read_header, read_path
from vaereg.registry.values import Folder

from ...builders import safetensors_header, write_safetensors
from .samples import sample
from .sources import BytesSource


def test_content_decides_and_not_the_extension(tmp_path):
    path = write_safetensors(tmp_path / "vae.ckpt", {"decoder.conv_in.weight": [512, 4, 3, 3]})
    found = read_path(path)
    assert found.format == "safetensors"
    assert found.tensors["decoder.conv_in.weight"].shape == (512, 4, 3, 3)
    assert found.size == path.stat().st_size


def test_gguf_is_read(tmp_path):
    path = tmp_path / "unet.safetensors"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    assert read_path(path).format == "gguf"


def test_a_folder_is_read(tmp_path):
    write_safetensors(tmp_path / "diffusion_pytorch_model.safetensors", {"a": [1]})
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "AutoencoderKL"}))
    found = read_path(str(tmp_path))
    assert isinstance(found, Folder)
    assert list(found.parts[0].header.tensors) == ["a"]


@pytest.mark.parametrize("name", ["missing.safetensors", "nul\0", "missing/x"])
def test_a_missing_path_is_told(tmp_path, name):
    with pytest.raises(NotFound):
        read_path(f"{tmp_path}/{name}")


def test_telling_the_format_costs_no_read_of_its_own():
    head, data = safetensors_header({f"block.{number}.weight": [1] for number in range(3000)})
    source = BytesSource(head + bytes(data), "https://host/vae.safetensors")
    assert len(read_header(source).tensors) == 3000
    assert source.reads == 2
    assert source.bytes_read == len(head)


def test_the_file_stays_open_for_its_owner(tmp_path):
    path = write_safetensors(tmp_path / "a.safetensors", {"a": [1]})
    with open_local(path) as source:
        read_header(source)
        assert source.read(8, 1) == b"{"


@pytest.mark.parametrize(
    "slip",
    [RecursionError, MemoryError, OverflowError, struct.error, IndexError, KeyError, OSError],
)
def test_a_readers_slip_becomes_a_sentence(monkeypatch, slip):
    def stumble(source):
        raise slip("deep inside")

    monkeypatch.setattr(catalog, "READERS", {**READERS, "gguf": stumble})
    with pytest.raises(Unreadable, match=r"a\.gguf is damaged beyond reading"):
        read_header(BytesSource(b"GGUF" + bytes(20), "a.gguf"))


@pytest.mark.parametrize(
    "start", [b"PK\x03\x04", b"\x80\x02", b"GGUF\x09", b"\x10" + bytes(7) + b"{"]
)
def test_a_stub_of_any_format_is_refused(start):
    for length in (0, 1, 30, 3000):
        with pytest.raises(FileError):
            read_header(BytesSource(start + bytes(length)))


def test_a_real_header_is_read_without_its_weights(tmp_path):
    found = sample(tmp_path, "sdxl_vae.safetensors")
    assert found.size == 334_641_012
    assert found.tensors["decoder.conv_in.weight"].shape == (512, 4, 3, 3)
