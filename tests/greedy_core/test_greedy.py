"""Walks: what is proposed, who decides, why, and that it is the same every time."""

from __future__ import annotations

import copy
from dataclasses import replace
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest
import torch

from greedy_core.errors import NumericalError
from greedy_core.inputs.edit_inputs import read_inputs
from greedy_core.metrics import Metrics
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.loading import load_model
from greedy_core.settings import EditSettings, GreedySettings, ValuesSettings
from greedy_core.states.state_scores import StateScores
from greedy_core.store.artefacts import MemoryStore
from greedy_core.walk.edit import open_states, run_edit
from greedy_core.walk.events import Reason, StepEvent
from greedy_core.walk.greedy import GreedyRun
from tests.greedy_core.tiny_models import tiny_model
from tests.greedy_core.tiny_plans import open_tiny, settings


def walk(scores: StateScores, chosen: EditSettings) -> GreedyRun:
    return run_edit(scores, chosen).run


@pytest.fixture(scope="module")
def states() -> StateScores:
    return open_tiny(tiny_model("gpt2"))


def reasons(run: GreedyRun, batch: int = 0) -> list[str]:
    return [event.reason for event in run.events if event.batch == batch]


WALKS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"accept_by": "always"}, {}, ["always"] * 4),
    ({"accept_by": "always", "steps": 1}, {}, ["always"]),
    ({"min_improvement": 1.0, "patience": 2}, {}, ["no_improvement", "patience_exhausted"]),
    ({"min_improvement": 1.0, "patience": 0}, {}, ["no_improvement"] * 4),
    ({"min_improvement": 1.0, "steps": 1}, {}, ["no_improvement"]),
    ({"min_improvement": 1.0, "steps": 1, "patience": 1}, {}, ["patience_exhausted"]),
    (
        {"min_improvement": 1.0, "patience": 3, "step_rule": "repeat"},
        {},
        ["no_improvement", "no_improvement", "patience_exhausted"],
    ),
    ({"patience": 2}, {"enabled": True, "threshold": 1.0}, ["trust_low_rolled_back"] * 2),
    (
        {"accept_by": "distance"},
        {"enabled": True, "threshold": 1.0, "action": "scale"},
        ["trust_low_scaled"] * 4,
    ),
    (
        {"min_improvement": 1.0, "patience": 1},
        {"enabled": True, "threshold": 1.0, "action": "scale"},
        ["patience_exhausted"],
    ),
    ({"accept_by": "distance"}, {"enabled": True, "threshold": 0.0}, ["distance_only"] * 4),
    ({"accept_by": "always", "max_norm_ratio": 1e-6, "patience": 0}, {}, ["norm_guard"] * 4),
    ({"max_norm_ratio": 1e-6, "patience": 1}, {}, ["norm_guard"]),
    ({"max_norm_ratio": 1e6, "accept_by": "always"}, {}, ["always"] * 4),
]


@pytest.mark.parametrize(("greedy", "trust", "expected"), WALKS, ids=str)
def test_reasons_of_the_first_batch(
    states: StateScores, greedy: dict[str, Any], trust: dict[str, Any], expected: list[str]
) -> None:
    run = walk(states, settings(greedy, trust))
    assert reasons(run) == expected
    kept = {"improved", "trust_low_scaled", "distance_only", "always"}
    for event in run.events:
        assert event.accepted == (event.reason in kept)
        assert event.fraction_after == (
            event.fraction_proposed if event.accepted else event.fraction_before
        )


def test_every_reason_occurs(states: StateScores) -> None:
    seen = {reason for _, _, expected in WALKS for reason in expected}
    seen |= set(reasons(walk(states, settings({"steps": 1}))))
    assert seen == set(get_args(Reason))


def test_rejections_leave_the_model_as_it_was(states: StateScores) -> None:
    run = walk(states, settings({"min_improvement": 1.0, "patience": 0}))
    assert run.state is states.tree.root
    assert all(event.fraction_after == 0 for event in run.events)


def test_steps_end_in_the_whole_update(states: StateScores) -> None:
    run = walk(states, settings({"accept_by": "always", "steps": 4}))
    one = walk(states, settings({"accept_by": "always", "steps": 1}))
    assert run.state.key == one.state.key
    assert [event.fraction_after for event in run.events] == [
        Fraction(n, 4) for n in (1, 2, 3, 4)
    ] * 2


def test_run_counts_batches_and_edits(states: StateScores) -> None:
    run = GreedyRun(states, settings({"accept_by": "always", "steps": 2}))
    seen = []
    while not run.done:
        run.step()
        seen.append((run.batch, run.edits))
    assert seen == [(0, 0), (1, 2), (1, 2), (2, 4)]


def test_norm_guard_and_trust_numbers_are_those_of_the_dense_update(states: StateScores) -> None:
    tree = states.tree
    solve = tree.solve(tree.root, 0, 1)
    dense = (solve.form.u @ solve.form.v.T).numpy()
    weight = tree.model.projection_weight(1).double().numpy()
    ratio = float(np.linalg.norm(dense) / np.linalg.norm(weight))
    chosen = settings({"accept_by": "always", "patience": 0, "max_norm_ratio": 0.6 * ratio})
    run = walk(states, chosen)
    assert reasons(run) == ["always", "always", "norm_guard", "norm_guard"]
    for event in run.events[:4]:
        fraction = float(event.fraction_proposed)
        assert event.delta_norm == pytest.approx(fraction * np.linalg.norm(dense), rel=1e-9)
        assert event.harm == pytest.approx(fraction * solve.form.harm, rel=1e-12)
        assert event.gain == pytest.approx(1 - solve.form.remaining(fraction), abs=1e-12)
        assert event.trust == pytest.approx(event.gain / (1 + event.harm), rel=1e-12)


def test_scaling_gate_proposes_its_share_of_what_was_asked(states: StateScores) -> None:
    trust = {"enabled": True, "threshold": 1.0, "action": "scale", "scale": 0.1}
    run = walk(states, settings({"accept_by": "distance"}, trust))
    assert [event.fraction_proposed for event in run.events[:4]] == [
        Fraction(n, 40) for n in (1, 2, 3, 4)
    ]


def numbers(event: StepEvent) -> StepEvent:
    return replace(event, seconds=0.0, from_store=False)


@pytest.mark.parametrize("greedy", [{}, {"step_rule": "backtrack", "signal": "success"}], ids=str)
def test_same_walk_twice_gives_equal_events(greedy: dict[str, Any]) -> None:
    chosen = settings(greedy, rank=3)
    store = MemoryStore()
    runs = [
        walk(open_tiny(tiny_model("gpt2"), chosen, kept), chosen)
        for kept in (store, store, MemoryStore(0))
    ]
    for run in runs[1:]:
        assert list(map(numbers, run.events)) == list(map(numbers, runs[0].events))
        assert run.state.key == runs[0].state.key
        assert run.evaluate() == runs[0].evaluate()
        assert run.probe_prompts == runs[0].probe_prompts
    assert all(event.from_store for event in runs[1].events)
    assert not runs[0].events[0].from_store


def test_identical_retry_is_not_measured_again(states: StateScores) -> None:
    chosen = settings({"step_rule": "repeat", "min_improvement": 1.0, "patience": 0})
    run = walk(states, chosen)
    assert {event.fraction_proposed for event in run.events} == {Fraction(1, 4)}
    assert len({event.composite_after for event in run.events[:4]}) == 1
    sheets = [states.sheet(batch, "probe") for batch in (0, 1)]
    assert run.probe_prompts == sum(2 * sheet.prompts([0, 1]) for sheet in sheets)


def test_fewer_probes_ask_fewer_prompts_and_share_all_scores(gpt2: LanguageModel) -> None:
    store = MemoryStore()
    chosen = settings({"accept_by": "always"})
    every = walk(open_tiny(gpt2, chosen, store), chosen)
    keys = set(store.artefacts)
    chosen = settings({"accept_by": "always", "max_probes": 1})
    few = walk(open_tiny(gpt2, chosen, store), chosen)
    assert set(store.artefacts) == keys
    assert few.probe_prompts < every.probe_prompts
    assert few.events[0].composite_after != every.events[0].composite_after
    assert few.state.key == every.state.key


def test_layers_without_a_loop_take_the_update_whole(gpt2: LanguageModel) -> None:
    chosen = settings({"layers": (1,), "min_improvement": 1.0, "patience": 1}, layers=(0, 1))
    run = walk(open_tiny(gpt2, chosen), chosen)
    assert [(event.batch, event.layer, event.reason) for event in run.events] == [
        (0, 0, "always"),
        (0, 1, "patience_exhausted"),
        (1, 0, "always"),
        (1, 1, "patience_exhausted"),
    ]
    assert set(run.tree.factors(run.state)) == {0}


def test_walk_leaves_the_model_as_it_was(model: LanguageModel) -> None:
    digest = model.digest()
    chosen = settings({"accept_by": "always"})
    walk(open_tiny(model, chosen), chosen)
    assert model.digest() == digest


@pytest.fixture(scope="module")
def factworld() -> tuple[StateScores, EditSettings]:
    model = load_model("factworld", device="cpu")
    asked = EditSettings(
        edits=8, batch_size=4, layers=(1,), mu=0.1, values=ValuesSettings(clamp=2.0), device="cpu"
    )
    inputs = read_inputs(asked, model.config.to_dict())
    return open_states(inputs, model, MemoryStore()), inputs.settings


def test_literal_rule_edits_nothing_where_advance_edits(
    factworld: tuple[StateScores, EditSettings],
) -> None:
    scores, chosen = factworld
    plain = {"steps": 8, "min_improvement": 0.02, "signal": "success", "patience": 0}
    literal = walk(scores, replace(chosen, greedy=GreedySettings(step_rule="repeat", **plain)))
    assert literal.state is scores.tree.root
    assert {event.reason for event in literal.events} == {"no_improvement"}
    ahead = run_edit(scores, replace(chosen, greedy=GreedySettings(step_rule="advance", **plain)))
    assert {event.batch for event in ahead.run.events if event.accepted} == {0, 1}
    gained: Metrics = ahead.edited.held_out
    assert gained.composite > ahead.unedited.held_out.composite + Fraction(1, 4)


def test_walk_into_activations_that_overflow_is_an_error(gpt2: LanguageModel) -> None:
    scores = open_tiny(copy.deepcopy(gpt2))
    scores.at(scores.tree.root, 0, "probe")
    with torch.no_grad():
        scores.tree.model.module.transformer.ln_f.weight.fill_(torch.nan)
    with pytest.raises(NumericalError):
        walk(scores, settings({"accept_by": "always"}))
