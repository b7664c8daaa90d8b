"""Files that attack their reader: refused, nothing they ask for happens, none costs much."""

from __future__ import annotations

import io
import os
import pickle
import random
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vaereg.registry.errors import FileError, UnsafePickle
from vaereg.registry.formats.torch_legacy import read_torch_legacy
from vaereg.registry.formats.torch_zip import read_torch_zip

from . import pickles as p
from .sources import BytesSource

READERS = {"zip": read_torch_zip, "legacy": read_torch_legacy}


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A relative path that no test may ever bring to life."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "pwned"
    yield path
    assert not path.exists(), "a payload ran"


def inside(body: bytes, form: str) -> bytes:
    """A whole file whose object is that pickle."""
    data = p.pickle(body)
    return p.torch_zip(data) if form == "zip" else p.torch_legacy(p.replaced(3, data))


def refusal(data: bytes, form: str) -> FileError:
    with pytest.raises(FileError) as error:
        READERS[form](BytesSource(data))
    return error.value


TOUCH = "touch pwned"
SYSTEM = p.system(TOUCH, os.name)
NESTED = pickle.dumps({"a": 1}, 2).decode("latin1")
RUN = p.group(p.text(TOUCH)) + b"R"
EVAL = p.text("open('pwned', 'w')")

PAYLOADS = {
    "os.system": (p.system(TOUCH), "os.system"),
    "posix.system": (p.system(TOUCH, "posix"), "posix.system"),
    "nt.system": (p.system(TOUCH, "nt"), "nt.system"),
    "eval": (p.call("builtins", "eval", EVAL), "builtins.eval"),
    "eval of Python 2": (p.call("__builtin__", "eval", EVAL), "__builtin__.eval"),
    "exec": (p.call("builtins", "exec", EVAL), "builtins.exec"),
    "getattr": (p.call("builtins", "getattr", p.text("system")), "builtins.getattr"),
    "import": (p.call("builtins", "__import__", p.text("os")), "builtins.__import__"),
    "subprocess": (p.call("subprocess", "Popen", p.text(TOUCH)), "subprocess.Popen"),
    "runpy": (p.call("runpy", "_run_code", EVAL), "runpy._run_code"),
    "timeit": (p.call("timeit", "timeit", EVAL), "timeit.timeit"),
    "methodcaller": (p.call("operator", "methodcaller", p.text("system")), "operator.methodcaller"),
    "partial": (p.call("functools", "partial", p.name("os", "system")), "functools.partial"),
    "load from bytes": (
        p.call("torch.storage", "_load_from_bytes", p.text(NESTED)),
        "torch.storage._load_from_bytes",
    ),
    "torch.load": (p.call("torch", "load", p.text("x")), "torch.load"),
    "torch.hub": (p.call("torch.hub", "load", p.text("x")), "torch.hub.load"),
    "collect_env": (
        p.call("torch.utils.collect_env", "run", p.text(TOUCH)),
        "torch.utils.collect_env.run",
    ),
    "INST": (b"(" + p.text(TOUCH) + b"ios\nsystem\n", "os.system"),
    "OBJ": (b"(" + p.name("os", "system") + p.text(TOUCH) + b"o", "os.system"),
    "NEWOBJ": (p.name("os", "system") + p.group(p.text(TOUCH)) + b"\x81", "os.system"),
    "STACK_GLOBAL": (p.text("os") + p.text("system") + b"\x93" + RUN, "os.system"),
    "STACK_GLOBAL of remembered text": (
        p.text("system") + b"q\x070" + p.text("posix") + b"h\x07\x93" + RUN,
        "posix.system",
    ),
    "behind good values": (p.group(p.text("x"), b"]", SYSTEM), f"{os.name}.system"),
    "as the state of a dictionary": (
        p.name("collections", "OrderedDict") + b")R" + SYSTEM + b"b",
        f"{os.name}.system",
    ),
    "as the hooks of a tensor": (
        p.call("torch._utils", "_rebuild_parameter", SYSTEM, b"\x89", b"N"),
        f"{os.name}.system",
    ),
    "in a reference to a storage": (p.group(p.text("storage"), SYSTEM) + b"Q", f"{os.name}.system"),
    "thrown away": (SYSTEM + b"0" + p.text("x"), f"{os.name}.system"),
}


@pytest.mark.parametrize("form", READERS)
@pytest.mark.parametrize(("body", "asked"), PAYLOADS.values(), ids=PAYLOADS)
def test_programs_are_refused_by_name(body: bytes, asked: str, form: str, marker: Path) -> None:
    error = refusal(inside(body, form), form)
    assert type(error) is UnsafePickle
    assert error.message == (
        f"model.ckpt asks for {asked} when loaded: it is not a file of weights but a program"
    )
    assert "safetensors" in error.hint


def test_the_payloads_of_this_table_are_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(p.pickle(PAYLOADS["os.system"][0]))
    assert (tmp_path / "pwned").exists()


@pytest.mark.parametrize("index", range(5))
def test_a_payload_may_sit_in_any_of_the_five_pickles(index: int, marker: Path) -> None:
    for body in (SYSTEM, SYSTEM + b"0" + p.LEGACY_PARTS[index][2:-1]):
        error = refusal(p.torch_legacy(p.replaced(index, p.pickle(body))), "legacy")
        assert type(error) is UnsafePickle
        assert f"{os.name}.system" in error.message


@pytest.mark.parametrize("other", ["archive/data.pkl", "archive/DATA.PKL"])
@pytest.mark.parametrize("evil_first", [True, False])
def test_a_second_pickle_is_refused_wherever_it_stands(
    other: str, evil_first: bool, marker: Path
) -> None:
    evil = p.pickle(SYSTEM)
    pair = [("archive/data.pkl", p.GOOD), ("archive/dat2.pkl", evil)]
    entries = [*(reversed(pair) if evil_first else pair), ("archive/data/0", p.FOUR_FLOATS)]
    data = p.archive(entries).replace(b"archive/dat2.pkl", other.encode())
    assert "two zip entries" in refusal(data, "zip").message


def test_a_clean_zip_does_not_hide_the_pickle_before_it(marker: Path) -> None:
    evil = p.torch_legacy(p.replaced(3, p.pickle(SYSTEM)))
    assert "does not begin with a zip entry" in refusal(evil + p.torch_zip(), "zip").message
    assert type(refusal(evil + p.torch_zip(), "legacy")) is UnsafePickle


ALLOCATIONS = {
    "bytearray": p.call("builtins", "bytearray", p.number(2**36)),
    "FloatTensor": p.call("torch", "FloatTensor", p.number(2**18), p.number(2**18)),
    "FloatStorage": p.call("torch", "FloatStorage", p.number(2**36)),
    "a storage beyond the file": p.storage("0", "FloatStorage", 2**60),
}


@pytest.mark.parametrize("body", ALLOCATIONS.values(), ids=ALLOCATIONS)
def test_nothing_is_allocated_because_a_pickle_asks(body: bytes, marker: Path) -> None:
    assert_cheap(lambda: refusal(inside(body, "zip"), "zip"))


def assert_cheap(action: Callable[[], object]) -> None:
    tracemalloc.start()
    start = time.monotonic()
    try:
        action()
        assert time.monotonic() - start < 20  # exponential work would take years
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def bomb(declared: int, real: int) -> bytes:
    """An archive whose deflated pickle is ``real`` bytes and says ``declared``."""
    plain = p.GOOD[:-1] + b"N0" * (real // 2) + b"."
    data = p.torch_zip(plain, packed=zipfile.ZIP_DEFLATED)
    size = struct.pack("<L", len(plain))
    return data.replace(size, struct.pack("<L", declared))


BOMBS = {
    "declared": (bomb(200_000_000, 70_000_000), "200,000,000 bytes"),
    "hidden": (bomb(1000, 70_000_000), "another size than it declares"),
}


@pytest.mark.parametrize(("data", "says"), BOMBS.values(), ids=BOMBS)
def test_a_deflated_bomb_is_not_unpacked(data: bytes, says: str, marker: Path) -> None:
    assert len(data) < 500_000
    assert_cheap(lambda: says in refusal(data, "zip").message or pytest.fail("another reason"))


def doubled(levels: int) -> bytes:
    """A list of two lists, each of the same two lists, and so on: 2^levels leaves."""
    return (
        p.text("x")
        + b"q\0"
        + b"".join(b"0](h%ch%ceq%c" % (level, level, level + 1) for level in range(levels))
    )


def shared(levels: int) -> bytes:
    """A list of twenty times the same list, and so on: 20^levels ways to the innermost tensor."""
    return p.tensor() + b"".join(b"q\x000](" + b"h\0" * 20 + b"e" for _ in range(levels))


TREES = {
    "shared lists": shared(7),
    "doubled lists": doubled(60),
    "nested tuples": b")" + b"\x85" * 300_000,
    "nested lists": b"]" * 300_000 + b"a" * 299_999,
    "nested dictionaries": b"}K\x01" * 100_000 + b"N" + b"s" * 100_000,
    "a list in itself": b"]q\0h\0a",
    "a dictionary in itself": b"}q\0" + p.text("state_dict") + b"h\0s",
    "every key the same list": b"]q\1("
    + b"N" * 1000
    + b"e}("
    + b"".join(p.text(f"k{at}") + b"h\1" for at in range(1000))
    + b"u",
    "keys that are containers": b"}(]N}N)N))\x86Nu",
    "numbers of one hash": b"}("
    + b"".join(p.number(at * (2**61 - 1)) + b"N" for at in range(60_000))
    + b"u",
}


@pytest.mark.parametrize("body", TREES.values(), ids=TREES)
def test_trees_without_end_are_walked_once(body: bytes, marker: Path) -> None:
    data = p.torch_zip(p.pickle(p.group(p.tensor(), body)))
    assert_cheap(lambda: read_torch_zip(BytesSource(data)))


def test_no_name_can_grow_beyond_its_file(marker: Path) -> None:
    long = p.text("x" * 100_000)
    body = b"}" + long + b"}" + p.text("w") + p.tensor() + b"ss"
    assert "tensor name of more than 1,000" in refusal(inside(body, "zip"), "zip").message


def test_shared_tensors_cannot_become_countless(marker: Path) -> None:
    rows = b"".join(p.text(str(at)) + b"h\1" for at in range(200_001))
    body = p.tensor() + b"q\0010}(" + rows + b"u"
    assert "more than 200,000 tensors" in refusal(inside(body, "zip"), "zip").message


@pytest.mark.parametrize("form", READERS)
def test_flipped_bits_and_cuts_give_our_errors_or_a_sound_header(form: str, marker: Path) -> None:
    chance = random.Random(20240607)
    good = big_file(form)
    for _ in range(1500):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        start = time.monotonic()
        try:
            header = READERS[form](BytesSource(bytes(data)))
        except FileError:
            continue
        finally:
            assert time.monotonic() - start < 5
        for tensor in header.tensors.values():
            assert 0 <= tensor.offset <= tensor.offset + tensor.nbytes <= len(data)


def big_file(form: str) -> bytes:
    """A good file in which most bytes mean something; checksums off, so that flips get through."""
    torch = pytest.importorskip("torch")
    value = {
        "state_dict": {f"block.{at}.weight": torch.ones(at % 3 + 1, 2) for at in range(12)},
        "epoch": 3,
        "name": "style",
        "at": torch.device("cpu"),
    }
    buffer = io.BytesIO()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(value, buffer, _use_new_zipfile_serialization=form == "zip")
    finally:
        torch.serialization.set_crc32_options(True)
    return buffer.getvalue()
