"""What a walk's probes say about a state: the signal that accepts or rejects steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from greedy_core.inputs.selection import seeded_rank
from greedy_core.metrics import Metrics, aggregate, margin, success
from greedy_core.settings import EditSettings
from greedy_core.states.state_scores import StateScores
from greedy_core.states.state_tree import State


@dataclass(frozen=True)
class Measured:
    """Probe metrics at a state."""

    metrics: Metrics
    """In the signal's units."""
    prompts: int
    """Prompts that were asked for, whether or not their scores were read."""
    from_store: bool
    """Whether their scores were read, not computed."""


class Signal(Protocol):
    """Measures a batch's probes at a state."""

    def measure(self, state: State, batch: int) -> Measured:
        """ES, PS, NS and composite that decide about steps of the batch."""
        ...


class ProbeSignal:
    """The built-in signal: margins or successes of the first max_probes requests of a batch."""

    def __init__(self, scores: StateScores, settings: EditSettings) -> None:
        self._scores = scores
        self._weights = settings.composite_weights
        self._measure = margin if settings.greedy.signal == "margin" else success
        self._probed = [
            probed_requests(
                [split.record.case_id for split in splits],
                settings.greedy.max_probes,
                settings.seed,
            )
            for splits in scores.tree.plan.batches
        ]

    def measure(self, state: State, batch: int) -> Measured:
        """Score the whole batch, and look at the probed requests."""
        scores = self._scores.at(state, batch, "probe")
        sheet = self._scores.sheet(batch, "probe")
        values = sheet.values(scores.log_probabilities, self._measure)
        probed = self._probed[batch]
        metrics = aggregate([values[i].means() for i in probed], self._weights)
        return Measured(metrics, sheet.prompts(probed), scores.from_store)


def probed_requests(case_ids: Sequence[int], max_probes: int | None, seed: int) -> list[int]:
    """Indices of a batch's probed requests: the first `max_probes` in seeded order."""
    order = sorted(range(len(case_ids)), key=lambda i: seeded_rank("probe", seed, case_ids[i]))
    return sorted(order[:max_probes])
