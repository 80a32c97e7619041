"""Runs a session's trials from what another sweep has measured: no model, no walk.

So a sampler or a scheduler can be tried on a finished sweep in seconds. Trials come one after the
other; what a stopped trial would have come to is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.tables.parts import RUNG
from search.config.later_settings import LATER
from search.config.settings import EDIT_KEYS, SweepConfig
from search.executors.executor import Trials
from search.results.recovery import EndedTrial, Proposal
from search.sweep.sweep_rungs import trial_rungs
from search.worker.reports import METRIC, NEW_RECORDS, NEW_STEPS

NOT_RECORDED = "no trial of the replayed sweep has these settings"
NO_ROWS = {NEW_STEPS: "[]", NEW_RECORDS: "[]"}


@dataclass(frozen=True)
class Curve:
    """What a walk came to, rung by rung."""

    rungs: Mapping[int, float]
    """Composite by the amount of the resource at which trials are judged."""
    end: Mapping[str, Any] | None
    """Columns of `trials` at its end; None: it was stopped at the last of its rungs."""


class RecordedWalks:
    """The curves of a sweep's trials, by their settings.

    Args:
        ended: its trials. Of those with the same settings the first that reached its end counts,
            else the one that came furthest; failed ones do not count.
    """

    def __init__(self, ended: Iterable[EndedTrial]) -> None:
        self._curves: dict[tuple[Any, ...], Curve] = {}
        for trial in ended:
            if trial.status != "failed":
                self._keep(_identity(trial.config), _curve(trial))

    def __len__(self) -> int:
        return len(self._curves)

    def __call__(self, proposal: Proposal) -> Curve | None:
        """The curve of a proposal's settings; None: no trial has walked them."""
        return self._curves.get(_identity(proposal.config))

    def _keep(self, key: tuple[Any, ...], curve: Curve) -> None:
        known = self._curves.get(key)
        if known is None or (known.end is None and _reach(curve) > _reach(known)):
            self._curves[key] = curve


class Recorded:
    """Tells each trial what its settings came to.

    Args:
        curve_of: what a proposal's settings came to; None: nobody knows, and the trial fails.
        config: the sweep's; it says at which rungs a trial reports.
    """

    def __init__(self, curve_of: Callable[[Proposal], Curve | None], config: SweepConfig) -> None:
        self._curve_of = curve_of
        self._config = config

    def run(self, trials: Trials) -> None:
        """Run trials until there is no next one, or `between` raises."""
        while (proposal := trials.next()) is not None:
            trials.on_start(proposal)
            cause = self._walk(proposal, trials)
            if cause is None:
                trials.on_end(proposal)
            else:
                trials.on_error(proposal, cause)
            trials.between()

    def _walk(self, proposal: Proposal, trials: Trials) -> str | None:
        """Report a walk until its trial ends; returns why it has no end, or None."""
        curve = self._curve_of(proposal)
        if curve is None:
            return NOT_RECORDED
        resource, rungs = self._config.search.resource, dict[str, float]()
        for level in trial_rungs(self._config.with_values(trials.changes(proposal))):
            if level not in curve.rungs:
                return f"the replayed sweep has no value after {level} {resource} of these settings"
            value = rungs[f"{RUNG}{level}"] = curve.rungs[level]
            report = {**rungs, resource: level, METRIC: value, "final": False, **NO_ROWS}
            if not trials.on_report(proposal, report):
                return None
        if curve.end is None:
            return "the replayed sweep stopped the trial with these settings"
        trials.on_report(proposal, {**rungs, **curve.end, "final": True, **NO_ROWS})
        return None


def _identity(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """The settings of one edit; those of the sweep around it change no walk."""
    return tuple(config.get(key, LATER.get(key)) for key in EDIT_KEYS)


def _curve(trial: EndedTrial) -> Curve:
    if trial.status == "pruned":
        return Curve(trial.rungs, None)
    names = ("edits", "steps", "composite", "score", "walk")
    return Curve(trial.rungs, {name: getattr(trial, name) for name in names})


def _reach(curve: Curve) -> float:
    return float("inf") if curve.end is not None else max(curve.rungs, default=0)
