"""Data at the edge of sense has one defined outcome: finite numbers, or an error with a name."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

import pytest

from greedy_core.errors import RecordsError
from greedy_core.inputs.records import EditRecord
from greedy_core.model.language_model import LanguageModel
from greedy_core.settings import EditSettings
from greedy_core.walk.edit import EditResult, run_edit
from tests.greedy_core.tiny_plans import RECORDS, open_tiny, settings


def changed(record: EditRecord, **fields: Any) -> EditRecord:
    """The record with fields of its request or of its own replaced."""
    own = {name: value for name, value in fields.items() if hasattr(record, name)}
    theirs = {name: value for name, value in fields.items() if name not in own}
    return replace(record, request=replace(record.request, **theirs), **own)


def twins(**fields: Any) -> list[EditRecord]:
    """Records of which all ask about the same subject in the same words."""
    first = RECORDS[0].request
    same = {"subject": first.subject, "prompt": first.prompt, "relation": first.relation}
    return [
        changed(record, **same, **{name: values[n] for name, values in fields.items()})
        for n, record in enumerate(RECORDS[:4])
    ]


def walk(model: LanguageModel, chosen: EditSettings, records: list[EditRecord]) -> EditResult:
    return run_edit(open_tiny(model, chosen, records=records), chosen)


def numbers(result: EditResult) -> list[float]:
    """Everything that was measured, of steps and of the end."""
    found = [
        getattr(event, name)
        for event in result.run.events
        for name in ("composite_before", "composite_after", "trust", "gain", "harm", "delta_norm")
    ]
    found += [result.edited.held_out.composite, result.edited.all_prompts.composite]
    return [float(value) for value in found]


@pytest.mark.parametrize("mu", [0.0, 0.1])
@pytest.mark.parametrize("targets", ["base", "current"])
@pytest.mark.parametrize(
    "records",
    [
        pytest.param(twins(), id="the same request twice"),
        pytest.param(
            twins(target_new=("that", "guitar", "this", "weather")), id="requests that contradict"
        ),
    ],
)
def test_equal_keys_in_a_batch_give_finite_numbers(
    gpt2: LanguageModel,
    caplog: pytest.LogCaptureFixture,
    records: list[EditRecord],
    targets: Any,
    mu: float,
) -> None:
    chosen = settings({"accept_by": "always", "steps": 1}, mu=mu, targets=targets)
    with caplog.at_level(logging.WARNING):
        result = walk(gpt2, chosen, records)
    assert all(map(math.isfinite, numbers(result)))
    assert ("keys of a batch depend on the others" in caplog.text) == (mu == 0)


def test_contradictory_requests_write_the_same_as_in_any_order(gpt2: LanguageModel) -> None:
    """Without damping, equal keys take the mean of what they ask: the order has no say in it."""
    chosen = settings({"accept_by": "always", "steps": 1}, mu=0.0, edits=2)
    contradicting = twins(target_new=("that", "guitar", "this", "weather"))[:2]
    there = walk(gpt2, chosen, contradicting)
    back = walk(gpt2, chosen, contradicting[::-1])
    assert numbers(there) == pytest.approx(numbers(back), abs=1e-6)


@pytest.mark.parametrize("kind", ["paraphrase_prompts", "neighborhood_prompts"])
@pytest.mark.parametrize("missing", [1, 5], ids=["one record", "all records"])
def test_a_record_without_prompts_of_a_kind_leaves_their_mean(
    gpt2: LanguageModel, kind: str, missing: int
) -> None:
    chosen = settings({"accept_by": "always", "steps": 1}, edits=5, batch_size=3)
    records = [changed(each, **{kind: ()}) for each in RECORDS[:missing]] + RECORDS[missing:]
    result = walk(gpt2, chosen, records)
    name = "ps" if kind.startswith("para") else "ns"
    by_record = {each.case_id: getattr(each.values, name) for each in result.edited.records}
    assert all(by_record[case_id] is None for case_id in range(missing))
    assert (getattr(result.edited.held_out, name) is None) == (missing == len(RECORDS))
    assert 0 <= result.edited.held_out.composite <= 1


@pytest.mark.parametrize(
    "rule",
    [
        {"min_improvement": 1.0},
        {"min_improvement": 1.0, "step_rule": "backtrack", "patience": 3},
        {"min_improvement": 1.0, "step_rule": "repeat"},
        {"max_norm_ratio": 1e-9},
    ],
    ids=lambda rule: " ".join(f"{key}={value}" for key, value in rule.items()),
)
def test_a_walk_that_keeps_nothing_leaves_the_unedited_model(
    gpt2: LanguageModel, rule: dict[str, Any]
) -> None:
    result = walk(gpt2, settings(rule), RECORDS)
    assert not any(event.accepted for event in result.run.events)
    assert result.edited == result.unedited


def test_prompts_that_the_model_cannot_read_are_all_named_before_anything_is_computed(
    gpt2: LanguageModel,
) -> None:
    long = "He said that " * 200
    records = [
        changed(RECORDS[0], paraphrase_prompts=("short", long)),
        changed(RECORDS[1], neighborhood_prompts=(long.replace("He", "She"),)),
        *RECORDS[2:],
    ]
    with pytest.raises(RecordsError) as caught:
        open_tiny(gpt2, settings(edits=5), records=records)
    faults = sorted(caught.value.faults)
    assert [fault.partition(":")[0] for fault in faults] == ["case_id 0", "case_id 1"]
    assert all("must fit the model's context of 128 tokens" in fault for fault in faults)
