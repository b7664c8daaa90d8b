"""safetensors headers against the reference library: what it refuses is refused here too."""

import json
import random
import struct
import time

import pytest
import safetensors

from vaereg.registry.errors import FileError, Unreadable
from vaereg.registry.formats.catalog import read_path
from vaereg.registry.formats.safetensors import DTYPES, read_safetensors

from ...builders import safetensors_header
from .samples import sample
from .sources import BytesSource

ONE = '"dtype":"F32","shape":[1],"data_offsets":[0,4]'
BIG = 2**32


def build(header, data=4, length=None):
    raw = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(raw) if length is None else length) + raw + bytes(data)


def entry(dtype="F32", shape=(1,), offsets=(0, 4), **extra):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **extra}


def header(**entries):
    return json.dumps(entries)


def two(first, second):
    return (
        header(a=entry(shape=[first[1] - first[0]], dtype="U8", offsets=first))[:-1]
        + ","
        + header(b=entry(shape=[second[1] - second[0]], dtype="U8", offsets=second))[1:]
    )


def library_takes(content):
    try:
        safetensors.deserialize(content)
    except safetensors.SafetensorError:
        return False
    return True


def read(content):
    return read_safetensors(BytesSource(content, name="vae.safetensors"))


BOTH_REFUSE = {
    "nothing": b"",
    "seven bytes": bytes(7),
    "length zero": build("", 0),
    "length beyond the file": build("{}", 0, 3),
    "length beyond 100 MB": build("{}", 0, 100_000_001),
    "length beyond 64 bits of sense": build("{}", 0, 2**64 - 1),
    "utf-16": build("{}".encode("utf-16-le"), 0),
    "byte order mark": build(b"\xef\xbb\xbf{}", 0),
    "latin-1 name": build(b'{"\xe9":{' + ONE.encode() + b"}}"),
    "encoded surrogate": build(b'{"\xed\xa0\x80":{' + ONE.encode() + b"}}"),
    "array": build("[]", 0),
    "text": build('"a"', 0),
    "null": build("null", 0),
    "unclosed": build("{", 0),
    "trailing nul": build("{}\0", 0),
    "trailing text": build("{}x", 0),
    "two objects": build("{}{}", 0),
    "comment": build("{/**/}", 0),
    "trailing comma": build('{"a":{' + ONE + "},}"),
    "form feed": build("{\f}", 0),
    "control character": build('{"a\n":{' + ONE + "}}"),
    "single quotes": build("{'a':{" + ONE + "}}"),
    "lone surrogate": build('{"\\ud800":{' + ONE + "}}"),
    "lone low surrogate in metadata": build('{"__metadata__":{"a":"\\udc00"}}', 0),
    "nan extra": build('{"a":{' + ONE + ',"x":NaN}}'),
    "infinity extra": build('{"a":{' + ONE + ',"x":-Infinity}}'),
    "float out of range": build('{"a":{' + ONE + ',"x":1e999}}'),
    "10,000 digits": build('{"a":{' + ONE + f',"x":{"9" * 10000}}}}}'),
    "400 digits": build('{"a":{' + ONE + f',"x":{"9" * 400}}}}}'),
    "nested 128 deep": build('{"a":{' + ONE + f',"x":{"[" * 126}{"]" * 126}}}}}'),
    "nested 100,000 deep": build('{"a":' + "[" * 100_000),
    "metadata twice": build('{"__metadata__":{},"__metadata__":{}}', 0),
    "metadata with a number": build('{"__metadata__":{"a":1}}', 0),
    "metadata with null": build('{"__metadata__":{"a":null}}', 0),
    "metadata as list": build('{"__metadata__":[]}', 0),
    "metadata as text": build('{"__metadata__":""}', 0),
    "entry null": build('{"a":null}', 0),
    "entry number": build('{"a":1}', 0),
    "entry text": build('{"a":"dtype"}', 0),
    "entry empty": build('{"a":{}}', 0),
    "no dtype": build('{"a":{"shape":[1],"data_offsets":[0,4]}}'),
    "no shape": build('{"a":{"dtype":"F32","data_offsets":[0,4]}}'),
    "no offsets": build('{"a":{"dtype":"F32","shape":[1]}}'),
    "dtype twice": build('{"a":{"dtype":"F32",' + ONE + "}}"),
    "shape twice": build('{"a":{"shape":[1],' + ONE + "}}"),
    "unknown dtype": build(header(a=entry("F33"))),
    "lower case dtype": build(header(a=entry("f32"))),
    "dtype null": build(header(a=entry(None))),
    "shape number": build('{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}'),
    "shape object": build('{"a":{"dtype":"F32","shape":{},"data_offsets":[0,4]}}'),
    "shape text": build('{"a":{"dtype":"F32","shape":"","data_offsets":[0,4]}}'),
    "shape null": build('{"a":{"dtype":"F32","shape":null,"data_offsets":[0,4]}}'),
    "shape true": build('{"a":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}'),
    "shape 1.0": build('{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}'),
    "shape 1e0": build('{"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}'),
    "shape text inside": build('{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}'),
    "shape nested": build('{"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}}'),
    "shape negative": build(header(a=entry(shape=[-1, -1]))),
    "shape -0": build('{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}', 0),
    "shape 2^64 beside 0": build(header(a=entry(shape=[0, 2**64], offsets=[0, 0])), 0),
    "offset true": build('{"a":{"dtype":"U8","shape":[1],"data_offsets":[false,true]}}', 1),
    "offset float": build('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0.0,4.0]}}'),
    "offset -0": build('{"a":{"dtype":"F32","shape":[1],"data_offsets":[-0,4]}}'),
    "offset negative": build(header(a=entry(offsets=[-4, 0]))),
    "offset text": build('{"a":{"dtype":"F32","shape":[1],"data_offsets":["0","4"]}}'),
    "offsets as text": build('{"a":{"dtype":"F32","shape":[1],"data_offsets":"04"}}'),
    "offsets as object": build('{"a":{"dtype":"U8","shape":[0],"data_offsets":{"0":0,"1":0}}}', 0),
    "one offset": build(header(a=entry(offsets=[4]))),
    "three offsets": build(header(a=entry(offsets=[0, 4, 8]))),
    "offsets reversed": build(header(a=entry(offsets=[4, 0]))),
    "offset 2^64": build(header(a=entry(offsets=[2**64, 2**64 + 4]))),
    "product beyond 64 bits before 0": build(
        header(a=entry(shape=[BIG, BIG, 0], offsets=[0, 0])), 0
    ),
    "bits beyond 64 bits": build(header(a=entry(shape=[2**61], offsets=[0, 2**63]))),
    "range too long": build(header(a=entry(offsets=[0, 8])), 8),
    "range too short": build(header(a=entry(shape=[2]))),
    "half a byte": build(header(a=entry("F4", [1], [0, 1])), 1),
    "F6 no whole byte": build(header(a=entry("F6_E2M3", [2], [0, 1])), 1),
    "hole": build(two([0, 4], [5, 8]), 8),
    "overlap": build(two([0, 4], [3, 8]), 8),
    "same place": build(two([0, 4], [0, 4]), 4),
    "start beyond 0": build(header(a=entry(offsets=[4, 8])), 8),
    "empty tensor inside another": build(two([0, 4], [2, 2]), 4),
    "data missing": build(header(a=entry()), 3),
    "data left over": build(header(a=entry()), 5),
    "data without tensors": build("{}", 1),
}

STRICTER_THAN_THE_LIBRARY = {
    "tensor twice": build('{"a":{' + ONE + '},"a":{' + ONE + "}}"),
    "tensor twice by escape": build('{"a":{' + ONE + '},"\\u0061":{' + ONE + "}}"),
    "tensor twice beside colons": build('{"b:":{' + ONE + '},"b:":{' + ONE + "}}"),
    "white space before the brace": build(" {}", 0),
    "entry as array": build('{"a":["F32",[1],[0,4]]}'),
    "dtype as object": build('{"a":{"dtype":{"F32":null},"shape":[1],"data_offsets":[0,4]}}'),
    "65 dimensions": build(header(a=entry(shape=[1] * 65))),
}

TAKEN = {
    "no tensors": (build("{}", 0), []),
    "only metadata": (build('{"__metadata__":{"format":"pt","url":"https://x"}}', 0), []),
    "padding": (build("{}  \n\t ", 0), []),
    "spaces inside": (build(json.dumps({"a": entry()}, indent=2)), []),
    "0-d": (build(header(a=entry(shape=[]))), []),
    "64 dimensions": (build(header(a=entry(shape=[1] * 64))), []),
    "zero before a large product": (
        build(header(a=entry(shape=[0, BIG, BIG], offsets=[0, 0])), 0),
        [],
    ),
    "any order": (build(two([4, 8], [0, 4]), 8), []),
    "empty tensors on a border": (build(two([4, 4], [0, 4]), 4), []),
    "odd names": (build(header(**{"": entry(), "\0:-0": entry(offsets=[4, 8])}), 8), []),
    "escaped pair": (build('{"\\ud83d\\ude00":{' + ONE + "}}"), []),
    "minus in a name": (build(header(**{"a-0": entry()})), []),
    "F4": (build(header(a=entry("F4", [2], [0, 1])), 1), []),
    "extra field": (build(header(a=entry(x=[{"y": 1.5}]))), ["extra_fields"]),
    "metadata null": (build('{"__metadata__":null}', 0), ["metadata_null"]),
    "metadata key twice": (build('{"__metadata__":{"a":"1","a":"2"}}', 0), ["metadata_repeated"]),
}


@pytest.mark.parametrize("name", BOTH_REFUSE)
def test_what_the_library_refuses_is_refused(name):
    content = BOTH_REFUSE[name]
    assert not library_takes(content)
    with pytest.raises(Unreadable) as caught:
        read(content)
    assert caught.value.message.startswith("vae.safetensors ")
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("name", STRICTER_THAN_THE_LIBRARY)
def test_what_the_library_takes_against_the_format_is_refused(name):
    content = STRICTER_THAN_THE_LIBRARY[name]
    assert library_takes(content)
    with pytest.raises(Unreadable):
        read(content)


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_sound_is_taken(name):
    content, codes = TAKEN[name]
    assert library_takes(content)
    assert [notice.code for notice in read(content).notices] == codes


@pytest.mark.parametrize("code", DTYPES)
def test_every_dtype_of_the_library_is_known(code):
    dtype, bits = DTYPES[code]
    content = build(header(a=entry(code, [8], [0, bits])), bits)
    assert library_takes(content)
    assert read(content).tensors["a"].dtype == dtype


def test_the_header_is_told_in_full():
    head, data = safetensors_header({"b": [3, 4], "a": [], "c": [0, 2]}, "float16", {"k": "v:-0"})
    found = read(head + bytes(data))
    assert (found.format, found.size, found.metadata) == (
        "safetensors",
        len(head) + data,
        {"k": "v:-0"},
    )
    assert [tuple(tensor) for tensor in found.tensors.values()] == [
        ("b", "float16", (3, 4), len(head), 24, None),
        ("a", "float16", (), len(head) + 24, 2, None),
        ("c", "float16", (0, 2), len(head) + 26, 0, None),
    ]
    assert list(found.tensors) == ["b", "a", "c"]


def test_a_cut_file_is_told_with_both_sizes():
    head, data = safetensors_header({"a": [1000, 1000]})
    with pytest.raises(Unreadable, match=f"cut short.*{len(head) + data:,} bytes.*{len(head):,}"):
        read(head)


@pytest.mark.parametrize(("tensors", "reads"), [(10, 1), (3000, 2)])
def test_a_header_costs_at_most_two_reads(tensors, reads):
    head, data = safetensors_header({f"block.{number}.weight": [1] for number in range(tensors)})
    source = BytesSource(head + bytes(data))
    assert len(read_safetensors(source).tensors) == tensors
    assert source.reads == reads
    assert source.bytes_read <= max(len(head), 64 * 1024)


def test_a_large_header_is_not_read_when_the_file_cannot_hold_it():
    source = BytesSource(build("{}", 100, 50_000_000))
    with pytest.raises(Unreadable, match="cut short"):
        read_safetensors(source)
    assert source.bytes_read <= 200


def test_more_values_than_any_model_needs_are_refused():
    with pytest.raises(Unreadable, match="more values"):
        read(build('{"a":[' + "1," * 2_100_000 + "1]}", 0))


@pytest.mark.parametrize("extent", ["9" * 19, "9" * 4000])
def test_a_shape_of_endless_numbers_costs_no_time(extent):
    shape = f"{extent}," * (1_000_000 // len(extent)) + "0"
    started = time.perf_counter()
    with pytest.raises(Unreadable, match=r"shape|out of range"):
        read(build('{"a":{"dtype":"F32","data_offsets":[0,0],"shape":[' + shape + "]}}", 0))
    assert time.perf_counter() - started < 2


PIECES = [
    *'{}[]":,-0123456789eE.\\/ \n\t',
    "null",
    "true",
    "NaN",
    '"a"',
    "\\u0061",
    "\\ud800",
    "-0",
]


@pytest.mark.parametrize("seed", range(8))
def test_mutated_headers_are_never_taken_where_the_library_refuses(seed):
    pick = random.Random(seed)
    sound = header(
        __metadata__={"format": "pt", "title": "a:b-c"},
        a=entry(),
        b=entry("F16", [2, 3], [4, 16]),
        c=entry("U8", [0], [16, 16]),
    )
    for _ in range(400):
        text = sound
        for _ in range(pick.randint(1, 3)):
            at, cut = pick.randrange(len(text)), pick.choice([0, 0, 1, 1, 2, 5])
            text = text[:at] + pick.choice([*PIECES, "", text[at : at + 9]]) + text[at + cut :]
        content = build(text, 16)
        try:
            read(content)
        except FileError:
            continue
        assert library_takes(content), text


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bytes_raise_nothing_else(seed):
    pick = random.Random(seed)
    head, data = safetensors_header({"a": [2, 3], "b": [4]}, metadata={"format": "pt"})
    for _ in range(300):
        content = bytearray(head + bytes(data))
        for _ in range(pick.randint(1, 4)):
            content[pick.randrange(len(content))] = pick.randrange(256)
        content = bytes(
            content[: pick.randint(0, len(content))] if pick.random() < 0.3 else content
        )
        try:
            read(content)
        except FileError:
            continue
        assert library_takes(content), content


@pytest.mark.parametrize(
    ("name", "tensors"),
    [("sdxl_vae.safetensors", 248), ("sd_xl_base_1.0.safetensors", 2515), ("ae.safetensors", 244)],
)
def test_headers_of_real_releases(tmp_path, name, tensors):
    found = sample(tmp_path, name)
    assert len(found.tensors) == tensors
    assert not found.notices


def test_a_header_longer_than_any_is_named_as_such(tmp_path):
    """Also through the reader of all formats, which tells formats by their first bytes."""
    path = tmp_path / "m.safetensors"
    for claim in (200_000_000, 2**63):
        path.write_bytes(claim.to_bytes(8, "little") + b'{"a":1}' + b" " * 1000)
        with pytest.raises(Unreadable, match="claims a header of"):
            read_path(path)
