"""Disks that are full or cannot be written: no row is torn or lost, and one line says why."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

import analysis
from tests.mounts import filled_up, read_only, small_disk
from tests.search import metric_functions
from tests.search.sweeps import driver, overrides, ratchet, sweep, wait_for_trials

SEARCHED = 6
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


@dataclass(frozen=True)
class Stopped:
    """How a session ended whose disk could not be written any more."""

    code: int
    err: str
    before: pd.DataFrame
    """What was committed while all was well."""
    after: pd.DataFrame
    """What is committed in the end."""


def stopped_by(
    trouble: Callable[[], AbstractContextManager[object]], folder: Path, *command: str
) -> Stopped:
    """Run a session that meets trouble once it has committed a trial or two."""
    already = len(ended(folder)) if folder.exists() else 0
    with driver(*command, "--in-process") as process:
        wait_for_trials(folder, already + 2, process)
        before = ended(folder)
        with trouble():
            _, err = process.communicate()
    return Stopped(process.returncode, err, before, ended(folder))


@pytest.fixture(scope="module")
def filled(disk: Path) -> Stopped:
    """A sweep whose disk fills up."""
    arguments = [*overrides(SLOW), "--results", str(disk), "--name", "full"]
    return stopped_by(lambda: filled_up(disk), disk / "full", "run", *arguments)


@pytest.fixture(scope="module")
def locked(disk: Path, filled: Stopped) -> Stopped:
    """The same sweep, resumed, whose disk can only be read from some instant on."""
    folder = disk / "full"
    return stopped_by(lambda: read_only(folder), folder, "resume", str(folder))


def test_a_full_disk_ends_the_sweep_with_one_line(disk: Path, filled: Stopped) -> None:
    assert filled.code == 2
    assert f"ratchet: {disk / 'full'}: cannot be written: No space left on device" in filled.err


def test_a_disk_that_turns_read_only_ends_the_sweep_with_one_line(
    disk: Path, locked: Stopped
) -> None:
    assert locked.code == 2
    assert f"ratchet: {disk / 'full'}: cannot be written: Read-only file system" in locked.err


def test_what_was_committed_stays_and_nothing_is_torn(
    disk: Path, filled: Stopped, locked: Stopped
) -> None:
    for each in (filled, locked):
        assert "Traceback" not in each.err
        assert set(each.before.index) <= set(each.after.index)
        assert len(each.after) < 3 + SEARCHED
    # Nothing can be removed from a disk that can only be read.
    assert len([*(disk / "full").rglob("*.tmp")]) <= 1


def test_once_there_is_space_nothing_is_lost(disk: Path, filled: Stopped, locked: Stopped) -> None:
    done = ratchet("resume", str(disk / "full"), "--in-process")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    found = ended(disk / "full")
    assert [*found.index] == list(range(3 + SEARCHED))
    for each in (filled, locked):
        committed = each.after
        pd.testing.assert_frame_equal(
            found.loc[committed.index, committed.columns], committed, check_exact=True
        )
    assert [*(disk / "full").rglob("*.tmp")] == []


@pytest.mark.parametrize(
    "arguments", [("run", "--name", "new"), ("resume",)], ids=["run", "resume"]
)
def test_a_place_that_cannot_be_written_is_refused_with_the_reason(
    finished: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    folder = shutil.copytree(finished, tmp_path / "finished")
    command, *options = arguments
    where = [str(folder)] if command == "resume" else ["--results", str(tmp_path)]
    with read_only(tmp_path):
        done = ratchet(command, *options, *where, "--in-process")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("cannot be written: Read-only file system")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("size", ["64k", "512k"])
def test_a_full_state_store_is_told_and_costs_no_trial(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, size: str
) -> None:
    """Nor does a progress.json that cannot be written."""
    obstacle = tmp_path / "results" / "progress.json" / "in the way"
    obstacle.mkdir(parents=True)
    with small_disk(tmp_path / "store", size) as store, caplog.at_level(logging.WARNING):
        outcome = sweep(tmp_path / "results", {"cache.dir": str(store)}, in_process=True)
    assert (outcome.trials, outcome.failed) == (3, 0)
    told = f"state store: switched off, {tmp_path / 'store'}: No space left on device"
    assert caplog.messages.count(told) == 1
    assert sum(each.startswith("progress.json: ") for each in caplog.messages) == 1
