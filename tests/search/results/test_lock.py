"""One driver per sweep: who is kept out, who may take over, and who finds out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from search.errors import LockLost, SweepLocked
from search.results import lock as lock_module
from search.results.lock import LOCK, SweepLock
from search.results.process import ProcessName, this_process


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def said(folder: Path) -> dict[str, object]:
    return json.loads((folder / LOCK).read_text())


def rewrite(folder: Path, **changes: object) -> None:
    (folder / LOCK).write_text(json.dumps({**said(folder), **changes}))


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


def test_a_second_driver_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    clock = Clock()
    with SweepLock(tmp_path, clock=clock) as lock:
        clock.now += 59
        with pytest.raises(SweepLocked) as caught:
            SweepLock(tmp_path, clock=clock)
        assert lock.held
    host = this_process().host
    assert (caught.value.host, caught.value.pid, caught.value.age) == (host, os.getpid(), 59)
    assert str(caught.value) == (
        f"{tmp_path} is in use by process {os.getpid()} on {host}, last sign of life 59 s ago"
    )


def test_release_makes_way(tmp_path: Path) -> None:
    lock = SweepLock(tmp_path)
    lock.release()
    lock.release()
    assert not lock.held
    assert [*tmp_path.iterdir()] == []
    SweepLock(tmp_path).release()


def test_a_beating_heart_keeps_a_lock_fresh(tmp_path: Path) -> None:
    clock = Clock()
    with SweepLock(tmp_path, clock=clock) as lock:
        for _ in range(3):
            clock.now += 50
            lock.beat()
        assert lock.heartbeat == clock.now
        with pytest.raises(SweepLocked, match="last sign of life 0 s ago"):
            SweepLock(tmp_path, clock=clock)


def test_the_heart_beats_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "BEAT_SECONDS", 0.01)
    beaten = threading.Event()
    monkeypatch.setattr(SweepLock, "beat", lambda self: beaten.set())
    with SweepLock(tmp_path):
        assert beaten.wait(30)


def test_a_lock_that_stopped_beating_is_taken_over(tmp_path: Path) -> None:
    clock = Clock()
    old = SweepLock(tmp_path, clock=clock)
    clock.now += 60
    with SweepLock(tmp_path, clock=clock) as new:
        assert new.held and not old.held
        with pytest.raises(LockLost, match=f"taken over by process {os.getpid()}"):
            old.check()
        before = said(tmp_path)
        old.beat()  # into its own file, which has no name any more
        old.release()
        assert said(tmp_path) == before
        assert new.held


def test_the_lock_of_a_process_that_is_gone_is_taken_over_at_once(tmp_path: Path) -> None:
    SweepLock(tmp_path)
    gone = ended_process()
    rewrite(tmp_path, pid=gone.pid, started=gone.started)
    SweepLock(tmp_path).release()


def test_a_process_number_used_again_is_another_process(tmp_path: Path) -> None:
    SweepLock(tmp_path)
    rewrite(tmp_path, started="1")
    SweepLock(tmp_path).release()


@pytest.mark.parametrize("elsewhere", [{"host": "node3"}, {"space": "another boot"}])
def test_of_a_process_elsewhere_only_the_heartbeat_is_known(
    tmp_path: Path, elsewhere: dict[str, str]
) -> None:
    clock = Clock()
    SweepLock(tmp_path, clock=clock)
    rewrite(tmp_path, pid=2**22 + 1, **elsewhere)
    clock.now += 59
    with pytest.raises(SweepLocked):
        SweepLock(tmp_path, clock=clock)
    clock.now += 1
    SweepLock(tmp_path, clock=clock).release()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 3}'])
def test_a_lock_that_says_nothing_counts_from_its_creation(tmp_path: Path, content: str) -> None:
    (tmp_path / LOCK).write_text(content)
    clock = Clock()
    clock.now = (tmp_path / LOCK).stat().st_mtime + 59
    with pytest.raises(SweepLocked, match="an unknown host"):
        SweepLock(tmp_path, clock=clock)
    clock.now += 1
    SweepLock(tmp_path, clock=clock).release()


def test_a_driver_is_told_that_its_lock_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "BEAT_SECONDS", 0.01)
    told = threading.Event()
    lock = SweepLock(tmp_path, on_lost=told.set)
    (tmp_path / LOCK).unlink()
    assert told.wait(30)
    with pytest.raises(LockLost, match="was deleted"):
        lock.check()


TAKER = """
import sys
from search.errors import SweepLocked
from search.results.lock import SweepLock
sys.stdin.readline()
try:
    lock = SweepLock(sys.argv[1])
except SweepLocked:
    print("kept out", flush=True)
else:
    print("took it", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("stale", [True, False])
def test_of_many_takers_one_wins(tmp_path: Path, stale: bool) -> None:
    if stale:
        SweepLock(tmp_path)
        rewrite(tmp_path, started="1")
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, str(tmp_path)],
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


def test_many_threads_on_a_stale_lock(tmp_path: Path) -> None:
    for _ in range(20):
        SweepLock(tmp_path)
        rewrite(tmp_path, started="1")
        barrier, won, kept_out = threading.Barrier(8), list[SweepLock](), list[SweepLocked]()

        def take(
            barrier: threading.Barrier = barrier,
            won: list[SweepLock] = won,
            kept_out: list[SweepLocked] = kept_out,
        ) -> None:
            barrier.wait()
            try:
                won.append(SweepLock(tmp_path))
            except SweepLocked as error:
                kept_out.append(error)

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(kept_out)) == (1, 7)
        won[0].release()
        assert [*tmp_path.iterdir()] == []
