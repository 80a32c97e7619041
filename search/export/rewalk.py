"""A recorded trial walked again: from its settings to its last state, and what differs if anything.

A trial's model is not on disk, but its path through the states is. The states that the sweep has
stored are read, and what is missing is computed. The walk makes its own decisions: if they equal
the recorded ones, this is the model that the results are about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from greedy_core.inputs.edit_inputs import Inputs
from greedy_core.model.language_model import LanguageModel
from greedy_core.model.loading import load_model
from greedy_core.model.lora import LoraFactors
from greedy_core.model.weights_check import WeightsCheck
from greedy_core.walk.evaluation import Evaluation
from greedy_core.walk.events import StepEvent
from greedy_core.walk.metric_function import load_metric
from greedy_core.walk.sequences import SequenceRuns
from search.config.settings import CacheSettings
from search.export.recorded_trial import DECISION, METRICS, STEP_KEY, RecordedTrial
from search.sweep.sameness import require_same_data
from search.worker.reports import STEP_FIELDS, evaluation_values, step_tuple
from search.worker.walk_context import WalkContext


@dataclass(frozen=True)
class Rewalk:
    """Where a trial's walk ended this time."""

    model: LanguageModel
    """Unedited."""
    factors: Mapping[int, LoraFactors]
    """The edits by layer of the state that the first sequence ended in."""
    evaluation: Evaluation
    """Held-out metrics over all sequences."""
    first: Evaluation
    """Those of the first sequence alone."""
    differences: tuple[str, ...]
    """In which ways this walk is not the recorded one, a line each."""


def rewalk(
    trial: RecordedTrial, inputs: Inputs, digests: Mapping[str, str], cache: CacheSettings
) -> Rewalk:
    """Walk with a trial's settings, without Ray.

    Args:
        trial: as recorded.
        inputs: what its settings name.
        digests: those that the sweep started with.
        cache: where the sweep stores states.

    Raises:
        InputError: if the model or the metric function cannot be loaded, or the model is another.
        BaseModelChanged: if the metric function changed the model.
    """
    settings = inputs.settings
    model = load_model(settings.model, settings.dtype, settings.device)
    check = WeightsCheck(model)
    if trial.settings.greedy.metric is not None:
        load_metric(trial.settings.greedy.metric)
    digest = model.digest()
    require_same_data(digests, {"model": digest})
    context = WalkContext(inputs, model, check, digest, cache, {}, lambda: None)
    walk = SequenceRuns(partial(context.open, settings), len(inputs.selection.sequences))
    while not walk.done:
        walk.step()
        context.share_if_due()
    context.verify()
    first, evaluation = walk.runs[0], walk.evaluate()
    return Rewalk(
        model=model,
        factors=first.tree.factors(first.state),
        evaluation=evaluation,
        first=first.evaluate(),
        differences=tuple(_differences(trial, walk.events, evaluation)),
    )


def _differences(
    trial: RecordedTrial, events: list[StepEvent], evaluation: Evaluation
) -> list[str]:
    """The first step that differs, for later ones follow from it; and every metric that does."""
    now = _decisions(events)
    found = []
    keys = sorted({*trial.steps, *now})
    for key in keys:
        if trial.steps.get(key) != now.get(key):
            parts = [f"{name} {number}" for name, number in zip(STEP_KEY, key, strict=True)]
            # Where there is one sequence, nobody speaks of it.
            place = " ".join(parts if keys[-1][0] else parts[1:])
            found.append(f"{place}: was {_told(trial.steps.get(key))}, is {_told(now.get(key))}")
            break
    values = evaluation_values(evaluation)
    for name in METRICS:
        if values[name] != trial.metrics[name]:
            found.append(f"{name}: was {trial.metrics[name]}, is {values[name]}")
    return found


def _decisions(events: list[StepEvent]) -> dict[tuple[int, ...], dict[str, Any]]:
    decisions = {}
    for event in events:
        row = dict(zip(STEP_FIELDS, step_tuple(event), strict=True))
        place = tuple(row[name] for name in STEP_KEY)
        decisions[place] = {name: row[name] for name in DECISION}
    return decisions


def _told(decision: Mapping[str, Any] | None) -> str:
    if decision is None:
        return "absent"
    return (
        f"{decision['reason']} at {decision['fraction_proposed']:.4g}, "
        f"{decision['fraction_after']:.4g} in force"
    )
