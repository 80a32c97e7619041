"""Sweeps on clusters that lose machines; the results are those of a sweep on one machine."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

import analysis
from tests.search import metric_functions
from tests.search.clusters import LOOPBACK, add_node, cluster, raylet_of
from tests.search.sweeps import (
    driver,
    overrides,
    ratchet,
    sweep,
    wait_for_trials,
    wait_until,
)

SEARCHED = 6
TRIALS = 3 + SEARCHED
SAME = {
    "search.trials": SEARCHED,
    "search.concurrency": 3,
    "search.scheduler": "none",
    "search.sampler": "random",
    "search.max_failures": 0,
}
SLOW = {**SAME, "edits": 4, "greedy.metric": f"{metric_functions.__name__}:slow"}
DIFFERENT = {"states_computed", "states_read", "worker", "started", "seconds", "attempt"}
MACHINERY = ("config/search.concurrency", "config/cache.", "config/ray.")


def values(found: analysis.Sweep) -> pd.DataFrame:
    trials = found.trials
    kept = [c for c in trials if c not in DIFFERENT and not str(c).startswith(MACHINERY)]
    return trials[kept].sort_values("trial").reset_index(drop=True)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> analysis.Sweep:
    """The sweep on one machine, without Ray."""
    folder = tmp_path_factory.mktemp("results") / "alone"
    sweep(folder, SLOW, in_process=True)
    return analysis.load(folder)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("head_cpus", "others"),
    [
        pytest.param(1, 1, id="three_work"),
        pytest.param(0, 0, id="head_only_drives"),
    ],
)
def test_a_lost_machine_costs_time_but_no_trial(
    tmp_path: Path, alone: analysis.Sweep, head_cpus: int, others: int
) -> None:
    """With a head that only drives, what was prepared lies on the machine that is lost."""
    folder = tmp_path / "results" / "lossy"
    with cluster(head_cpus) as machines:
        doomed, *_ = [add_node(machines) for _ in range(1 + others)]
        settings = {**SLOW, "ray.address": machines.address, "cache.dir": tmp_path / "cache"}
        arguments = [*overrides(settings), "--results", str(folder.parent), "--name", folder.name]
        with driver("run", *arguments) as process:
            wait_for_trials(folder, 1, process)
            wait_until(lambda: runs(raylet_of(doomed), "Trainable.train"), process)
            add_node(machines)
            machines.remove_node(doomed, allow_graceful=False)
            out, err = process.communicate(timeout=240)
        assert process.returncode == 0, out + err
    found = analysis.load(folder)
    assert found.trials["trial"].tolist() == list(range(TRIALS))
    assert found.trials["status"].tolist() == ["completed"] * TRIALS
    assert found.trials["attempt"].max() >= 1, "no trial ran on the machine that was lost"
    assert not found.steps.duplicated(["trial", "batch", "layer", "step"]).any()
    pd.testing.assert_frame_equal(values(found), values(alone), check_exact=True)


@pytest.mark.nightly
def test_a_machine_that_is_lost_while_it_prepares_costs_no_sweep(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "early"
    long = {"edits": 16, "values.steps": 40, "greedy.steps": 1}
    changes = {**SAME, **long, "search.trials": 1, "cache.dir": tmp_path / "cache"}
    with cluster(head_cpus=0) as found:
        doomed = add_node(found)
        settings = [*overrides(changes), f"ray.address={found.address}"]
        with driver("run", *settings, "--results", str(folder.parent), "--name", folder.name) as p:
            wait_until(lambda: runs(raylet_of(doomed), "_preparation"), p)
            add_node(found)
            found.remove_node(doomed, allow_graceful=False)
            assert not (folder / "sweep.yaml").exists(), "it had prepared already"
            out, err = p.communicate(timeout=240)
        assert p.returncode == 0, out + err
    assert "preparation was lost with its worker or machine" in err
    assert analysis.load(folder).trials["status"].tolist() == ["completed"] * 4


def runs(raylet: int, what: str) -> bool:
    """Whether a worker of this node runs it; Ray names workers after what they run."""
    found = False
    for worker in Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split():
        with suppress(FileNotFoundError):  # it has ended
            found = found or what in Path(f"/proc/{worker}/cmdline").read_text()
    return found


@pytest.mark.parametrize("address", [f"{LOOPBACK}:1", "no-such-host.invalid:6379"])
def test_an_address_where_nothing_listens_is_one_line(tmp_path: Path, address: str) -> None:
    started = time.monotonic()
    settings = [*overrides({}), f"ray.address={address}"]
    done = ratchet("run", *settings, "--results", str(tmp_path), "--name", "none")
    assert done.returncode == 2
    *notes, line = done.stderr.splitlines()
    assert line.startswith(f"ratchet: ray.address={address}: no Ray cluster can be reached")
    assert all("they are left out" in note for note in notes)
    assert time.monotonic() - started < 60  # most of it imports, where the machine is busy
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("address", ["ray://127.0.0.2:10001", "local", "host"])
def test_other_kinds_of_address_are_refused(tmp_path: Path, address: str) -> None:
    done = ratchet("run", f"ray.address={address}", "--results", str(tmp_path), "--name", "none")
    assert done.returncode == 2
    assert "ray.address must be host:port, auto or null" in done.stderr


@pytest.mark.nightly
def test_a_trial_that_no_machine_can_hold_is_refused(tmp_path: Path) -> None:
    """Two machines with two CPUs each do not make one with three."""
    with cluster(head_cpus=2) as found:
        add_node(found, cpus=2)
        done = ratchet(
            "run", f"ray.address={found.address}", "ray.cpus_per_trial=3", "ray.gpus_per_trial=1",
            "--results", str(tmp_path), "--name", "none",
        )  # fmt: skip
    assert done.returncode == 2
    assert "CPUs of the cluster's largest machine` must hold, but got (ray.cpus_per" in done.stderr
    assert "GPUs of the cluster's largest machine` must hold, but got (ray.gpus_per" in done.stderr
    assert not (tmp_path / "none").exists()
