"""Walks over several edit sequences with one setting, one after the other.

Each sequence is edited into a model of its own, which begins unedited. What the setting is worth is
the mean over the sequences; until all of them have been walked, each counts by its edits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from greedy_core.metrics import Metrics, Value
from greedy_core.settings import EditSettings
from greedy_core.states.state_scores import StateScores
from greedy_core.walk.evaluation import Evaluation
from greedy_core.walk.events import StepEvent
from greedy_core.walk.greedy import GreedyRun


class SequenceRuns:
    """One `GreedyRun` after the other, as if they were a single walk.

    Args:
        open_sequence: a sequence's states, and the resolved settings; called when they are needed.
        count: how many sequences there are.
    """

    def __init__(
        self, open_sequence: Callable[[int], tuple[StateScores, EditSettings]], count: int
    ) -> None:
        self.events: list[StepEvent] = []
        self._open = open_sequence
        self._count = count
        self.runs = [self._run(0)]
        """The walks that have begun."""

    @property
    def done(self) -> bool:
        """Whether all sequences have been walked."""
        return len(self.runs) == self._count and self.runs[-1].done

    @property
    def edits(self) -> int:
        """Requests processed so far, over all sequences."""
        return sum(run.edits for run in self.runs)

    @property
    def path(self) -> list[str]:
        """Keys of the states after each batch, sequence by sequence."""
        return [key for run in self.runs for key in run.path]

    @property
    def probe_prompts(self) -> int:
        """Prompts that were scored as probes so far."""
        return sum(run.probe_prompts for run in self.runs)

    def step(self) -> StepEvent:
        """Propose one step, judge it, and move on; after a sequence's last batch, to the next one.

        Raises:
            ValueError: all sequences have been walked.
        """
        if self.runs[-1].done and not self.done:
            self.runs.append(self._run(len(self.runs)))
        event = replace(self.runs[-1].step(), sequence=len(self.runs) - 1)
        self.events.append(event)
        return event

    def evaluate(self, all_batches: bool = False) -> Evaluation:
        """Held-out metrics over the batches done so far, or over all of all sequences."""
        runs = self._counting(all_batches)
        return combined([run.evaluate(all_batches) for run in runs], _edits(runs, all_batches))

    def unedited(self, all_batches: bool = False) -> Evaluation:
        """The same of the unedited model, over the same batches."""
        runs = self._counting(all_batches)
        found = [run.unedited(all_batches) for run in runs]
        return combined(found, _edits(runs, all_batches))

    def _counting(self, all_batches: bool) -> list[GreedyRun]:
        if all_batches:
            return [*self.runs, *map(self._run, range(len(self.runs), self._count))]
        return [run for run in self.runs if run.edits] or self.runs[:1]

    def _run(self, sequence: int) -> GreedyRun:
        return GreedyRun(*self._open(sequence))


def combined(evaluations: Sequence[Evaluation], edits: Sequence[int]) -> Evaluation:
    """The mean of some sequences' evaluations, each weighted by its edits.

    A kind without prompts in a sequence is averaged over the others.
    """
    if len(evaluations) == 1:
        return evaluations[0]
    return Evaluation(
        held_out=_mean([each.held_out for each in evaluations], edits),
        all_prompts=_mean([each.all_prompts for each in evaluations], edits),
        records=tuple(
            replace(record, sequence=sequence)
            for sequence, each in enumerate(evaluations)
            for record in each.records
        ),
    )


def _edits(runs: Sequence[GreedyRun], all_batches: bool) -> list[int]:
    return [run.tree.plan.edits if all_batches else run.edits for run in runs]


def _mean(metrics: Sequence[Metrics], weights: Sequence[int]) -> Metrics:
    def over(values: Sequence[Value | None]) -> Value | None:
        pairs = [(v, w) for v, w in zip(values, weights, strict=True) if v is not None]
        total = sum(weight for _, weight in pairs)
        return sum((v * w for v, w in pairs), Fraction(0)) / total if total else None

    composite = over([each.composite for each in metrics])
    assert composite is not None  # every sequence has one
    es, ps, ns = (over([getattr(each, kind) for each in metrics]) for kind in ("es", "ps", "ns"))
    return Metrics(es, ps, ns, composite)
