"""Held-out ES, PS, NS of a walk: the objective, per record and aggregated; always successes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from greedy_core.metrics import Metrics, RecordValues, aggregate, success
from greedy_core.state_scores import StateScores
from greedy_core.state_tree import State


@dataclass(frozen=True)
class RecordEvaluation:
    """Held-out values of one record at a rung."""

    case_id: int
    """The record."""
    batch: int
    """The batch that it is edited in."""
    values: RecordValues
    """Its ES, PS and NS."""


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
        probe = scores.at(state, batch, "probe").log_probabilities
        held_out = scores.at(state, batch, "held_out").log_probabilities
        splits = scores.tree.plan.batches[batch]
        seen = scores.sheet(batch, "probe").values(probe, success)
        unseen = scores.sheet(batch, "held_out").values(held_out, success)
        for split, known, new in zip(splits, seen, unseen, strict=True):
            everything.append(known.plus(new).means())
            means = new.means()
            values = RecordValues(known.means().es, means.ps, means.ns)
            records.append(RecordEvaluation(split.record.case_id, batch, values))
    return Evaluation(
        held_out=aggregate([record.values for record in records], weights),
        all_prompts=aggregate(everything, weights),
        records=tuple(records),
    )
