"""What holds for every answer on editing: a state for nothing, and figures that can be read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import analysis
from analysis.answers import cost, edits, probing, standing, steps, stopping, trust
from analysis.answers.answer import Answer
from tests.analysis.answers.tables import sweep_of, trial

Question = Callable[[analysis.Sweep], Answer]

by_setting = partial(analysis.accept_rate_by_setting, key="greedy.step_rule")

NOTHING: list[tuple[Question, tuple[str, ...], str]] = [
    (analysis.best_against_baselines, standing.COLUMNS, "no trial has been completed yet"),
    (analysis.accept_rate_by_step, steps.BY_STEP, "no trial has taken a step yet"),
    (by_setting, steps.BY_SETTING, "no search trial has taken a step yet"),
    (analysis.reasons, steps.REASONS, "no trial has taken a step yet"),
    (analysis.improvement_per_step, steps.IMPROVEMENT, "no search trial has taken a step yet"),
    (analysis.final_fractions, steps.FRACTIONS, "no trial has taken a step yet"),
    (analysis.learning_curve, edits.CURVE, "none of these trials has reported records yet"),
    (analysis.retention, edits.RETENTION, "none of these trials has reported records yet"),
    (analysis.stopped, stopping.STOPPED, "no search trial that has ended has reached a rung"),
    (analysis.cost_of_stopping, stopping.COST, "no audited trial has been completed yet"),
    (analysis.probing, probing.COLUMNS, "no search trial has been completed yet"),
    (analysis.states, cost.STATES, "no trial has ended yet that says what states it visited"),
    (analysis.regret, cost.REGRET, "no search trial has been completed yet"),
    (analysis.trust, trust.COLUMNS, "trust was not measured in any step of a search trial"),
]

QUESTIONS = [question for question, _, _ in NOTHING]


@pytest.mark.parametrize("question, columns, why", NOTHING)
def test_a_sweep_without_rows_has_the_columns_and_a_figure_that_says_why(
    tmp_path: Path, question: Question, columns: tuple[str, ...], why: str
) -> None:
    (tmp_path / "sweep.yaml").write_text("edits: 8\n")
    numbers, figure = question(analysis.load(tmp_path))
    assert numbers.empty and [*numbers.columns] == [*columns]
    assert [note.text for note in figure.layout.annotations] == [why]


@pytest.mark.parametrize("question", QUESTIONS)
def test_trials_that_all_failed_are_no_traceback(tmp_path: Path, question: Question) -> None:
    roles = ["baseline_full", "baseline_default", "baseline_literal", "search"]
    audit = {"config/search.audit": 1, "config/search.trials": 1, "error": "<b>NaN</b>"}
    failed = [trial(n, role, "failed", **audit) for n, role in enumerate(roles)]
    numbers, figure = question(sweep_of(tmp_path, failed))
    if question is analysis.best_against_baselines:
        assert [*numbers["status"]] == ["failed"] * 3 and numbers["composite"].isna().all()
    else:
        assert numbers.empty and figure.layout.annotations


@pytest.mark.parametrize("question, columns", [(q, c) for q, c, _ in NOTHING])
def test_a_figure_has_data_titles_and_hover_texts(
    real_sweep: analysis.Sweep, question: Question, columns: tuple[str, ...]
) -> None:
    numbers, figure = question(real_sweep)
    assert [*numbers.columns] == [*columns] and len(numbers)
    assert figure.to_json()
    for trace in figure.data:
        assert len(trace.x) == len(trace.y if trace.type != "box" else trace.median)
        assert len(trace.x) <= 2000
        assert trace.type == "box" or trace.hovertemplate
    assert sum(len(trace.x) for trace in figure.data) > 0
    assert all(axis.title.text for axis in figure.select_xaxes())
    outer = [axis for axis in figure.select_yaxes() if axis.showticklabels is not False]
    assert all(axis.title.text for axis in outer)


@pytest.mark.parametrize("question", [by_setting, analysis.reasons, analysis.trust])
def test_text_from_data_reaches_no_figure_as_html_or_control_characters(
    tmp_path: Path, question: Question
) -> None:
    hostile = "<a href='x'>\x1b[31m&"
    sweep = sweep_of(
        tmp_path,
        [trial(3, **{"config/greedy.step_rule": hostile})],
        [_step(reason=hostile, trust=0.5)],
    )
    figure = question(sweep).figure
    labels = {
        str(text) for trace in figure.data for axis in (trace.x, trace.y) for text in axis or ()
    }
    assert "&lt;a href='x'&gt;\\x1b[31m&amp;" in labels
    assert not any("\x1b" in label or "<" in label for label in labels)


def _step(**cells: Any) -> dict[str, Any]:
    return {"trial": 3, "sequence": 0, "batch": 0, "layer": 0, "step": 0, "accepted": True, **cells}


def test_a_trace_of_many_trials_keeps_2000_evenly_spaced_ones(tmp_path: Path) -> None:
    many = [trial(n, composite=0.5, states_computed=1, states_read=0) for n in range(5001)]
    sweep = sweep_of(tmp_path, many)
    for question in (analysis.states, analysis.regret):
        numbers, figure = question(sweep)
        assert len(numbers) == 5001
        assert {len(trace.x) for trace in figure.data} == {2000}
        drawn = np.asarray(figure.data[0].x)
        assert (drawn[0], drawn[-1]) == (1, 5001)
        assert {*np.diff(drawn)} == {2, 3}
