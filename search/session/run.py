"""Runs a sweep, or what is left of one: from a configuration to Parquet."""

from __future__ import annotations

import logging
import shlex
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from analysis.errors import ResultsError
from analysis.tables.address import Address
from analysis.tables.commits import commit_numbers
from analysis.tables.committed import read_tables
from analysis.tables.folder import way_out
from analysis.tables.schema import TABLES
from greedy_core.errors import InputError
from search.config.places import given, located
from search.config.settings import SweepConfig
from search.errors import SweepExists
from search.results.parts import ResultsFolder
from search.results.places import results_folder
from search.results.progress import last_said, require_valid
from search.results.recovery import FolderState
from search.results.takeover import settled
from search.session.driver import AS_USUAL, Driver, Options, driving
from search.session.session import Session
from search.sweep.earlier import EarlierTrials
from search.sweep.extension import Extension
from search.sweep.file import SWEEP_FILE, SweepFile, purpose, space_digest
from search.sweep.file_reader import read_sweep_file
from search.sweep.sameness import (
    differing_versions,
    read_own,
    require_asked_settings,
    require_same_data,
    require_same_settings,
    require_versions,
)
from search.sweep.versions import git_sha, versions
from search.worker.import_places import import_roots, make_importable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a sweep stands after a session."""

    folder: Address
    """Where its results are, as it was given."""
    trials: int
    """Search trials that have ended, in all sessions."""
    failed: int
    """Trials that have failed, baselines included."""
    failed_baselines: tuple[str, ...] = ()
    """Baselines among them, which the next `resume` tries again."""


def run_sweep(
    config: SweepConfig,
    folder: Address,
    options: Options = AS_USUAL,
    *,
    or_resume: bool = False,
) -> Outcome:
    """Start a sweep in a new folder.

    Args:
        config: with the model's presets filled in.
        folder: results/<name>, or s3://bucket/prefix/<name>.
        options: how to go about it.
        or_resume: where there is a sweep with this configuration, run what it has not finished.

    Raises:
        SweepExists: if there is a sweep in the folder that is not to be resumed.
        StorageError: if the store cannot be used.
        BaseModelChanged: if trials wrote into the shared weights; the sweep is not valid.
        SweepInterrupted: after a signal; what had ended is on disk.
        ResultsError, InputError: as `resume_sweep` does, and if the sweep has other settings.
    """
    results = results_folder(folder)
    _exists(folder, results, or_resume)
    as_given, config = config, located(config).self_contained()
    roots = import_roots(config.edit.greedy.metric, config.search_space())
    make_importable(roots)
    config = _possible(EarlierTrials(config, 0, (), ()))
    if _exists(folder, results, or_resume):
        require_asked_settings(read_sweep_file(folder), config, str(folder))
    results.create()
    try:
        with driving(results, options) as driver:
            if _exists(folder, results, or_resume):
                file = read_sweep_file(folder)
                require_asked_settings(file, config, str(folder))
                _resume(file, driver)
            else:
                _start(config, given(as_given, config), roots, driver)
            return driver.retrying.insist(partial(_outcome, folder, results))
    finally:
        results.discard_if_empty()


def resume_sweep(
    folder: Address,
    options: Options = AS_USUAL,
    *,
    accept_versions: bool = False,
) -> Outcome:
    """Run what a sweep has not finished.

    Args:
        folder: the sweep's.
        options: how to go about it.
        accept_versions: go on with other versions of packages, as a new generation.

    Raises:
        ResultsError: if the folder is damaged, or the sweep is not valid.
        StorageError: if the store cannot be used.
        BaseModelChanged: if trials wrote into the shared weights; the sweep is not valid.
        InputError: if settings, data or versions are not those that the sweep started with.
        SweepInterrupted: after a signal; what had ended is on disk.
    """
    read_sweep_file(folder)
    results = results_folder(folder)
    with driving(results, options) as driver:
        # Read again: whoever had the lock may have extended the sweep.
        _resume(read_sweep_file(folder), driver, accept_versions)
        return driver.retrying.insist(partial(_outcome, folder, results))


def extend_sweep(
    extension: Extension,
    options: Options = AS_USUAL,
    *,
    accept_versions: bool = False,
) -> Outcome:
    """Run more trials on top of all that a sweep has, as a new generation.

    What the sweep had not finished runs first. From the instant at which sweep.yaml is replaced,
    before the first new trial, `resume_sweep` goes on with the extension.

    Args:
        extension: what is asked for.
        options: how to go about it.
        accept_versions: go on with other versions of packages.

    Raises:
        As `resume_sweep` does.
    """
    read_sweep_file(extension.folder)
    results = results_folder(extension.folder)
    with driving(results, options) as driver:
        file = read_sweep_file(extension.folder)
        require_valid(results.reading)
        state = read_own(file, results)
        require_same_settings(file, state)
        found = versions()
        require_versions(file.versions, found, accept_versions)
        earlier = EarlierTrials.of(replace(file, config=extension.config_of(file)), state)
        if not earlier.assignment().new:
            raise InputError(
                f"all {earlier.total} settings of the space have been proposed: "
                "an extension needs a larger space"
            )
        going_on = file.next_generation(_possible(earlier), found, git_sha())
        _go_on(file, going_on, driver, state)
        return driver.retrying.insist(partial(_outcome, extension.folder, results))


def _start(
    config: SweepConfig, names: Mapping[str, str], roots: tuple[str, ...], driver: Driver
) -> None:
    """Run a sweep that has nothing yet."""
    executor = driver.executor(config)
    with executor.opened():
        shared = executor.prepare(driver.options.watch.preparing, roots)
        file = SweepFile(
            sweep_id=uuid.uuid4().hex,
            name=driver.results.reading.name,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            generation=0,
            generations={"0": purpose(config)},
            versions=versions(),
            earlier_versions={},
            git_sha=git_sha(),
            digests={**shared.digests, "space": space_digest(config)},
            config=config,
            given=names,
            import_roots=roots,
        )
        driver.lock.check()
        # The first commit has the text of sweep.yaml, which is written after it.
        with Session(file, driver) as session:
            session.announce()
            session.run(executor, shared)


def _resume(file: SweepFile, driver: Driver, accept_versions: bool = False) -> None:
    """Run what is missing, as a new generation if versions differ and are accepted.

    Where nothing is missing, other versions are no reason to write: earlier ones could not read it.
    """
    require_valid(driver.results.reading)
    state = read_own(file, driver.results)
    require_same_settings(file, state)
    earlier = EarlierTrials.of(file, state)
    config = _possible(earlier)
    going_on = file if config is file.config else replace(file, config=config)
    missing = earlier.assignment().total
    rests = not missing and going_on is file and _rests(file, driver)
    if rests and not accept_versions:
        return
    found = versions()
    if missing or accept_versions:
        if not require_versions(file.versions, found, accept_versions):
            going_on, rests = file.next_generation(config, found, git_sha()), False
    elif differing_versions(file.versions, found):
        return
    if rests:
        return
    _go_on(file, going_on, driver, state)


def _rests(file: SweepFile, driver: Driver) -> bool:
    """Whether a sweep has ended and been left in order, so that no file of it need change."""
    folder = driver.results.reading
    return last_said(folder).get("state") == "finished" and settled(
        folder, file.sweep_id, file.text()
    )


def _go_on(file: SweepFile, going_on: SweepFile, driver: Driver, state: FolderState) -> None:
    """Run what is missing of a sweep, or of its next generation."""
    make_importable(going_on.import_roots)
    with Session(going_on, driver, before=file, known=state) as session:
        session.announce()
        if session.total:
            executor = driver.executor(going_on.config)
            with executor.opened():
                shared = executor.prepare(driver.options.watch.preparing, going_on.import_roots)
                require_same_data(file.digests, shared.digests)
                session.take_file()
                session.run(executor, shared)
        elif going_on is not file:
            session.take_file()


def _possible(earlier: EarlierTrials) -> SweepConfig:
    """The configuration with no more trials than there are settings; a lower number is logged."""
    config = earlier.possible()
    if config is not earlier.config:
        logger.warning(
            "the space has %d different settings: the sweep ends with %d search trials, not %d",
            earlier.total,
            config.search.trials,
            earlier.config.search.trials,
        )
    return config


def _exists(folder: Address, results: ResultsFolder, or_resume: bool) -> bool:
    """Whether there is a sweep, which may then be resumed; a lock alone is no sweep.

    Raises:
        SweepExists: if there is one, and it may not be resumed.
        ResultsError: if there are rows without the sweep that they belong to.
    """
    names = results.reading.entries()
    if SWEEP_FILE in names or commit_numbers(results.reading):
        if or_resume:
            return True
        raise SweepExists(str(folder), shlex.join(["ratchet", "resume", str(folder)]))
    if any(table in names and results.reading.entries(table) for table in TABLES):
        missing = results.reading.path(SWEEP_FILE)
        fault = f"{missing}: is missing, although there are rows of a sweep"
        raise ResultsError([fault, way_out(results.reading.address)])
    return False


def _outcome(folder: Address, results: ResultsFolder) -> Outcome:
    _, tables = read_tables(results.reading, ["trials"])
    rows = tables["trials"].select(["role", "status"]).to_pylist() if tables else []
    return Outcome(
        folder,
        trials=sum(each["role"] == "search" for each in rows),
        failed=sum(each["status"] == "failed" for each in rows),
        failed_baselines=tuple(
            each["role"] for each in rows if each["status"] == "failed" and each["role"] != "search"
        ),
    )
