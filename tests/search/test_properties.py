"""What holds for any input: of the reader of records, of overrides, and of the plan of a resume."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from greedy_core.errors import RecordsError
from greedy_core.inputs.counterfact import parse_counterfact, read_counterfact
from greedy_core.inputs.plain_text import plain_text
from greedy_core.inputs.records import EditRecord
from search.config.baselines import baselines
from search.config.reader import ConfigError, read_config
from search.config.settings import KEYS, SweepConfig
from search.results.recovery import EndedTrial, Proposal
from search.sweep.proposals import assign
from tests.search.bad_files import RECORD

QUICK = settings(max_examples=150, deadline=None, derandomize=True)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)

PLAIN = st.characters(max_codepoint=0x2FF, exclude_characters="\0")
"""What never composes with what stands beside it."""
TEXT = st.text(PLAIN, min_size=1, max_size=20).filter(plain_text)
PART = st.text(PLAIN, max_size=10).filter(lambda text: "{" not in text and "}" not in text)


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """A record of the layout that CounterFact has."""
    new, true = draw(
        st.tuples(TEXT, TEXT).filter(lambda two: plain_text(two[0]) != plain_text(two[1]))
    )
    return {
        "case_id": draw(st.integers(-(2**63) + 1, 2**63 - 1)),
        "requested_rewrite": {
            "prompt": draw(PART) + "{}" + draw(PART),
            "subject": draw(TEXT),
            "target_new": {"str": new},
            "target_true": {"str": true, "id": draw(JSON)},
            "relation_id": draw(st.none() | st.text()),
        },
        "paraphrase_prompts": draw(st.lists(TEXT, max_size=3)),
        "neighborhood_prompts": draw(st.lists(TEXT, max_size=3)),
    }


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """Such records, one of which has anything in a place of its."""
    content = draw(st.lists(entries(), min_size=1, max_size=3))
    owner: Any = content
    while True:
        key = draw(st.sampled_from(range(len(owner)) if isinstance(owner, list) else list(owner)))
        below = owner[key]
        if not isinstance(below, dict | list) or not below or draw(st.booleans()):
            owner[key] = draw(JSON)
            return content
        owner = below


def as_entry(record: EditRecord) -> dict[str, Any]:
    request = record.request
    return {
        "case_id": request.case_id,
        "requested_rewrite": {
            "prompt": request.prompt,
            "subject": request.subject,
            "target_new": {"str": request.target_new},
            "target_true": {"str": request.target_true},
            "relation_id": request.relation,
        },
        "paraphrase_prompts": list(record.paraphrase_prompts),
        "neighborhood_prompts": list(record.neighborhood_prompts),
    }


@QUICK
@given(JSON | damaged())
@example([RECORD, RECORD])
@example([{**RECORD, "case_id": 10**4000}])
def test_any_json_is_records_or_a_records_error(content: Any) -> None:
    try:
        records = parse_counterfact(content, "d.json")
    except RecordsError as error:
        assert error.faults
        assert all(fault.startswith("d.json: ") and len(fault) < 400 for fault in error.faults)
        return
    assert len(records) == len(content)
    assert parse_counterfact([as_entry(record) for record in records], "again") == records


@QUICK
@given(st.lists(entries(), min_size=1, max_size=3, unique_by=lambda entry: entry["case_id"]))
def test_records_that_are_right_are_read_as_they_are(content: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "d.json")
        path.write_text(json.dumps(content), encoding="utf-8")
        records = read_counterfact(path)
    for entry, found in zip(content, map(as_entry, records), strict=True):
        rewrite = entry["requested_rewrite"]
        assert found["case_id"] == entry["case_id"]
        for name in ("prompt", "subject"):
            assert found["requested_rewrite"][name] == plain_text(rewrite[name])
        plain = dict.fromkeys(map(plain_text, entry["paraphrase_prompts"]))
        assert found["paraphrase_prompts"] == list(plain)


@QUICK
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_records_or_a_records_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "d.json")
        path.write_bytes(content)
        try:
            read_counterfact(path)
        except RecordsError as error:
            assert all(fault.startswith(str(path)) for fault in error.faults)


VALUES = JSON.map(lambda value: yaml.dump(value, default_flow_style=True, width=10**6))


@QUICK
@given(
    st.lists(
        st.tuples(st.sampled_from([*KEYS, "greedy", "search.space.mu"]), VALUES | st.text()).map(
            "=".join
        ),
        max_size=4,
    )
)
@example(["model=\u202e", 'dataset="\\ud7ff\\u2028\\u0085"'])
@example(["search.space={greedy.steps: {int: [1, 4]}, name: '\x7f'}"])
def test_overrides_are_an_error_or_a_configuration_that_reads_back(overrides: list[str]) -> None:
    try:
        config = read_config(None, overrides, space=False)
    except ConfigError as error:
        assert error.faults
        assert all(fault.isprintable() for fault in error.faults)
        return
    printed = config.to_yaml()
    assert all(line.isprintable() for line in printed.split("\n"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "c.yaml")
        path.write_text(printed, encoding="utf-8")
        assert read_config(path, space=False) == config


CONFIG = SweepConfig().flat()
ROLES = list(baselines(CONFIG))


def role(trial: int) -> str:
    return ROLES[trial] if trial < len(ROLES) else "search"


@QUICK
@given(
    trials=st.integers(1, 40),
    states=st.lists(st.sampled_from(["ended", "pending", "lost"]), max_size=30),
    order=st.randoms(use_true_random=False),
)
def test_a_resume_runs_exactly_what_is_missing(trials: int, states: list[str], order: Any) -> None:
    """`lost`: the flush that would have told of the trial never came."""
    ended = [
        EndedTrial(n, role(n), "completed", 0, 0, {}, {}, 8, 8, 0.5, 0.5, None)
        for n, state in enumerate(states)
        if state == "ended"
    ]
    pending = [
        Proposal(n, role(n), 0, {"was": n}) for n, state in enumerate(states) if state == "pending"
    ]
    order.shuffle(ended)
    order.shuffle(pending)
    plan = assign(CONFIG, trials, 1, ended, pending)
    again = [each.trial for each in plan.waiting]
    fresh = list(range(plan.first_new, plan.first_new + plan.new))
    known = {each.trial for each in ended}
    runs = Counter(again + fresh)
    assert max(runs.values(), default=1) == 1
    assert not runs.keys() & known
    assert {each.trial for each in pending} <= set(again)
    assert [each for each in plan.waiting if each.generation == 0] == sorted(
        pending, key=lambda each: each.trial
    )
    assert {role(n) for n in known | set(again)} >= set(ROLES)
    search = sum(role(n) == "search" for n in known | runs.keys())
    proposed = sum(role(n) == "search" for n, s in enumerate(states) if s != "lost")
    assert search == max(trials, proposed)
    assert plan.total == len(runs)
