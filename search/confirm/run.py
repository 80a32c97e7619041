"""Runs a sweep's best settings and its baselines again, on records that the sweep never edited.

Every setting walks every sequence, so that all comparisons are paired. A walk's rows are on disk as
soon as it has ended; what is there already, from this command or an earlier one, is not run again.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from analysis.tables.address import Address
from analysis.tables.confirm_schema import CONFIRM, confirm_schemas
from analysis.tables.folder import SweepFolder
from analysis.tables.sweep import load, ranked
from greedy_core.errors import BaseModelChanged, SettingsError
from greedy_core.inputs.edit_inputs import notes
from greedy_core.inputs.reserve import Reserve
from greedy_core.inputs.selection import Selection
from greedy_core.progress import Progress
from search.cluster.interrupts import GRACE_SECONDS
from search.cluster.private_folder import private_folder
from search.config.settings import SweepConfig
from search.confirm.walks import Walk, WalkEnd, Walks
from search.executors.executor import Shared
from search.results.confirm_log import ConfirmLog
from search.results.places import results_folder
from search.results.progress import require_valid
from search.results.recovery import FolderState
from search.session.driver import AS_USUAL, Driver, Options, driving
from search.session.retrying_log import MOST_HELD
from search.session.store_news import StoreNews
from search.sweep.candidates import candidates
from search.sweep.earlier import EarlierTrials
from search.sweep.file import SweepFile
from search.sweep.sameness import (
    read_own,
    require_same_data,
    require_same_settings,
    require_versions,
)
from search.sweep.versions import versions
from search.worker.import_places import make_importable
from search.worker.reports import REFUSAL

logger = logging.getLogger(__name__)

_COLUMNS = frozenset(column.name for column in CONFIRM)


@dataclass(frozen=True)
class Asked:
    """What is to be confirmed, and on what."""

    walks: tuple[Walk, ...]
    """Every setting on every sequence; the best setting and the baselines come first."""
    sequences: tuple[Selection, ...]
    """The records of each sequence."""


def confirm_sweep(
    folder: Address,
    top: int,
    sequences: int | None,
    options: Options = AS_USUAL,
    *,
    accept_versions: bool = False,
) -> int:
    """Run what a sweep's confirmation lacks; says how many of the walks asked for have failed.

    Args:
        folder: the sweep's.
        top: how many settings of the search to confirm.
        sequences: on how many sequences; None: as many as the reserved records allow, at most 5.
        options: how to go about it.
        accept_versions: take other versions of packages than the sweep's.

    Raises:
        ResultsError: if the folder is damaged, or the sweep is not valid.
        StorageError: if the store cannot be used.
        BaseModelChanged: if walks wrote into the shared weights; none of them is kept.
        InputError: if no trial has been completed, too few records are reserved or asked for, or
            settings, data or versions are not those of the sweep.
        SweepInterrupted: after a signal; walks that had ended are on disk.
    """
    SweepFile.read(folder)
    results = results_folder(folder)
    with driving(results, options) as driver:
        file = SweepFile.read(folder)
        make_importable(file.import_roots)
        require_valid(results.reading)
        state = read_own(file, results)
        require_same_settings(file, state)
        asked = _asked(file, results.reading, state, top, sequences)
        found = versions()
        log = ConfirmLog(results, _schemas(file, found), before_write=driver.lock.check)
        missing = [w for w in asked.walks if (w.trial, w.sequence) not in log.completed]
        if not missing:
            return 0
        require_versions(file.versions, found, accept_versions, "confirm")
        executor = driver.executor(file.config)
        with executor.opened():
            shared = executor.prepare(
                options.watch.preparing, file.import_roots, records=False, others=asked.sequences
            )
            require_same_data(file.digests, shared.digests)
            log.open()
            session = ConfirmSession(file.config, shared, log, driver)
            session.run(missing, asked.sequences)
    return session.failed


def _asked(
    file: SweepFile, folder: SweepFolder, state: FolderState, top: int, sequences: int | None
) -> Asked:
    if EarlierTrials.of(file, state).assignment().total:
        logger.warning("the sweep is not finished; trials that end later are not confirmed")
    ranking = ranked(load(folder.address).trials)["trial"]
    chosen = candidates(state.ended, ranking, top, folder.address)
    reserve = Reserve.read(file.config.edit)
    require_same_data(file.digests, {"dataset": reserve.selection.digest})
    selections = reserve.sequences(sequences)
    _require_two_batches(len(selections), file.config.edit.batches)
    for number, selection in enumerate(selections):
        for note in notes(selection):
            logger.warning("sequence %d: %s", number, note)
    walks = [
        Walk(each.trial, each.role, number, each.settings)
        for each in chosen
        for number in range(len(selections))
    ]
    return Asked(tuple(walks), tuple(selections))


def _require_two_batches(sequences: int, batches: int) -> None:
    if sequences * batches < 2:
        raise SettingsError(
            "`sequences * batches of one >= 2` must hold, since there is no interval without, "
            f"but got ({sequences=}, {batches=})"
        )


def _schemas(file: SweepFile, found: dict[str, str]) -> dict[str, Any]:
    return confirm_schemas(sweep_id=file.sweep_id, sweep_name=file.name, facts=found)


class ConfirmSession:
    """One driver's share of a confirmation.

    Args:
        config: the sweep's.
        shared: what its executor has prepared.
        log: takes the rows.
        driver: holds the sweep's lock; signals are heeded while walks run.
    """

    def __init__(
        self, config: SweepConfig, shared: Shared, log: ConfirmLog, driver: Driver
    ) -> None:
        self.failed = 0
        """Walks that have failed for the last time."""
        self._done = 0
        self._total = 0
        self._config = config
        self._shared: Any = shared
        self._log = log
        self._driver = driver
        self._interrupts = driver.interrupts
        self._retrying = driver.retrying
        self._held: deque[WalkEnd] = deque()
        """Walks that have ended and are not written, the first one first."""
        self._store_news = StoreNews()

    def run(self, walks: Sequence[Walk], sequences: Sequence[Selection]) -> None:
        """Run walks, and write each as it ends; then look at the weights, however that ends.

        Raises:
            BaseModelChanged: if somebody wrote into them; what was written is removed.
        """
        self._total = len(walks)
        try:
            with self._interrupts.held(GRACE_SECONDS), private_folder() as words:
                pool = self._pool(sequences, str(words))
                for end in pool.run(walks):
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

    def _pool(self, sequences: Sequence[Selection], words: str) -> Walks:
        """What runs walks; each imports what the other does without."""
        if self._driver.options.in_process:
            from search.confirm.in_process import WalksInProcess

            prepared, most = self._shared.prepared, self._config.search.max_failures
            return WalksInProcess(prepared, sequences, most, self._interrupts, self._tell)
        from search.confirm.pool import WalkPool

        reference = self._shared.reference
        return WalkPool(self._config, reference, sequences, self._interrupts, words, self._tell)

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
