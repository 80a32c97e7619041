"""The rim around `GreedyRun` that Ray Tune drives; it holds no arithmetic.

Works alone with any scheduler and searcher:

    tune.Tuner(GreedyEditTrainable, param_space={"greedy.steps": tune.randint(1, 9)}).fit()

where it loads and prepares by itself. A sweep hands it what was prepared once.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from ray import tune

from greedy_core.walk.evaluation import evaluate
from greedy_core.walk.greedy import GreedyRun
from search.cluster.signs_of_life import Pulse
from search.config.places import expanded
from search.config.settings import SweepConfig
from search.sweep.sweep_rungs import trial_rungs
from search.worker.import_places import look_there_last
from search.worker.last_words import LastWords
from search.worker.reports import CHECKED, REFUSAL, WalkReports
from search.worker.walk_mark import WalkMark, settings_text
from search.worker.workbench import Prepared, Workbench

SILENT_SECONDS = 1.0
"""Where nobody stops trials, a rung is told with the next report if that comes within this time: a
report costs a round trip, and some milliseconds of Tune's."""


class GreedyEditTrainable(tune.Trainable):
    """A trial: one walk, reported at its rungs and at its end.

    Its configuration has dotted keys of the settings (`greedy.steps`, `search.grace`, ...); what is
    left out keeps its default, in a sweep the sweep's value.
    """

    def setup(
        self,
        config: dict[str, Any],
        prepared: Callable[[], Prepared] | None = None,
        words: str | None = None,
    ) -> None:
        """Nothing that can fail, as in `reset_config`; the first step takes what was prepared."""
        self._take = prepared
        self._words = LastWords(words)
        self._prepared: Prepared | None = None
        self._pulse = Pulse()
        self._bench: Workbench | None = None
        self._waiting: Mapping[str, Any] | None = config
        self._mark = WalkMark()
        """Where the next step begins, once the walk has been opened."""

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Let the next step start another walk in the same process.

        Nothing that can fail happens here: Tune retries a trial whose step fails or hangs, while an
        error before its first step would lose it.
        """
        self._waiting = new_config
        self._mark = WalkMark()
        return True

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Note how far the walk has come; it is walked again from its settings."""
        mark = self._mark
        if self._waiting is None:
            settings = settings_text(self._config)
            mark = WalkMark(settings, self._run.edits, len(self._run.events))
        mark.write(checkpoint_dir)

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Have the next step begin where a walk was when it was saved."""
        self._mark = WalkMark.read(checkpoint)
        if self._waiting is None:
            self._waiting = self._changes

    def step(self) -> dict[str, Any]:
        """Walk to the next rung that is told or the end, and report held-out metrics there.

        Raises:
            BaseModelChanged: if somebody changed the model; nothing of it is reported.
        """
        try:
            if self._waiting is not None:
                self._start(self._waiting)
                self._waiting = None
            return self._walk()
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _start(self, changes: Mapping[str, Any]) -> None:
        if self._prepared is None and self._take is not None:
            self._prepared = self._take()
            look_there_last(self._prepared.import_places)
        base = self._prepared.config if self._prepared is not None else SweepConfig()
        config = base.with_values(changes)
        if self._prepared is None:
            config = expanded(config)
        self._config = config
        if self._bench is None and self._prepared is not None:
            self._bench = Workbench.of(self._prepared, self._show_life)
        elif self._bench is None or not self._bench.serves(config.edit):
            self._bench = Workbench.alone(config.edit, config.cache, self._show_life)
        self._show_life()
        self._words.begin(self.trial_id, config.edit.greedy.metric)
        self._scores, settings = self._bench.open(config.edit)
        self._run = GreedyRun(self._scores, settings)
        self._reports = WalkReports(self._run, config.search.resource)
        self._rungs = trial_rungs(config)
        self._changes = changes
        self._catch_up(self._mark)

    def _catch_up(self, mark: WalkMark) -> None:
        """Walk to a mark; of the same settings' walk, what was done until there has been told."""
        if not mark.settings:
            return
        run, same = self._run, mark.settings == settings_text(self._config)
        everything = self._config.search.resource == "steps"
        while not run.done and (len(run.events) < mark.steps if same else run.edits < mark.edits):
            self._show_life()
            before = self._progress()
            run.step()
            if before < self._progress() in self._rungs and not run.done:
                self._reports.pass_rung(run.evaluate(all_batches=everything))
        if same:
            self._reports.skip()

    def _walk(self) -> dict[str, Any]:
        run, started = self._run, time.monotonic()
        everything = self._config.search.resource == "steps"
        while True:
            self._walk_to_rung()
            evaluation = run.evaluate(all_batches=everything)
            if run.done or self._judged or time.monotonic() - started >= SILENT_SECONDS:
                break
            self._reports.pass_rung(evaluation)
        batches = range(len(run.tree.plan.batches) if everything else run.batch)
        weights = self._config.edit.composite_weights
        unedited = evaluate(self._scores, run.tree.root, batches, weights)
        self._opened_bench.verify()
        return {
            **self._reports.report(evaluation, unedited),
            "worker": f"{socket.gethostname()}:{os.getpid()}",
            REFUSAL: self._opened_bench.refusal,
            CHECKED: True,
            "done": run.done,
        }

    @property
    def _opened_bench(self) -> Workbench:
        assert self._bench is not None
        return self._bench

    @property
    def _judged(self) -> bool:
        """Whether somebody may stop the trial at a rung."""
        return self._prepared is None or self._config.search.scheduler != "none"

    def _walk_to_rung(self) -> None:
        """Walk to the next rung or the end."""
        run = self._run
        target = next((level for level in self._rungs if level > self._progress()), None)
        while not run.done and (target is None or self._progress() < target):
            self._show_life()
            run.step()
            self._opened_bench.share_if_due()
        self._show_life()

    def _progress(self) -> int:
        """How much of the resource has been used."""
        by_edits = self._config.search.resource == "edits"
        return self._run.edits if by_edits else len(self._run.events)

    def _show_life(self) -> None:
        """Tell the sweep's driver; where there is none, end this process if the next step hangs.

        Either way Tune tries the trial again. The watch runs outside the interpreter, so it also
        ends what never returns to Python.
        """
        timeout = self._config.search.trial_timeout
        if self._prepared is not None:
            self._pulse.beat(self.trial_id, timeout)
        else:
            faulthandler.dump_traceback_later(timeout, exit=True)
