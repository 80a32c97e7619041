"""Drivers that race for one lock, as processes: of many, one gets it, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from greedy_core.process import process_space
from search.errors import SweepLocked
from search.results.claim import LOCK
from search.results.lock import SweepLock
from search.results.parts import LocalFolder, ResultsFolder
from tests.search.results.files import content
from tests.search.results.locking import (
    ELSEWHERE,
    Time,
    child,
    hear,
    leave_lock,
    rewrite,
    tell,
)

TAKER = """
import errno, fcntl, logging, os, random, signal, sys
from search.errors import LockLost, SweepLocked
from search.results.lock import SweepLock
from search.results.places import results_folder
logging.disable()
flock = fcntl.flock

def without_locks(*given):
    raise OSError(errno.ENOLCK, "No locks available")

def dies(name, before):
    call = getattr(os, name)
    def at_call(*given, **named):
        if before: os.kill(os.getpid(), signal.SIGKILL)
        call(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(os, name, at_call)

lock = None
for line in sys.stdin:
    order, *words = line.split()
    if order == "take":
        folder = results_folder(words[0])
        try:
            lock = SweepLock(folder)
            answer = "took it"
        except SweepLocked:
            answer = "kept out"
    elif order == "check":
        try:
            lock.check()
            answer = "has it"
        except LockLost:
            answer = "lost it"
    elif order == "release":
        lock.release()
        answer = "released"
    elif order == "set":
        os.environ[words[0]] = words[1]
        answer = "set"
    elif order == "without":
        fcntl.flock = without_locks
        answer = "without"
    elif order == "die":
        dies(words[0], words[1] == "before")
        answer = "will die"
    elif order == "churn":  # everything that a driver does, as fast as it can
        inside, wrong, won = os.path.join(words[0], "inside"), 0, 0
        random.seed(os.getpid())
        for _ in range(int(words[1])):
            try:
                lock = SweepLock(results_folder(words[0]))
            except SweepLocked:
                continue
            try:
                os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                wrong += 1
            wrong += not lock.held
            os.unlink(inside)
            lock.release()
            won += 1
        answer = f"{wrong} {won}"
    print(answer, flush=True)
"""


@pytest.fixture(scope="module")
def ready() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that take locks when they are told to; made once, since they import a lot."""
    processes = [child(TAKER) for _ in range(6)]
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def one() -> Iterator[subprocess.Popen[str]]:
    """A process of its own, which may be killed."""
    with child(TAKER) as process:
        yield process
        process.kill()


def race(processes: list[subprocess.Popen[str]], address: str) -> list[str]:
    for process in processes:
        tell(process, f"take {address}")
    return [hear(process) for process in processes]


@pytest.fixture(params=["flock", "no flock"])
def takers(
    request: pytest.FixtureRequest, ready: list[subprocess.Popen[str]]
) -> list[subprocess.Popen[str]]:
    """The processes, at first with the kernel's locks, then without."""
    if request.param == "no flock":
        for process in ready:
            tell(process, "without")
        assert {hear(process) for process in ready} == {"without"}
    return ready


def leave_nothing(folder: LocalFolder) -> None:
    return


def leave_stale(folder: LocalFolder) -> None:
    leave_lock(folder)


def leave_stale_with_dead_takers(folder: LocalFolder) -> None:
    for number in range(2):
        leave_lock(folder)
        (folder.path / LOCK).rename(folder.path / f".lock.json.0123456789abcdef.{number}.tmp")
    leave_lock(folder)


@pytest.mark.parametrize("left", [leave_nothing, leave_stale, leave_stale_with_dead_takers])
def test_of_many_takers_one_wins_and_no_file_is_left(
    takers: list[subprocess.Popen[str]], tmp_path: Path, left: Callable[[LocalFolder], None]
) -> None:
    for number in range(20):
        folder = LocalFolder(tmp_path / str(number))
        folder.create()
        left(folder)
        outcomes = race(takers, str(folder.path))
        assert sorted(outcomes) == ["kept out"] * 5 + ["took it"]
        winner = takers[outcomes.index("took it")]
        for order, answer in (("check", "has it"), ("release", "released")):
            tell(winner, order)
            assert hear(winner) == answer
        assert os.listdir(folder.path) == []


def test_of_many_takers_one_wins_on_an_object_store(
    remote: ResultsFolder, ready: list[subprocess.Popen[str]]
) -> None:
    for process in ready:
        for name, value in os.environ.items():
            if name.startswith("AWS_"):
                tell(process, f"set {name} {value}")
                assert hear(process) == "set"
    for left in (lambda: None, lambda: leave_lock(remote)):
        left()
        outcomes = race(ready, remote.reading.address)
        assert sorted(outcomes) == ["kept out"] * 5 + ["took it"]
        tell(ready[outcomes.index("took it")], "release")
        assert hear(ready[outcomes.index("took it")]) == "released"
        assert content(remote) == {}


def test_never_are_two_inside(takers: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    for taker in takers:
        tell(taker, f"churn {tmp_path} 60")
    found = [tuple(map(int, hear(taker).split())) for taker in takers]
    assert [wrong for wrong, _ in found] == [0] * 6
    assert sum(won for _, won in found) > 60
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", ["link", "replace", "unlink"])
def test_a_taker_that_dies_at_any_step_is_in_nobodys_way(
    one: subprocess.Popen[str], tmp_path: Path, call: str, moment: str
) -> None:
    folder = LocalFolder(tmp_path)
    leave_lock(folder)
    tell(one, f"die {call} {moment}")
    assert hear(one) == "will die"
    tell(one, f"take {tmp_path}")
    assert one.wait(60) == -signal.SIGKILL
    with SweepLock(folder) as lock:
        assert lock.held
        assert os.listdir(tmp_path) == [LOCK]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", ["link", "replace", "unlink"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_driver_that_dies_releasing_its_lock_is_in_nobodys_way(
    one: subprocess.Popen[str], tmp_path: Path, call: str, moment: str, elsewhere: bool
) -> None:
    tell(one, f"take {tmp_path}")
    assert hear(one) == "took it"
    tell(one, f"die {call} {moment}")
    assert hear(one) == "will die"
    tell(one, "release")
    assert one.wait(60) == -signal.SIGKILL
    for number, file in enumerate(tmp_path.iterdir()):
        if elsewhere:
            file.write_text(
                json.dumps({**json.loads(file.read_text()), **ELSEWHERE, "heartbeat": number})
            )
    with Time().lock(LocalFolder(tmp_path)) as lock:
        assert lock.held
        assert os.listdir(tmp_path) == [LOCK]
    assert os.listdir(tmp_path) == []


def test_a_stopped_driver_of_this_machine_keeps_its_lock_and_a_killed_one_does_not(
    one: subprocess.Popen[str], tmp_path: Path
) -> None:
    folder, here = LocalFolder(tmp_path), Time()
    boot = process_space().partition(" ")[0]
    tell(one, f"take {tmp_path}")
    assert hear(one) == "took it"
    one.send_signal(signal.SIGSTOP)
    for says in ({}, {"space": f"{boot} pid:[7]", "host": "container"}):
        rewrite(folder, heartbeat="1000000000.000000", **says)
        with pytest.raises(SweepLocked, match=rf"process {one.pid} on .*, last sign of life"):
            here.lock(folder)
    one.kill()
    one.wait()
    here.lock(folder).release()


def test_a_stopped_driver_of_another_machine_loses_its_lock_and_says_so_when_it_wakes(
    one: subprocess.Popen[str], tmp_path: Path
) -> None:
    folder, here = LocalFolder(tmp_path), Time()
    tell(one, f"take {tmp_path}")
    assert hear(one) == "took it"
    one.send_signal(signal.SIGSTOP)
    rewrite(folder, heartbeat="1000000000.000000", **ELSEWHERE)
    with here.lock(folder) as lock:
        one.send_signal(signal.SIGCONT)
        for order, answer in (("check", "lost it"), ("release", "released")):
            tell(one, order)
            assert hear(one) == answer
        assert lock.held


def test_of_many_threads_on_a_stale_lock_one_wins(folder: ResultsFolder) -> None:
    for _ in range(5):
        leave_lock(folder)
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
