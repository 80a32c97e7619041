"""Ray Tune's callback: tells the session what happens to trials, and why they fail."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray import tune

from search.cluster.interrupts import Interrupts
from search.cluster.signs_of_life import SignsOfLife
from search.executors.executor import Trials
from search.results.recovery import Proposal
from search.worker.causes import OUT_OF_MEMORY, cause_in
from search.worker.import_places import METRIC
from search.worker.last_words import KILLED, last_words

_FAILURE = "Failure # "
"""What Tune begins each failure with in a trial's file of errors; it lies beside a pickle, which is
not read: the folder is Ray's, and others may write there."""
_OUT_OF_MEMORY = "OUT_OF_MEMORY"
"""What Ray calls the end of a worker that its memory monitor has killed."""
_TASK = "ray::"
"""What a traceback begins with if the worker lived to send it."""


class Listener(tune.Callback):
    """Passes on what Tune says, heeds signals where nothing is half done, and ends hung workers.

    Args:
        trials: the session's.
        proposals: which of Tune's trials runs what.
        interrupts: checked before a trial counts as failed: a signal may have ended its worker.
        signs: of the workers' life, each under its trial's identifier.
        words: the folder of workers' last words.
    """

    def __init__(
        self,
        trials: Trials,
        proposals: Mapping[str, Proposal],
        interrupts: Interrupts,
        signs: SignsOfLife,
        words: str,
    ) -> None:
        self._trials = trials
        self._proposals = proposals
        self._interrupts = interrupts
        self._signs = signs
        self._words = words

    def setup(self, *args: Any, **info: Any) -> None:
        """Take SIGUSR1 back, which Tune would take for a reason to end as if all were done."""
        self._interrupts.take()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """An attempt begins."""
        self._trials.on_start(self._proposals[trial.trial_id])
        self._signs.watch(trial.trial_id, lambda: trial.temporary_state.ray_actor)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Hand over a trial's last report; the scheduler hands over the others."""
        if result["final"]:
            self._trials.on_report(self._proposals[trial.trial_id], result)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """An attempt has failed, and Tune repeats it."""
        self._interrupts.check()
        self._trials.on_retry(self._proposals[trial.trial_id], self._cause(trial))
        self._signs.leave(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial's last attempt has failed."""
        self._interrupts.check()
        self._trials.on_error(self._proposals[trial.trial_id], self._cause(trial))
        self._signs.forget(trial.trial_id)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial has reached its end, or was stopped."""
        self._trials.on_end(self._proposals[trial.trial_id])
        self._signs.forget(trial.trial_id)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Nothing is half done: heed signals, flush, and look for hung workers."""
        self._interrupts.check()
        self._trials.between()
        self._signs.look()

    def _cause(self, trial: Any) -> str:
        cause = self._signs.cause(trial.trial_id) or cause_of(trial)
        if cause != KILLED:
            return cause
        metric = self._proposals[trial.trial_id].config.get(METRIC)
        return last_words(self._words, trial.trial_id, metric)


def cause_of(trial: Any) -> str:
    """Why Tune's trial failed, in one line."""
    text = Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
    last = text.rpartition(_FAILURE)[2].partition("\n")[2]
    if _TASK in last:
        return cause_in(last)
    return OUT_OF_MEMORY if _OUT_OF_MEMORY in last else KILLED
