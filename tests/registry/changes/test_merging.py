"""Keys set in other programs' JSON, everything else as it was to the byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaereg.registry.changes.merging import merged
from vaereg.registry.errors import UnsupportedFormat

A1111 = '{\n    "samples_save": true,\n    "sd_vae": "None",\n    "steps": [\n        1\n    ]\n}'


@pytest.mark.parametrize(
    ("before", "updates", "after"),
    [
        (A1111, {"sd_vae": "Automatic"}, A1111.replace('"None"', '"Automatic"')),
        (A1111, {"new": 1.5}, A1111[:-2] + ',\n    "new": 1.5\n}'),
        (A1111, {"steps": [1]}, A1111),
        (A1111, {"steps": [2, "b"]}, A1111.replace("1\n", '2,\n        "b"\n')),
        ('{"a":1}', {"b": {"c": [1, 2]}}, '{"a":1,"b":{"c":[1,2]}}'),
        ('{"a": 1}', {"b": 2, "c": 3}, '{"a": 1, "b": 2, "c": 3}'),
        ('{"a": 1, "b": 2}\n\n', {"b": None}, '{"a": 1, "b": null}\n\n'),
        ('{ "a" : 1 }', {"b": 2}, '{ "a" : 1, "b" : 2 }'),
        ("{}", {"a": 1}, '{\n    "a": 1\n}'),
        ("{}\n", {}, "{}\n"),
        (None, {"vae": "ü"}, '{\n    "vae": "\\u00fc"\n}\n'),
        ("", {"a": 1}, '{\n    "a": 1\n}\n'),
        ("\ufeff", {"a": 1}, '\ufeff{\n    "a": 1\n}\n'),
        ('\ufeff{\r\n\t"a": 1\r\n}\r\n', {"b": [1]}, None),
        ('{"n": "größe", "a": 1}', {"a": "süß"}, '{"n": "größe", "a": "süß"}'),
        ('{"n": "gr\\u00f6\\u00dfe"}', {"a": "ß"}, '{"n": "gr\\u00f6\\u00dfe", "a": "\\u00df"}'),
        ('{"x": 1.50, "y": 1e-05, "big": 123456789012345678901, "s": "\\/"}', {"x": 1.5}, None),
        ('{"nan": NaN, "a": 1}', {"a": 2}, '{"nan": NaN, "a": 2}'),
        ('{"a": 1}', {"a": True}, '{"a": true}'),
        ('{"a": {"b": {"keep": 1}}}', {"a": {"b": {"c": 2}}}, '{"a": {"b": {"keep": 1, "c": 2}}}'),
        ('{"a": null}', {"a": {"b": 1}}, '{"a": {"b": 1}}'),
        (
            '{\n  "meta": {},\n  "list": [ 1,2 ]\n}\n',
            {"meta": {"modelspec.architecture": "x"}},
            '{\n  "meta": {\n    "modelspec.architecture": "x"\n  },\n  "list": [ 1,2 ]\n}\n',
        ),
        ('{\n"a": 1\n}', {"b": {"c": 1}}, '{\n"a": 1,\n"b": {\n"c": 1\n}\n}'),
        ('{"a": "}{\\"", "b": "//"}', {"c": 1}, '{"a": "}{\\"", "b": "//", "c": 1}'),
        ('{"\\u0061": 1}', {"a": 2}, '{"\\u0061": 2}'),
    ],
)
def test_only_what_is_set_changes(before: str | None, updates: dict, after: str | None) -> None:
    result = merged(before, updates)
    if after is not None:
        assert result == after
    read = json.loads(result.removeprefix("\ufeff"))
    assert {key: read[key] for key in updates}.keys() == updates.keys()
    assert merged(result, updates) == result


def test_line_ends_tabs_and_the_byte_order_mark_stay() -> None:
    before = '\ufeff{\r\n\t"a": 1\r\n}\r\n'
    after = merged(before, {"b": [1, {"c": 2}]})
    added = ',\n\t"b": [\n\t\t1,\n\t\t{\n\t\t\t"c": 2\n\t\t}\n\t]\n}\n'
    assert after == '\ufeff{\r\n\t"a": 1' + added.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("before", "word"),
    [
        ('{"a": 1, "a": 2}', "key a twice"),
        ('{"x": {"a": 1, "a": 2}}', "key a twice"),
        ('{"a": 1 // why\n}', "comment"),
        ('{\n  // why\n  "a": 1\n}', "comment"),
        ('{"a": 1}\n# end', "comment"),
        ('/* top */ {"a": 1}', "comment"),
        ('{"a": 1,}', "comma too many"),
        ('{"a": [1,]}', "comma too many"),
        ("{'a': 1}", "not valid JSON"),
        ('{"a": 1} x', "not valid JSON"),
        ('{"a": 1', "not valid JSON"),
        ("a: 1", "not valid JSON"),
        ("[1]", "no object"),
        ('"a"', "no object"),
        ("\ufeff\ufeff{}", "not valid JSON"),
        ("[" * 100_000, "nested"),
        ('{"a": ' + "9" * 5000 + "}", "out of range"),
        ('{"vae": [1]}', "something else under vae"),
        ('{"vae": "x"}', "something else under vae"),
    ],
)
def test_what_is_no_plain_json_is_left_alone(before: str, word: str) -> None:
    with pytest.raises(UnsupportedFormat, match=word) as told:
        merged(before, {"vae": {"a": 1}}, name="config.json")
    assert told.value.message.startswith("config.json ")
    assert told.value.hint


def test_an_object_of_the_user_is_not_replaced_by_a_word() -> None:
    with pytest.raises(UnsupportedFormat, match="something else"):
        merged('{"a": {"mine": 1}}', {"a": "x"})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)
STYLES = st.sampled_from(
    [{}, {"indent": 2}, {"indent": "\t"}, {"indent": 0}, {"separators": (",", ":")}]
)


@given(OBJECTS, OBJECTS, STYLES, st.booleans(), st.booleans())
def test_every_object_merges_as_dictionaries_do(
    old: dict, updates: dict, style: dict, ascii: bool, windows: bool
) -> None:
    text = json.dumps(old, ensure_ascii=ascii, **style)
    before = text.replace("\n", "\r\n") if windows else text
    try:
        wanted = _merged(old, updates)
    except TypeError:
        with pytest.raises(UnsupportedFormat, match="something else under"):
            merged(before, updates)
        return
    after = merged(before, updates)
    assert json.loads(after) == wanted
    assert merged(after, updates) == after
    assert list(json.loads(after))[: len(old)] == list(old)


def _merged(old: dict, updates: dict) -> dict:
    """As dictionaries; raises ``TypeError`` where an object meets something else."""
    result = dict(old)
    for key, value in updates.items():
        mine = result.get(key)
        objects = isinstance(value, dict) + isinstance(mine, dict)
        if mine is not None and objects == 1:
            raise TypeError(key)
        result[key] = _merged(mine, value) if objects == 2 else value
    return result
