"""GGUF headers: real layouts read in torch's order, damaged and hostile ones refused."""

import random
import struct

import pytest

from vaereg.registry.errors import FileError, Unreadable, UnsupportedFormat
from vaereg.registry.formats.gguf import TYPES, read_gguf

from .sources import BytesSource

U8, U32, I32, F32, BOOL, TEXT, ARRAY, U64, F64 = 0, 4, 5, 6, 7, 8, 9, 10, 12
LAYOUTS = {U8: "<B", U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U64: "<Q", F64: "<d"}


def text(value):
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def value(kind, what):
    if kind == TEXT:
        return text(what)
    if kind == ARRAY:
        inner, items = what
        head = struct.pack("<IQ", inner, len(items))
        return head + b"".join(value(inner, item) for item in items)
    return struct.pack(LAYOUTS[kind], what)


def pair(key, kind, what):
    return text(key) + struct.pack("<I", kind) + value(kind, what)


def tensor(name, dims, kind=0, offset=0):
    layout = f"<I{len(dims)}QIQ"
    return text(name) + struct.pack(layout, len(dims), *dims, kind, offset)


def gguf(pairs=(), tensors=(), data=64, version=3, alignment=32, counts=None):
    head = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(tensors), len(pairs))))
    head += b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % alignment + data)


def read(content):
    return read_gguf(BytesSource(content, "flux.gguf"))


@pytest.mark.parametrize("version", [2, 3])
def test_a_model_is_told_in_torchs_order(version):
    content = gguf(
        [
            pair("general.architecture", TEXT, "flux"),
            pair("general.file_type", U32, 2),
            pair("a.scale", F32, 0.18215),
            pair("a.eps", F64, 1e-6),
            pair("a.tied", BOOL, True),
            pair("tokenizer.tokens", ARRAY, (TEXT, ["a", "bc"])),
            pair("a.numbers", ARRAY, (U64, [1, 2, 3])),
            pair("comfy.gguf.orig_shape.conv", ARRAY, (I32, [4, 2, 1, 1, 4])),
        ],
        [
            tensor("img_in.weight", [64, 3], 8, 0),
            tensor("conv", [8, 4], 1, 224),
            tensor("norm", [5], 30, 288),
        ],
        data=298,
        version=version,
    )
    found = read(content)
    start = len(content) - 298
    assert (found.format, found.size, found.notices) == ("gguf", len(content), ())
    assert found.metadata == {
        "general.architecture": "flux",
        "general.file_type": "2",
        "a.scale": "0.18215",
        "a.eps": "1e-06",
        "a.tied": "true",
    }
    assert [tuple(tensor) for tensor in found.tensors.values()] == [
        ("img_in.weight", "q8_0", (3, 64), start, 3 * 2 * 34, None),
        ("conv", "float16", (4, 2, 1, 1, 4), start + 224, 64, None),
        ("norm", "bfloat16", (5,), start + 288, 10, None),
    ]


def test_another_alignment_is_honoured():
    content = gguf([pair("general.alignment", U32, 256)], [tensor("a", [4])], 16, alignment=256)
    assert read(content).tensors["a"].offset == 256


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_has_its_size(kind):
    _, block, width = TYPES[kind]
    content = gguf(tensors=[tensor("a", [2 * block, 3], kind)], data=6 * width)
    assert read(content).tensors["a"].nbytes == 6 * width


def test_a_file_without_tensors_is_taken():
    assert not read(gguf()).tensors


A = tensor("a", [4])
REFUSED = {
    "only the magic": (b"GGUF", Unreadable),
    "version 1": (gguf(version=1), UnsupportedFormat),
    "version 4": (gguf(version=4), UnsupportedFormat),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), UnsupportedFormat),
    "too many tensors": (gguf(counts=(2**60, 0)), Unreadable),
    "too many pairs": (gguf(counts=(0, 2**60)), Unreadable),
    "count beyond the entries": (gguf(tensors=[A], counts=(2, 0), data=16), Unreadable),
    "text longer than the file": (gguf([struct.pack("<Q", 2**63)], counts=(0, 1)), Unreadable),
    "key twice": (gguf([pair("a", U8, 1), pair("a", U8, 1)]), Unreadable),
    "key not UTF-8": (gguf([pair(b"\xff", U8, 1)]), Unreadable),
    "unknown kind of value": (gguf([text("a") + struct.pack("<I", 13)]), Unreadable),
    "array of arrays": (gguf([pair("a", ARRAY, (ARRAY, [(U8, [1])]))]), Unreadable),
    "array longer than the file": (
        gguf([text("a") + struct.pack("<IIQ", ARRAY, U64, 2**61)]),
        Unreadable,
    ),
    "texts longer than the file": (
        gguf([text("a") + struct.pack("<IIQ", ARRAY, TEXT, 2**61)]),
        Unreadable,
    ),
    "alignment 0": (gguf([pair("general.alignment", U32, 0)]), Unreadable),
    "alignment 24": (gguf([pair("general.alignment", U32, 24)]), Unreadable),
    "alignment 2 MiB": (gguf([pair("general.alignment", U32, 2**21)]), Unreadable),
    "alignment as text": (gguf([pair("general.alignment", TEXT, "32")]), Unreadable),
    "tensor twice": (gguf(tensors=[A, tensor("a", [4], 0, 32)]), Unreadable),
    "name not UTF-8": (gguf(tensors=[tensor(b"\xff", [4])]), Unreadable),
    "no dimensions": (gguf(tensors=[tensor("a", [])]), Unreadable),
    "five dimensions": (gguf(tensors=[tensor("a", [1] * 5)]), Unreadable),
    "removed type": (gguf(tensors=[tensor("a", [32], 4)]), UnsupportedFormat),
    "type of tomorrow": (gguf(tensors=[tensor("a", [32], 999)]), UnsupportedFormat),
    "product beyond 64 bits": (gguf(tensors=[tensor("a", [2**32, 2**32])]), Unreadable),
    "product beyond 64 bits before 0": (gguf(tensors=[tensor("a", [2**32, 2**32, 0])]), Unreadable),
    "row cuts a block": (gguf(tensors=[tensor("a", [16, 2], 2)]), Unreadable),
    "offset off its alignment": (gguf(tensors=[tensor("a", [4], 0, 8)]), Unreadable),
    "offset beyond the file": (gguf(tensors=[tensor("a", [4], 0, 2**40)]), Unreadable),
    "data cut": (gguf(tensors=[tensor("a", [4])], data=15), Unreadable),
    "overlap": (gguf(tensors=[tensor("a", [16]), tensor("b", [4], 0, 32)]), Unreadable),
    "shape of another size": (
        gguf([pair("comfy.gguf.orig_shape.a", ARRAY, (I32, [5]))], [A]),
        Unreadable,
    ),
    "negative shape": (
        gguf([pair("comfy.gguf.orig_shape.a", ARRAY, (I32, [-2, -2]))], [A]),
        Unreadable,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_damaged_or_foreign_is_refused(name):
    content, error = REFUSED[name]
    with pytest.raises(error) as caught:
        read(content)
    assert caught.type is error
    assert caught.value.message.startswith("flux.gguf ")
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "name", ["too many tensors", "too many pairs", "texts longer than the file"]
)
def test_counts_are_refused_before_anything_is_read_for_them(name):
    with pytest.raises(Unreadable, match=r"no room for the [0-9,]+ entries it claims"):
        read(REFUSED[name][0])


def test_a_cut_file_is_told_with_both_sizes():
    content = gguf(tensors=[tensor("a", [1000])], data=4000)
    with pytest.raises(Unreadable, match=rf"cut short.*{len(content):,} bytes.* 2,000"):
        read(content[:2000])


def test_a_long_header_is_read_in_pieces_and_the_data_not_at_all():
    words = [f"word{number}" for number in range(20_000)]
    content = gguf(
        [pair("tokens", ARRAY, (TEXT, words)), pair("after", U32, 7)], [A], data=30_000_000
    )
    source = BytesSource(content)
    assert read_gguf(source).metadata == {"after": "7"}
    assert 2 <= source.reads <= 6
    assert source.bytes_read < 1_000_000


def test_a_header_longer_than_sensible_is_given_up():
    content = gguf([pair("a", TEXT, "x" * 70_000_000)])
    with pytest.raises(Unreadable, match="longer than any model needs"):
        read(content)


@pytest.mark.parametrize("seed", range(6))
def test_flipped_and_cut_files_raise_nothing_else(seed):
    pick = random.Random(seed)
    sound = gguf(
        [
            pair("general.alignment", U32, 32),
            pair("t", ARRAY, (TEXT, ["a", "b"])),
            pair("comfy.gguf.orig_shape.a", ARRAY, (I32, [2, 2])),
            pair("name", TEXT, "n"),
        ],
        [A, tensor("b", [32, 2], 2, 32)],
        data=68,
    )
    read(sound)
    for _ in range(400):
        content = bytearray(sound[: pick.choice([len(sound), pick.randrange(len(sound))])])
        for _ in range(pick.randint(0, 4) if content else 0):
            content[pick.randrange(len(content))] = pick.randrange(256)
        try:
            found = read(bytes(content))
        except FileError:
            continue
        assert all(t.offset + t.nbytes <= len(content) for t in found.tensors.values())
