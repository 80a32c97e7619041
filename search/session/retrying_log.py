"""A sweep's log on a place that may fail for a while: rows are held, and trials go on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.errors import StorageError
from search.cluster.retrying import Retrying
from search.results.commits import Commits
from search.results.log import SweepLog
from search.results.recovery import Proposal

logger = logging.getLogger(__name__)

MOST_HELD = 200
"""Trials that may end while their rows cannot be written; then the sweep stands still. A flush may
have as many in any case."""

Row = Mapping[str, Any]


class RetryingLog:
    """Hands rows over to the log, and has them written as soon as its place allows.

    Args:
        log: loses no row when writing fails, and goes on with the same flush.
        retrying: decides when it is tried again, and when there is no point any more.
    """

    def __init__(self, log: SweepLog, retrying: Retrying) -> None:
        self._log = log
        self._retrying = retrying
        self.held = 0
        """Trials that have ended since writing began to fail."""

    @property
    def waiting(self) -> str | None:
        """What rows wait for, in one line; None while they are written."""
        if self._retrying.waiting is None:
            return None
        return f"{self._retrying.waiting}; {self.held} ended trials wait to be written"

    def take_back(self, trials: Sequence[Proposal]) -> None:
        """As `SweepLog.take_back`, however long that takes."""
        self._retrying.insist(lambda: self._log.take_back(trials))

    def propose(self, trial: int, role: str, generation: int, config: Row) -> None:
        """As `SweepLog.propose`."""
        self._log.propose(trial, role, generation, config)

    def end(
        self,
        trial_row: Row,
        step_rows: Sequence[Row],
        record_rows: Sequence[Row],
        *,
        checked: bool = True,
    ) -> None:
        """As `SweepLog.end`."""
        self._log.end(trial_row, step_rows, record_rows, checked=checked)
        self.held += self._retrying.waiting is not None

    def maybe_flush(self) -> None:
        """Flush if it is time; returns at once where the place fails, unless too many rows wait.

        Raises:
            StorageError: it cannot be written, and time does not cure that.
        """
        if self._retrying.waiting is None:
            self._retrying.attempt(self._log.maybe_flush)
        elif self.held >= MOST_HELD:
            self.flush()
        elif self._retrying.attempt(self._log.flush):
            self.held = 0

    def flush(self) -> None:
        """Commit everything, however long that takes.

        Raises:
            StorageError: as above.
        """
        self._retrying.insist(self._log.flush)
        self.held = 0

    def mark(self, *, checked: bool = False, invalid: str | None = None) -> None:
        """As `SweepLog.mark`, however long that takes.

        Raises:
            StorageError: as above.
        """
        self._retrying.insist(lambda: self._log.mark(checked=checked, invalid=invalid))
        self.held = 0

    @property
    def commits(self) -> Commits:
        """The sweep's history."""
        return self._log.commits

    def close(self, compacting: bool = True) -> None:
        """Commit everything, however long that takes, and leave one part in each table.

        Args:
            compacting: as in `SweepLog.close`.
        """
        try:
            self._retrying.insist(lambda: self._log.close(compacting=compacting))
        except (StorageError, KeyboardInterrupt):
            if self.held:
                lost = "%d ended trials are not written; `resume` runs them again"
                logger.warning(lost, self.held)
            raise
        self.held = 0
