"""torch's old format: what torch wrote is described exactly, and the file is used up exactly."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from vaereg.registry.errors import FileError, Unreadable, UnsafePickle, UnsupportedFormat
from vaereg.registry.formats.local import LocalFile
from vaereg.registry.formats.torch_legacy import read_torch_legacy

from . import pickles as p
from . import torch_cases as cases
from .sources import BytesSource

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("protocol", cases.PROTOCOLS)
@pytest.mark.parametrize("value", cases.FLAT.values(), ids=cases.FLAT)
def test_describes_what_torch_saved(value: Callable[[], cases.Tensors], protocol: int) -> None:
    expected = value()
    data = cases.saved(expected, legacy=True, protocol=protocol)
    header = read_torch_legacy(BytesSource(data))
    assert (header.format, header.size, header.notices) == ("torch-legacy", len(data), ())
    cases.assert_holds(header, data, expected)


OPENED = {name: case for name, case in cases.WRAPPED.items() if name != "old embedding"}


@pytest.mark.parametrize("case", OPENED.values(), ids=OPENED)
def test_opens_containers(case: Callable[[], cases.Case]) -> None:
    value, expected = case()
    data = cases.saved(value, legacy=True)
    cases.assert_holds(read_torch_legacy(BytesSource(data)), data, expected)


def test_modules_saved_with_their_code_are_refused() -> None:
    value, _ = cases.WRAPPED["old embedding"]()
    with pytest.raises(UnsafePickle, match="whole module with its program code"):
        read_torch_legacy(BytesSource(cases.saved(value, legacy=True)))


@pytest.mark.parametrize("count", [300, 3000])
def test_reads_pickles_of_every_length(count: int) -> None:
    expected = {f"model.diffusion_model.block.{i}.weight": torch.ones(2) for i in range(count)}
    data = cases.saved({"state_dict": expected}, legacy=True)
    cases.assert_holds(read_torch_legacy(BytesSource(data)), data, expected)


def test_four_gigabytes_cost_kilobytes(tmp_path: Path) -> None:
    count = 2**30
    reference = p.storage("0", "FloatStorage", count, b"N")
    weights = p.pickle(p.dictionary({"w": p.tensor(reference, 0, (count,))}))
    head = p.torch_legacy(p.replaced(3, weights), struct.pack("<q", count))
    path = tmp_path / "huge.ckpt"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 4 * count)
    with LocalFile(path) as source:
        tensor = read_torch_legacy(source).tensors["w"]
        assert source.bytes_read < 100_000
    assert (tensor.offset, tensor.nbytes) == (len(head), 4 * count)


def _system(**facts: bytes) -> tuple[bytes, ...]:
    return p.replaced(2, p.pickle(p.dictionary(facts)))


COUNT = struct.pack("<q", 4)
TWO_KEYS = p.pickle(b"](" + p.text("0") + p.text("0") + b"e")

BENT = {
    "another magic number": (p.torch_legacy(p.replaced(0, p.pickle(p.number(7)))), "magic number"),
    "another version": (p.torch_legacy(p.replaced(1, p.pickle(p.number(1)))), "unknown version"),
    "no byte order": (p.torch_legacy(_system()), "in which order"),
    "an odd byte order": (p.torch_legacy(_system(little_endian=b"K\x01")), "in which order"),
    "no keys": (p.torch_legacy(p.replaced(4, p.pickle(b"]"))), "lists other storages"),
    "keys that are no list": (
        p.torch_legacy(p.replaced(4, p.pickle(b"N"))),
        "lists other storages",
    ),
    "a key twice": (p.torch_legacy(p.replaced(4, TWO_KEYS)), "lists other storages"),
    "an unknown key": (
        p.torch_legacy(p.replaced(4, p.pickle(b"]" + p.text("1") + b"a"))),
        "lists other",
    ),
    "a key that is no text": (
        p.torch_legacy(p.replaced(4, p.pickle(b"]]a"))),
        "lists other storages",
    ),
    "a tensor in the key list": (
        p.torch_legacy(p.replaced(4, p.pickle(p.LEGACY_TENSOR))),
        "refers to",
    ),
    "a view of a storage": (
        p.torch_legacy(p.replaced(3, p.pickle(p.storage("0", "FloatStorage", 4, p.group())))),
        "a view of another one",
    ),
    "a reference of the zip format": (p.torch_legacy(p.replaced(3, p.GOOD)), "refers to something"),
    "another count": (p.torch_legacy(tail=struct.pack("<q", 5) + p.FOUR_FLOATS), "another length"),
    "a negative count": (
        p.torch_legacy(tail=struct.pack("<q", -4) + p.FOUR_FLOATS),
        "another length",
    ),
    "a byte too few": (p.torch_legacy(tail=COUNT + p.FOUR_FLOATS[:-1]), "bytes for its tensors"),
    "a byte too many": (
        p.torch_legacy(tail=COUNT + p.FOUR_FLOATS + b"\0"),
        "bytes for its tensors",
    ),
    "a zip behind": (p.torch_legacy() + p.torch_zip(), "bytes for its tensors"),
    "only a pickle": (p.pickle(p.text("x")), "magic number"),
}


@pytest.mark.parametrize(("data", "says"), BENT.values(), ids=BENT)
def test_rejects_bent_files(data: bytes, says: str) -> None:
    with pytest.raises(Unreadable) as error:
        read_torch_legacy(BytesSource(data))
    assert says in error.value.message
    assert error.value.message.startswith("model.ckpt ")


def test_the_file_that_all_others_are_bent_from_is_good() -> None:
    header = read_torch_legacy(BytesSource(p.torch_legacy()))
    assert header.tensors["w"].shape == (4,)


def test_big_endian_files_are_not_read() -> None:
    with pytest.raises(UnsupportedFormat, match="big-endian"):
        read_torch_legacy(BytesSource(p.torch_legacy(_system(little_endian=b"\x89"))))


def test_every_cut_is_rejected() -> None:
    data = cases.saved(cases.views(), legacy=True)
    for end in range(0, len(data), 7):
        with pytest.raises(FileError):
            read_torch_legacy(BytesSource(data[:end]))
