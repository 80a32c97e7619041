"""Numbers of steps and evaluations against plain scores of a model with merged weights."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from greedy_core.model.language_model import LanguageModel
from greedy_core.model.lora import merge
from greedy_core.model.scoring import Question
from greedy_core.states.state_scores import StateScores
from greedy_core.walk.edit import run_edit
from greedy_core.walk.greedy import GreedyRun
from tests.greedy_core.test_scoring import plain_scores
from tests.greedy_core.tiny_models import FAMILIES, tiny_model
from tests.greedy_core.tiny_plans import open_tiny, settings


def plain_means(values: list[list[float]]) -> float | None:
    present = [sum(prompts) / len(prompts) for prompts in values if prompts]
    return sum(present) / len(present) if present else None


def plain_metrics(
    model: LanguageModel, scores: StateScores, batches: list[int], kind: str, smooth: bool
) -> tuple[float | None, float | None, float | None, float]:
    """ES, PS, NS and their plain mean, prompt by prompt with full forwards."""

    def value(prompt: str, split: Any, prefer_new: bool) -> float:
        question = Question(prompt, split.request.target_new, split.request.target_true)
        [[new, true]] = np.exp(plain_scores(model.module, model.tokenizer, [question]))
        better, other = (new, true) if prefer_new else (true, new)
        return float(better / (new + true)) if smooth else float(better > other)

    splits = [split for batch in batches for split in scores.tree.plan.batches[batch]]
    paraphrases = {"probe": "probe_paraphrases", "held_out": "held_out_paraphrases"}[kind]
    neighbors = {"probe": "probe_neighbors", "held_out": "held_out_neighbors"}[kind]
    es = plain_means([[value(s.request.text, s, True)] for s in splits])
    ps = plain_means([[value(p, s, True) for p in getattr(s, paraphrases)] for s in splits])
    ns = plain_means([[value(p, s, False) for p in getattr(s, neighbors)] for s in splits])
    present = [kind for kind in (es, ps, ns) if kind is not None]
    return es, ps, ns, sum(present) / len(present)


def merged(scores: StateScores, run: GreedyRun) -> LanguageModel:
    model = copy.deepcopy(scores.tree.model)
    merge(model, scores.tree.factors(run.state))
    return model


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("signal", ["margin", "success"])
def test_numbers_of_a_step_equal_plain_scores_of_the_merged_model(family: str, signal: str) -> None:
    scores = open_tiny(tiny_model(family))
    chosen = settings({"accept_by": "always", "steps": 1, "signal": signal})
    run = GreedyRun(scores, chosen)
    event = run.step()
    for suffix, model in (("before", scores.tree.model), ("after", merged(scores, run))):
        expected = plain_metrics(model, scores, [0], "probe", signal == "margin")
        found = [getattr(event, f"{name}_{suffix}") for name in ("es", "ps", "ns", "composite")]
        assert found == pytest.approx(expected, abs=2e-4)
    assert event.improvement == pytest.approx(event.composite_after - event.composite_before)
    if signal == "margin":
        assert event.composite_after != event.composite_before


@pytest.mark.parametrize("family", FAMILIES)
def test_evaluation_equals_plain_scores_of_the_merged_model(family: str) -> None:
    scores = open_tiny(tiny_model(family))
    chosen = settings({"accept_by": "always", "steps": 1})
    result = run_edit(scores, chosen)
    edited = merged(scores, result.run)
    for model, evaluation in ((scores.tree.model, result.unedited), (edited, result.edited)):
        found = evaluation.held_out
        expected = plain_metrics(model, scores, [0, 1], "held_out", smooth=False)
        assert (found.es, found.ps, found.ns, found.composite) == pytest.approx(expected)
        assert [record.batch for record in evaluation.records] == [0, 0, 1, 1]
    assert result.run.unedited() == result.unedited
    untouched = GreedyRun(scores, chosen)
    assert untouched.unedited(all_batches=True) == result.unedited


def test_evaluation_counts_the_batches_done(gpt2: LanguageModel) -> None:
    run = GreedyRun(open_tiny(gpt2), settings({"accept_by": "always", "steps": 1}))
    run.step()
    assert {record.batch for record in run.evaluate().records} == {0}
    assert {record.batch for record in run.evaluate(all_batches=True).records} == {0, 1}
