"""Sequences of reserved records: disjoint, as long as the edited one, split by the same rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from greedy_core.errors import RecordsError, SettingsError
from greedy_core.inputs.prompt_split import split_prompts
from greedy_core.inputs.reserve import Reserve
from greedy_core.inputs.selection import Selection
from greedy_core.settings import EditSettings


def case_ids(selection: Selection) -> list[int]:
    return [split.record.case_id for split in selection.edited]


@pytest.fixture(scope="module")
def reserve() -> Reserve:
    return Reserve.read(EditSettings(edits=6, batch_size=2, confirm_records=27))


def test_sequences_share_no_record_with_each_other_or_with_what_is_edited(reserve: Reserve) -> None:
    sequences = reserve.sequences()
    assert [len(each.edited) for each in sequences] == [6] * 4  # 27 // 6
    taken = [number for each in (reserve.selection, *sequences) for number in case_ids(each)]
    assert len(set(taken)) == len(taken) == 5 * 6
    assert all(each.reserved == () for each in sequences)


def test_sequences_are_the_reserved_records_in_their_order(reserve: Reserve) -> None:
    order = [record.case_id for record in reserve.selection.reserved]
    assert [n for each in reserve.sequences() for n in case_ids(each)] == order[:24]


def test_a_sequence_is_the_same_however_many_there_are(reserve: Reserve) -> None:
    assert reserve.sequences(2) == reserve.sequences(4)[:2]


def test_prompts_are_split_over_the_whole_dataset_as_edited_ones_are(reserve: Reserve) -> None:
    for sequence in reserve.sequences():
        records = [split.record for split in sequence.edited]
        assert [*sequence.edited] == split_prompts(reserve.records, records)
    everything = (reserve.selection, *reserve.sequences())
    probes = {text for each in everything for s in each.edited for text in s.probe_neighbors}
    held_out = {text for each in everything for s in each.edited for text in s.held_out_neighbors}
    assert probes and held_out and not probes & held_out


@pytest.mark.parametrize(
    ("reserved", "possible", "default"), [(100, 5, 5), (59, 2, 2), (140, 7, 5)]
)
def test_by_default_all_that_are_possible_are_taken_at_most_five(
    reserved: int, possible: int, default: int
) -> None:
    reserve = Reserve.read(EditSettings(confirm_records=reserved))
    assert (reserve.possible, len(reserve.sequences())) == (possible, default)


@pytest.mark.parametrize(("asked", "reserved"), [(3, 59), (None, 19), (None, 0), (0, 100)])
def test_too_few_reserved_records_are_refused_with_what_is_possible(
    asked: int | None, reserved: int
) -> None:
    reserve = Reserve.read(EditSettings(confirm_records=reserved))
    message = rf"reserved records={reserved}, edits=20\): {reserved // 20} sequences are possible"
    with pytest.raises(SettingsError, match=message):
        reserve.sequences(asked)


def test_a_sequence_that_could_not_be_measured_is_named(tmp_path: Path) -> None:
    def entry(number: int) -> dict[str, Any]:
        return {
            "case_id": number,
            "requested_rewrite": {
                "prompt": "{} is",
                "subject": f"S{number}",
                "target_new": {"str": "new"},
                "target_true": {"str": "true"},
            },
            "paraphrase_prompts": ["p", "q"] if number == edited else [],
            "neighborhood_prompts": [],
        }

    settings = EditSettings(
        dataset=str(tmp_path / "records.json"),
        edits=1,
        batch_size=1,
        layers=(0,),
        composite_weights=(0.0, 1.0, 0.0),
    )
    edited = -1
    for _ in range(2):  # the order of records depends on their numbers alone
        Path(settings.dataset).write_text(json.dumps([entry(number) for number in range(3)]))
        (edited,) = case_ids(Reserve.read(settings).selection)
    with pytest.raises(RecordsError) as caught:
        Reserve.read(settings).sequences()
    assert [fault.partition(" prompts of a kind")[0] for fault in caught.value.faults] == [
        f"sequence {number}: batch 0 must have {use}"
        for number in (0, 1)
        for use in ("probe", "held-out")
    ]
