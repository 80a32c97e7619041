"""A trial that dies after many batches: what it had solved is read, not computed, the next time."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from pathlib import Path

import pytest

import analysis
from tests.search import metric_functions
from tests.search.forked import Command
from tests.search.kill_sweep import KilledSweep
from tests.search.sweeps import driver, kill_session, session_of, sweep, wait_until

BATCHES = 5
LONG = {
    "edits": 2 * BATCHES,
    "targets": "current",
    "values.steps": 10,
    "search.trials": 1,
    "search.scheduler": "none",
    "search.sampler": "random",
    "search.max_failures": 1,
    "greedy.metric": f"{metric_functions.__name__}:slow_to_begin",
}
DEAR = ("solve", "targets")
"""Kinds of artefacts that a trial must not compute twice."""


def artefacts(cache: Path) -> dict[str, int]:
    """Solves and target values in a store: their names, and which file each of them is."""
    found = (path for path in cache.rglob("*.artefact"))
    return {p.name: p.stat().st_ino for p in found if p.name.startswith(DEAR)}


def counts(names: dict[str, int]) -> Counter[str]:
    return Counter(name.partition("-")[0] for name in names)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    """The store of a sweep that nothing happened to, nor waited in its metric function."""
    place = tmp_path_factory.mktemp("undisturbed")
    hasty = {"greedy.metric": f"{metric_functions.__name__}:good", "cache.dir": place / "cache"}
    sweep(place / "sweep", {**LONG, **hasty}, in_process=True)
    return place


def workers_of(process: Command) -> list[int]:
    """The processes that run trials; Ray writes into their command line what they do."""
    names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in session_of(process.pid)}
    found = [pid for pid, name in names.items() if re.match(rb"ray::\w*Trainable", name)]
    assert found, names
    return found


@pytest.mark.parametrize("victim", ["driver", pytest.param("worker", marks=pytest.mark.nightly)])
def test_a_killed_trial_computes_no_solve_and_no_target_twice(
    tmp_path: Path, undisturbed: Path, victim: str
) -> None:
    cache = tmp_path / "cache"
    changes, in_process = {**LONG, "cache.dir": cache}, victim == "driver"
    killed = KilledSweep(tmp_path / "sweep", changes, seed=0, in_process=in_process)
    with driver(*killed.next_command()) as process:
        # The first trial's last batch has been solved, and is being walked through.
        wait_until(lambda: counts(artefacts(cache))["solve"] >= BATCHES, process)
        before = artefacts(cache)
        if victim == "worker":
            for pid in workers_of(process):
                os.kill(pid, signal.SIGKILL)
            process.communicate()
        else:
            kill_session(process)
    if victim == "driver":
        assert killed.finish().returncode == 0

    first = analysis.load(killed.folder).trials.set_index("trial").loc[0]
    assert (first["status"], first["edits"]) == ("completed", 2 * BATCHES)
    assert first["attempt"] == (1 if victim == "worker" else 0)
    after = artefacts(cache)
    assert {name: after[name] for name in before} == before
    assert set(after) == set(artefacts(undisturbed / "cache"))
