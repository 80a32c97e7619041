"""The rim around `GreedyRun` that Ray Tune drives; it holds no arithmetic.

Works alone with any scheduler and searcher:

    tune.Tuner(GreedyEditTrainable, param_space={"greedy.steps": tune.randint(1, 9)}).fit()

where it loads and prepares by itself. A sweep hands it what was prepared once.
"""

from __future__ import annotations

import faulthandler
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

from ray import tune

from greedy_core.evaluation import evaluate
from greedy_core.greedy import GreedyRun
from search.config import SweepConfig, edit_settings
from search.reports import report
from search.sweep_rungs import trial_rungs
from search.workbench import Prepared, Workbench


class GreedyEditTrainable(tune.Trainable):
    """A trial: one walk, reported at each rung and at its end.

    Its configuration has dotted keys of the settings (`greedy.steps`, `search.grace`, ...); what is
    left out keeps its default, in a sweep the sweep's value.
    """

    def setup(self, config: dict[str, Any], prepared: Callable[[], Prepared] | None = None) -> None:
        """Load the base model, or attach to the shared one, and start the first walk."""
        self._prepared = prepared() if prepared is not None else None
        self._bench: Workbench | None = None
        self._failure: Exception | None = None
        self._start(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start the next walk in the same process.

        What goes wrong is raised by the first step: Tune handles an error there like any other,
        while an error here would lose the trial without a retry.
        """
        try:
            self._start(new_config)
        except Exception as error:
            self._failure = error
        return True

    def step(self) -> dict[str, Any]:
        """Walk to the next rung or the end, and report held-out metrics there."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        run, config = self._run, self._config
        reported = len(run.events)
        target = next((level for level in self._rungs if level > self._progress()), None)
        while not run.done and (target is None or self._progress() < target):
            self._show_life()
            run.step()
        self._show_life()
        everything = config.search.resource == "steps"
        batches = range(len(run.tree.plan.batches) if everything else run.batch)
        unedited = evaluate(self._scores, run.tree.root, batches, config.edit.composite_weights)
        result = report(run, run.evaluate(all_batches=everything), unedited, reported)
        faulthandler.cancel_dump_traceback_later()
        return {**result, "worker": f"{socket.gethostname()}:{os.getpid()}", "done": run.done}

    def cleanup(self) -> None:
        """Stop watching this process."""
        faulthandler.cancel_dump_traceback_later()

    def _start(self, config: Mapping[str, Any]) -> None:
        base = self._prepared.config if self._prepared is not None else SweepConfig()
        self._config = base.with_values(config)
        self._show_life()
        if self._bench is None:
            if self._prepared is not None:
                self._bench = Workbench.of(self._prepared)
            else:
                self._bench = Workbench.alone(self._config.edit, self._config.cache)
        self._scores, settings = self._bench.open(edit_settings(self._config.flat()))
        self._run = GreedyRun(self._scores, settings)
        self._rungs = trial_rungs(self._config)

    def _progress(self) -> int:
        """How much of the resource has been used."""
        by_edits = self._config.search.resource == "edits"
        return self._run.edits if by_edits else len(self._run.events)

    def _show_life(self) -> None:
        """End this process if the next step hangs; Tune then tries the trial again elsewhere.

        The watch runs outside the interpreter, so it also ends what never returns to Python.
        """
        faulthandler.dump_traceback_later(self._config.search.trial_timeout, exit=True)
