"""One driver per sweep: who is kept out, who may take over, and who finds out."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from analysis.errors import StorageError
from greedy_core.errors import SettingsError
from greedy_core.process import this_process
from search.errors import LockLost, SweepLocked
from search.results import lock as lock_module
from search.results.claim import LOCK
from search.results.lock import SweepLock
from search.results.log import SweepLog
from search.results.parts import LocalFolder, ResultsFolder
from search.results.progress import ProgressFile
from tests.search.results.files import content
from tests.search.results.locking import (
    ELSEWHERE,
    Time,
    ended_process,
    leave_lock,
    overwrite,
    rewrite,
    said,
)
from tests.search.results.rows import run_trial, schemas


@pytest.fixture
def local(tmp_path: Path) -> LocalFolder:
    """A new folder, where what is tested does not depend on the place."""
    return LocalFolder(tmp_path)


def test_a_second_driver_is_told_who_holds_the_lock(folder: ResultsFolder) -> None:
    here = Time()
    with here.lock(folder) as lock:
        here.now += 59
        with pytest.raises(SweepLocked) as caught:
            here.lock(folder)
        assert lock.held
    host = this_process().host
    assert (caught.value.host, caught.value.pid, caught.value.age) == (host, os.getpid(), 59)
    assert str(caught.value) == (
        f"{folder.reading.address} is in use by process {os.getpid()} on {host}, "
        "last sign of life 59 s ago"
    )


def test_release_makes_way(folder: ResultsFolder) -> None:
    lock = SweepLock(folder)
    lock.release()
    lock.release()
    assert not lock.held
    assert content(folder) == {}
    SweepLock(folder).release()


def test_a_beating_heart_keeps_a_lock_fresh(folder: ResultsFolder) -> None:
    here = Time()
    with here.lock(folder) as lock:
        for _ in range(3):
            here.now += 50
            lock.beat()
        assert lock.heartbeat == here.now
        with pytest.raises(SweepLocked, match="last sign of life 0 s ago"):
            here.lock(folder)


def test_the_heart_beats_by_itself(folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "BEAT_SECONDS", 0.01)
    beaten = threading.Event()
    monkeypatch.setattr(SweepLock, "beat", lambda self: beaten.set())
    with SweepLock(folder):
        assert beaten.wait(30)


def test_a_lock_of_another_machine_that_stopped_beating_is_taken_over(
    folder: ResultsFolder,
) -> None:
    here = Time()
    old = here.lock(folder)
    rewrite(folder, **ELSEWHERE)
    here.now += 60
    with here.lock(folder) as new:
        assert new.held and not old.held
        with pytest.raises(LockLost, match=f"taken over by process {os.getpid()}"):
            old.check()
        before = said(folder)
        old.beat()  # into its own file, which has no name any more
        old.release()
        assert said(folder) == before
        assert new.held


def test_the_lock_of_a_process_that_is_gone_is_taken_over_at_once(folder: ResultsFolder) -> None:
    gone, here = ended_process(), Time()
    leave_lock(folder, pid=gone.pid, started=gone.started)
    here.lock(folder).release()
    assert here.now == Time().now


def test_a_process_number_used_again_is_another_process(folder: ResultsFolder) -> None:
    leave_lock(folder, pid=os.getpid(), started="1")
    Time().lock(folder).release()


CLOCKS = [
    # what the lock of another machine is ahead, and for how long it is looked at: None, not at all
    pytest.param(0, None, id="just now"),
    pytest.param(-59, None, id="59 s ago"),
    pytest.param(59, None, id="a clock that is 59 s ahead"),
    pytest.param(-60, 15, id="60 s ago"),
    pytest.param(-1e9, 15, id="a clock that began with the boot"),
    pytest.param(60, 60, id="a clock that is a minute ahead"),
    pytest.param(1e9, 60, id="a clock that is decades ahead"),
]


@pytest.mark.parametrize(("ahead", "looked"), CLOCKS)
def test_of_a_process_elsewhere_only_the_heartbeat_is_known_and_no_clock_keeps_it_for_ever(
    local: LocalFolder, ahead: float, looked: float | None
) -> None:
    found_elsewhere(local, ahead, looked)


def test_an_object_stores_locks_follow_the_same_rule(remote: ResultsFolder) -> None:
    found_elsewhere(remote, 59, None)
    found_elsewhere(remote, -60, 15)
    found_elsewhere(remote, 60, 60)
    beats_elsewhere(remote, behind=300)


def found_elsewhere(folder: ResultsFolder, ahead: float, looked: float | None) -> None:
    """Find a lock of another machine that does not change."""
    here = Time()
    leave_lock(folder, heartbeat=here.now + ahead, **ELSEWHERE)
    if looked is None:
        with pytest.raises(SweepLocked):
            here.lock(folder)
        here.now += 60 + ahead
        here.lock(folder).release()
    else:
        here.lock(folder).release()
        assert here.now == Time().now + looked


@pytest.mark.parametrize("elsewhere", [{"host": "node3"}, {"space": "another boot"}])
def test_another_host_and_another_boot_are_elsewhere(
    tmp_path: Path, elsewhere: dict[str, str]
) -> None:
    folder, here = LocalFolder(tmp_path), Time()
    leave_lock(folder, **elsewhere)
    with pytest.raises(SweepLocked):
        here.lock(folder)
    here.now += 60
    here.lock(folder).release()


@pytest.mark.parametrize("behind", [-1e6, -300, 300, 1e6])
def test_a_living_driver_keeps_its_lock_whatever_its_clock_says(
    local: LocalFolder, behind: float
) -> None:
    beats_elsewhere(local, behind)


def beats_elsewhere(folder: ResultsFolder, behind: float) -> None:
    """Find the lock of a driver on another machine that beats by its own clock."""
    here = Time()
    leave_lock(folder, **ELSEWHERE)
    since = here.now

    def beat() -> None:
        beats = (here.now - since) // 10 * 10
        rewrite(folder, heartbeat=f"{since - behind + beats:017.6f}")

    beat()
    here.meanwhile = beat
    with pytest.raises(SweepLocked, match="on node3, last sign of life 0 s ago"):
        here.lock(folder)
    assert here.now - since == 10


def repr_of(each: object) -> str:
    return f"{each!r:.40}"


NO_NUMBERS = ["text", 3.5, -1, 0, 2**31, 10**400, True, None, [], {}]
NONSENSE = [
    *({"pid": each} for each in NO_NUMBERS),
    *({"host": each} for each in (7, None, "x" * 256, [])),
    *({"started": each} for each in (7, None)),
    {"space": {}},
    {"host": "\x1b[31m\ud800\n"},
    {"token": "../../elsewhere"},
    {"token": 7},
    {"unknown": 1},
]


@pytest.mark.parametrize("changes", NONSENSE, ids=repr_of)
def test_a_stale_lock_may_say_what_it_likes(
    tmp_path: Path,
    changes: dict[str, object],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = LocalFolder(tmp_path)
    leave_lock(folder, **{**ELSEWHERE, "heartbeat": 0, **changes})
    with Time().lock(folder) as lock:
        assert lock.held
        assert [each.name for each in tmp_path.iterdir()] == [LOCK]
    assert "taking over the lock of process" in caplog.text
    assert capfd.readouterr().err == "", "not even a traceback of the logging"


TEXTS = [b"", b"{", b"[]", b"null", b'{"pid": 3}', b"\xff\xfe\x00", b"[" * 60_000, b"0" * 100_000]
HEARTBEATS = [b'"heartbeat": %s' % each for each in (b"NaN", b"Infinity", b'"soon"', b"null")]


@pytest.mark.parametrize("text", [*TEXTS, *(b"{%s}" % each for each in HEARTBEATS)], ids=repr_of)
def test_a_lock_that_says_nothing_counts_from_when_it_was_written(
    tmp_path: Path, text: bytes
) -> None:
    says_nothing(LocalFolder(tmp_path), text)


def test_so_does_one_on_an_object_store(remote: ResultsFolder) -> None:
    says_nothing(remote, b"{")


def says_nothing(folder: ResultsFolder, text: bytes) -> None:
    overwrite(folder, text)
    where = folder.reading
    written = where.files.get_file_info(f"{where.root}/{LOCK}").mtime.timestamp()
    with pytest.raises(SweepLocked, match="process 0 on an unknown host"):
        Time(written + 58).lock(folder)
    Time(written + 61).lock(folder).release()


def test_a_driver_is_told_that_its_lock_is_gone(folder: ResultsFolder) -> None:
    lock = SweepLock(folder)
    folder.remove([LOCK])
    with pytest.raises(LockLost, match="was deleted"):
        lock.check()


def test_whoever_waits_gets_the_lock_once_it_is_free_and_says_once_for_whom(
    folder: ResultsFolder, caplog: pytest.LogCaptureFixture
) -> None:
    here = Time()
    first = here.lock(folder)
    left = iter([lambda: None] * 5 + [first.release])
    here.meanwhile = lambda: next(left)()
    with here.lock(folder, wait=30) as second:
        assert second.held
    assert here.now == Time().now + 6
    assert caplog.messages == [
        f"{folder.reading.address}: waiting up to 30 s for {this_process()}, which has the lock"
    ]


def test_whoever_waits_takes_over_what_grows_stale_meanwhile(local: LocalFolder) -> None:
    here = Time()
    leave_lock(local, **ELSEWHERE)
    here.lock(local, wait=100).release()
    assert here.now == Time().now + 60


def test_whoever_waited_in_vain_is_kept_out(local: LocalFolder) -> None:
    here = Time()
    with here.lock(local) as first:
        here.meanwhile = first.beat
        with pytest.raises(SweepLocked):
            here.lock(local, wait=100)
    assert here.now == Time().now + 100


@pytest.mark.parametrize("wait", [-1, float("nan")])
def test_a_wait_is_a_time(tmp_path: Path, wait: float) -> None:
    with pytest.raises(SettingsError, match="wait_for_lock >= 0"):
        SweepLock(LocalFolder(tmp_path), wait)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_cannot_be_looked_up_is_neither_held_nor_lost(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path / "sweep")
    folder.create()
    with SweepLock(folder) as lock:
        folder.path.rename(tmp_path / "moved")
        folder.path.symlink_to(folder.path)
        with pytest.raises(StorageError, match=r"lock\.json: cannot be read: Too many levels"):
            lock.check()
        folder.path.unlink()
        (tmp_path / "moved").rename(folder.path)
        lock.check()


def test_a_driver_whose_lock_was_taken_over_writes_nothing_more(folder: ResultsFolder) -> None:
    here = Time()
    slept = here.lock(folder)
    log = SweepLog(folder, schemas(), before_write=slept.check)
    progress = ProgressFile(folder, before_write=slept.check)
    run_trial(log, 0)
    rewrite(folder, **ELSEWHERE)
    here.now += 60
    with here.lock(folder):
        before = content(folder)
        for write in (log.flush, log.close, lambda: progress.write({}), slept.check):
            with pytest.raises(LockLost, match="taken over"):
                write()
        slept.beat()
        slept.release()
        assert content(folder) == before
