"""The CounterFact reader: what it takes, and every fault that it names."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greedy_core.counterfact import parse_counterfact, read_counterfact
from greedy_core.errors import RecordsError

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


def test_space_around_a_subject_is_dropped() -> None:
    [record] = parse_counterfact([changed("requested_rewrite.subject", " Paris ")], "f")
    assert record.request.subject == "Paris"


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
        ("neighborhood_prompts", ["", "b"], "neighborhood_prompts[0]: must be text, but got ''"),
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
        (b"\xff\xfe", "not UTF-8 text: invalid start byte at byte 0"),
        (b"[1,\n 2,]", "not JSON: .* at line 2, column [0-9]+"),
        (b"[" * 100_000, "not JSON that can be read|not JSON"),
        (b"", "not JSON: Expecting value at line 1, column 1"),
    ],
)
def test_files_that_are_no_json(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "records.json"
    path.write_bytes(content)
    with pytest.raises(RecordsError, match=fault) as caught:
        read_counterfact(path)
    assert caught.value.faults[0].startswith(str(path))


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
