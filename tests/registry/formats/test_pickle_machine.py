"""The pickle machine: what it makes of each instruction, and that it stops at everything else."""

from __future__ import annotations

import pickle
import struct
import tracemalloc
from typing import Any

import pytest

from vaereg.registry.formats.faults import Cut, Damaged, Forbidden
from vaereg.registry.formats.pickle_machine import unpickle
from vaereg.registry.formats.pickle_values import Entries, Passive, TensorView

from . import pickles as p

VALUES = [
    None,
    True,
    False,
    0,
    255,
    65535,
    -1,
    2**31 - 1,
    2**40,
    -(2**70),
    1.5,
    "",
    "ü\0",
    "x" * 300,
]


def run(data: bytes, members: int = 5) -> Any:
    return unpickle(data, members=members)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_reads_plain_values_as_pickle_wrote_them(value: Any, protocol: int) -> None:
    found = run(
        pickle.dumps([value, (value,), (value, 1), (1, 2, value), (1, 2, 3, value), ()], protocol)
    )
    assert found.value == [value, (value,), (value, 1), (1, 2, value), (1, 2, 3, value), ()]


@pytest.mark.parametrize("protocol", [2, 4])
def test_dictionaries_stay_pairs_in_order(protocol: int) -> None:
    found = run(pickle.dumps({"b": 1, "a": [1, 2], 3: {}}, protocol)).value
    assert type(found) is Entries
    assert [key for key, _ in found.pairs] == ["b", "a", 3]


def test_reads_python_2_text_and_ends_where_the_pickle_ends() -> None:
    data = b"\x80\x02U\x02\xff!T\x01\x00\x00\x00a\x86."
    found = run(data + b"rest")
    assert found.value == ("\\xff!", "a")
    assert found.end == len(data)


def test_marks_that_are_closed_again_weigh_nothing() -> None:
    assert run(p.PROTO + b"(NNNNNNNNt0" * 200_000 + b"(0N.").value is None


def test_a_tensor_is_described_not_made() -> None:
    view = run(p.pickle(p.tensor(p.storage("7", "HalfStorage", 100), 4, (3, 5), (10, 1)))).value
    assert type(view) is TensorView
    assert (view.storage.key, view.storage.nbytes) == ("7", 200)
    assert (view.dtype, view.shape, view.offset, view.nbytes) == ("float16", (3, 5), 8, 50)


REFUSED = {
    "INST": (b"(S'x'\nios\nsystem\n.", "uses the pickle instruction STRING"),
    "INST alone": (
        b"(ios\nsystem\n.",
        "asks for os.system when loaded: it is not a file of weights",
    ),
    "OBJ": (b"(" + p.name("collections", "OrderedDict") + b"o.", "instruction OBJ"),
    "NEWOBJ": (p.name("collections", "OrderedDict") + b")\x81.", "OrderedDict.__new__"),
    "NEWOBJ with arguments": (
        p.name("torch.nn.modules.container", "ParameterDict") + b"N\x85\x81.",
        "ParameterDict.__new__",
    ),
    "NEWOBJ_EX": (b"N)}\x92.", "instruction NEWOBJ_EX"),
    "EXT1": (b"\x82\x01.", "instruction EXT1"),
    "DUP": (b"N2.", "instruction DUP"),
    "PERSID": (b"P0\n.", "instruction PERSID"),
    "INT": (b"I1\n.", "instruction INT"),
    "LONG": (b"L1L\n.", "instruction LONG"),
    "LONG4": (b"\x8b\x01\0\0\0\1.", "instruction LONG4"),
    "BINBYTES8": (b"\x8e" + bytes(8) + b".", "instruction BINBYTES8"),
    "BYTEARRAY8": (b"\x96" + b"\xff" * 8 + b".", "instruction BYTEARRAY8"),
    "EMPTY_SET": (b"\x8f.", "instruction EMPTY_SET"),
    "a call of a storage": (
        p.call("torch", "FloatStorage", p.number(2**36)),
        "calls torch.FloatStorage",
    ),
    "attributes on a dictionary": (b"}}b.", "sets attributes"),
    "attributes on a tensor": (p.tensor() + b"}b.", "sets attributes"),
    "a module": (p.group(p.text("module"), b"N", b"N", b"N") + b"Q.", "a whole module"),
    "an unknown name": (
        p.name("models.yolo", "Model"),
        "asks for models.yolo.Model when loaded, which",
    ),
    "a class of torch": (p.name("torch.nn.modules.linear", "Linear"), "which weights never need"),
    "a name with escapes": (p.name("os", "a\x1b[31m\u202e"), "os.a\\u001b[31m\\u202e"),
    "an allowed name in another module": (p.name("evil", "OrderedDict"), "evil.OrderedDict"),
    "a dotted way to the allowed name": (p.name("torch", "_utils._rebuild_tensor"), "asks for"),
}


@pytest.mark.parametrize(("body", "says"), REFUSED.values(), ids=REFUSED)
def test_refuses_what_weights_never_need(body: bytes, says: str) -> None:
    with pytest.raises(Forbidden) as fault:
        run(p.PROTO + body)
    assert says in str(fault.value)


DAMAGED = {
    "nothing": b".",
    "two values": b"NN.",
    "an open mark": b"(N.",
    "no such instruction": b"\xff.",
    "protocol 9": b"\x80\x09N.",
    "pop from nothing": b"0" + b"N" * 20 + b".",
    "tuple of two with one": b"N\x86" + b"N" * 20 + b".",
    "tuple without a mark": b"Nt" + b"N" * 20 + b".",
    "a value below the mark": b"N(\x85" + b"N" * 20 + b".",
    "unknown memo": b"h\x07.",
    "item of a list": b"]NNs.",
    "item of a tensor": p.tensor() + b"NNs.",
    "append to a dictionary": b"}Na.",
    "append to a tuple": b")Na.",
    "key without value": b"}(Nu.",
    "frame beyond the end": b"\x95" + struct.pack("<Q", 2**40) + b"N.",
    "call of a text": p.text("x") + b")R.",
    "call without a tuple": p.name("collections", "OrderedDict") + b"NR.",
    "OrderedDict with arguments": p.call("collections", "OrderedDict", b"]"),
    "name that is no text": b"K\x01K\x02\x93.",
    "name without end": b"c" + b"a" * 5000,
    "text that is not UTF-8": b"X\x01\0\0\0\xff.",
    "a surrogate": b"X\x03\0\0\0\xed\xa0\x80.",
    "reference to a text": p.text("0") + b"Q.",
    "reference with a view": p.storage("0", "FloatStorage", 4, b"N") + b".",
    "storage key with a path": p.storage("../0") + b".",
    "storage key of other digits": p.storage("٣") + b".",
    "storage key of 33 digits": p.storage("1" * 33) + b".",
    "negative storage": p.storage("0", "FloatStorage", -1) + b".",
    "storage of a dtype": p.storage("0", "float32") + b".",
    "a storage described twice": p.storage() + p.storage("0", "HalfStorage") + b"\x86.",
    "parameter of a text": p.call("torch._utils", "_rebuild_parameter", p.text("x"), b"\x89", b"N"),
}


@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED)
def test_rejects_malformed_pickles(body: bytes) -> None:
    with pytest.raises(Damaged):
        run(p.PROTO + body + b".")


VIEWS = {
    "inside": (0, (2, 2), (2, 1), None),
    "empty at the end": (4, (0,), (1,), None),
    "no dimensions": (3, (), (), None),
    "one element too far": (1, (4,), (1,), "past its storage"),
    "strided too far": (0, (2, 2), (3, 1), "past its storage"),
    "2^50 elements of one": (0, (2**50,), (0,), "past its storage"),
    "product of many dimensions": (0, (2**60,) * 60, (0,) * 60, "past its storage"),
    "negative offset": (-1, (4,), (1,), "bad offset"),
    "negative extent": (0, (-4,), (1,), "bad shape"),
    "negative stride": (3, (4,), (-1,), "bad shape"),
    "other number of strides": (0, (2, 2), (1,), "differ in length"),
    "65 dimensions": (0, (1,) * 65, (1,) * 65, "bad shape"),
}


@pytest.mark.parametrize(("offset", "shape", "stride", "fault"), VIEWS.values(), ids=VIEWS)
def test_tensors_must_lie_inside_their_storage(
    offset: int, shape: tuple[int, ...], stride: tuple[int, ...], fault: str | None
) -> None:
    data = p.pickle(p.tensor(None, offset, shape, stride))
    if fault is None:
        assert run(data).value.shape == shape
    else:
        with pytest.raises(Damaged, match=fault):
            run(data)


def test_truth_values_are_no_extents() -> None:
    with pytest.raises(Damaged, match="bad shape"):
        run(p.pickle(p.tensor().replace(p.numbers((4,)), p.group(b"\x88"))))


def test_every_cut_of_a_pickle_is_called_cut() -> None:
    for end in range(2, len(p.GOOD)):
        with pytest.raises(Cut):
            run(p.GOOD[:end])


def test_passive_objects_stay_closed_and_are_listed() -> None:
    scalar = p.call(
        "numpy.core.multiarray",
        "scalar",
        p.call("numpy", "dtype", p.text("f4"), b"\x89", b"\x88") + b"(K\x03t" + b"b",
        p.call("_codecs", "encode", p.text("\0\0\0\0"), p.text("latin1")),
    )
    found = run(p.pickle(scalar))
    assert type(found.value) is Passive
    assert found.passive == ("numpy.core.multiarray.scalar", "numpy.dtype", "_codecs.encode")


def test_a_class_may_stand_as_a_key() -> None:
    module = "pytorch_lightning.callbacks.model_checkpoint"
    found = run(p.pickle(b"}" + p.name(module, "ModelCheckpoint") + b"}s"))
    assert found.passive == (f"{module}.ModelCheckpoint",)


def test_attributes_of_an_ordered_dictionary_are_dropped() -> None:
    body = p.name("collections", "OrderedDict") + b")R" + p.dictionary({"_metadata": b"}"}) + b"b"
    assert run(p.pickle(body)).value.pairs == []


DOUBLED = b"]q\0" + b"".join(b"0](h%ch%ceq%c" % (i, i, i + 1) for i in range(60)) + b"."

ENDLESS = {
    "a stack too high": b"N" * 1_100_000,
    "marks upon marks": b"(" * 1_100_000,
    "too many instructions": b"N0" * 2_600_000,
    "too many lists": b"]0" * 1_100_000,
    "too much remembered": b"N" + b"\x94" * 1_100_000,
}


@pytest.mark.parametrize("body", ENDLESS.values(), ids=ENDLESS)
def test_gives_up_where_no_file_of_weights_goes(body: bytes) -> None:
    with pytest.raises(Damaged, match="more than"):
        run(p.PROTO + body + b".")


COSTLY = {
    "a huge memo index": b"Nr\xff\xff\xff\xff0" * 1000 + b"N.",
    "nested tuples": b")" + b"\x85" * 300_000 + b".",
    "nested lists": b"]" * 300_000 + b"a" * 299_999 + b".",
    "doubled lists": DOUBLED,
    "a list in itself": b"]q\0h\0a.",
}


@pytest.mark.parametrize("body", COSTLY.values(), ids=COSTLY)
def test_no_pickle_costs_more_memory_than_its_size_allows(body: bytes) -> None:
    tracemalloc.start()
    try:
        run(p.PROTO + body)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def test_a_text_longer_than_the_file_is_not_allocated() -> None:
    with pytest.raises(Cut):
        run(p.PROTO + b"X\xff\xff\xff\xffabc.")
