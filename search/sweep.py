"""Runs a sweep, or what is left of one: from a configuration to Parquet."""

from __future__ import annotations

import shlex
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from analysis.storage import Address
from search.config import SweepConfig
from search.earlier_trials import EarlierTrials
from search.errors import SweepExists
from search.extension import Extension
from search.interrupts import Interrupts, interruptible
from search.patience import GIVE_UP_AFTER, Patience, require_patience
from search.preparation import prepared
from search.ray_session import ray_session
from search.results.lock import SweepLock
from search.results.parts import ResultsFolder
from search.results.places import results_folder
from search.results.progress import require_valid
from search.results.recovery import ended_trials
from search.sameness import require_same_data, require_same_settings, same_versions
from search.session import Session
from search.sweep_file import (
    SWEEP_FILE,
    SweepFile,
    git_sha,
    purpose,
    space_digest,
    versions,
)
from search.watch import Watch


@dataclass(frozen=True)
class Outcome:
    """How a sweep stands after a session."""

    folder: Address
    """Where its results are, as it was given."""
    trials: int
    """Search trials that have ended, in all sessions."""
    failed: int
    """Trials among all that have failed."""


def run_sweep(
    config: SweepConfig,
    folder: Address,
    watch: Watch,
    verbose: bool = False,
    give_up_after: float = GIVE_UP_AFTER,
) -> Outcome:
    """Start a sweep in a new folder.

    Args:
        config: with the model's presets filled in.
        folder: results/<name>, or s3://bucket/prefix/<name>.
        watch: told about progress.
        verbose: let the libraries talk.
        give_up_after: seconds for which the folder's place may fail once trials run.

    Raises:
        SweepExists: if there is a sweep in the folder.
        StorageError: if the store cannot be used.
        BaseModelChanged: if trials wrote into the shared weights; the sweep is not valid.
        SweepInterrupted: after a signal; what had ended is on disk.
    """
    require_patience(give_up_after)
    results = results_folder(folder)
    _require_new(folder, results)
    config = config.self_contained()
    results.create()
    try:
        with (
            interruptible() as interrupts,
            SweepLock(results) as lock,
            ray_session(config, verbose, interrupts),
        ):
            _require_new(folder, results)
            shared = prepared(config, watch.preparing)
            file = SweepFile(
                sweep_id=uuid.uuid4().hex,
                name=results.reading.name,
                started=datetime.now(UTC).isoformat(timespec="seconds"),
                generation=0,
                generations={"0": purpose(config)},
                versions=versions(),
                earlier_versions={},
                git_sha=git_sha(),
                digests={**shared.digests, "space": space_digest(config)},
                config=config,
            )
            lock.check()
            file.write(results)
            patience = Patience(give_up_after, interrupts)
            with Session(file, results, lock, watch, interrupts, patience) as session:
                session.announce()
                session.run(shared)
    finally:
        results.discard_if_empty()
    return patience.insist(partial(_outcome, folder, results))


def resume_sweep(
    folder: Address,
    watch: Watch,
    verbose: bool = False,
    accept_versions: bool = False,
    give_up_after: float = GIVE_UP_AFTER,
) -> Outcome:
    """Run what a sweep has not finished.

    Args:
        folder: the sweep's.
        watch: told about progress.
        verbose: let the libraries talk.
        accept_versions: go on with other versions of packages, as a new generation.
        give_up_after: seconds for which the folder's place may fail once trials run.

    Raises:
        ResultsError: if the folder is damaged, or the sweep is not valid.
        StorageError: if the store cannot be used.
        BaseModelChanged: if trials wrote into the shared weights; the sweep is not valid.
        InputError: if settings, data or versions are not those that the sweep started with.
        SweepInterrupted: after a signal; what had ended is on disk.
    """
    require_patience(give_up_after)
    file = SweepFile.read(folder)
    results = results_folder(folder)
    with interruptible() as interrupts, SweepLock(results) as lock:
        patience = Patience(give_up_after, interrupts)
        require_valid(results.reading)
        require_same_settings(file, results)
        going_on = file
        if EarlierTrials.read(file, results).assignment().total:
            found = versions()
            if not same_versions(file.versions, found, accept_versions):
                going_on = file.next_generation(file.config, found, git_sha())
        _go_on(file, going_on, results, lock, watch, interrupts, patience, verbose)
    return patience.insist(partial(_outcome, folder, results))


def extend_sweep(
    extension: Extension,
    watch: Watch,
    verbose: bool = False,
    accept_versions: bool = False,
    give_up_after: float = GIVE_UP_AFTER,
) -> Outcome:
    """Run more trials on top of all that a sweep has, as a new generation.

    What the sweep had not finished runs first. From the instant at which sweep.yaml is replaced,
    before the first new trial, `resume_sweep` goes on with the extension.

    Args:
        extension: what is asked for.
        watch: told about progress.
        verbose: let the libraries talk.
        accept_versions: go on with other versions of packages.
        give_up_after: as in `resume_sweep`.

    Raises:
        As `resume_sweep` does.
    """
    require_patience(give_up_after)
    file = SweepFile.read(extension.folder)
    results = results_folder(extension.folder)
    with interruptible() as interrupts, SweepLock(results) as lock:
        patience = Patience(give_up_after, interrupts)
        require_valid(results.reading)
        require_same_settings(file, results)
        found = versions()
        same_versions(file.versions, found, accept_versions)
        going_on = file.next_generation(extension.config_of(file), found, git_sha())
        _go_on(file, going_on, results, lock, watch, interrupts, patience, verbose)
    return patience.insist(partial(_outcome, extension.folder, results))


def _go_on(
    file: SweepFile,
    going_on: SweepFile,
    results: ResultsFolder,
    lock: SweepLock,
    watch: Watch,
    interrupts: Interrupts,
    patience: Patience,
    verbose: bool,
) -> None:
    """Run what is missing of a sweep, or of its next generation."""
    with Session(going_on, results, lock, watch, interrupts, patience) as session:
        session.announce()
        if session.total:
            with ray_session(going_on.config, verbose, interrupts):
                shared = prepared(going_on.config, watch.preparing)
                require_same_data(file.digests, shared.digests)
                if going_on is not file:
                    lock.check()
                    going_on.write(results)
                session.run(shared)


def _require_new(folder: Address, results: ResultsFolder) -> None:
    if SWEEP_FILE in results.reading.entries():
        raise SweepExists(str(folder), shlex.join(["ratchet", "resume", str(folder)]))


def _outcome(folder: Address, results: ResultsFolder) -> Outcome:
    rows = ended_trials(results)
    return Outcome(
        folder,
        trials=sum(each.role == "search" for each in rows),
        failed=sum(each.status == "failed" for each in rows),
    )
