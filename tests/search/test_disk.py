"""Disks that are full or cannot be written: no row is torn or lost, and one line says why."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import analysis
from tests.mounts import fill, read_only, small_disk
from tests.search import metric_functions
from tests.search.sweeps import driver, overrides, ratchet, sweep, wait_for_trials

SEARCHED = 8
SLOW = {
    "edits": 4,
    "search.trials": SEARCHED,
    "greedy.metric": f"{metric_functions.__name__}:slow",
}


def ended(folder: Path) -> pd.DataFrame:
    return analysis.load(folder).trials.set_index("trial")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_disk(tmp_path_factory.mktemp("disks") / "small", "2m") as place:
        yield place


@pytest.fixture(scope="module")
def stopped(disk: Path) -> tuple[int, str, pd.DataFrame, pd.DataFrame]:
    """A sweep whose disk fills up: exit code, last words, what was committed before and after."""
    folder = disk / "full"
    arguments = [*overrides(SLOW), "--results", str(disk), "--name", "full"]
    with driver("run", *arguments) as process:
        wait_for_trials(folder, 2, process)
        before = ended(folder)
        filler = fill(disk)
        _, err = process.communicate()
    after = ended(folder)
    filler.unlink()
    return process.returncode, err, before, after


def test_a_full_disk_ends_the_sweep_with_one_line(
    disk: Path, stopped: tuple[int, str, pd.DataFrame, pd.DataFrame]
) -> None:
    code, err, before, after = stopped
    assert code == 2
    assert f"ratchet: {disk / 'full'}: cannot be written: No space left on device" in err
    assert "Traceback" not in err
    assert set(before.index) <= set(after.index)
    assert len(after) < 3 + SEARCHED
    assert [*(disk / "full").rglob("*.tmp")] == []


def test_once_there_is_space_nothing_is_lost(
    disk: Path, stopped: tuple[int, str, pd.DataFrame, pd.DataFrame]
) -> None:
    committed = stopped[3]
    done = ratchet("resume", str(disk / "full"))
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    found = ended(disk / "full")
    assert [*found.index] == list(range(3 + SEARCHED))
    pd.testing.assert_frame_equal(
        found.loc[committed.index, committed.columns], committed, check_exact=True
    )


@pytest.mark.parametrize(
    "arguments", [("run", "--name", "new"), ("resume",)], ids=["run", "resume"]
)
def test_a_place_that_cannot_be_written_is_refused_with_the_reason(
    finished: Path, arguments: tuple[str, ...]
) -> None:
    place = finished.parent
    command, *options = arguments
    where = [str(finished)] if command == "resume" else ["--results", str(place)]
    with read_only(place):
        done = ratchet(command, *options, *where)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("cannot be written: Read-only file system")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("size", ["64k", "512k"])
def test_a_full_state_store_is_told_and_costs_no_trial(
    tmp_path: Path, ray_here: None, caplog: pytest.LogCaptureFixture, size: str
) -> None:
    """Nor does a progress.json that cannot be written."""
    obstacle = tmp_path / "results" / "progress.json" / "in the way"
    obstacle.mkdir(parents=True)
    with small_disk(tmp_path / "store", size) as store, caplog.at_level(logging.WARNING):
        outcome = sweep(tmp_path / "results", {"cache.dir": str(store)})
    assert (outcome.trials, outcome.failed) == (3, 0)
    told = f"state store: switched off, {tmp_path / 'store'}: No space left on device"
    assert caplog.messages.count(told) == 1
    assert sum(each.startswith("progress.json: ") for each in caplog.messages) == 1
