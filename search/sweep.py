"""Runs a sweep, or what is left of one: from a configuration to Parquet."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from analysis.storage import Address
from greedy_core.errors import InputError
from greedy_core.loading import attach, check_unchanged
from search.config import SweepConfig
from search.errors import SweepExists
from search.interrupts import Interrupts, interruptible
from search.preparation import Shared, prepared
from search.ray_session import ray_session
from search.results.lock import SweepLock
from search.results.parts import ResultsFolder
from search.results.places import results_folder
from search.results.recovery import ended_trials
from search.session import Session
from search.sweep_file import SWEEP_FILE, SweepFile, git_sha, versions
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
        SweepInterrupted: after a signal; what had ended is on disk.
    """
    results = results_folder(folder)
    if SWEEP_FILE in results.reading.entries():
        raise SweepExists(str(folder), shlex.join(["ratchet", "resume", str(folder)]))
    config = config.self_contained()
    results.create()
    try:
        with (
            interruptible() as interrupts,
            SweepLock(results) as lock,
            ray_session(config, verbose, interrupts),
        ):
            shared = prepared(config, watch.preparing)
            file = SweepFile(
                sweep_id=uuid.uuid4().hex,
                name=results.reading.name,
                started=datetime.now(UTC).isoformat(timespec="seconds"),
                generation=0,
                versions=versions(),
                git_sha=git_sha(),
                digests=shared.digests,
                config=config,
            )
            file.write(results)
            _run(Session(file, results, lock, watch), shared, interrupts)
    finally:
        results.discard_if_empty()
    return _outcome(folder, results)


def resume_sweep(folder: Address, watch: Watch, verbose: bool = False) -> Outcome:
    """Run what a sweep has not finished.

    Raises:
        ResultsError: if the folder is damaged.
        StorageError: if the store cannot be used.
        InputError: if the model, the dataset or the corpus is not what the sweep started with.
        SweepInterrupted: after a signal; what had ended is on disk.
    """
    file = SweepFile.read(folder)
    results = results_folder(folder)
    with interruptible() as interrupts, SweepLock(results) as lock:
        session = Session(file, results, lock, watch)
        if not session.total:
            session.close()
            return _outcome(folder, results)
        with ray_session(file.config, verbose, interrupts):
            shared = prepared(file.config, watch.preparing)
            _require_same(file.digests, shared.digests)
            _run(session, shared, interrupts)
    return _outcome(folder, results)


def _run(session: Session, shared: Shared, interrupts: Interrupts) -> None:
    session.run(shared.reference, interrupts)
    # The driver maps the same memory as the workers of its node; the others check when they start.
    weights = shared.view.weights
    check_unchanged(attach(weights, "cpu"), weights.digest)


def _require_same(started_with: Mapping[str, str], found: Mapping[str, str]) -> None:
    changed = [name for name, digest in found.items() if started_with.get(name) != digest]
    if changed:
        raise InputError(
            f"the {' and the '.join(changed)} must be what the sweep started with; "
            "start another sweep with what is there now"
        )


def _outcome(folder: Address, results: ResultsFolder) -> Outcome:
    rows = ended_trials(results)
    return Outcome(
        folder,
        trials=sum(each.role == "search" for each in rows),
        failed=sum(each.status == "failed" for each in rows),
    )
