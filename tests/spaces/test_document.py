from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.document import (
    MAX_BYTES,
    MAX_NODES,
    flatten,
    nearest,
    parse_document,
    parse_value,
    read_document,
)
from spaces.errors import DocumentError


def test_values_are_plain_and_keys_know_their_lines() -> None:
    document = parse_document("a: 1\nb:\n  c: [x, 2.5]\n  d.e: false\n", "f.yaml")
    assert document.values == {"a": 1, "b": {"c": ["x", 2.5], "d.e": False}}
    assert document.lines == {"a": 1, "b": 2, "b.c": 3, "b.d.e": 4}
    assert document.where("b.c") == "f.yaml:3"
    assert document.where("unknown") == "f.yaml"


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "\ufeff"])
def test_a_text_without_content_is_an_empty_mapping(text: str) -> None:
    assert parse_document(text, "f.yaml").values == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("null", None),
        ("[0, 1]", [0, 1]),
        ("{int: [1, batch_size]}", {"int": [1, "batch_size"]}),
        ("1e-3", 0.001),
        ("2020-01-01", "2020-01-01"),
        ("<<", "<<"),
        ("=", "="),
        ("010", 10),
        ("'4'", "4"),
    ],
)
def test_one_value(text: str, value: object) -> None:
    assert parse_value(text, "here") == value


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (BOMB, "f.yaml:2: must be YAML without aliases (*name)"),
        ("a: &a {b: *a}", "f.yaml:1: must be YAML without aliases (*name)"),
        ("[" * 5000, "f.yaml:1: must be YAML nested 20 levels deep at most"),
        ("{a: " * 5000, "f.yaml:1: must be YAML nested 20 levels deep at most"),
        ("- " * 5000, "f.yaml:1: must be YAML nested 20 levels deep at most"),
        ("- x\n" * (MAX_NODES + 1), f"f.yaml:{MAX_NODES}: must be YAML of 2000 values at most"),
        ("- a\n- b", "f.yaml: must be a mapping of keys to values, not ['a', 'b']"),
        ("just text", "f.yaml: must be a mapping of keys to values, not 'just text'"),
        ("a: 1\n---\nb: 2", "f.yaml:2: but found another document"),
        ("a: [1", "f.yaml:1: expected ',' or ']', but got '<stream end>'"),
        ("a: b: c", "f.yaml:1: mapping values are not allowed here"),
        ("a: 1\nb: \x1b[2J", "f.yaml:2: special characters are not allowed"),
        ("a: !!python/object:os.system x", "f.yaml:1: tags are not read, but got 'python/object"),
        ("a: !!binary eA==", "f.yaml:1: tags are not read, but got 'binary'"),
        ("a: !!set {x}", "f.yaml:1: tags are not read, but got 'set'"),
        ("a: !!int x", "f.yaml:1: 'x' cannot be read as int"),
        ("a: !!int ''", "f.yaml:1: '' cannot be read as int"),
        ("a: !!bool x", "f.yaml:1: 'x' cannot be read as bool"),
        ("a: " + "9" * 5000, "cannot be read as int"),
        ("a: 9223372036854775808", "f.yaml:1: a whole number must fit into 64 bits"),
        ("a: 0x" + "f" * 5000, "f.yaml:1: a whole number must fit into 64 bits"),
        ("[a]: 1", "f.yaml:1: a key must be text, not a list or mapping"),
        ("a: 1\nb: 2\na: 3", "f.yaml:3: 'a' is set a second time"),
    ],
)
def test_what_is_wrong_names_its_line(text: str, fault: str) -> None:
    try:
        faults = parse_document(text, "f.yaml").faults
    except DocumentError as error:
        faults = error.faults
    assert len(faults) == 1
    assert fault in faults[0]


def test_faults_that_leave_the_rest_readable_are_all_found() -> None:
    document = parse_document("a: {b: 1}\nc: !x y\na: {d: 2}\n", "f.yaml")
    assert document.values["a"] == {"b": 1, "d": 2}
    assert document.faults == (
        "f.yaml:2: tags are not read, but got '!x'",
        "f.yaml:3: 'a' is set a second time",
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "f.yaml: cannot be read: No such file or directory"),
        (
            b"a: \xff",
            "f.yaml: cannot be read: it must be UTF-8, but byte 3 is not; "
            "is it Latin-1 or Windows-1252?",
        ),
        (
            "a: 1".encode("utf-16"),
            "f.yaml: cannot be read: it must be UTF-8, but looks like UTF-16",
        ),
        (
            "a: 1".encode("utf-16-be"),
            "f.yaml: cannot be read: it must be UTF-8, but looks like UTF-16-BE",
        ),
        (b"#" * (MAX_BYTES + 1), "f.yaml: a file may hold 1048576 bytes at most"),
    ],
)
def test_a_file_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, fault: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("f.yaml").write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        read_document(Path("f.yaml"))
    assert caught.value.faults == (fault,)


@pytest.mark.parametrize("name", [".", "a\0b.yaml", "x" * 5000])
def test_a_name_that_is_no_file(name: str) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        read_document(Path(name))


def test_a_name_is_inert_where_it_is_shown() -> None:
    with pytest.raises(DocumentError) as caught:
        read_document(Path("\x1b]0;title\x07.yaml"))
    assert str(caught.value).startswith("\\x1b]0;title\\x07.yaml: ")


def test_flatten_hands_values_on_whole_and_repeats_repeated_keys() -> None:
    nested = {"a": {"b": 1, "c.d": {"e": 2}}, "a.b": 3, "f": {}, "g": {"int": [1, 2]}}
    assert list(flatten(nested, lambda key, _: key == "g")) == [
        ("a.b", 1),
        ("a.c.d.e", 2),
        ("a.b", 3),
        ("f", {}),
        ("g", {"int": [1, 2]}),
    ]


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("greedy.stepz", " (did you mean `greedy.steps`?)"),
        ("steps", " (did you mean `greedy.steps` or `values.steps`?)"),
        ("trust.patience", " (did you mean `greedy.patience`?)"),
        ("wholly unlike", ""),
    ],
)
def test_the_nearest_name(name: str, suggested: str) -> None:
    assert nearest(name, ["greedy.steps", "greedy.patience", "values.steps", "mu"]) == suggested


@given(st.text())
def test_any_text_is_a_mapping_or_a_document_error(text: str) -> None:
    try:
        assert isinstance(parse_document(text, "f.yaml").values, dict)
    except DocumentError as error:
        assert all(fault.startswith("f.yaml") for fault in error.faults)


@pytest.mark.timeout(60)
def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.yaml")
    for path, kind in ((tmp_path / "fifo.yaml", "a pipe or device"), (tmp_path, "a folder")):
        with pytest.raises(DocumentError, match=f"it must be a file, not {kind}"):
            read_document(path)
