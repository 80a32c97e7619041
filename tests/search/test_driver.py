"""What a driver writes at the start and the end of its session; no trial runs here."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.errors import ResultsError, StorageError
from greedy_core.errors import BaseModelChanged
from greedy_core.model.loading import load_model, share
from search.cli.exit_status import DAMAGED, status_of
from search.cli.results import best, export, report
from search.cluster.preparation import Shared
from search.confirm.run import confirm_sweep
from search.confirm.session import ConfirmSession
from search.errors import LockLost, OnlyFailures, SweepInterrupted
from search.results.claim import LOCK
from search.results.commits import Commits
from search.results.file_claim import FileClaim
from search.results.lock import SweepLock
from search.results.parts import LocalFolder
from search.session.driver import AS_USUAL, Driver, driving
from search.session.run import extend_sweep, resume_sweep
from search.session.session import Session
from search.sweep.earlier import SETTINGS_COLUMNS
from search.sweep.extension import Extension
from search.sweep.file import SweepFile, space_digest
from search.sweep.file_reader import read_sweep_file
from search.sweep.versions import versions
from tests.search.sweeps import holding, small_config, unlocked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sweep that was stopped before its first trial."""
    config = small_config({}).self_contained()
    file = SweepFile(
        sweep_id="a1",
        name="sweep",
        started="2026-01-01",
        generation=0,
        generations={"0": "three trials"},
        versions=versions(),
        earlier_versions={},
        git_sha=None,
        digests={"space": space_digest(config)},
        config=config,
    )
    results = LocalFolder(tmp_path / "sweep")
    results.create()
    Commits(results, sweep=file.text())
    return results.path


def test_an_extension_whose_lock_goes_while_it_prepares_leaves_sweep_yaml(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*given: object) -> Any:
        (folder / LOCK).unlink()
        return SimpleNamespace(digests={})

    executor = SimpleNamespace(opened=nullcontext, prepare=lost)
    monkeypatch.setattr(Driver, "executor", lambda *given: executor)
    before = (folder / "sweep.yaml").read_bytes()
    with pytest.raises(LockLost, match="was deleted"):
        extend_sweep(Extension(str(folder), 2))
    assert (folder / "sweep.yaml").read_bytes() == before


@pytest.fixture
def shared() -> Shared:
    """A base model as workers get it."""
    view: Any = SimpleNamespace(weights=share(load_model("factworld", device="cpu")))
    return Shared(reference=None, view=view, digests={})


def write_into(shared: Shared) -> None:
    next(iter(shared.view.weights.arrays.values())).flat[0] += 1


def run_to(folder: Path, shared: Shared, trials: Callable[[], None]) -> None:
    """A session whose trials are this call."""
    executor: Any = SimpleNamespace(run=lambda *given: trials())
    with holding(folder) as driver, Session(read_sweep_file(folder), driver) as session:
        session.run(executor, shared)


def state(folder: Path) -> str:
    return str(json.loads((folder / "progress.json").read_text())["state"])


ENDS = [
    pytest.param(KeyboardInterrupt(), id="signal"),
    pytest.param(OnlyFailures(3, "a cause", 3), id="only failures"),
    pytest.param(StorageError("no space left"), id="full disk"),
]


@pytest.mark.parametrize("end", ENDS)
def test_weights_that_were_written_into_make_a_sweep_invalid_whatever_ends_it(
    folder: Path, shared: Shared, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    def trials() -> None:
        write_into(shared)
        raise end

    with pytest.raises(BaseModelChanged) as caught:
        run_to(folder, shared, trials)
    assert caught.value.__cause__ is end
    assert state(folder) == "invalid"


@pytest.mark.parametrize("end", ENDS)
def test_weights_that_were_not_leave_the_end_as_it_is(
    folder: Path, shared: Shared, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    def trials() -> None:
        raise end

    with pytest.raises(type(end)):
        run_to(folder, shared, trials)
    assert state(folder) == "interrupted"


def test_a_sweep_that_ran_all_its_trials_is_invalid_too(
    folder: Path, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "_left", 0)
    run_to(folder, shared, lambda: None)
    assert state(folder) == "finished"
    with pytest.raises(BaseModelChanged):
        run_to(folder, shared, lambda: write_into(shared))
    assert state(folder) == "invalid"


def test_rows_that_find_no_place_hide_nothing(
    folder: Path, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise StorageError("no space left")

    monkeypatch.setattr("search.results.log.SweepLog.flush", full)
    with pytest.raises(BaseModelChanged):
        run_to(folder, shared, lambda: write_into(shared))
    assert state(folder) == "invalid"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(resume_sweep, id="resume"),
        pytest.param(lambda at: extend_sweep(Extension(str(at), 2)), id="extend"),
        pytest.param(lambda at: confirm_sweep(at, 3, None), id="confirm"),
        pytest.param(lambda at: best(str(at)), id="best"),
        pytest.param(lambda at: report(str(at)), id="report"),
        pytest.param(lambda at: export(str(at), str(at.parent / "out")), id="export"),
    ],
)
def test_nothing_goes_on_from_a_sweep_that_is_invalid(
    folder: Path, command: Callable[[Path], object]
) -> None:
    (folder / "progress.json").write_text('{"state": "invalid"}')
    with pytest.raises(ResultsError, match="its results are not valid; start it anew") as caught:
        command(folder)
    assert status_of(caught.value) == DAMAGED
    assert state(folder) == "invalid"


@pytest.mark.parametrize("end", [*ENDS, pytest.param(None, id="all walks have ended")])
def test_walks_of_a_confirmation_that_wrote_into_the_weights_are_not_kept(
    shared: Shared, end: BaseException | None
) -> None:
    class Writing:
        """Its walks end as the case says, having written into the weights."""

        def walks(self, *given: object) -> Iterator[Any]:
            write_into(shared)
            if end is not None:
                raise end
            yield from ()

    discarded: list[bool] = []
    log: Any = SimpleNamespace(discard=lambda: discarded.append(True))
    executor: Any = Writing()
    session = ConfirmSession(executor, shared, log, unlocked())
    with pytest.raises(BaseModelChanged) as caught:
        session.run([], [])
    assert caught.value.__context__ is end
    assert discarded == [True]


def test_walks_of_a_confirmation_in_which_a_worker_found_its_model_changed_are_not_kept(
    shared: Shared,
) -> None:
    class Telling:
        """A worker has said so; the driver's own view of the weights is well."""

        def walks(self, *given: object) -> Iterator[Any]:
            yield from ()
            raise BaseModelChanged.modules()

    discarded: list[bool] = []
    log: Any = SimpleNamespace(discard=lambda: discarded.append(True))
    executor: Any = Telling()
    session = ConfirmSession(executor, shared, log, unlocked())
    with pytest.raises(BaseModelChanged, match="modules were changed"):
        session.run([], [])
    assert discarded == [True]


INSTANTS = {
    "before the lock is taken": (FileClaim, "__init__", False),
    "when it is taken": (FileClaim, "__init__", True),
    "before it is released": (FileClaim, "release", False),
    "when it is released": (FileClaim, "release", True),
    "before its heart stops": (SweepLock, "release", False),
}


@pytest.mark.parametrize("instant", INSTANTS)
def test_a_signal_never_leaves_the_lock_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instant: str
) -> None:
    owner, name, after = INSTANTS[instant]
    call = getattr(owner, name)

    def interrupted(*given: Any) -> None:
        if not after:
            os.kill(os.getpid(), signal.SIGTERM)
        call(*given)
        if after:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(owner, name, interrupted)
    folder = LocalFolder(tmp_path / "new")
    folder.create()
    ran = []
    # Once all is done, nothing is left to interrupt.
    told = nullcontext() if "releas" in instant or "stops" in instant else raised_by_a_signal()
    with told, driving(folder, AS_USUAL) as driver:
        ran.append(driver.lock.held)
    assert ran == ([True] if isinstance(told, nullcontext) else [])
    assert [*folder.path.iterdir()] == []


def raised_by_a_signal() -> AbstractContextManager[Any]:
    return pytest.raises(SweepInterrupted, match="interrupted by SIGTERM")


def test_a_pending_trial_is_audited_by_the_settings_that_its_row_keeps(folder: Path) -> None:
    file = read_sweep_file(folder)
    asked = file.config.search

    def of(audit: int, trials: int) -> SweepFile:
        search = replace(asked, audit=audit, trials=trials)
        return replace(file, config=replace(file.config, search=search))

    def session(file: SweepFile) -> Session:
        return Session(file, driver)

    def audited(session: Session) -> frozenset[int]:
        return session.trials().audited

    with holding(folder) as driver:
        first = session(of(audit=2, trials=4))
        always, never = min(audited(first)), min({3, 4, 5, 6} - audited(first))
        for trial in (always, never):
            config = {key: of(2, 4).config.flat()[key] for key in SETTINGS_COLUMNS}
            first._log.propose(trial, "search", 0, config)
        first._log.flush()
        assert audited(session(of(audit=0, trials=8))) == {always}
        assert audited(session(of(audit=8, trials=8))) == {*range(3, 11)} - {never}
