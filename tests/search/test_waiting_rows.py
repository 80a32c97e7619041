"""Results in a place that fails for a while: nothing is lost, trials go on, and waiting ends."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import analysis
from analysis.errors import StorageError
from analysis.tables.confirm_schema import confirm_schemas
from greedy_core.settings import EditSettings
from search.cli.status import show_status
from search.cluster.retrying import Retrying
from search.confirm.session import ConfirmSession
from search.errors import LockLost
from search.executors.walks import Walk, WalkEnd
from search.results.confirm_log import ConfirmLog
from search.results.lock import SweepLock
from search.results.log import FLUSH_SECONDS, SweepLog
from search.results.parts import ResultsFolder
from search.results.progress import PROGRESS, ProgressFile
from search.session.driver import Options
from search.session.retrying_log import MOST_HELD, RetryingLog
from search.session.run import resume_sweep, run_sweep
from search.session.tally import Tally
from search.session.watch import Watch
from search.sweep.status import Status
from tests.faulty_proxy import SLOW_DOWN, Faults
from tests.search import metric_functions
from tests.search.outages import Time, retrying
from tests.search.results.files import content, load
from tests.search.results.rows import run_trial, schemas
from tests.search.sweeps import small_config, unlocked


def opened(
    folder: ResultsFolder, time: Time, give_up_after: float = 600, **options: Any
) -> tuple[RetryingLog, Retrying]:
    waiting = retrying(time, give_up_after)
    log = SweepLog(folder, schemas(), clock=time.clock, **options)
    return RetryingLog(log, waiting), waiting


@pytest.mark.parametrize("what", ["everything", "writes"])
def test_trials_go_on_while_rows_wait_and_all_are_there_once(
    far_folder: ResultsFolder, faults: Faults, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()
    log, _ = opened(far_folder, time)
    run_trial(log, 0)  # type: ignore[arg-type]
    getattr(faults, what)(SLOW_DOWN)
    for trial in range(1, 21):
        time.now += FLUSH_SECONDS
        log.maybe_flush()
        run_trial(log, trial)  # type: ignore[arg-type]
    assert log.waiting is not None and "20 ended trials wait to be written" in log.waiting
    assert time.slept == [], "trials were not kept waiting"
    faults.nothing()
    time.now += 60
    log.maybe_flush()
    assert log.waiting is None
    log.close()
    found = load(far_folder)
    assert [*found.trials["trial"]] == list(range(21))
    assert (len(found.steps), len(found.records)) == (4 * 21, 3 * 21)
    assert len(caplog.messages) == 2


def test_once_many_rows_wait_the_sweep_stands_still(
    far_folder: ResultsFolder, faults: Faults
) -> None:
    time = Time()
    log, _ = opened(far_folder, time)
    faults.everything(SLOW_DOWN)
    run_trial(log, 0)  # type: ignore[arg-type]
    time.now += FLUSH_SECONDS
    log.maybe_flush()
    for trial in range(1, MOST_HELD + 1):
        run_trial(log, trial)  # type: ignore[arg-type]
    time.at[time.now + 100] = faults.nothing
    log.maybe_flush()
    assert sum(time.slept) >= 100 - 60
    assert len(load(far_folder).trials) == MOST_HELD + 1
    assert (log.held, log.waiting) == (0, None)


def test_a_lost_lock_wins_over_waiting(far_folder: ResultsFolder, faults: Faults) -> None:
    """Nobody writes who cannot tell whether the lock is still its own."""
    time = Time()
    lock = SweepLock(far_folder)
    log, _ = opened(far_folder, time, before_write=lock.check)
    run_trial(log, 0)  # type: ignore[arg-type]
    before = written(far_folder)
    faults.hits = lambda method, path: "lock.json" in path
    time.now += FLUSH_SECONDS
    log.maybe_flush()
    assert log.waiting is not None
    faults.nothing()
    assert written(far_folder) == before

    faults.hits = lambda method, path: "part-" in path
    taken = b'{"host": "node3", "token": "another", "heartbeat": "1.0"}'

    def take() -> None:
        far_folder.put("lock.json", taken)

    time.at[time.now + 30] = take
    with pytest.raises(LockLost, match="was taken over by"):
        log.flush()
    faults.nothing()
    assert written(far_folder) == before
    lock.release()


def written(folder: ResultsFolder) -> dict[str, bytes]:
    """What lies there beside the lock, whose heart beats."""
    return {name: data for name, data in content(folder).items() if name != "lock.json"}


@pytest.mark.nightly
def test_a_compaction_that_is_cut_off_anywhere_is_finished(
    far_folder: ResultsFolder, faults: Faults
) -> None:
    time = Time()
    log, _ = opened(far_folder, time, give_up_after=7200)  # for so many outages in a row
    for trial in range(3):
        run_trial(log, trial)  # type: ignore[arg-type]
        log.flush()
    expected = load(far_folder)
    cut: set[tuple[str, str]] = set()

    def first_of_its_kind(method: str, path: str) -> bool:
        kind = (method, re.sub(r"part-[0-9a-f-]+", "part", path))
        new = kind not in cut
        cut.add(kind)
        return new

    faults.hits = first_of_its_kind
    log.close()
    faults.nothing()
    found = load(far_folder)
    for table in ("trials", "steps", "records", "proposals"):
        assert len(getattr(found, table)) == len(getattr(expected, table))
    assert len(faults.seen) > 5


def test_walks_of_a_confirmation_go_on_while_their_rows_wait(
    far_folder: ResultsFolder, faults: Faults
) -> None:
    time = Time()
    log = ConfirmLog(far_folder, confirm_schemas(sweep_id="a1", sweep_name="tiny", facts={}))
    log.open()
    written: list[int] = []

    class Failing:
        """Its walks fail, one after the other, and meanwhile the rows' place does."""

        def walks(
            self, walks: object, shared: object, sequences: object, on_look: Callable[[int], None]
        ) -> Iterator[WalkEnd]:
            for number in range(6):
                if number == 1:
                    faults.everything(SLOW_DOWN)
                if number == 4:
                    faults.nothing()
                    time.now += 60
                on_look(1)
                written.append(len(session._held))
                walk = Walk(number, "search", 0, EditSettings())
                yield WalkEnd(walk, 0, datetime.now(UTC), 1.0, None, "an error")

    executor: Any = Failing()
    shared: Any = SimpleNamespace(check_unchanged=lambda: None)
    session = ConfirmSession(executor, shared, log, unlocked(retrying=retrying(time)))
    session.run([], [])
    assert written == [0, 0, 1, 2, 0, 0]
    assert time.slept == []
    found = load(far_folder).confirm
    assert sorted(found["trial"]) == list(range(6))


def test_progress_is_left_alone_while_its_place_fails(
    far_folder: ResultsFolder, faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()
    progress = ProgressFile(far_folder, clock=time.clock)
    assert progress.update(lambda: {"state": "running"})
    faults.everything(SLOW_DOWN)
    for _ in range(300):
        time.now += 1
        progress.update(lambda: {"state": "running"})
    assert 5 < len(faults.seen) < 15
    assert [each.startswith(PROGRESS) for each in caplog.messages] == [True]
    with pytest.raises(StorageError):
        progress.write({"state": "finished"})
    faults.nothing()
    time.now += 60
    assert progress.update(lambda: {"state": "running"})


def test_watching_goes_on_while_nothing_can_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def status(state: Any) -> Status:
        return Status("s3://b", state, None, None, 0, 9, {}, None, None, None, [], None, {}, 0, 0)

    answers = iter([status("running"), StorageError("s3://b: no answer", True), status("finished")])

    def look(folder: str) -> Status:
        found = next(answers)
        if isinstance(found, StorageError):
            raise found
        return found

    monkeypatch.setattr("search.cli.status.read_status", look)
    monkeypatch.setattr("search.cli.status.LOOK_SECONDS", 0.0)
    show_status("s3://b", watch=True, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert ["waiting: s3://b: no answer" in line for line in lines] == [False, True, False]


SLOW = {
    "edits": 2,
    "search.trials": 6,
    "search.sampler": "random",
    "search.scheduler": "none",
    "greedy.metric": f"{metric_functions.__name__}:slow",
}


class Cut(Watch):
    """Has the store fail once a trial has ended, until so many have, or for good."""

    def __init__(self, faults: Faults, until: int | None) -> None:
        self._faults = faults
        self._until = until
        self._cut = False
        self.ended_meanwhile = 0

    def running(self, tally: Tally, total: int) -> None:
        ended = tally.counts.total()
        if ended >= 1 and not self._cut:
            self._cut = True
            self._faults.everything(SLOW_DOWN)
        if tally.waiting is not None:
            self.ended_meanwhile = ended - 1
            if self._until is not None and ended >= self._until:
                self._faults.nothing()


def test_a_sweep_gives_up_or_waits_and_in_the_end_every_trial_is_there_once(
    failing_store: tuple[str, Faults],
    faults: Faults,
    cache_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("search.results.log.FLUSH_SECONDS", 0.5)
    address = f"{failing_store[0]}/cut/first"
    with pytest.raises(StorageError, match=r"the store refuses \(S\w+\); given up after"):
        options = Options(Cut(faults, None), in_process=True, give_up_after=2)
        run_sweep(small_config(SLOW), address, options)
    faults.nothing()
    faults.seen.clear()
    assert len(analysis.load(address).trials) < 9

    time.sleep(0.1)
    caplog.clear()
    cut = Cut(faults, until=4)
    for name in ("STALE_SECONDS", "DOUBT_SECONDS"):  # nobody could delete the lock
        monkeypatch.setattr(f"search.results.staleness.{name}", 0.0)
    outcome = resume_sweep(address, Options(cut, in_process=True))
    assert (outcome.trials, outcome.failed) == (6, 0)
    assert [*analysis.load(address).trials["trial"]] == list(range(9))
    assert cut.ended_meanwhile >= 3
    assert sum("; retrying for up to 10 min" in each for each in caplog.messages) == 1
    assert sum(": over after " in each for each in caplog.messages) == 1
