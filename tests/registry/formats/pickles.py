"""An assembler of pickles and torch files, for those that torch itself would never write."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

PROTO = b"\x80\x02"
STOP = b"."
MAGIC = PROTO + b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
VERSION = PROTO + b"M\xe9\x03."


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    length = value.bit_length() // 8 + 1
    return b"\x8a" + bytes((length,)) + value.to_bytes(length, "little", signed=True)


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def group(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def numbers(values: Sequence[int]) -> bytes:
    return group(*map(number, values))


def call(module: str, attribute: str, *arguments: bytes) -> bytes:
    return name(module, attribute) + group(*arguments) + b"R"


def system(command: str, module: str = "os") -> bytes:
    return call(module, "system", text(command))


def storage(key: str = "0", kind: str = "FloatStorage", count: int = 4, *more: bytes) -> bytes:
    """A reference to a storage; the legacy format has one member ``more``, None."""
    reference = (text("storage"), name("torch", kind), text(key), text("cpu"), number(count))
    return group(*reference, *more) + b"Q"


def tensor(
    where: bytes | None = None,
    offset: int = 0,
    shape: Sequence[int] = (4,),
    stride: Sequence[int] = (1,),
) -> bytes:
    return call(
        "torch._utils",
        "_rebuild_tensor_v2",
        storage() if where is None else where,
        number(offset),
        numbers(shape),
        numbers(stride),
        b"\x89",
        name("collections", "OrderedDict") + b")R",
    )


def dictionary(items: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def pickle(body: bytes) -> bytes:
    return PROTO + body + STOP


GOOD = pickle(dictionary({"w": tensor()}))
FOUR_FLOATS = struct.pack("<4f", 1, 2, 3, 4)


def torch_zip(
    data: bytes = GOOD,
    records: Mapping[str, bytes] | None = None,
    packed: int = zipfile.ZIP_STORED,
) -> bytes:
    """An archive with ``data.pkl`` and one storage, unless other records are given."""
    more = {"archive/data/0": FOUR_FLOATS} if records is None else records
    return archive([("archive/data.pkl", data), *more.items()], packed)


def archive(entries: Sequence[tuple[str, bytes]], packed: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packed) as file:
        for path, content in entries:
            file.writestr(zipfile.ZipInfo(path), content, packed)
    return buffer.getvalue()


LEGACY_TENSOR = tensor(storage("0", "FloatStorage", 4, b"N"))
LEGACY_PARTS = (
    MAGIC,
    VERSION,
    pickle(dictionary({"little_endian": b"\x88"})),
    pickle(dictionary({"w": LEGACY_TENSOR})),
    pickle(b"]" + text("0") + b"a"),
)


def torch_legacy(
    parts: Sequence[bytes] = LEGACY_PARTS, tail: bytes = struct.pack("<q", 4) + FOUR_FLOATS
) -> bytes:
    return b"".join(parts) + tail


def replaced(index: int, part: bytes) -> tuple[bytes, ...]:
    """The five pickles, one of them another."""
    return (*LEGACY_PARTS[:index], part, *LEGACY_PARTS[index + 1 :])
