"""Ray Tune's scheduler: has the session judge each report, and stops trials accordingly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from search.cluster.lost_nodes import SparedTrial
from search.cluster.ray_internals import keep_in
from search.executors.executor import Trials
from search.results.recovery import Proposal

TRIALS_FOLDER = "trials"

_CONFIG = "config/"
"""What the names of a trial's settings begin with, which Tune repeats in each result."""


class SessionScheduler(FIFOScheduler):
    """Runs trials in the order in which they come.

    Args:
        trials: the session's.
        proposals: which of Tune's trials runs what.
    """

    def __init__(self, trials: Trials, proposals: Mapping[str, Proposal]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._trials = trials
        self._proposals = proposals

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Give all trials one folder, which stays empty but for errors, instead of one each.

        Tune lets nobody choose the class of its trials, so they get theirs here.
        """
        trial.__class__ = SparedTrial
        keep_in(TRIALS_FOLDER, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Hand over a report; Tune asks nobody about a trial's last one."""
        report = {name: value for name, value in result.items() if not name.startswith(_CONFIG)}
        goes_on = self._trials.on_report(self._proposals[trial.trial_id], report)
        return TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP
