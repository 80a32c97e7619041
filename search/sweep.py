"""Runs a sweep, or what is left of one: from a configuration to Parquet."""

from __future__ import annotations

import logging
import shlex
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from analysis.storage import Address
from greedy_core.errors import InputError
from search.config import SweepConfig
from search.earlier_trials import EarlierTrials
from search.errors import SweepExists
from search.extension import Extension
from search.import_roots import import_roots, make_importable
from search.interrupts import Interrupts, interruptible
from search.preparation import prepared
from search.ray_session import ray_session
from search.results.lock import SweepLock
from search.results.parts import ResultsFolder
from search.results.places import results_folder
from search.results.progress import require_valid
from search.results.recovery import ended_trials
from search.sameness import require_same_data, require_same_settings, same_versions
from search.session import Session
from search.setting_places import given, located
from search.sweep_file import (
    SWEEP_FILE,
    SweepFile,
    git_sha,
    purpose,
    space_digest,
    versions,
)
from search.watch import Watch

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a sweep stands after a session."""

    folder: Address
    """Where its results are, as it was given."""
    trials: int
    """Search trials that have ended, in all sessions."""
    failed: int
    """Trials among all that have failed."""


def run_sweep(config: SweepConfig, folder: Address, watch: Watch, verbose: bool = False) -> Outcome:
    """Start a sweep in a new folder.

    Args:
        config: with the model's presets filled in.
        folder: results/<name>, or s3://bucket/prefix/<name>.
        watch: told about progress.
        verbose: let the libraries talk.

    Raises:
        SweepExists: if there is a sweep in the folder.
        StorageError: if the store cannot be used.
        BaseModelChanged: if trials wrote into the shared weights; the sweep is not valid.
        SweepInterrupted: after a signal; what had ended is on disk.
    """
    results = results_folder(folder)
    _require_new(folder, results)
    as_given, config = config, located(config).self_contained()
    roots = import_roots(config.edit.greedy.metric, config.search_space())
    make_importable(roots)
    config = _possible(EarlierTrials(config, 0, (), ()))
    results.create()
    try:
        with (
            interruptible() as interrupts,
            SweepLock(results) as lock,
            ray_session(config, verbose, interrupts),
        ):
            _require_new(folder, results)
            shared = prepared(config, watch.preparing, roots)
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
                given=given(as_given, config),
                import_roots=roots,
            )
            lock.check()
            file.write(results)
            with Session(file, results, lock, watch, interrupts) as session:
                session.announce()
                session.run(shared)
    finally:
        results.discard_if_empty()
    return _outcome(folder, results)


def resume_sweep(
    folder: Address, watch: Watch, verbose: bool = False, accept_versions: bool = False
) -> Outcome:
    """Run what a sweep has not finished.

    Args:
        folder: the sweep's.
        watch: told about progress.
        verbose: let the libraries talk.
        accept_versions: go on with other versions of packages, as a new generation.

    Raises:
        ResultsError: if the folder is damaged, or the sweep is not valid.
        StorageError: if the store cannot be used.
        BaseModelChanged: if trials wrote into the shared weights; the sweep is not valid.
        InputError: if settings, data or versions are not those that the sweep started with.
        SweepInterrupted: after a signal; what had ended is on disk.
    """
    file = SweepFile.read(folder)
    results = results_folder(folder)
    with interruptible() as interrupts, SweepLock(results) as lock:
        require_valid(results.reading)
        require_same_settings(file, results)
        earlier = EarlierTrials.read(file, results)
        config = _possible(earlier)
        going_on = file if config is file.config else replace(file, config=config)
        if earlier.assignment().total:
            found = versions()
            if not same_versions(file.versions, found, accept_versions):
                going_on = file.next_generation(config, found, git_sha())
        _go_on(file, going_on, results, lock, watch, interrupts, verbose)
    return _outcome(folder, results)


def extend_sweep(
    extension: Extension, watch: Watch, verbose: bool = False, accept_versions: bool = False
) -> Outcome:
    """Run more trials on top of all that a sweep has, as a new generation.

    What the sweep had not finished runs first. From the instant at which sweep.yaml is replaced,
    before the first new trial, `resume_sweep` goes on with the extension.

    Args:
        extension: what is asked for.
        watch: told about progress.
        verbose: let the libraries talk.
        accept_versions: go on with other versions of packages.

    Raises:
        As `resume_sweep` does.
    """
    file = SweepFile.read(extension.folder)
    results = results_folder(extension.folder)
    with interruptible() as interrupts, SweepLock(results) as lock:
        require_valid(results.reading)
        require_same_settings(file, results)
        found = versions()
        same_versions(file.versions, found, accept_versions)
        earlier = EarlierTrials.read(replace(file, config=extension.config_of(file)), results)
        if not earlier.assignment().new:
            raise InputError(
                f"all {earlier.total} settings of the space have been proposed: "
                "an extension needs a larger space"
            )
        going_on = file.next_generation(_possible(earlier), found, git_sha())
        _go_on(file, going_on, results, lock, watch, interrupts, verbose)
    return _outcome(extension.folder, results)


def _go_on(
    file: SweepFile,
    going_on: SweepFile,
    results: ResultsFolder,
    lock: SweepLock,
    watch: Watch,
    interrupts: Interrupts,
    verbose: bool,
) -> None:
    """Run what is missing of a sweep, or of its next generation."""
    make_importable(going_on.import_roots)
    with Session(going_on, results, lock, watch, interrupts) as session:
        session.announce()
        if session.total:
            with ray_session(going_on.config, verbose, interrupts):
                shared = prepared(going_on.config, watch.preparing, going_on.import_roots)
                require_same_data(file.digests, shared.digests)
                if going_on is not file:
                    lock.check()
                    going_on.write(results)
                session.run(shared)
        elif going_on is not file:
            lock.check()
            going_on.write(results)


def _possible(earlier: EarlierTrials) -> SweepConfig:
    """The configuration with no more trials than there are settings, which is said."""
    config = earlier.possible()
    if config is not earlier.config:
        logger.warning(
            "the space has %d different settings: the sweep ends with %d search trials, not %d",
            earlier.total,
            config.search.trials,
            earlier.config.search.trials,
        )
    return config


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
