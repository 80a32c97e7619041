"""Turns what trials tell into rows of the log."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from search.results.recovery import Proposal
from search.session.store_news import StoreNews
from search.session.tally import RunningTrial, Tally
from search.worker.reports import (
    CHECKED,
    NEW_RECORDS,
    NEW_STEPS,
    RECORD_FIELDS,
    REFUSAL,
    STEP_FIELDS,
    rows,
)

Row = Mapping[str, Any]


class TrialLog(Protocol):
    """Takes the rows of trials, as `search.results.log.SweepLog` describes it."""

    @property
    def waiting(self) -> str | None:
        """What rows wait for, in one line; None while they are written."""
        ...

    def propose(self, trial: int, role: str, generation: int, config: Row) -> None:
        """A trial starts."""
        ...

    def end(
        self,
        trial_row: Row,
        step_rows: Sequence[Row],
        record_rows: Sequence[Row],
        *,
        checked: bool = True,
    ) -> None:
        """A trial has ended."""
        ...

    def maybe_flush(self) -> None:
        """Write if it is time."""
        ...


class Recorder:
    """Hands over a row for each trial that ends; the driver's only writer.

    Disk and store are touched in `flush` alone: an executor may take an error in the midst of a
    trial's end for the trial's own.

    Args:
        log: takes the rows.
        columns: names of the columns of `trials`; an executor may add fields to a report.
        resumed: trials that the log knows as proposed already.
        generation: of this session.
    """

    def __init__(
        self,
        log: TrialLog,
        columns: Container[str],
        resumed: frozenset[int],
        generation: int,
    ) -> None:
        self._log = log
        self._columns = columns
        self._resumed = resumed
        self._generation = generation
        self._store_news = StoreNews()
        self.tally = Tally()

    def start(self, proposal: Proposal) -> None:
        """Note the proposal; a trial that is tried again has been noted."""
        if proposal.trial in self.tally.running:
            return
        if proposal.trial not in self._resumed:
            config = proposal.config
            self._log.propose(proposal.trial, proposal.role, proposal.generation, config)
        self.tally.running[proposal.trial] = RunningTrial(proposal, datetime.now(UTC))

    def report(self, proposal: Proposal, report: Mapping[str, Any]) -> None:
        """Keep a report until the trial ends."""
        running = self.tally.running[proposal.trial]
        running.report = report
        running.steps.append(report[NEW_STEPS])
        running.records.append(report[NEW_RECORDS])
        self._store_news.heard(report.get("worker", ""), report.get(REFUSAL))

    def retry(self, proposal: Proposal) -> None:
        """Drop the reports of an attempt that failed and is repeated."""
        self.start(proposal)  # its worker may have been lost before its start
        running = self.tally.running[proposal.trial]
        self._store_news.lost(running.report.get("worker"))
        running.retry()

    def end(self, proposal: Proposal) -> None:
        """Hand over the rows of a trial that reached the end or was stopped at a rung."""
        running = self.tally.running.pop(proposal.trial)
        report = running.report
        values = {name: value for name, value in report.items() if name in self._columns}
        if report["final"]:
            self._end(running, {**values, "status": "completed"})
        else:
            self._end(running, {**values, "status": "pruned", "composite_all": None})

    def fail(self, proposal: Proposal, cause: str) -> None:
        """Hand over the row of a trial that failed for the last time."""
        self.start(proposal)
        running = self.tally.running.pop(proposal.trial)
        running.steps, running.records = [], []
        self._store_news.lost(running.report.get("worker"))
        self.tally.causes[cause] += proposal.role == "search"
        self._end(running, {"status": "failed", "error": cause})

    def flush(self) -> None:
        """Write when it is time.

        Raises:
            StorageError: it cannot be written, and time does not cure that.
        """
        self._log.maybe_flush()
        self.tally.waiting = self._log.waiting

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
        self.tally.ended(row, running.proposal)
