"""Runs a sweep's best settings and its baselines again, on records that the sweep never edited.

Every setting walks every sequence, so that all comparisons are paired. A walk's rows are on disk as
soon as it has ended; what is there already, from this command or an earlier one, is not run again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from analysis.tables.address import Address
from analysis.tables.confirm_schema import confirm_schemas
from analysis.tables.folder import SweepFolder
from analysis.tables.sweep import load, ranked
from greedy_core.inputs.edit_inputs import notes
from greedy_core.inputs.reserve import Reserve
from greedy_core.inputs.selection import Selection
from search.config.arguments import require_count
from search.confirm.session import ConfirmSession
from search.executors.walks import Walk
from search.results.confirm_log import ConfirmLog
from search.results.places import results_folder
from search.results.progress import require_valid
from search.results.recovery import FolderState
from search.session.driver import AS_USUAL, Options, driving
from search.sweep.candidates import candidates, shortfall
from search.sweep.earlier import EarlierTrials
from search.sweep.file import SweepFile
from search.sweep.file_reader import read_sweep_file
from search.sweep.sameness import (
    read_own,
    require_same_data,
    require_same_settings,
    require_versions,
)
from search.sweep.versions import versions
from search.worker.import_places import make_importable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What is to be confirmed, and on what."""

    walks: tuple[Walk, ...]
    """Every setting on every sequence; the best setting and the baselines come first."""
    sequences: tuple[Selection, ...]
    """The records of each sequence."""
    notes: tuple[str, ...]
    """What people should know of both."""


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
    require_count("--top", top)
    if sequences is not None:
        require_count("--sequences", sequences)
    read_sweep_file(folder)
    results = results_folder(folder)
    with driving(results, options) as driver:
        file = read_sweep_file(folder)
        make_importable(file.import_roots)
        require_valid(results.reading)
        state = read_own(file, results)
        require_same_settings(file, state)
        asked = _asked(file, results.reading, state, top, sequences)
        found = versions()
        log = ConfirmLog(results, _schemas(file, found), before_write=driver.lock.check)
        missing = [w for w in asked.walks if (w.trial, w.sequence) not in log.completed]
        if missing:
            require_versions(file.versions, found, accept_versions)
        for note in asked.notes:  # not before it is known that nothing is refused
            logger.warning("%s", note)
        if not missing:
            return 0
        executor = driver.executor(file.config)
        with executor.opened():
            shared = executor.prepare(
                options.watch.preparing, file.import_roots, records=False, others=asked.sequences
            )
            require_same_data(file.digests, shared.digests)
            log.open()
            session = ConfirmSession(executor, shared, log, driver)
            session.run(missing, asked.sequences)
    return session.failed


def _asked(
    file: SweepFile, folder: SweepFolder, state: FolderState, top: int, sequences: int | None
) -> Asked:
    ranking = ranked(load(folder.address).trials)["trial"]
    chosen = candidates(state.ended, ranking, top, folder.address)
    reserve = Reserve.read(file.config.edit, file.config.search.sequences)
    require_same_data(file.digests, {"dataset": reserve.selection.digest})
    selections = reserve.sequences(sequences)
    walks = [
        Walk(each.trial, each.role, number, each.settings)
        for each in chosen
        for number in range(len(selections))
    ]
    said = [*shortfall(chosen, top)]
    left = EarlierTrials.of(file, state).assignment()
    if left.new or any(each.role == "search" for each in left.waiting):
        said.append("the sweep is not finished; trials that end later are not confirmed")
    for number, selection in enumerate(selections):
        said += [f"sequence {number}: {note}" for note in notes(selection)]
    return Asked(tuple(walks), tuple(selections), tuple(said))


def _schemas(file: SweepFile, found: dict[str, str]) -> dict[str, Any]:
    return confirm_schemas(sweep_id=file.sweep_id, sweep_name=file.name, facts=found)
