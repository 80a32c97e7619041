"""What workers share lies in pages of its own, and whoever writes there is ended and told of."""

from __future__ import annotations

import ctypes
import threading
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.exceptions import WorkerCrashedError

from greedy_core.model.sealing import seal
from search.cluster.preparation import prepared
from search.worker.last_words import LastWords, crash, last_words
from search.worker.prepared import Prepared
from search.worker.walk_context import base_model, pages_of
from tests.search.sweeps import small_config


def addresses(shared: Prepared) -> dict[str, tuple[int, int]]:
    arrays = dict(shared.weights.arrays)
    for key, artefact in shared.artefacts.items():
        arrays |= {f"{key} {name}": array for name, array in artefact.items()}
    return {name: (each.ctypes.data, each.nbytes) for name, each in arrays.items() if each.nbytes}


@ray.remote(max_retries=0)
def outside_of_the_pages(shared: Prepared) -> list[str]:
    """Arrays that lie elsewhere, and weights of the model that do."""
    pages = pages_of(shared)
    assert pages is not None
    model, _ = base_model(shared)
    elsewhere = [name for name, place in addresses(shared).items() if not pages.hold(*place)]
    parameters = model.module.named_parameters()
    return elsewhere + [name for name, p in parameters if not pages.hold(p.data_ptr(), p.nbytes)]


@ray.remote(max_retries=0)
def write(shared: Prepared, name: str, end: int) -> None:
    """Write the first or the last byte of an array."""
    model, _ = base_model(shared)
    seal(model.module)
    start, size = addresses(shared)[name]
    ctypes.memmove(start + end * (size - 1), b"\1", 1)


@ray.remote(max_retries=0)
def read_and_put(shared: Prepared) -> str:
    """Go on as a worker does after sealing: read the weights, and write other objects."""
    model, check = base_model(shared)
    seal(model.module)
    check.require_unchanged()
    for _ in range(20):
        ray.put(b"x" * 2**20)
    return model.digest()


@pytest.mark.nightly
@pytest.mark.usefixtures("ray_here")
def test_all_that_workers_share_is_read_only_there(tmp_path: Path) -> None:
    shared = prepared(small_config({"edits": 4, "cache.dir": tmp_path}), lambda progress: None)
    found: Any = outside_of_the_pages.remote(shared.reference)
    assert ray.get(found) == []
    lie = addresses(shared.view)
    by_place = sorted(lie, key=lambda name: lie[name])
    ends = ((by_place[-1], 1), (by_place[len(by_place) // 2], 1), (by_place[0], 0))
    for name, end in ends:
        with pytest.raises(WorkerCrashedError):
            ray.get(write.remote(shared.reference, name, end))
    shared.check_unchanged()
    assert isinstance(ray.get(read_and_put.remote(shared.reference)), str)


FAULT = f"""Fatal Python error: Segmentation fault

Thread 0x00007f (most recent call first):
  File "{threading.__file__}", line 320 in wait
  File "/home/me/other.py", line 7 in waits

Current thread 0x00007e (most recent call first):
  File "/venv/lib/python3.11/site-packages/torch/_tensor.py", line 9 in add_
  File "/home/me/metric.py", line 12 in measure
"""


def test_a_crash_is_told_in_one_line() -> None:
    assert crash("m:f", FAULT) == (
        "greedy.metric 'm:f' ended its process (SIGSEGV, metric.py, line 12): it wrote into the "
        "base model's weights, or crashed in native code"
    )
    aborted = FAULT.replace("Segmentation fault", "Aborted").replace("/home/me/", "<")
    assert crash("m:f", aborted) == "greedy.metric 'm:f' ended its process (Aborted)"
    assert crash("m:f", "") is None


def test_a_worker_without_words_was_killed_or_ran_elsewhere(tmp_path: Path) -> None:
    killed = "the worker ended without a word: it was killed, perhaps for want of memory"
    assert last_words(str(tmp_path), "trial", None) == killed
    elsewhere = f"{killed}, or greedy.metric 'm:f' crashed"
    assert last_words(str(tmp_path), "trial", "m:f") == elsewhere
    LastWords(str(tmp_path / "elsewhere")).begin("trial", "m:f")
    (tmp_path / "words of trial").write_text("m:f\n")
    assert last_words(str(tmp_path), "trial", "m:f") == killed
    (tmp_path / "words of trial").write_text(f"m:f\n{FAULT}")
    assert "metric.py, line 12" in last_words(str(tmp_path), "trial", None)
