"""One driver per sweep: who is kept out, who may take over, and who finds out."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from analysis.errors import StorageError
from search.errors import LockLost, SweepLocked
from search.results import lock as lock_module
from search.results.claim import LOCK
from search.results.lock import SweepLock
from search.results.log import SweepLog
from search.results.parts import LocalFolder, ResultsFolder
from search.results.process import ProcessName, this_process
from search.results.progress import ProgressFile
from search.results.recovery import recover
from tests.search.results.files import content, read
from tests.search.results.rows import run_trial, schemas


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def said(folder: ResultsFolder) -> dict[str, object]:
    return dict(json.loads(read(folder, LOCK)))


def rewrite(folder: ResultsFolder, **changes: object) -> None:
    """Change what a lock says, in place."""
    text = json.dumps({**said(folder), **changes}).encode()
    if isinstance(folder, LocalFolder):
        (folder.path / LOCK).write_bytes(text)
    else:
        folder.put(LOCK, text)


def ended_process() -> ProcessName:
    """A process that has run and was reaped."""
    code = (
        "import json, dataclasses; from search.results.process import this_process as t;"
        "print(json.dumps(dataclasses.asdict(t())))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, cwd=Path(__file__).parents[3]
    )
    return ProcessName(**json.loads(run.stdout))


def test_a_second_driver_is_told_who_holds_the_lock(folder: ResultsFolder) -> None:
    clock = Clock()
    with SweepLock(folder, clock=clock) as lock:
        clock.now += 59
        with pytest.raises(SweepLocked) as caught:
            SweepLock(folder, clock=clock)
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
    clock = Clock()
    with SweepLock(folder, clock=clock) as lock:
        for _ in range(3):
            clock.now += 50
            lock.beat()
        assert lock.heartbeat == clock.now
        with pytest.raises(SweepLocked, match="last sign of life 0 s ago"):
            SweepLock(folder, clock=clock)


def test_the_heart_beats_by_itself(folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "BEAT_SECONDS", 0.01)
    beaten = threading.Event()
    monkeypatch.setattr(SweepLock, "beat", lambda self: beaten.set())
    with SweepLock(folder):
        assert beaten.wait(30)


def test_a_lock_that_stopped_beating_is_taken_over(folder: ResultsFolder) -> None:
    clock = Clock()
    old = SweepLock(folder, clock=clock)
    clock.now += 60
    with SweepLock(folder, clock=clock) as new:
        assert new.held and not old.held
        with pytest.raises(LockLost, match=f"taken over by process {os.getpid()}"):
            old.check()
        before = said(folder)
        old.beat()  # into its own file, which has no name any more
        old.release()
        assert said(folder) == before
        assert new.held


def test_the_lock_of_a_process_that_is_gone_is_taken_over_at_once(folder: ResultsFolder) -> None:
    SweepLock(folder)
    gone = ended_process()
    rewrite(folder, pid=gone.pid, started=gone.started)
    SweepLock(folder).release()


def test_a_process_number_used_again_is_another_process(folder: ResultsFolder) -> None:
    SweepLock(folder)
    rewrite(folder, started="1")
    SweepLock(folder).release()


@pytest.mark.parametrize("elsewhere", [{"host": "node3"}, {"space": "another boot"}])
def test_of_a_process_elsewhere_only_the_heartbeat_is_known(
    folder: ResultsFolder, elsewhere: dict[str, str]
) -> None:
    clock = Clock()
    SweepLock(folder, clock=clock)
    rewrite(folder, pid=2**22 + 1, **elsewhere)
    clock.now += 59
    with pytest.raises(SweepLocked):
        SweepLock(folder, clock=clock)
    clock.now += 1
    SweepLock(folder, clock=clock).release()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 3}'])
def test_a_lock_that_says_nothing_counts_from_its_creation(
    folder: ResultsFolder, text: str
) -> None:
    folder.put(LOCK, text.encode())
    clock = Clock()
    where = folder.reading
    clock.now = where.files.get_file_info(f"{where.root}/{LOCK}").mtime.timestamp() + 58
    with pytest.raises(SweepLocked, match="an unknown host"):
        SweepLock(folder, clock=clock)
    clock.now += 3
    SweepLock(folder, clock=clock).release()


def test_a_driver_is_told_that_its_lock_is_gone(folder: ResultsFolder) -> None:
    lock = SweepLock(folder)
    folder.remove([LOCK])
    with pytest.raises(LockLost, match="was deleted"):
        lock.check()


def test_a_lock_that_cannot_be_looked_up_is_neither_held_nor_lost(tmp_path: Path) -> None:
    with SweepLock(LocalFolder(tmp_path)) as lock:
        (tmp_path / LOCK).unlink()
        (tmp_path / LOCK).symlink_to(LOCK)
        with pytest.raises(StorageError, match=r"lock\.json: cannot be read: Too many levels"):
            lock.check()


def test_a_taker_that_fails_leaves_the_lock_as_it_was_and_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, clock = LocalFolder(tmp_path), Clock()
    SweepLock(folder, clock=clock)
    before = content(folder)
    clock.now += 61

    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match="No space left on device"):
        SweepLock(folder, clock=clock)
    assert content(folder) == before


def test_a_taker_that_is_killed_leaves_what_recovery_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, clock, made = LocalFolder(tmp_path), Clock(), []
    SweepLock(folder, clock=clock)
    clock.now += 61
    replace = os.replace

    def noted(source: Path, target: Path) -> None:
        made.append(source)
        replace(source, target)

    monkeypatch.setattr(os, "replace", noted)
    SweepLock(folder, clock=clock)
    (temporary,) = made
    temporary.touch()
    recover(folder)
    assert not temporary.exists()


TAKER = """
import sys
from search.errors import SweepLocked
from search.results.lock import SweepLock
from search.results.places import results_folder
folder = results_folder(sys.argv[1])
sys.stdin.readline()
try:
    lock = SweepLock(folder)
except SweepLocked:
    print("kept out", flush=True)
else:
    print("took it", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("stale", [True, False])
def test_of_many_takers_one_wins(folder: ResultsFolder, stale: bool) -> None:
    if stale:
        SweepLock(folder)
        rewrite(folder, started="1")
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, folder.reading.address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for _ in range(6)
    ]
    for _ in range(2):  # start together, then stay until all have spoken
        for taker in takers:
            assert taker.stdin is not None
            taker.stdin.write("\n")
            taker.stdin.flush()
        if _ == 0:
            outcomes = [taker.stdout.readline().strip() for taker in takers if taker.stdout]
    for taker in takers:
        taker.communicate()
    assert sorted(outcomes) == ["kept out"] * 5 + ["took it"]


def test_many_threads_on_a_stale_lock(folder: ResultsFolder) -> None:
    for _ in range(10):
        SweepLock(folder)
        rewrite(folder, started="1")
        barrier, won, kept_out = threading.Barrier(8), list[SweepLock](), list[SweepLocked]()

        def take(
            barrier: threading.Barrier = barrier,
            won: list[SweepLock] = won,
            kept_out: list[SweepLocked] = kept_out,
        ) -> None:
            barrier.wait()
            try:
                won.append(SweepLock(folder))
            except SweepLocked as error:
                kept_out.append(error)

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(kept_out)) == (1, 7)
        won[0].release()
        assert content(folder) == {}


def test_a_driver_whose_lock_was_taken_over_writes_nothing_more(folder: ResultsFolder) -> None:
    clock = Clock()
    slept = SweepLock(folder, clock=clock)
    log = SweepLog(folder, schemas(), before_write=slept.check)
    progress = ProgressFile(folder, before_write=slept.check)
    run_trial(log, 0)
    clock.now += 60
    with SweepLock(folder, clock=clock):
        before = content(folder)
        for write in (log.flush, log.close, lambda: progress.write({}), slept.check):
            with pytest.raises(LockLost, match="taken over"):
                write()
        slept.beat()
        slept.release()
        assert content(folder) == before
