"""Every digest is what its definition says, whatever the size and wherever chunks end."""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from pathlib import Path

import pytest

from vaereg.registry.digests import CHUNK, Digester, digest_file, stream
from vaereg.registry.errors import Unreadable
from vaereg.registry.formats.local import LocalFile


def written(path: Path, size: int, header: int | None = None) -> Path:
    data = random.Random(size).randbytes(size)
    if header is not None:
        data = struct.pack("<Q", header) + data[8:]
    path.write_bytes(data)
    return path


def autov3(data: bytes) -> str:
    length = struct.unpack("<Q", data[:8])[0]
    start = 8 + (length if length < 16 << 20 else 0)
    return hashlib.sha256(data[start:]).hexdigest()[:12]


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (8, 0),
        (1000, 100),
        (0x1FFFFF, 500),
        (0x200000, 500),
        (CHUNK, 64),
        (CHUNK + 1, 64),
        (3 * CHUNK + 12345, CHUNK + 7),
        (2 * CHUNK, 1 << 40),
        (5000, 1 << 20),
    ],
)
def test_digests_are_what_civitai_defines(tmp_path: Path, size: int, header: int) -> None:
    path = written(tmp_path / "model.safetensors", size, header)
    data = path.read_bytes()
    with LocalFile(path) as file:
        digests = digest_file(file)
    sha256 = hashlib.sha256(data).hexdigest()
    assert digests.sha256 == sha256
    assert digests.autov2 == sha256[:10]
    assert digests.autov3 == autov3(data)
    window = hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8]
    assert digests.autov1 == (window if size >= 0x200000 else None)
    # .NET prints the checksum's bytes in memory order, so Civitai's text is byte-reversed.
    assert digests.crc32 == zlib.crc32(data).to_bytes(4, "little").hex()


def test_published_values_of_hello_world(tmp_path: Path) -> None:
    """The values of civitai/model-scanner's own test."""
    path = tmp_path / "hello"
    path.write_bytes(b"hello world")
    with LocalFile(path) as file:
        digests = digest_file(file)
    assert digests.crc32 == "85114a0d"
    assert digests.blake3 is not None
    assert digests.blake3.startswith("d74981ef")


def test_fed_in_uneven_pieces_the_result_is_the_same(tmp_path: Path) -> None:
    path = written(tmp_path / "model", 3 * CHUNK, 999)
    data = path.read_bytes()
    digester = Digester()
    sizes, offset = random.Random(1), 0
    while offset < len(data):
        piece = data[offset : offset + sizes.randrange(1, CHUNK)]
        digester.buffer()[: len(piece)] = piece
        digester.commit(len(piece))
        offset += len(piece)
    with LocalFile(path) as file:
        assert digester.finish() == digest_file(file)


def test_progress_tells_every_byte(tmp_path: Path) -> None:
    told: list[int] = []
    with LocalFile(written(tmp_path / "model", CHUNK + 5)) as file:
        digest_file(file, told.append)
    assert sum(told) == CHUNK + 5


def test_a_file_that_shrinks_is_an_error_not_a_wrong_hash(tmp_path: Path) -> None:
    path = written(tmp_path / "model", 2 * CHUNK)
    with LocalFile(path) as file:
        with path.open("r+b") as other:
            other.truncate(CHUNK)
        with pytest.raises(Unreadable, match="changed while it was read"):
            digest_file(file)


def test_a_stopped_hashing_ends_its_workers(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(_: int) -> None:
        raise Stop

    with LocalFile(written(tmp_path / "model", 2 * CHUNK)) as file, pytest.raises(Stop):
        digest_file(file, stop)


class Recorder:
    """A part that keeps what it is given."""

    def __init__(self) -> None:
        self.seen = bytearray()

    def update(self, data: memoryview, offset: int) -> None:
        assert offset == len(self.seen)
        self.seen += data


@pytest.mark.parametrize("size", [0, 1000, 2 * CHUNK + 77])
def test_another_part_sees_every_byte_of_the_same_reading(tmp_path: Path, size: int) -> None:
    path = written(tmp_path / "model", size)
    first, alone = Recorder(), Recorder()
    with LocalFile(path) as file:
        digests = digest_file(file, others=(first,))
        stream(file, (alone,))
    assert first.seen == alone.seen == path.read_bytes()
    assert digests.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_part_that_fails_ends_the_reading_with_its_error(tmp_path: Path) -> None:
    class Failing:
        def update(self, data: memoryview, offset: int) -> None:
            raise Unreadable("the part says no")

    with (
        LocalFile(written(tmp_path / "model", 2 * CHUNK)) as file,
        pytest.raises(Unreadable, match="the part says no"),
    ):
        digest_file(file, others=(Failing(),))
