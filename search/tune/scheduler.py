"""Ray Tune's schedulers: ASHA on rungs that are reported exactly, or none."""

from __future__ import annotations

from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from search.cluster.lost_nodes import SparedTrial
from search.sweep.rungs import Rungs
from search.tune.ledger import Ledger
from search.worker.reports import METRIC

TRIALS_FOLDER = "trials"


class PlainScheduler(FIFOScheduler):
    """Runs trials in the order in which they come, each to its end."""

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Give all trials one folder, which stays empty but for errors, instead of one each.

        Tune lets nobody choose the class of its trials, so they get theirs here.
        """
        trial.__class__ = SparedTrial
        trial.relative_logdir = TRIALS_FOLDER
        trial.storage.trial_dir_name = TRIALS_FOLDER


class RungScheduler(PlainScheduler):
    """Stops search trials that are behind at a rung.

    Baselines neither count at rungs nor are stopped; audited trials count, but are not stopped.

    Args:
        rungs: with the values of earlier trials in them already.
        ledger: which of Ray's trials is which.
        resource: name of the report's field that rungs count.
    """

    def __init__(self, rungs: Rungs, ledger: Ledger, resource: str) -> None:
        super().__init__()
        self._rungs = rungs
        self._ledger = ledger
        self._resource = resource

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Judge a trial that has reached a rung."""
        level = result[self._resource]
        if result["final"] or not self._ledger.searches(trial.trial_id):
            return TrialScheduler.CONTINUE
        number = self._number(trial)
        goes_on = self._rungs.judge(number, level, result[METRIC])
        if goes_on or not self._ledger.may_stop(trial.trial_id):
            return TrialScheduler.CONTINUE
        return TrialScheduler.STOP

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Take back what an attempt left that failed, whether it is repeated or not."""
        self._rungs.forget(self._number(trial))

    def _number(self, trial: Any) -> int:
        return self._ledger[trial.trial_id].trial
