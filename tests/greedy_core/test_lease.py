"""Dear artefacts are computed by one process; the others wait, also for one that has died."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest

from greedy_core import process as process_module
from greedy_core.process import process_space, this_process
from greedy_core.store.artefacts import Artefact, computed_once
from greedy_core.store.blob_store import BlobStore
from greedy_core.store.blobs import LEASES
from greedy_core.store.folder_blobs import FolderBlobs
from greedy_core.store.lease import Lease

SPAWN = multiprocessing.get_context("spawn")  # a fork would inherit locks of threads it lacks
KEY = "targets-0123456789"


def compute_in(folder: Path, seconds: float) -> Artefact:
    """Want an artefact that takes a while; every computation leaves a trace."""

    def compute() -> Artefact:
        (folder / f"computed by {os.getpid()}").touch()
        time.sleep(seconds)
        return {"pid": np.array(os.getpid())}

    return computed_once(BlobStore(FolderBlobs(folder / "store", 2**20)), KEY, compute)


def computations(folder: Path) -> int:
    return len(list(folder.glob("computed by *")))


def test_of_processes_that_race_one_computes_and_all_read_it(tmp_path: Path) -> None:
    with SPAWN.Pool(4, Barrier.wait, (SPAWN.Barrier(4),)) as pool:
        found = pool.starmap(compute_in, [(tmp_path, 0.5)] * 4, chunksize=1)
    assert len({int(artefact["pid"]) for artefact in found}) == 1
    assert computations(tmp_path) == 1
    assert list((tmp_path / "store" / LEASES).iterdir()) == [], "the lease was given back"


def test_a_killed_holder_is_noticed_at_once_on_its_machine(tmp_path: Path) -> None:
    holder = SPAWN.Process(target=compute_in, args=(tmp_path, 600))
    holder.start()
    while computations(tmp_path) == 0:
        time.sleep(0.01)
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    started = time.monotonic()
    compute_in(tmp_path, 0)
    assert computations(tmp_path) == 2
    assert time.monotonic() - started < 10, "not only after the lease has lapsed"


def lease(folder: Path, lapse: float, **others: object) -> Lease:
    blobs = FolderBlobs(folder, 2**20)
    return Lease(blobs, KEY, heartbeat_seconds=0.05, lapse_seconds=lapse, **others)  # type: ignore[arg-type]


def test_a_lease_of_another_machine_lapses_when_it_stays_as_it_is(tmp_path: Path) -> None:
    FolderBlobs(tmp_path, 2**20).create(f"{LEASES}/{KEY}", b"elsewhere 1 abc 7")
    waited: list[int] = []
    taken = lease(tmp_path, lapse=0.5, waiting=lambda: waited.append(1))
    taken.acquire()
    taken.release()
    assert waited, "whoever waits can show that it lives"


@pytest.mark.parametrize(
    ("space", "noticed"),
    [
        (process_space(), True),
        ("00000000-0000-0000-0000-000000000000 pid:[4026531836]", False),  # another boot
        (process_space().replace("pid:[", "pid:[9"), False),  # a container of the same name
        ("", False),
    ],
)
def test_a_process_number_counts_only_where_it_means_the_same(
    space: str, noticed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = SPAWN.Process()
    gone.start()
    gone.join()
    with monkeypatch.context() as there:
        there.setattr(process_module, "process_space", lambda: space)
        there.setattr(os, "getpid", lambda: gone.pid)
        there.setattr(threading.Thread, "start", lambda thread: None)  # a heart that has stopped
        lease(tmp_path, lapse=5).acquire()
    waited: list[int] = []
    taken = lease(tmp_path, lapse=0.3, waiting=lambda: waited.append(1))
    taken.acquire()
    taken.release()
    assert bool(waited) != noticed, "waited for the lease to lapse, or knew at once"


def test_the_lease_of_a_process_whose_number_is_used_again_is_taken_at_once(tmp_path: Path) -> None:
    here = this_process()
    space = here.space.replace(" ", "/")
    reused = f"{here.host} {space} {here.pid} 1 abc 7".encode()  # started one tick after the boot
    FolderBlobs(tmp_path, 2**20).create(f"{LEASES}/{KEY}", reused)
    waited: list[int] = []
    taken = lease(tmp_path, lapse=60, waiting=lambda: waited.append(1))
    taken.acquire()
    taken.release()
    assert waited == []


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"a b c d e f", b"h s -5 1 a 0", b"h s " + b"9" * 5000 + b" 1 a 0"],
)
def test_a_lease_that_says_nothing_lapses(tmp_path: Path, content: bytes) -> None:
    FolderBlobs(tmp_path, 2**20).create(f"{LEASES}/{KEY}", content)
    taken = lease(tmp_path, lapse=0.2)
    taken.acquire()
    taken.release()


def test_a_beating_lease_does_not_lapse(tmp_path: Path) -> None:
    held = lease(tmp_path, lapse=2)
    held.acquire()
    with SPAWN.Pool(1) as pool:
        pool.apply(os.getpid)  # it has started
        waiting = pool.apply_async(_acquire_and_release, (tmp_path,))
        with pytest.raises(multiprocessing.TimeoutError):
            waiting.get(timeout=5)
        held.release()
        waiting.get(timeout=10)


def _acquire_and_release(folder: Path) -> None:
    other = lease(folder, lapse=2)
    other.acquire()
    other.release()


def test_a_lapsed_holder_does_not_take_back_what_another_one_has(tmp_path: Path) -> None:
    late = lease(tmp_path, lapse=5)
    late.acquire()
    blobs = FolderBlobs(tmp_path, 2**20)
    blobs.replace(f"{LEASES}/{KEY}", b"elsewhere 1 abc 0")
    time.sleep(0.2)
    late.release()
    assert blobs.read(f"{LEASES}/{KEY}") == b"elsewhere 1 abc 0"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("intruder", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("x")])
def test_what_is_no_lease_is_not_waited_for(
    tmp_path: Path, intruder: Callable[[Path], None]
) -> None:
    (tmp_path / LEASES).mkdir()
    intruder(tmp_path / LEASES / KEY)
    held = lease(tmp_path, lapse=5)
    held.acquire()
    held.release()


def test_where_nothing_can_be_written_everybody_computes(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file, not a folder")
    assert int(compute_in(tmp_path, 0)["pid"]) == os.getpid()
