"""Turns what Tune reports into rows of the log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ray import tune

from search.cluster.signs_of_life import VitalSigns
from search.results.recovery import Proposal
from search.tune.ledger import Ledger
from search.tune.patient_log import PatientLog
from search.tune.store_news import StoreNews
from search.worker.import_places import METRIC
from search.worker.last_words import KILLED, last_words
from search.worker.reports import (
    CHECKED,
    NEW_RECORDS,
    NEW_STEPS,
    RECORD_FIELDS,
    REFUSAL,
    STEP_FIELDS,
    rows,
)

_FAILURE = "Failure # "
"""What Tune begins each failure with in a trial's file of errors; it lies beside a pickle, which is
not read: the folder is Ray's, and others may write there."""
_OUT_OF_MEMORY = "OUT_OF_MEMORY"
"""What Ray calls the end of a worker that its own watch on the machine's memory has killed."""
_TASK = "ray::"
"""What Ray begins a traceback with that a worker lived to send."""


@dataclass
class RunningTrial:
    """What is known of a trial that has not ended."""

    proposal: Proposal
    """What it runs."""
    started: datetime
    """When its first attempt began."""
    attempt: int = 0
    """Which attempt this is."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """Its last report."""
    steps: list[str] = field(default_factory=list)
    """Step events of this attempt, report by report."""
    records: list[str] = field(default_factory=list)
    """Held-out values by record of this attempt, report by report."""

    def retry(self) -> None:
        """Forget what a failed attempt has told."""
        self.attempt += 1
        self.report = {}
        self.steps, self.records = [], []


class Recorder(tune.Callback):
    """Writes a row for each trial that ends; the driver's only writer.

    Disk and store are touched between two steps of Tune's loop alone: an error in the midst of a
    trial's end is one that Tune would blame on the trial.

    Args:
        log: takes the rows.
        ledger: which of Ray's trials is which.
        columns: names of the columns of `trials`; Tune adds fields of its own to each report.
        resumed: trials that the log knows as proposed already.
        generation: of this session.
        signs: knows whose worker the driver ended.
        on_change: called between two steps of Tune's loop.
    """

    def __init__(
        self,
        log: PatientLog,
        ledger: Ledger,
        columns: Container[str],
        resumed: frozenset[int],
        generation: int,
        signs: VitalSigns,
        on_change: Callable[[Recorder], None],
    ) -> None:
        self._log = log
        self._ledger = ledger
        self._columns = columns
        self._resumed = resumed
        self._generation = generation
        self._signs = signs
        self._on_change = on_change
        self.running: dict[str, RunningTrial] = {}
        self.counts: Counter[str] = Counter()
        self.searched: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.best: dict[str, Any] | None = None
        self._store_news = StoreNews()
        self.words: str | None = None
        """The folder of workers' last words, while there is one."""

    @property
    def waiting(self) -> str | None:
        """What rows wait for, in one line; None while they are written."""
        return self._log.waiting

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note the proposal; a trial that is tried again has been noted."""
        if trial.trial_id in self.running:
            return
        proposal = self._ledger[trial.trial_id]
        if proposal.trial not in self._resumed:
            config = proposal.config
            self._log.propose(proposal.trial, proposal.role, proposal.generation, config)
        self.running[trial.trial_id] = RunningTrial(proposal, datetime.now(UTC))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Keep a report until the trial ends."""
        running = self.running[trial.trial_id]
        running.report = result
        running.steps.append(result[NEW_STEPS])
        running.records.append(result[NEW_RECORDS])
        self._store_news.heard(result.get("worker", ""), result.get(REFUSAL))

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Drop what an attempt told that failed and is repeated."""
        if trial.trial_id not in self.running:
            self.on_trial_start(iteration, trials, trial)  # its worker was lost before its start
        running = self.running[trial.trial_id]
        self._store_news.lost(running.report.get("worker"))
        running.retry()

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Hand over the rows of a trial that reached the end or was stopped at a rung."""
        running = self.running.pop(trial.trial_id)
        report = running.report
        values = {name: value for name, value in report.items() if name in self._columns}
        if report["final"]:
            self._end(running, {**values, "status": "completed"})
        else:
            self._end(running, {**values, "status": "pruned", "composite_all": None})

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Hand over the row of a trial that failed for the last time."""
        if trial.trial_id not in self.running:
            self.on_trial_start(iteration, trials, trial)
        running = self.running.pop(trial.trial_id)
        running.steps, running.records = [], []
        self._store_news.lost(running.report.get("worker"))
        cause = self._signs.cause(trial.trial_id) or cause_of(trial)
        if cause == KILLED and self.words is not None:
            metric = running.proposal.config.get(METRIC)
            cause = last_words(self.words, trial.trial_id, metric)
        self.causes[cause] += running.proposal.role == "search"
        self._end(running, {"status": "failed", "error": cause})

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Flush when it is time, and tell how the sweep stands."""
        self._log.maybe_flush()
        self._on_change(self)

    def _end(self, running: RunningTrial, columns: Mapping[str, Any]) -> None:
        row = {
            **columns,
            "trial": running.proposal.trial,
            "generation": self._generation,
            "attempt": running.attempt,
            "started": running.started,
            "seconds": time.time() - running.started.timestamp(),
        }
        steps, records = rows(STEP_FIELDS, running.steps), rows(RECORD_FIELDS, running.records)
        # One that failed has no values that could be wrong.
        checked = row["status"] == "failed" or bool(running.report.get(CHECKED))
        self._log.end(row, steps, records, checked=checked)
        self._note(row, running.proposal)

    def _note(self, row: Mapping[str, Any], proposal: Proposal) -> None:
        """Remember what is shown while the sweep runs."""
        shown = {name: row.get(name) for name in ("trial", "status", "composite", "seconds")}
        self.counts[row["status"]] += 1
        self.searched[row["status"]] += proposal.role == "search"
        if row["status"] == "completed" and proposal.role == "search":
            quality = (row["composite"], row["score"], -row["steps"], -row["trial"])
            if self.best is None or quality > self.best["quality"]:
                self.best = {**shown, "quality": quality, "config": dict(proposal.config)}


def cause_of(trial: Any) -> str:
    """Why a trial failed, in one line."""
    text = Path(trial.error_file).read_text(encoding="utf-8", errors="replace")
    last = text.rpartition(_FAILURE)[2].partition("\n")[2]
    if _TASK in last:
        return cause_in(last)
    if _OUT_OF_MEMORY in last:
        return "the machine ran out of memory, and Ray ended the worker"
    return KILLED


def cause_in(traceback: str) -> str:
    """The exception at the end of a traceback's text, without its module, in one line."""
    lines = traceback.rstrip().split("\n")
    after = 1 + max((n for n, line in enumerate(lines[:-1]) if line.startswith("  ")), default=-1)
    name, colon, message = "\n".join(lines[after:]).partition(":")
    return " ".join(f"{name.rpartition('.')[2]}{colon}{message}".split())
