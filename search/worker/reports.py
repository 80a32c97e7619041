"""What a trial tells the driver: plain numbers, and new rows as one text each.

Tune looks at every value of a report, on the way and again in its snapshots; a text is one value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from analysis.tables.parts import RUNG
from greedy_core.metrics import as_float
from greedy_core.walk.events import StepEvent

if TYPE_CHECKING:  # they import torch, which the driver does without
    from greedy_core.metrics import Metrics
    from greedy_core.walk.evaluation import Evaluation
    from greedy_core.walk.greedy import GreedyRun
    from greedy_core.walk.sequences import SequenceRuns

METRIC = "composite"
"""What a search maximizes."""

NEW_STEPS = "new_steps"
"""Key of the step events since the last report: JSON, lists in the order of STEP_FIELDS."""

NEW_RECORDS = "new_records"
"""Key of the held-out values by record at each rung since the last report, and at the end: JSON,
lists in the order of RECORD_FIELDS."""

CHECKED = "weights_checked"
"""Key of the entry that says that the weights were checked after all that the report tells."""
REFUSAL = "refusal"
"""Key of the line that says why the worker shares no states any more, or None."""

STEP_FIELDS = tuple(field.name for field in fields(StepEvent))
RECORD_FIELDS = ("sequence", "case_id", "batch", "edits_done", "es", "ps", "ns")

_FRACTIONS = tuple(name for name in STEP_FIELDS if name.startswith("fraction_"))


class WalkReports:
    """The reports of one walk.

    Args:
        run: the walk.
        resource: what its rungs count, "edits" or "steps".
    """

    def __init__(self, run: GreedyRun | SequenceRuns, resource: str = "edits") -> None:
        self._run = run
        self._resource = resource
        self._rungs: dict[str, float] = {}
        """Composite by column of its rung."""
        self._records: list[tuple[Any, ...]] = []
        """Rows that no report has told yet."""
        self._told_steps = 0

    def pass_rung(self, evaluation: Evaluation) -> None:
        """Keep what the walk's state comes to at a rung, for the next report.

        Args:
            evaluation: over the batches that count here.
        """
        reached = self._run.edits if self._resource == "edits" else len(self._run.events)
        self._rungs[f"{RUNG}{reached}"] = float(evaluation.held_out.composite)
        self._records += _record_rows(self._run.edits, evaluation)

    def skip(self) -> None:
        """Treat all that the walk has done so far as reported."""
        self._told_steps, self._records = len(self._run.events), []

    def report(self, evaluation: Evaluation, unedited: Evaluation) -> dict[str, Any]:
        """Everything that is known after the steps so far, at a rung or at the end.

        Args:
            evaluation: the walk's state, over the batches that count here.
            unedited: the base model, over the same batches.
        """
        run, events = self._run, self._run.events
        if run.done:
            self._records += _record_rows(run.edits, evaluation)
        else:
            self.pass_rung(evaluation)
        new = [step_tuple(event) for event in events[self._told_steps :]]
        told = {NEW_STEPS: json.dumps(new), NEW_RECORDS: json.dumps(self._records)}
        self._told_steps, self._records = len(events), []
        return {
            "edits": run.edits,
            "steps": len(events),
            **evaluation_values(evaluation),
            **{f"{name}_unedited": value for name, value in _by_name(unedited.held_out).items()},
            **self._rungs,
            "probe_composite": _probe_composite(events),
            **_accept_rates(events),
            "probe_prompts": run.probe_prompts,
            "walk": _walk(run.path) if run.done else None,
            "states_read": sum(event.from_store for event in events),
            "states_computed": sum(not event.from_store for event in events),
            "final": run.done,
            **told,
        }


def _walk(path: Sequence[str]) -> str:
    """What tells a walk from others: walks through the same states come to the same."""
    return sha256("\n".join(path).encode()).hexdigest()[:16]


def evaluation_values(evaluation: Evaluation) -> dict[str, float | None]:
    """Held-out metrics by the names of their columns."""
    return {
        **_by_name(evaluation.held_out),
        "score": evaluation.held_out.score,
        "composite_all": float(evaluation.all_prompts.composite),
    }


def rungs_of(report: Mapping[str, Any]) -> dict[int, float]:
    """Composite by rung, of those that the trial has passed."""
    names = [name for name in report if name.startswith(RUNG)]
    return {int(name.removeprefix(RUNG)): report[name] for name in names}


def step_tuple(event: StepEvent) -> tuple[Any, ...]:
    """An event's fields in order, fractions as floats."""
    values = {name: getattr(event, name) for name in STEP_FIELDS}
    values.update({name: float(values[name]) for name in _FRACTIONS})
    return tuple(values.values())


def rows(names: Sequence[str], texts: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of some reports' texts."""
    return [dict(zip(names, values, strict=True)) for text in texts for values in json.loads(text)]


def _record_rows(edits: int, evaluation: Evaluation) -> list[tuple[Any, ...]]:
    """Values by record, in the order of RECORD_FIELDS."""
    rows = []
    for record in evaluation.records:
        values = record.values
        numbers = (as_float(values.es), as_float(values.ps), as_float(values.ns))
        rows.append((record.sequence, record.case_id, record.batch, edits, *numbers))
    return rows


def _by_name(metrics: Metrics) -> dict[str, float | None]:
    return {
        "composite": float(metrics.composite),
        "es": as_float(metrics.es),
        "ps": as_float(metrics.ps),
        "ns": as_float(metrics.ns),
    }


def _probe_composite(events: Sequence[StepEvent]) -> float | None:
    """Mean over the batches of the probes' composite in the state that each batch ended in."""
    last: dict[tuple[int, int], float] = {}
    for event in events:
        last[event.sequence, event.batch] = (
            event.composite_after if event.accepted else event.composite_before
        )
    return sum(last.values()) / len(last) if last else None


def _accept_rates(events: Sequence[StepEvent]) -> Mapping[str, float]:
    """Accepted / attempted, over all steps and by position in the greedy loop."""
    positions: dict[int, list[bool]] = {}
    for event in events:
        positions.setdefault(event.step, []).append(event.accepted)
    accepted = [event.accepted for event in events]
    rates = {"accept_rate": sum(accepted) / len(accepted)} if accepted else {}
    for step, verdicts in sorted(positions.items()):
        rates[f"accept_rate_step_{step}"] = sum(verdicts) / len(verdicts)
    return rates
