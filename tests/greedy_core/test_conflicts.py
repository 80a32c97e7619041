"""Requests that meet: what contradicts what, which of them are used, and what is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from greedy_core.errors import RecordsError, SettingsError
from greedy_core.inputs.conflicts import (
    conflict_notes,
    contradictions,
    last_of_each_prompt,
)
from greedy_core.inputs.counterfact import read_counterfact
from greedy_core.inputs.edit_inputs import notes
from greedy_core.inputs.records import EditRecord, EditRequest
from greedy_core.inputs.reserve import Reserve
from greedy_core.inputs.selection import Selection, select
from greedy_core.settings import Conflicts, EditSettings

VELMORA = EditRequest(1, "Velmora", "{} lies in", "Norway", "France", "P17")


def others(*changes: dict[str, object]) -> list[EditRequest]:
    """The request with changes, case_ids from 2 on."""
    return [replace(VELMORA, case_id=n, **each) for n, each in enumerate(changes, start=2)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"target_new": "Peru"},
            "case_ids 1 and 2 contradict each other, the same prompt with another target_new",
        ),
        # The subject begins elsewhere, the model reads the same.
        (
            {"target_new": "Peru", "subject": "Velmora lies", "prompt": "{} in"},
            "case_ids 1 and 2 contradict each other, the same prompt with another target_new",
        ),
        ({}, "case_ids 1 and 2 ask for the same edit"),
        ({"target_true": "Spain"}, "case_ids 1 and 2 ask for the same edit"),
        (
            {"target_new": "Peru", "prompt": "{} is in"},
            "case_ids 1 and 2 give one subject and relation several objects, in different words",
        ),
        ({"prompt": "{} is in"}, None),
        ({"target_new": "Peru", "prompt": "{} borders", "relation": "P47"}, None),
        ({"target_new": "Peru", "subject": "velmora"}, None),
        ({"target_new": "Peru", "subject": "Tarnhelm"}, None),
    ],
)
def test_what_is_said_of_two_requests(change: dict[str, object], said: str | None) -> None:
    requests = [VELMORA, *others(change)]
    assert conflict_notes(requests) == ([said] if said else [])
    assert bool(contradictions(requests)) == ("contradict" in (said or ""))


def test_requests_without_a_relation_have_none_in_common() -> None:
    nameless = [replace(VELMORA, relation=None), *others({"relation": None, "prompt": "{} is"})]
    assert conflict_notes([nameless[0], replace(nameless[1], target_new="Peru")]) == []


def test_a_long_list_is_cut() -> None:
    same = [replace(VELMORA, case_id=n, target_new=f"T{n}") for n in range(7)]
    pairs = [
        replace(VELMORA, case_id=10 * n + side, subject=f"S{n}", target_new=f"T{side}")
        for n in range(1, 8)
        for side in (0, 1)
    ]
    assert conflict_notes(same)[0].startswith("case_ids 0, 1, 2, 3, 4 and 2 more contradict")
    assert conflict_notes(pairs)[0].startswith(
        "case_ids 10 and 11; 20 and 21; 30 and 31; 40 and 41; 50 and 51; 2 more groups contradict"
    )


def records(targets: Sequence[tuple[int, str]]) -> list[EditRecord]:
    """Records with case_ids from 0 on: (number of the subject, target_new)."""
    return [
        EditRecord(
            replace(VELMORA, case_id=n, subject=f"S{subject}", target_new=new), ("p", "q"), ("a",)
        )
        for n, (subject, new) in enumerate(targets)
    ]


PAIRS = records([(n % 6, "Norway" if n < 6 else "Peru") for n in range(12)])
"""Six subjects, twice each; the later six contradict the earlier."""


def chosen(conflicts: Conflicts, **changed: int) -> EditSettings:
    settings = {"edits": 4, "batch_size": 2, "confirm_records": 0, **changed}
    return EditSettings(layers=(0,), conflicts=conflicts, **settings)


def case_ids(selection: Selection) -> list[int]:
    return [split.record.case_id for split in selection.edited]


def test_keep_edits_what_was_edited_before_there_was_a_choice_and_says_so() -> None:
    selection = select(PAIRS, chosen("keep", edits=12))
    assert sorted(case_ids(selection)) == [*range(12)]
    [note] = [each for each in notes(selection) if "contradict" in each]
    assert note.count(" and ") == 5 and "; 1 more groups" in note


def test_last_uses_the_datasets_last_request_of_each_prompt() -> None:
    assert [record.case_id for record in last_of_each_prompt(PAIRS)] == [*range(6, 12)]
    assert [record.case_id for record in last_of_each_prompt(PAIRS[::-1])] == [*range(5, -1, -1)]
    for seed in range(5):
        selection = select(PAIRS, chosen("last", edits=4, confirm_records=2, seed=seed))
        taken = [*case_ids(selection), *(record.case_id for record in selection.reserved)]
        assert sorted(taken) == [*range(6, 12)]
        assert notes(selection)[0] == (
            "records not used, because a later one has the same prompt: 0, 1, 2, 3, 4 and 1 more"
        )


def test_last_takes_the_same_edit_once() -> None:
    repeated = records([(0, "Norway"), (1, "Norway"), (0, "Norway")])
    assert [record.case_id for record in last_of_each_prompt(repeated)] == [1, 2]


def test_last_changes_nothing_where_every_prompt_is_its_own() -> None:
    distinct = records([(n, "Norway") for n in range(8)])
    assert select(distinct, chosen("last")) == select(distinct, chosen("keep"))
    assert select(distinct, chosen("refuse")) == select(distinct, chosen("keep"))


def test_what_last_leaves_over_must_be_enough() -> None:
    with pytest.raises(
        SettingsError, match=r"edits=7, confirm_records=0, records=6\); conflicts=last leaves out 6"
    ):
        select(PAIRS, chosen("last", edits=7))


def test_refuse_names_each_contradiction() -> None:
    with pytest.raises(RecordsError) as caught:
        select(PAIRS, chosen("refuse", edits=12))
    assert len(caught.value.faults) == 6
    wanted = (
        "edited records must not contradict each other where conflicts is refuse, but got "
        "(case_ids=[2, 8], prompt='S2 lies in', target_new=['Norway', 'Peru'])"
    )
    assert [f for f in caught.value.faults if "'S2 lies" in f] in (
        [wanted],
        [wanted.replace("[2, 8]", "[8, 2]").replace("'Norway', 'Peru'", "'Peru', 'Norway'")],
    )


def test_refuse_looks_at_every_sequence_that_could_confirm() -> None:
    """Contradictions between plans are none: each starts from the unedited model."""
    for seed in range(20):
        settings = chosen("refuse", edits=3, confirm_records=8, seed=seed)
        kept = Reserve(settings, PAIRS, select(PAIRS, replace(settings, conflicts="keep")))
        expected = {
            place
            for place, plan in zip(
                ("edited", "reserved records of sequence 0", "reserved records of sequence 1"),
                (kept.selection, *kept.sequences(2)),
                strict=True,
            )
            if contradictions([split.request for split in plan.edited])
        }
        if not expected:
            assert select(PAIRS, settings).edited == kept.selection.edited
            continue
        with pytest.raises(RecordsError) as caught:
            select(PAIRS, settings)
        said = {
            fault.partition(" must")[0].removesuffix(" records") for fault in caught.value.faults
        }
        assert said == expected


def test_refuse_takes_edits_that_are_the_same() -> None:
    same = records([(0, "Norway"), (0, "Norway")])
    selection = select(same, chosen("refuse", edits=2))
    assert (
        notes(selection)[0].startswith("case_ids ")
        and "ask for the same edit" in notes(selection)[0]
    )


def test_the_published_case(shared_data: Callable[[str], Path]) -> None:
    records = read_counterfact(shared_data("cases/contradicting_edits.json"))
    said = notes(select(records, chosen("keep", edits=2)))
    assert said[0] in (
        f"case_ids {pair} contradict each other, the same prompt with another target_new"
        for pair in ("1 and 2", "2 and 1")
    )
