"""Held-out ES, PS, NS of a walk: the objective, per record and aggregated; always successes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from greedy_core.metrics import Metrics, RecordValues, aggregate
from greedy_core.states.state_scores import StateScores
from greedy_core.states.state_tree import State


@dataclass(frozen=True)
class RecordEvaluation:
    """Held-out values of one record at a rung."""

    case_id: int
    """The record."""
    batch: int
    """The batch that it is edited in."""
    values: RecordValues
    """Its ES, PS and NS."""
    sequence: int = 0
    """The edit sequence that it belongs to."""


@dataclass(frozen=True)
class Evaluation:
    """Success values of a state over the batches that count."""

    held_out: Metrics
    """The rewrite prompt, and prompts that acceptance never saw."""
    all_prompts: Metrics
    """Every prompt, for comparison with papers."""
    records: tuple[RecordEvaluation, ...]
    """Held-out values by record."""


def evaluate(
    scores: StateScores, state: State, batches: Sequence[int], weights: Sequence[float]
) -> Evaluation:
    """Score the held-out prompts of some batches on the model in a state."""
    records: list[RecordEvaluation] = []
    everything: list[RecordValues] = []
    for batch in batches:
        splits = scores.tree.plan.batches[batch]
        for split, values in zip(splits, scores.successes(state, batch), strict=True):
            everything.append(values.all_prompts)
            records.append(RecordEvaluation(split.record.case_id, batch, values.held_out))
    return Evaluation(
        held_out=aggregate([record.values for record in records], weights),
        all_prompts=aggregate(everything, weights),
        records=tuple(records),
    )
