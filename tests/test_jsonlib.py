"""JSON of our own: strict in, one form out."""

import pytest

from pm_data import jsonlib


def test_canonical_is_sorted_compact_utf8():
    assert jsonlib.canonical({"b": [1, None], "a": "é\n"}) == '{"a":"é\\n","b":[1,null]}'.encode()


def test_an_ndjson_line_keeps_text_as_it_is():
    line = jsonlib.ndjson_line({"payload": 'é / "x" \u2028 \x00', "n": 2**63 - 1, "none": None})
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert jsonlib.loads(line) == {"payload": 'é / "x" \u2028 \x00', "n": 2**63 - 1, "none": None}
    assert "/" in line
    assert "\\/" not in line


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[Infinity]", '{"a":-Infinity}', b"\xff", "[1]x", "[" * 9999]
)
def test_what_is_not_strict_json_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - any ValueError, with whatever text the parser has
        jsonlib.loads(text)


def test_an_object_is_demanded_where_one_is_needed():
    assert jsonlib.loads_object('{"a":1}') == {"a": 1}
    with pytest.raises(ValueError, match="not a JSON object"):
        jsonlib.loads_object("[]")
    with pytest.raises(ValueError, match=r"finite|compliant"):
        jsonlib.dumps(float("nan"))


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2500])
def test_parts_are_the_canonical_form(size):
    value = {"list": [{"é": "\n"}] * size, "a": {}, "z": [], "n": None, "text": "x"}
    assert b"".join(jsonlib.canonical_parts(value)) == jsonlib.canonical(value)
    assert b"".join(jsonlib.canonical_parts({})) == b"{}"


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (b'{"a":"' + b"x" * jsonlib.MAX_BYTES + b'"}', "longer than 25165824 bytes"),
        (b'{"a":"' + b"x" * (jsonlib.MAX_BYTES // 2) + "😀".encode() + b'"}', "longer than 12582912 bytes"),
        (b'{"a":[' + b"{}," * 500_000 + b"0]}", "more than 1000000 values"),
    ],
    ids=["long", "wide", "many"],
)
def test_what_would_take_all_memory_is_refused(text, refusal):
    with pytest.raises(ValueError, match=refusal):
        jsonlib.loads_object(text)
