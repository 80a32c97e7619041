"""One walk after the other in a trial's process, on a context that stays."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from greedy_core.walk.sequences import SequenceRuns
from search.config.places import expanded
from search.config.settings import SweepConfig
from search.sweep.sweep_rungs import trial_rungs
from search.worker.import_places import look_there_last
from search.worker.last_words import LastWords
from search.worker.prepared import Prepared
from search.worker.reports import CHECKED, REFUSAL, WalkReports
from search.worker.walk_context import WalkContext
from search.worker.walk_mark import WalkMark, settings_text

SILENT_SECONDS = 1.0
"""If nobody stops trials, a rung is reported together with the next if that comes within this time:
a report costs a round trip, and some milliseconds of the executor's."""


class Walker:
    """Walks for one trial, and after its end for the next one.

    Args:
        prepared: what a sweep has prepared; None: the walker loads and prepares by itself.
        words: the driver's folder for last words.
        show_life: called between two steps, with the trial's name and `search.trial_timeout`.
    """

    def __init__(
        self, prepared: Prepared | None, words: str | None, show_life: Callable[[str, float], None]
    ) -> None:
        self._prepared = prepared
        if prepared is not None:
            look_there_last(prepared.import_places)
        self._words = LastWords(words)
        self._tell = show_life
        self._context: WalkContext | None = None
        self._trial = ""

    def start(self, trial: str, changes: Mapping[str, Any], mark: WalkMark) -> None:
        """Open a walk, and walk to a mark.

        Args:
            trial: the executor's name for it.
            changes: its settings, by dotted key.
            mark: how far another process had come; if it walked with the same settings, what it did
                until then has been reported already.
        """
        self._trial = trial
        base = self._prepared.config if self._prepared is not None else SweepConfig()
        config = base.with_values(changes)
        if self._prepared is None:
            config = expanded(config)
        self._config, sequences = config, config.search.sequences
        if self._context is None and self._prepared is not None:
            self._context = WalkContext.of(self._prepared, self._show_life)
        elif self._context is None or not self._context.serves(config.edit, sequences):
            self._context = WalkContext.alone(config.edit, config.cache, self._show_life, sequences)
        self._show_life()
        self._words.begin(trial, config.edit.greedy.metric)
        opened = partial(self._context.open, config.edit)
        self._run = SequenceRuns(opened, sequences)
        self._reports = WalkReports(self._run, config.search.resource)
        self._rungs = trial_rungs(config)
        self._catch_up(mark)

    @property
    def mark(self) -> WalkMark:
        """How far the walk has come."""
        return WalkMark(settings_text(self._config), self._run.edits, len(self._run.events))

    def walk(self) -> dict[str, Any]:
        """Walk to the next rung that is reported, or to the end; report held-out metrics there.

        Raises:
            BaseModelChanged: if somebody changed the model; nothing of it is reported.
        """
        run, started = self._run, time.monotonic()
        everything = self._config.search.resource == "steps"
        while True:
            self._walk_to_rung()
            evaluation = run.evaluate(all_batches=everything)
            if run.done or self._judged or time.monotonic() - started >= SILENT_SECONDS:
                break
            self._reports.pass_rung(evaluation)
        unedited = run.unedited(all_batches=everything)
        self._opened_context.verify()
        return {
            **self._reports.report(evaluation, unedited),
            "worker": f"{socket.gethostname()}:{os.getpid()}",
            REFUSAL: self._opened_context.refusal,
            CHECKED: True,
            "done": run.done,
        }

    def _catch_up(self, mark: WalkMark) -> None:
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

    @property
    def _opened_context(self) -> WalkContext:
        assert self._context is not None
        return self._context

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
            self._opened_context.share_if_due()
        self._show_life()

    def _progress(self) -> int:
        """How much of the resource has been used."""
        by_edits = self._config.search.resource == "edits"
        return self._run.edits if by_edits else len(self._run.events)

    def _show_life(self) -> None:
        self._tell(self._trial, self._config.search.trial_timeout)
