"""JSON in which keys may be set twice: found wherever they stand, in bounded time and memory."""

from __future__ import annotations

import pytest

from greedy_core.inputs.json_text import MOST_VALUES, parse_json, repeated_keys


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("3", []),
        ('{"a": 1, "b": {"a": 2}}', []),
        ('{"a": 1, "a": 1}', ["a"]),
        ('{"a": 1, "a": 2, "a": 3, "b": 1, "b": 2}', ["a", "b"]),
        ('[0, [{"x y": {"a": 1, "\\u0061": 2}}]]', ["[1][0].'x y'.a"]),
        ('{"a": {"b": 1, "b": 2}, "c": [{"d": 1, "d": 2}]}', ["a.b", "c[0].d"]),
        # What the last one replaces is gone, and not looked into.
        ('{"a": {"b": 1, "b": 2}, "a": 3}', ["a"]),
    ],
)
def test_keys_that_are_set_twice(text: str, places: list[str]) -> None:
    assert [place.lstrip(".") for place in repeated_keys(parse_json(text))] == places


def test_places_are_short_however_deep_they_lie() -> None:
    deep = '{"' + "k" * 1000 + '": '
    text = deep * 400 + '{"a": 1, "a": 2}' + "}" * 400
    [place] = repeated_keys(parse_json(text))
    assert len(place) < 500


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not JSON: Expecting value at line 1, column 1"),
        ("[1,\n2", "not JSON: .* at line 2"),
        ('{"a" 1}', "not JSON: .* at line 1, column 6"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("9" * 5000, "not JSON that can be read: Exceeds the limit"),
        ("[" + "0," * MOST_VALUES + "0]", "may hold 8388608 commas and brackets at most"),
    ],
)
def test_what_cannot_be_read_is_one_line(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as caught:
        parse_json(text)
    assert "\n" not in str(caught.value)
