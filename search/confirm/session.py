"""One driver's share of a confirmation: walks that an executor runs, written as each ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from analysis.tables.confirm_schema import CONFIRM
from greedy_core.errors import BaseModelChanged
from greedy_core.inputs.selection import Selection
from greedy_core.progress import Progress
from search.cluster.interrupts import GRACE_SECONDS
from search.executors.executor import Executor, Shared
from search.executors.walks import Walk, WalkEnd
from search.results.confirm_log import ConfirmLog
from search.session.driver import Driver
from search.session.retrying_log import MOST_HELD
from search.session.store_news import StoreNews
from search.worker.reports import REFUSAL

_COLUMNS = frozenset(column.name for column in CONFIRM)


class ConfirmSession:
    """One driver's share of a confirmation.

    Args:
        executor: runs walks.
        shared: what it has prepared.
        log: takes the rows.
        driver: holds the sweep's lock; signals are heeded while walks run.
    """

    def __init__(self, executor: Executor, shared: Shared, log: ConfirmLog, driver: Driver) -> None:
        self.failed = 0
        """Walks that have failed for the last time."""
        self._done = 0
        self._total = 0
        self._executor = executor
        self._shared = shared
        self._log = log
        self._driver = driver
        self._interrupts = driver.interrupts
        self._retrying = driver.retrying
        self._held: deque[WalkEnd] = deque()
        """Walks that have ended and are not written yet, the oldest first."""
        self._store_news = StoreNews()

    def run(self, walks: Sequence[Walk], sequences: Sequence[Selection]) -> None:
        """Run walks, and write each as it ends; then look at the weights, however that ends.

        Raises:
            BaseModelChanged: if somebody wrote into them; what was written is removed.
        """
        self._total = len(walks)
        try:
            ends = self._executor.walks(walks, self._shared, sequences, self._tell)
            with self._interrupts.held(GRACE_SECONDS), closing(ends):
                for end in ends:
                    self._held.append(end)
                    self._write_held(everything=len(self._held) >= MOST_HELD)
                    self._done += 1
                    self.failed += end.result is None
                self._write_held(everything=True)
                self._tell(0)
        except BaseModelChanged:
            self._log.discard()
            raise
        finally:
            with self._interrupts.held():
                try:
                    self._write_held(everything=True)
                finally:
                    self._look_at_weights()

    def _look_at_weights(self) -> None:
        try:
            self._shared.check_unchanged()
        except BaseModelChanged as changed:
            try:
                self._retrying.insist(self._log.discard)
            finally:
                raise changed

    def _write_held(self, everything: bool) -> None:
        """Write what has ended: all of it, or what its place takes at once.

        Raises:
            StorageError: it takes nothing, and time does not cure that.
        """
        while self._held:
            write = partial(self._write, self._held[0])
            if everything:
                self._retrying.insist(write)
            elif not self._retrying.attempt(write):
                return
            self._held.popleft()

    def _write(self, end: WalkEnd) -> None:
        values = end.result.values if end.result else {}
        row = {
            **{name: value for name, value in values.items() if name in _COLUMNS},
            "trial": end.walk.trial,
            "role": end.walk.role,
            "sequence": end.walk.sequence,
            "status": "completed" if end.result else "failed",
            "attempt": end.attempt,
            "error": end.error,
            "started": end.started,
            "seconds": end.seconds,
        }
        self._log.write(row, end.result.records if end.result else ())
        if end.result is not None:
            self._store_news.heard(values["worker"], values.get(REFUSAL))

    def _tell(self, running: int) -> None:
        self._write_held(everything=False)
        self._driver.options.watch.confirming(
            Progress("walks", self._done, self._total), running, self.failed
        )
