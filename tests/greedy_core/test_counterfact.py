"""The CounterFact reader: what it takes, and every fault that it names."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greedy_core.errors import RecordsError
from greedy_core.inputs.counterfact import parse_counterfact, read_counterfact

RECORD: dict[str, Any] = {
    "case_id": 7,
    "pararel_idx": 2796,
    "requested_rewrite": {
        "prompt": "The mother tongue of {} is",
        "relation_id": "P103",
        "target_new": {"str": "English", "id": "Q1860"},
        "target_true": {"str": " French ", "id": "Q150"},
        "subject": "Danielle Darrieux",
    },
    "paraphrase_prompts": ["Danielle Darrieux, a native"],
    "neighborhood_prompts": ["Montesquieu, a native", "Léon Blum spoke"],
    "attribute_prompts": ["ignored"],
}
ABSENT = object()


def changed(path: str, value: object) -> dict[str, Any]:
    """The record with one field replaced or removed; dots go down."""
    record = copy.deepcopy(RECORD)
    *owners, name = path.split(".")
    owner = record
    for step in owners:
        owner = owner[step]
    if value is ABSENT:
        del owner[name]
    else:
        owner[name] = value
    return record


def faults(content: object) -> tuple[str, ...]:
    with pytest.raises(RecordsError) as caught:
        parse_counterfact(content, "file.json")
    return caught.value.faults


def test_record_is_read_and_other_keys_ignored() -> None:
    [record] = parse_counterfact([RECORD], "file.json")
    request = record.request
    assert (record.case_id, request.subject, request.relation) == (7, "Danielle Darrieux", "P103")
    assert (request.target_new, request.target_true) == ("English", "French")
    assert request.text == "The mother tongue of Danielle Darrieux is"
    assert record.paraphrase_prompts == ("Danielle Darrieux, a native",)
    assert record.neighborhood_prompts == ("Montesquieu, a native", "Léon Blum spoke")


@pytest.mark.parametrize(
    ("prompt", "subject", "text"),
    [
        ("{} is", "{a} {}", "{a} {} is"),
        ("The {0} of {}", "x", "The {0} of x"),
        ("{}", "100 %s", "100 %s"),
    ],
)
def test_braces_are_text(prompt: str, subject: str, text: str) -> None:
    record = changed("requested_rewrite.prompt", prompt)
    record["requested_rewrite"]["subject"] = subject
    [read] = parse_counterfact([record], "file.json")
    assert read.request.text == text
    assert read.request.prefix + subject + read.request.suffix == text


@pytest.mark.parametrize("written", [" {}", "{}\u00a0", "\ufeff{}", "\t{}\r\n", "\u3000{}\u200b"])
def test_what_nobody_sees_at_the_ends_of_a_text_changes_no_record(written: str) -> None:
    record = copy.deepcopy(RECORD)
    rewrite = record["requested_rewrite"]
    for owner, name in (
        *((rewrite, name) for name in ("prompt", "subject", "relation_id")),
        *((rewrite[name], "str") for name in ("target_new", "target_true")),
    ):
        owner[name] = written.replace("{}", owner[name])
    for kind in ("paraphrase_prompts", "neighborhood_prompts"):
        record[kind] = [written.replace("{}", text) for text in record[kind]]
    assert parse_counterfact([record], "f") == parse_counterfact([RECORD], "f")


@pytest.mark.parametrize(
    ("prompt", "text"),
    [("{} is ", "Paris is"), ("Capital: {} ", "Capital: Paris"), (" {}", "Paris")],
)
def test_a_subject_may_stand_at_either_end(prompt: str, text: str) -> None:
    record = changed("requested_rewrite.prompt", prompt)
    record["requested_rewrite"]["subject"] = " Paris "
    [read] = parse_counterfact([record], "f")
    assert read.request.text == text
    assert read.request.prefix + read.request.subject + read.request.suffix == text


def test_a_subject_that_becomes_one_character_with_its_prompt_is_refused() -> None:
    record = changed("requested_rewrite.prompt", "Cafe{} is")
    record["requested_rewrite"]["subject"] = "\u0301"
    [fault] = faults([record])
    assert fault.endswith("requested_rewrite.subject: must not melt into a character of the prompt")


def test_what_stands_inside_a_text_stays() -> None:
    text = "References\n\nA  b\tc\u00a0d\u200be \x1b[1m"
    [record] = parse_counterfact([changed("paraphrase_prompts", [text])], "f")
    assert record.paraphrase_prompts == (text,)


def test_targets_that_are_one_text_are_refused() -> None:
    record = changed("requested_rewrite.target_new.str", "Orle\u0301ans\u00a0")
    record["requested_rewrite"]["target_true"]["str"] = "Orl\u00e9ans"
    [fault] = faults([record])
    assert "target_new: must differ from target_true" in fault


@pytest.mark.parametrize("new", ["Fr\u202cench", "French\u200d", "F\u00adrench"])
def test_targets_that_look_alike_are_refused(new: str) -> None:
    [fault] = faults([changed("requested_rewrite.target_new.str", new)])
    assert "target_new: must differ from target_true in more than what nobody sees" in fault


@pytest.mark.parametrize("text", ["\u200d", "\u2800 \u3164", "\u2068\u2069"])
def test_a_text_of_which_nothing_is_seen_is_blank(text: str) -> None:
    [fault] = faults([changed("requested_rewrite.target_new.str", text)])
    assert "must not be blank" in fault


@pytest.mark.parametrize("name", ["paraphrase_prompts", "neighborhood_prompts"])
def test_record_may_be_without_prompts_of_a_kind(name: str) -> None:
    [record] = parse_counterfact([changed(name, [])], "file.json")
    assert getattr(record, name) == ()


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("case_id", ABSENT, "record 0: case_id: is missing"),
        ("case_id", None, "record 0: case_id: must be a whole number, but got None"),
        ("case_id", "x", "record 0 (case_id 'x'): case_id: must be a whole number, but got 'x'"),
        ("case_id", True, "(case_id True): case_id: must be a whole number, but got True"),
        ("requested_rewrite", ABSENT, "requested_rewrite: is missing"),
        ("requested_rewrite", [], "requested_rewrite: must be an object, but got []"),
        ("requested_rewrite.prompt", ABSENT, "requested_rewrite.prompt: is missing"),
        ("requested_rewrite.prompt", " ", "requested_rewrite.prompt: must not be blank"),
        ("requested_rewrite.prompt", "no place", 'requested_rewrite.prompt: must hold one "{}"'),
        ("requested_rewrite.prompt", "{} {}", 'requested_rewrite.prompt: must hold one "{}"'),
        ("requested_rewrite.subject", 5, "requested_rewrite.subject: must be text, but got 5"),
        ("requested_rewrite.subject", "", "requested_rewrite.subject: must not be blank"),
        ("requested_rewrite.subject", "\ud800", "subject: must be valid Unicode"),
        ("requested_rewrite.target_new", "English", "requested_rewrite.target_new: must be an obj"),
        ("requested_rewrite.target_new.str", ABSENT, "rewrite.target_new.str: is missing"),
        ("requested_rewrite.target_true.str", " ", "rewrite.target_true.str: must not be blank"),
        ("requested_rewrite.target_new.str", "French", "target_new: must differ from target_true"),
        ("paraphrase_prompts", ABSENT, "paraphrase_prompts: is missing"),
        ("paraphrase_prompts", "text", "paraphrase_prompts: must be a list, but got 'text'"),
        ("neighborhood_prompts", ["a", 3], "neighborhood_prompts[1]: must be text, but got 3"),
        ("neighborhood_prompts", ["", "b"], "neighborhood_prompts[0]: must not be blank"),
        ("paraphrase_prompts", ["\u3000\ufeff\n"], "paraphrase_prompts[0]: must not be blank"),
        ("paraphrase_prompts", ["a\0b"], "paraphrase_prompts[0]: must not hold a NUL"),
        ("neighborhood_prompts", ["\udfff"], "neighborhood_prompts[0]: must be valid Unicode"),
    ],
)
def test_one_broken_field_is_one_fault(path: str, value: object, fault: str) -> None:
    found = faults([changed(path, value)])
    assert len(found) == 1, found
    assert found[0].startswith("file.json: record 0")
    assert fault in found[0]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({}, "file.json: must be a non-empty list of records"),
        ([], "file.json: must be a non-empty list of records"),
        (None, "file.json: must be a non-empty list of records"),
        (["text"], "file.json: record 0: must be an object"),
    ],
)
def test_content_that_is_no_list_of_records(content: object, fault: str) -> None:
    assert faults(content) == (fault,)


def test_all_faults_of_a_file_are_reported_together() -> None:
    broken = changed("requested_rewrite", {})
    del broken["case_id"]
    broken["paraphrase_prompts"] = [None]
    found = faults([RECORD, 3, broken, changed("neighborhood_prompts", ABSENT)])
    assert [fault.removeprefix("file.json: ") for fault in found] == [
        "record 1: must be an object",
        "record 2: case_id: is missing",
        "record 2: requested_rewrite.prompt: is missing",
        "record 2: requested_rewrite.subject: is missing",
        "record 2: requested_rewrite.target_new: is missing",
        "record 2: requested_rewrite.target_true: is missing",
        "record 2: paraphrase_prompts[0]: must be text, but got None",
        "record 3 (case_id 7): neighborhood_prompts: is missing",
        "case_id 7 occurs 2 times; it must be unique",
    ]


def test_long_values_are_cut_in_messages() -> None:
    [fault] = faults([changed("paraphrase_prompts", "x" * 10_000)])
    assert len(fault) < 200


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"[1,\n\xff]", "not UTF-8 text: byte 0xff on line 2 is none; is it Latin-1"),
        ('["Zo\u00eb"]'.encode("latin-1"), "not UTF-8 text: byte 0xeb on line 1 .* Latin-1"),
        ('["\u00eb'.encode()[:-1], "not UTF-8 text: it ends within a character"),
        ("[]".encode("utf-16"), "not UTF-8 text: it looks like UTF-16"),
        ("[]".encode("utf-16-be"), "not UTF-8 text: it looks like UTF-16-BE"),
        ("[1]".encode("utf-32"), "not UTF-8 text: it looks like UTF-32"),
        (b"[1,\n 2,]", "not JSON: .* at line 2, column [0-9]+"),
        (b"[" * 100_000, "not JSON that can be read: it is nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "not JSON that can be read: Exceeds the limit"),
        (b"[" + b"{}," * 5_000_000 + b"{}]", "may hold 8388608 commas and brackets at most"),
        (b"", "not JSON: Expecting value at line 1, column 1"),
    ],
)
def test_files_that_are_no_json(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "records.json"
    path.write_bytes(content)
    with pytest.raises(RecordsError, match=fault) as caught:
        read_counterfact(path)
    assert caught.value.faults[0].startswith(str(path))


def test_a_byte_order_mark_and_the_line_ends_of_a_file_change_nothing(tmp_path: Path) -> None:
    plain, marked = tmp_path / "plain.json", tmp_path / "marked.json"
    content = json.dumps([RECORD], indent=1).encode()
    plain.write_bytes(content)
    marked.write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    assert read_counterfact(plain) == read_counterfact(marked)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('"case_id": 7', '"case_id": 6, "case_id": 7', "case_id"),
        ('"subject"', '"prompt": "{} is", "subject"', "requested_rewrite.prompt"),
        ('"id": "Q1860"', '"str": "Dutch"', "requested_rewrite.target_new.str"),
        ('["ignored"]', '[{"a b": [{"x": 1, "\\u0078": 1}]}]', "attribute_prompts[0].'a b'[0].x"),
    ],
)
def test_a_key_that_is_set_twice_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, place: str
) -> None:
    path = tmp_path / "records.json"
    text = json.dumps([{**RECORD, "case_id": 1}, RECORD])
    path.write_text(new.join(text.rsplit(old, 1)))
    with pytest.raises(RecordsError) as caught:
        read_counterfact(path)
    assert caught.value.faults == (f"{path}: record 1 (case_id 7): {place}: is set a second time",)


@pytest.mark.parametrize("name", ["absent.json", "."])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordsError, match="cannot be read"):
        read_counterfact(tmp_path / name)


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_text(json.dumps([RECORD]), encoding="utf-8")
    assert read_counterfact(path) == parse_counterfact([RECORD], "other")


def test_published_records_are_read_whole(shared_data: Callable[[str], Path]) -> None:
    records = read_counterfact(shared_data("counterfact/counterfact_300.json"))
    assert len(records) == 300
    assert {len(record.paraphrase_prompts) for record in records} == {2}
    assert {len(record.neighborhood_prompts) for record in records} == {10}
    assert all(record.request.relation for record in records)
