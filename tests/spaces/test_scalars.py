"""Plain scalars are those of YAML 1.2, however PyYAML reads them, and a sweep.yaml reads back."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.tables.plain_yaml import WRITTEN, read_yaml
from spaces.document import parse_document, parse_value
from spaces.errors import DocumentError
from spaces.scalars import PlainDumper

CORE = {
    "0100": 100,
    "010": 10,
    "08": 8,
    "-010": -10,
    "+12": 12,
    "-0": 0,
    "0o14": 12,
    "0x1F": 31,
    "1e3": 1000.0,
    "1E-3": 0.001,
    "1e-05": 1e-05,
    "+12e03": 12000.0,
    ".5": 0.5,
    "+.5": 0.5,
    "5.": 5.0,
    "010.5": 10.5,
    ".inf": math.inf,
    "-.INF": -math.inf,
    "~": None,
    "Null": None,
    "": None,
    "True": True,
    "FALSE": False,
}
TEXTS = [
    *("1:30", "1:30.5", "190:20:30", "1_000", "1_0.5", "0b1", "-0x10", "-0o7", "0o8", "0xg"),
    *("yes", "No", "on", "OFF", "y", "n", "tRUE", "nULL", "2026-11-25", "2026-11-25 10:00:00Z"),
    *("=", "<<", "1e", "e3", ".", "-1-", "+", "..", "1.2.3", "inf", "nan", ".Inf.", "٣", "1e3x"),
]


@pytest.mark.parametrize(("text", "value"), CORE.items())
def test_numbers_booleans_and_nulls(text: str, value: object) -> None:
    found = parse_value(text, "here")
    assert (found, type(found)) == (value, type(value))
    assert parse_document(f"a: [{{b: {text}}}]", "f.yaml").values == {"a": [{"b": value}]}


def test_not_a_number() -> None:
    assert math.isnan(parse_value(".NaN", "here"))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", TEXTS)
def test_everything_else_is_text(text: str) -> None:
    assert parse_value(text, "here") == text


@pytest.mark.parametrize("text", [*CORE, *TEXTS])
def test_quotes_make_text(text: str) -> None:
    assert parse_value(f"'{text}'", "here") == text
    assert read_yaml(f"'{text}'") == text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("!!int 1:30", "here: '1:30' cannot be read as int"),
        ("!!bool yes", "here: 'yes' cannot be read as bool"),
        ("!!float 1_0.5", "here: '1_0.5' cannot be read as float"),
        ("!!timestamp 2026-11-25", "here: tags are not read, but got 'timestamp'"),
        ("!!merge <<", "here: tags are not read, but got 'merge'"),
    ],
)
def test_a_tag_does_not_bring_older_forms_back(text: str, fault: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_value(text, "here")
    assert caught.value.faults == (fault,)


def test_a_tag_may_say_what_is_meant() -> None:
    assert parse_value("[!!str 010, !!int 010, !!float 1]", "here") == ["010", 10, 1.0]


@pytest.mark.parametrize("text", ["1e-400", "-.1E-330", "0.0000001e-999", "1e400", "-1E999"])
def test_a_number_that_would_be_read_as_zero_or_infinity_is_refused(text: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_value(f"[1.0, {text}]", "here")
    assert caught.value.faults == (f"here: '{text}' cannot be read as float",)
    assert parse_document(f"a: 1\nb: {text}", "f.yaml").faults == (
        f"f.yaml:2: '{text}' cannot be read as float",
    )


@pytest.mark.parametrize("text", ["0e-999", "-0.0", "5e-324", "1e308"])
def test_zero_and_the_smallest_number_are_read(text: str) -> None:
    assert parse_value(text.replace("e", ".0e") if "." not in text else text, "") == float(text)


@pytest.mark.parametrize("text", ["4\x85", "4\u2028", "\u20294", "'a\u2028b'", "a # b\x85c"])
def test_line_ends_of_yaml_1_1_are_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="must be escaped, within double quotes") as caught:
        parse_value(text, "here")
    assert str(caught.value).isprintable()
    with pytest.raises(DocumentError, match=r"f\.yaml:2: '"):
        parse_document(f"b: 1\na: {text}", "f.yaml")
    assert parse_value('"a\\u2028b\\x85"', "here") == "a\u2028b\x85"


def test_a_byte_order_mark_is_no_part_of_a_number() -> None:
    with pytest.raises(DocumentError, match=r"here: .* must be escaped"):
        parse_value("\ufeff4", "here")


def test_merge_keys_are_keys() -> None:
    assert parse_document("<<: {a: 1}\n=: 2", "f.yaml").values == {"<<": {"a": 1}, "=": 2}
    assert read_yaml("<<: {a: 1}\n=: 2") == {"<<": {"a": 1}, "=": 2}


def as_both(text: str) -> tuple[Any, Any]:
    """A document with the text as value, as `resume` and as `analysis` read a sweep.yaml."""
    document = f"a: {text}\n"
    return parse_document(document, "s.yaml", WRITTEN).values, read_yaml(document)


@pytest.mark.parametrize("text", [*CORE, *TEXTS])
def test_in_a_sweep_yaml_only_that_is_a_number_on_which_both_versions_agree(text: str) -> None:
    core = parse_value(text, "here")
    try:
        old = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        old = text
    agreed = core if (old, type(old)) == (core, type(core)) else text
    assert as_both(text) == ({"a": agreed}, {"a": agreed})


@pytest.mark.parametrize(
    "text", ["a: !!int 1", "a: !!set {x}", "a: !x y", "[a]: 1", "a: 1\na: 2", "a: &b 1\nc: *b"]
)
def test_what_no_sweep_writes_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="not YAML"):
        read_yaml(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.sampled_from([*CORE, *TEXTS])
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(VALUES)
def test_whatever_this_or_an_earlier_version_wrote_reads_back(value: object) -> None:
    content = {"a": value}
    before = yaml.safe_dump(content, allow_unicode=True)
    now = yaml.dump(content, Dumper=PlainDumper, allow_unicode=True)
    for written in (before, now):
        assert parse_document(written, "s.yaml", WRITTEN).values == content
        assert read_yaml(written) == content
    assert parse_document(now, "c.yaml").values == content
    assert yaml.safe_load(now) == content, "with any other reader"
