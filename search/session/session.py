"""One driver's share of a sweep: from what is on disk to an executor and back to disk."""

from __future__ import annotations

import signal
import time
from functools import partial
from types import TracebackType
from typing import Any, NoReturn

import pyarrow as pa

from analysis.tables.config_columns import config_types
from analysis.tables.schema import sweep_schemas
from greedy_core.errors import BaseModelChanged
from search.cluster.interrupts import GRACE_SECONDS
from search.executors.executor import Executor, Shared
from search.results.log import SweepLog
from search.results.progress import CHANGED, ProgressFile
from search.results.recovery import FolderState
from search.session.driver import Driver
from search.session.progress_state import State, progress_state
from search.session.proposer import Proposer
from search.session.recorder import Recorder
from search.session.retrying_log import RetryingLog
from search.session.trials import SweepTrials
from search.sweep.earlier import SETTINGS_COLUMNS, EarlierTrials
from search.sweep.file import SweepFile
from search.sweep.sweep_rungs import largest_steps, sweep_rungs


class Session:
    """Runs the trials that a sweep's folder lacks; on leaving, progress.json says how it stands.

    Args:
        file: the sweep, as it goes on.
        driver: holds the sweep's lock. Signals are heeded where the executor has nothing half done,
            and after what has ended is committed.
        before: the sweep as sweep.yaml has it until `take_file`; None if that is the same.
        known: what was read from the folder already; None: nothing.

    Raises:
        ResultsError: if the folder is damaged.
    """

    def __init__(
        self,
        file: SweepFile,
        driver: Driver,
        before: SweepFile | None = None,
        known: FolderState | None = None,
    ) -> None:
        self._config = file.config
        self._file = file
        self._lock = driver.lock
        folder = driver.results
        self._space = file.config.search_space()
        self._rung_levels = sweep_rungs(self._config, self._space)
        schemas = self._schemas()
        self._retrying = driver.retrying
        log = SweepLog(
            folder,
            schemas,
            before_write=driver.lock.check,
            sweep=(before or file).text(),
            known=known,
        )
        self._log = RetryingLog(log, self._retrying)
        self.earlier = EarlierTrials.of(file, log.found)
        self._assignment = self.earlier.assignment()
        self.total = self._assignment.total
        self._recorder = Recorder(
            self._log,
            schemas["trials"].names,
            frozenset(each.trial for each in self.earlier.pending),
            file.generation,
        )
        self._tally = self._recorder.tally
        self._tally.follow(self.earlier.ended)
        self._watch = driver.options.watch
        self._interrupts = driver.interrupts
        self._progress = ProgressFile(folder, before_write=driver.lock.check)
        self._started = time.time()
        self._changed: BaseModelChanged | None = None
        """What a worker, or the look at the shared weights, has found."""
        self._looked = False
        """Whether there was such a look."""

    def __enter__(self) -> Session:
        return self

    def take_file(self) -> None:
        """Have sweep.yaml say how the sweep goes on."""
        self._retrying.insist(lambda: self._log.commits.rewrite(self._file.text()))

    def announce(self) -> None:
        """Say in progress.json that it runs; not on entry, where an interruption would leave it."""
        if self.total:
            self._progress.write(self._state("running"))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit what has ended, and say how the sweep stands; nothing is logged after that.

        Raises:
            BaseModelChanged: whatever else has ended the session, if trials wrote into the weights.
        """
        with self._interrupts.held():
            if self._changed is not None:
                self._end_as_invalid(self._changed, error)
            self._log.mark(checked=self._looked)
            self._log.close(compacting=error is None)
            state: State = "finished" if self._left == 0 else "interrupted"
            # A driver that finds nothing to do leaves the last one's figures.
            if self.total or self._retrying.insist(self._progress.state) != state:
                self._retrying.insist(lambda: self._progress.write(self._state(state)))

    def run(self, executor: Executor, shared: Shared) -> None:
        """Run everything that is missing, and look at the weights, however that ends.

        Args:
            executor: runs trials.
            shared: what it has prepared.
        """
        # Not before it is known that the data are the same: whoever is refused changes no row.
        self._log.take_back([each for each in self.earlier.pending if each.role != "search"])
        try:
            with self._interrupts.held(GRACE_SECONDS):
                executor.run(self.trials(), shared, self.total)
            if self._left:
                # Until its callbacks are set up, SIGUSR1 makes Tune end as if all were done.
                self._interrupts.note(signal.SIGUSR1)
                self._interrupts.check()
        except BaseModelChanged as error:
            self._changed = error
            raise
        finally:
            with self._interrupts.held():
                self._look_at_weights(shared)

    def _look_at_weights(self, shared: Shared) -> None:
        """Check the weights while the executor still holds them; keep the result for `__exit__`."""
        try:
            # Looking takes long for a large model, and a second signal ends it and the process.
            self._log.flush()
        finally:
            try:
                shared.check_unchanged()
                self._looked = True
            except BaseModelChanged as error:
                self._changed = error

    def _end_as_invalid(self, changed: BaseModelChanged, error: BaseException | None) -> NoReturn:
        try:
            # First, since the rows may find no place.
            self._retrying.insist(lambda: self._progress.write(self._state("invalid")))
            self._log.mark(invalid=CHANGED)
            self._log.close()
        finally:
            raise changed from (None if error is changed else error)

    @property
    def _left(self) -> int:
        """Trials of this session that have not ended."""
        return self.total - self._tally.counts.total()

    def trials(self) -> SweepTrials:
        """What is to run; ASHA's rungs hold what earlier trials left there."""
        search = self._config.search
        proposer = Proposer(
            self._assignment,
            self.earlier.settings,
            self._space,
            self.earlier.history(),
            self._file.generation,
        )
        return SweepTrials(
            proposer,
            self._recorder,
            None if search.scheduler == "none" else self.earlier.rungs(self._rung_levels),
            search.resource,
            self.earlier.audited(self._assignment),
            search.max_failed,
            self._on_change,
        )

    def _schemas(self) -> dict[str, pa.Schema]:
        return sweep_schemas(
            config_types(SETTINGS_COLUMNS),
            self._rung_levels,
            largest_steps(self._config, self._space),
            sweep_id=self._file.sweep_id,
            sweep_name=self._file.name,
            facts={**self._file.versions, "git_sha": self._file.git_sha or ""},
        )

    def _on_change(self) -> None:
        self._progress.update(partial(self._state, "running"))
        self._watch.running(self._tally, self.total)

    def _state(self, state: State) -> dict[str, Any]:
        return progress_state(state, self._tally, self.total, self._lock, self._started)
