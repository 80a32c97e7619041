"""A user's metric: what it is given, what it may do, and how it fails."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from greedy_core.errors import MetricError
from greedy_core.model.language_model import LanguageModel
from greedy_core.store.artefacts import MemoryStore
from greedy_core.walk.greedy import GreedyRun
from greedy_core.walk.metric_function import load_metric
from tests.greedy_core.tiny_models import tiny_model
from tests.greedy_core.tiny_plans import open_tiny, settings

GOOD = {"es": 0.5, "ps": 0.5, "ns": 0.5, "composite": 0.5}


@pytest.fixture(scope="module")
def gpt2() -> LanguageModel:
    """One that no other test writes into: it is read-only from the first walk on."""
    return tiny_model("gpt2")


@pytest.fixture
def metrics() -> Iterator[ModuleType]:
    """A module to put metric functions into, imported by name."""
    module = ModuleType("metrics_of_a_user")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def chosen(**greedy: Any) -> Any:
    return settings({"metric": "metrics_of_a_user:measure", **greedy})


def run_to_end(model: LanguageModel, settings: Any, store: MemoryStore) -> GreedyRun:
    run = GreedyRun(open_tiny(model, settings, store), settings)
    while not run.done:
        run.step()
    return run


def test_metric_replaces_the_probes(gpt2: LanguageModel, metrics: ModuleType) -> None:
    answers = iter([0.1, 0.3, 0.2, 0.4, 0.9] + [0.5] * 9)

    def measure(model: Any, tokenizer: Any, requests: Any) -> Mapping[str, float]:
        return {"es": 1, "ps": 0.0, "ns": np.float32(0.25), "composite": next(answers)}

    metrics.measure = measure
    run = run_to_end(gpt2, chosen(patience=0, min_improvement=0.05), MemoryStore())
    first = run.events[:4]
    assert [event.composite_after for event in first] == [0.3, 0.2, 0.4, 0.9]
    assert [event.accepted for event in first] == [True, False, True, True]
    assert (first[0].es_after, first[0].ps_after, first[0].ns_after) == (1.0, 0.0, 0.25)


def test_metric_sees_the_edited_model_and_the_probed_records(
    gpt2: LanguageModel, metrics: ModuleType
) -> None:
    seen = []

    def measure(model: Any, tokenizer: Any, requests: Any) -> Mapping[str, float]:
        seen.append((model.transformer.h[1].mlp.c_proj.weight.clone(), requests))
        assert tokenizer("He said:")["input_ids"] == gpt2.tokenizer("He said:")["input_ids"]
        return GOOD

    metrics.measure = measure
    scores = open_tiny(gpt2, chosen())
    GreedyRun(scores, chosen(max_probes=1, accept_by="always")).step()
    (before, _), (after, requests) = seen
    solve = scores.tree.solve(scores.tree.root, 0, 1)
    update = (solve.form.v @ solve.form.u.T / 4).float()
    assert (after - before - update).abs().max() < 1e-5
    [record] = requests
    [split] = [s for s in scores.tree.plan.batches[0] if s.record.case_id == record.case_id]
    assert record.request == split.request
    assert record.paraphrase_prompts == split.probe_paraphrases
    assert record.neighborhood_prompts == split.probe_neighbors


def test_metric_may_write_into_its_model_and_changes_nothing(
    gpt2: LanguageModel, metrics: ModuleType
) -> None:
    def measure(model: Any, tokenizer: Any, requests: Any) -> Mapping[str, float]:
        for parameter in model.parameters():
            parameter.zero_()
        tokenizer.padding_side = "left"
        return GOOD

    metrics.measure = measure
    digest, side = gpt2.digest(), gpt2.tokenizer.padding_side
    run_to_end(gpt2, chosen(accept_by="always"), MemoryStore())
    assert gpt2.digest() == digest
    assert gpt2.tokenizer.padding_side == side


def test_results_are_kept_for_the_walk_only(gpt2: LanguageModel, metrics: ModuleType) -> None:
    calls = []

    def measure(model: Any, tokenizer: Any, requests: Any) -> Mapping[str, float]:
        calls.append(1)
        return GOOD

    metrics.measure = measure
    store = MemoryStore()
    run_to_end(gpt2, chosen(step_rule="repeat", min_improvement=1.0, patience=0), store)
    assert len(calls) == 2 * 2  # each batch: where it starts, and the one state that is proposed
    run_to_end(gpt2, chosen(step_rule="repeat", min_improvement=1.0, patience=0), store)
    assert len(calls) == 2 * 4


@pytest.mark.parametrize(
    ("answer", "faults"),
    [
        ({**GOOD, "es": float("nan")}, ["es must be a number from -1e+100 to 1e+100, but got nan"]),
        (
            {**GOOD, "composite": float("inf")},
            ["composite must be a number from -1e+100 to 1e+100, but got inf"],
        ),
        (
            {**GOOD, "composite": 1e101},
            ["composite must be a number from -1e+100 to 1e+100, but got"],
        ),
        ({**GOOD, "es": -(10**400)}, ["es must be a number from -1e+100 to 1e+100, but got -10"]),
        ({**GOOD, "ps": "0.5"}, ["ps must be a number from -1e+100 to 1e+100, but got '0.5'"]),
        ({**GOOD, "ns": True}, ["ns must be a number from -1e+100 to 1e+100, but got True"]),
        ({"es": 1.0, "ps": 1.0}, ["ns must be a number", "composite must be a number"]),
        ({}, ["es must", "ps must", "ns must", "composite must"]),
        (0.5, ["must return a mapping, but got 0.5"]),
        (None, ["must return a mapping, but got None"]),
    ],
)
def test_wrong_answers_fail_by_name(
    gpt2: LanguageModel, metrics: ModuleType, answer: Any, faults: list[str]
) -> None:
    metrics.measure = lambda model, tokenizer, requests: answer
    run = GreedyRun(open_tiny(gpt2, chosen()), chosen())
    with pytest.raises(MetricError) as caught:
        run.step()
    assert len(caught.value.faults) == len(faults)
    for found, expected in zip(caught.value.faults, faults, strict=True):
        assert "greedy.metric 'metrics_of_a_user:measure'" in found
        assert expected in found


class Hostile(Exception):
    def __str__(self) -> str:
        return "\x1b[2J a\n  lone \udc9b"


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("not even this")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ZeroDivisionError("a bug"), "raised ZeroDivisionError: a bug"),
        (Hostile(), r"raised Hostile: \x1b[2J a lone \udc9b"),
        (Mute(), "raised Mute"),
        (SystemExit(3), "raised SystemExit: 3"),
        (KeyError(), "raised KeyError"),
        (ValueError("x" * 2000), f"raised ValueError: {'x' * 485}..."),
    ],
)
def test_what_it_raises_is_one_safe_line_that_names_it_and_its_line(
    gpt2: LanguageModel, metrics: ModuleType, raised: BaseException, told: str
) -> None:
    def measure(model: Any, tokenizer: Any, requests: Any) -> Mapping[str, float]:
        raise raised

    metrics.measure = measure
    run = GreedyRun(open_tiny(gpt2, chosen()), chosen())
    with pytest.raises(MetricError) as caught:
        run.step()
    line = measure.__code__.co_firstlineno + 1
    place = f"({Path(__file__).name}, line {line})"
    assert str(caught.value) == f"greedy.metric 'metrics_of_a_user:measure': it {told} {place}"
    assert caught.value.__cause__ is caught.value.__context__ is None
    "".join(traceback.format_exception(caught.value)).encode()


@pytest.mark.parametrize("code", [0, 7])
def test_it_cannot_end_the_process_in_silence_but_what_it_forks_can_end(
    gpt2: LanguageModel, metrics: ModuleType, code: int
) -> None:
    forked = []

    def measure(model: Any, tokenizer: Any, requests: Any) -> Mapping[str, float]:
        if (child := os.fork()) == 0:
            os._exit(5)
        forked.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        os._exit(code)

    metrics.measure = measure
    leave = os._exit
    with pytest.raises(MetricError, match=rf"it raised SystemExit: os\._exit\({code}\) \(test_"):
        GreedyRun(open_tiny(gpt2, chosen()), chosen()).step()
    assert forked == [5] and os._exit is leave


def test_an_interruption_of_a_metric_is_none_of_its_errors(
    gpt2: LanguageModel, metrics: ModuleType
) -> None:
    def measure(model: Any, tokenizer: Any, requests: Any) -> Mapping[str, float]:
        raise KeyboardInterrupt

    metrics.measure = measure
    with pytest.raises(KeyboardInterrupt):
        GreedyRun(open_tiny(gpt2, chosen()), chosen()).step()


def test_an_answer_that_cannot_be_shown_is_refused_all_the_same(
    gpt2: LanguageModel, metrics: ModuleType
) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise ValueError("no")

    metrics.measure = lambda model, tokenizer, requests: Odd()
    with pytest.raises(MetricError, match="a Odd whose repr raises ValueError"):
        GreedyRun(open_tiny(gpt2, chosen()), chosen()).step()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:f", "no_such_module"),
        ("math:no_such", "math has no function 'no_such'"),
        ("math:pi", "math has no function 'pi'"),
    ],
)
def test_metrics_that_cannot_be_found(name: str, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        load_metric(name)


def test_metric_module_that_does_not_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_metric.py").write_text("from math import no_such_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MetricError, match="no_such_name"):
        load_metric("broken_metric:f")
