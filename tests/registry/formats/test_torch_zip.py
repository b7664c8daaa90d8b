"""torch's zip format: what torch wrote is described exactly, every bent archive is rejected."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vaereg.registry.errors import FileError, Unreadable, UnsupportedFormat
from vaereg.registry.formats.torch_zip import read_torch_zip

from . import pickles as p
from . import torch_cases as cases
from .sources import BytesSource

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("protocol", cases.PROTOCOLS)
@pytest.mark.parametrize("value", cases.FLAT.values(), ids=cases.FLAT)
def test_describes_what_torch_saved(value: Callable[[], cases.Tensors], protocol: int) -> None:
    expected = value()
    data = cases.saved(expected, legacy=False, protocol=protocol)
    header = read_torch_zip(BytesSource(data))
    assert (header.format, header.size, header.notices) == ("torch-zip", len(data), ())
    cases.assert_holds(header, data, expected)


@pytest.mark.parametrize("case", cases.WRAPPED.values(), ids=cases.WRAPPED)
def test_opens_containers(case: Callable[[], cases.Case]) -> None:
    value, expected = case()
    data = cases.saved(value, legacy=False)
    cases.assert_holds(read_torch_zip(BytesSource(data)), data, expected)


def test_reads_a_file_saved_to_disk_under_an_odd_name(tmp_path: Path) -> None:
    path = tmp_path / "модель 1.5 (v2).ckpt"
    torch.save({"w": torch.ones(3)}, path)
    data = path.read_bytes()
    cases.assert_holds(read_torch_zip(BytesSource(data)), data, {"w": torch.ones(3)})


def test_reads_a_file_saved_without_checksums() -> None:
    torch.serialization.set_crc32_options(False)
    try:
        data = cases.saved({"w": torch.ones(3)}, legacy=False)
    finally:
        torch.serialization.set_crc32_options(True)
    cases.assert_holds(read_torch_zip(BytesSource(data)), data, {"w": torch.ones(3)})


def test_reads_an_archive_that_was_packed_again_and_says_that_weights_are_compressed() -> None:
    header = read_torch_zip(BytesSource(p.torch_zip(packed=zipfile.ZIP_DEFLATED)))
    assert header.tensors["w"].offset == 0
    assert [notice.code for notice in header.notices] == ["compressed_storage"]


def test_reads_an_archive_with_a_folder_entry_and_a_byte_order() -> None:
    entries = [("archive/", b""), ("archive/data.pkl", p.GOOD), ("archive/byteorder", b"little")]
    header = read_torch_zip(BytesSource(p.archive([*entries, ("archive/data/0", p.FOUR_FLOATS)])))
    assert header.tensors["w"].shape == (4,)


def test_costs_a_few_reads_however_large_the_weights() -> None:
    value = {f"block.{i}.weight": torch.zeros(200_000) for i in range(40)}
    source = BytesSource(cases.saved({"state_dict": value}, legacy=False))
    assert len(read_torch_zip(source).tensors) == 40
    assert source.bytes_read < 100_000
    assert source.reads < 60


def test_plain_facts_become_metadata_within_bounds() -> None:
    facts = {f"n{i}": i for i in range(500)} | {"w": torch.ones(1)}
    header = read_torch_zip(BytesSource(cases.saved({"long": "x" * 5000, **facts}, legacy=False)))
    assert header.metadata["long"] == "x" * 1000
    assert header.metadata["n7"] == "7"
    assert len(header.metadata) == 200


NOTICES = {
    "no tensors": ({"epoch": 3}, "no_tensors", "holds no tensor"),
    "passive objects": (
        {"w": 1, "size": torch.Size([1]), "at": torch.device("cpu")},
        "passive_objects",
        "torch.Size",
    ),
    "training state": (cases.WRAPPED["lightning"]()[0], "other_tensors", "7 more tensors"),
}


@pytest.mark.parametrize(("value", "code", "says"), NOTICES.values(), ids=NOTICES)
def test_notices(value: Any, code: str, says: str) -> None:
    notices = read_torch_zip(BytesSource(cases.saved(value, legacy=False))).notices
    assert says in next(notice.message for notice in notices if notice.code == code)


def test_reads_numpy_numbers_beside_the_weights() -> None:
    numpy = pytest.importorskip("numpy")
    data = cases.saved({"score": numpy.float64(0.5), "w": torch.ones(2)}, legacy=False)
    header = read_torch_zip(BytesSource(data))
    assert list(header.tensors) == ["w"]
    assert [notice.code for notice in header.notices] == ["passive_objects"]


def _entry(name: str = "archive/data/0", content: bytes = p.FOUR_FLOATS, **fields: int) -> bytes:
    """A good archive with one more entry whose fields are bent."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("archive/data.pkl", p.GOOD)
        if name != "archive/data/0":
            file.writestr("archive/data/0", p.FOUR_FLOATS)
        info = zipfile.ZipInfo(name)
        for field, value in fields.items():
            setattr(info, field, value)
        file.writestr(info, content)
    return buffer.getvalue()


def _named(*names: str) -> bytes:
    return p.torch_zip(records={"archive/data/0": p.FOUR_FLOATS, **dict.fromkeys(names, b"x")})


FOLDER = p.archive(
    [("archive/data.pkl", p.GOOD), ("archive/data/0", p.FOUR_FLOATS), ("archive/d/", b"")]
)


def _twice(first: bytes, second: bytes) -> bytes:
    """Two entries of one name: zipfile reads the last, torch often the first."""
    entries = [
        ("archive/data.pkl", first),
        ("archive/dat2.pkl", second),
        ("archive/data/0", p.FOUR_FLOATS),
    ]
    return p.archive(entries).replace(b"dat2.pkl", b"data.pkl")


def _behind(leading: bytes) -> bytes:
    """A good archive whose offsets allow for bytes before it."""
    buffer = io.BytesIO(leading)
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr("archive/data.pkl", p.GOOD)
        file.writestr("archive/data/0", p.FOUR_FLOATS)
    return buffer.getvalue()


def _bent(at: bytes, offset: int, value: bytes, archive: bytes | None = None) -> bytes:
    """An archive, bytes overwritten at an offset from the last place of a signature."""
    data = bytearray(archive or p.torch_zip())
    start = data.rindex(at) + offset
    data[start : start + len(value)] = value
    return bytes(data)


GOOD = p.torch_zip()
WIDE = cases.saved({"w": torch.ones(4)}, legacy=False)
TWO_MORE = _named("archive/x", "archive/y")
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
LOCATOR, WIDE_END = b"PK\x06\x07", b"PK\x06\x06"

BENT = {
    "two of a name": (_twice(p.GOOD, p.GOOD), "two zip entries named archive/data.pkl"),
    "two but for case": (_named("archive/DATA.PKL"), "two zip entries"),
    "two folders": (_named("other/x"), "more than one top folder"),
    "a file outside": (_named("x"), "more than one top folder"),
    "a way up": (_named("archive/../x"), "unsafe name"),
    "an absolute name": (_named("/archive/x"), "unsafe name"),
    "a drive": (_named("C:/archive/x"), "unsafe name"),
    "a backslash": (_named("archive/a/b").replace(b"archive/a/b", b"archive/a\\b"), "unsafe name"),
    "a control character": (_named("archive/a\x1bb"), "unsafe name archive/a\\u001bb"),
    "a name that is not UTF-8": (_named("archive/aab").replace(b"aab", b"a\xffb"), "not UTF-8"),
    "a link": (
        _entry("archive/x", external_attr=(stat.S_IFLNK | 0o777) << 16),
        "a link or a special",
    ),
    "a pipe": (
        _entry("archive/x", external_attr=(stat.S_IFIFO | 0o777) << 16),
        "a link or a special",
    ),
    "encrypted": (_bent(CENTRAL, 8, b"\x01\x00"), "encrypted"),
    "bzip2": (_entry(compress_type=zipfile.ZIP_BZIP2), "unknown method 12"),
    "leading bytes": (b"\0" * 64 + GOOD, "does not begin with a zip entry"),
    "leading bytes like an entry": (_behind(LOCAL + bytes(60)), "before its first zip entry"),
    "another archive before": (GOOD + GOOD, "between or before"),
    "trailing bytes": (GOOD + b"\0" * 8, "after the end"),
    "a comment": (GOOD[:-2] + b"\x02\0hi", "after the end"),
    "a comment announced": (GOOD[:-2] + b"\x02\0", "a comment"),
    "no end": (GOOD[:-30], "ends before its zip directory"),
    "other local name": (_bent(LOCAL, 30, b"brchive"), "described in two ways"),
    "other local method": (_bent(LOCAL, 8, b"\x08"), "described in two ways"),
    "other local flags": (_bent(LOCAL, 6, b"\x01"), "described in two ways"),
    "no local header": (_bent(LOCAL, 0, b"XX"), "described in two ways"),
    "packed size differs": (_bent(CENTRAL, 20, b"\x0f"), "two sizes"),
    "overlap": (_bent(CENTRAL, 42, b"\x01\0\0\0"), "overlaps"),
    "overlap of two that nobody reads": (
        _bent(CENTRAL, 42, struct.pack("<L", TWO_MORE.rindex(LOCAL) - 1), TWO_MORE),
        "overlaps",
    ),
    "a folder with content": (_bent(CENTRAL, 20, bytes((1, 0, 0, 0, 1)), FOLDER), "with content"),
    "an entry on another disk": (_bent(CENTRAL, 34, b"\x02\0"), "several parts"),
    "another count in the wide end": (_bent(END, 8, b"\x09\0\x09\0", WIDE), "in two ways"),
    "another start in the wide end": (_bent(END, 16, b"\x07\0\0\0", WIDE), "in two ways"),
    "a locator that points elsewhere": (_bent(LOCATOR, 8, b"\x01", WIDE), "damaged end"),
    "a wide end of another length": (_bent(WIDE_END, 4, b"\x2d", WIDE), "damaged end"),
    "long local extra field": (_bent(LOCAL, 28, b"\xff\x00"), "overlaps"),
    "too many counted": (_bent(END, 8, b"\x09\0\x09\0"), "damaged zip directory"),
    "too few counted": (_bent(END, 8, b"\x01\0\x01\0"), "more in its zip directory"),
    "several disks": (_bent(END, 4, b"\x01\0"), "several parts"),
    "directory elsewhere": (_bent(END, 16, b"\x01\0\0\0"), "between or before"),
    "no storage": (p.torch_zip(records={}), "no record for its storage 0"),
    "storage too short": (
        p.torch_zip(records={"archive/data/0": b"123"}),
        "has 3 bytes for its storage 0",
    ),
    "storage too long": (p.torch_zip(records={"archive/data/0": bytes(17)}), "which needs 16"),
    "bit rot in the pickle": (GOOD.replace(b"\0\0\0w", b"\0\0\0v", 1), "fails its checksum"),
    "bytes after the pickle": (p.torch_zip(p.GOOD + b"N."), "after the end of its pickle"),
    "a cut pickle": (p.torch_zip(p.GOOD[:-9]), "in the middle of its pickle"),
    "an odd byte order": (_named("archive/byteorder"), "in which order"),
}


@pytest.mark.parametrize(("data", "says"), BENT.values(), ids=BENT)
def test_rejects_bent_archives(data: bytes, says: str) -> None:
    with pytest.raises(Unreadable) as error:
        read_torch_zip(BytesSource(data))
    assert says in error.value.message
    assert error.value.message.startswith("model.ckpt ")


UNSUPPORTED = {
    "TorchScript": (_named("archive/constants.pkl"), "TorchScript"),
    "TorchScript in capitals": (_named("archive/CONSTANTS.pkl"), "TorchScript"),
    "another zip": (p.archive([("a/b.txt", b"x"), ("c.txt", b"y")]), "without weights"),
    "only DATA.PKL": (p.archive([("archive/DATA.PKL", p.GOOD)]), "without weights"),
    "big-endian": (
        p.torch_zip(records={"archive/byteorder": b"big", "archive/data/0": p.FOUR_FLOATS}),
        "big-endian",
    ),
}


@pytest.mark.parametrize(("data", "says"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_names_what_it_does_not_read(data: bytes, says: str) -> None:
    with pytest.raises(UnsupportedFormat, match=says):
        read_torch_zip(BytesSource(data))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_real_torchscript_is_not_read(tmp_path: Path) -> None:
    program = torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2))
    program.save(tmp_path / "program.pt")
    with pytest.raises(UnsupportedFormat, match="TorchScript"):
        read_torch_zip(BytesSource((tmp_path / "program.pt").read_bytes()))


def test_too_many_entries_are_refused_by_their_number() -> None:
    end = struct.pack("<4s4H2LH", END, 0, 0, 0xFFFF, 0xFFFF, 0, 0xFFFFFFFF, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 4, 1)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**9, 10**9, 0, 4)
    with pytest.raises(FileError, match="1,000,000,000 zip entries"):
        read_torch_zip(BytesSource(LOCAL + wide + locator + end))


def test_every_cut_is_rejected() -> None:
    data = cases.saved(cases.views(), legacy=False)
    for end in range(0, len(data), 7):
        with pytest.raises(FileError):
            read_torch_zip(BytesSource(data[:end]))
