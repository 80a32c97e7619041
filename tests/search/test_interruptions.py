"""A driver that is killed, interrupted or doubled; in the end every trial is there once."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analysis
from search.results.claim import LOCK
from search.session.session import Session
from search.sweep.file_reader import read_sweep_file
from search.sweep.history import SearchHistory
from tests.search import metric_functions
from tests.search.forked import Command
from tests.search.kill_sweep import BASELINES, KilledSweep
from tests.search.sweeps import (
    driver,
    holding,
    progress,
    ratchet,
    session_of,
    small_config,
    wait_for_session,
    wait_for_trials,
    wait_until,
)

SEARCHED = 10
SLOW = {
    "edits": 6,
    "search.trials": SEARCHED,
    "search.sampler": "random",
    "search.concurrency": 2,
    "greedy.metric": f"{metric_functions.__name__}:slow",
}
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR1: 138}
SIGNALS = [
    # signal, once trials run, to the whole process group, as a terminal sends it
    (signal.SIGINT, True, True),
    (signal.SIGTERM, False, True),
    (signal.SIGTERM, True, False),
    (signal.SIGUSR1, True, True),
]
PATIENCE = 10.0
"""Seconds within which a signal ends the driver."""


@dataclass(frozen=True)
class Stopped:
    """How a session ended that was sent a signal."""

    asking: signal.Signals
    code: int
    seconds: float
    err: str
    progress: Mapping[str, Any]
    left: list[str]
    """Processes of its session that do not end by themselves."""


def stop(process: Command, folder: Path, asking: signal.Signals, to_all: bool = False) -> Stopped:
    """Send a signal, to the driver or to its whole process group, and wait for the end."""
    since = time.monotonic()
    (os.killpg if to_all else os.kill)(process.pid, asking)
    try:
        _, err = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        pytest.fail(
            f"the driver ({process.poll()}) or who holds its output: {commands_of(process)}"
        )
    seconds = time.monotonic() - since
    code = process.returncode
    return Stopped(asking, code, seconds, err, progress(folder), remaining(process))


def remaining(process: Command) -> list[str]:
    """Command lines of a session's processes that do not end by themselves within two minutes.

    A process of Ray's that was just starting tries to reach the others for one.
    """
    end = time.monotonic() + 120
    while session_of(process.pid) and time.monotonic() < end:
        time.sleep(0.1)
    return commands_of(process)


def commands_of(process: Command) -> list[str]:
    """Command lines of a session's processes."""
    files = [Path(f"/proc/{pid}/cmdline") for pid in session_of(process.pid)]
    return [file.read_text().replace("\0", " ") for file in files if file.exists()]


@dataclass(frozen=True)
class Harm:
    """What is done to one sweep before it is left alone."""

    in_process: bool
    """Whether its trials run in the driver."""
    kills: int
    """How often it is killed first."""
    signals: Sequence[tuple[signal.Signals, bool, bool]]
    """What asks it to stop after that."""


HARM = [
    pytest.param(Harm(True, 2, SIGNALS), id="in the driver"),
    pytest.param(Harm(False, 5, SIGNALS), id="with Ray", marks=pytest.mark.nightly),
]


@pytest.fixture(scope="module", params=HARM)
def harm(request: pytest.FixtureRequest) -> Harm:
    found: Harm = request.param
    return found


@pytest.fixture(scope="module")
def folder(harm: Harm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results") / "interrupted"


@pytest.fixture(scope="module")
def killed(folder: Path, harm: Harm) -> KilledSweep:
    """A sweep that was killed at some moments and is not finished."""
    sweep = KilledSweep(folder, SLOW, seed=3, in_process=harm.in_process)
    for _ in range(harm.kills):
        sweep.kill()
    return sweep


@pytest.fixture(scope="module")
def stopped(folder: Path, killed: KilledSweep, harm: Harm) -> list[Stopped]:
    """Sessions of the same sweep that were asked to stop, preparing or running trials."""
    found = []
    for asking, running, to_all in harm.signals:
        with driver(*killed.next_command()) as process:
            wait_for_session(folder, process, running)
            found.append(stop(process, folder, asking, to_all))
        killed.look()
    return found


@pytest.fixture(scope="module")
def finished_after_all(killed: KilledSweep, stopped: list[Stopped]) -> KilledSweep:
    """The same sweep, left alone at last."""
    done = killed.finish()
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    return killed


def test_a_signal_ends_the_driver_with_its_exit_code(stopped: list[Stopped]) -> None:
    for each in stopped:
        assert each.code == CODES[each.asking]
        assert f"ratchet: interrupted by {each.asking.name}" in each.err
        assert "Traceback" not in each.err


def test_a_signal_ends_the_driver_soon_and_all_that_it_started(stopped: list[Stopped]) -> None:
    assert max(each.seconds for each in stopped) < 2 * PATIENCE  # other tests run meanwhile
    assert [each.left for each in stopped] == [[]] * len(stopped)


def test_progress_says_that_a_sweep_was_interrupted(stopped: list[Stopped]) -> None:
    assert {each.progress["state"] for each in stopped} == {"interrupted"}


def test_in_the_end_every_trial_is_there_once(finished_after_all: KilledSweep) -> None:
    sweep = finished_after_all.end
    assert (finished_after_all.lost, finished_after_all.doubled) == (0, 0)
    assert sweep.trials["trial"].tolist() == list(range(BASELINES + SEARCHED))
    assert sweep.proposals["trial"].tolist() == list(range(BASELINES + SEARCHED))
    assert sweep.trials["role"].value_counts()["search"] == SEARCHED
    assert sweep.trials["role"][:BASELINES].is_unique
    assert not sweep.steps.duplicated(["trial", "batch", "layer", "step"]).any()
    assert not sweep.records.duplicated(["trial", "case_id", "edits_done"]).any()
    assert (sweep.steps.groupby("trial").size().to_numpy() == sweep.trials["steps"]).all()
    assert progress(finished_after_all.folder)["state"] == "finished"


def test_no_trial_fails_because_a_signal_ended_its_worker(finished_after_all: KilledSweep) -> None:
    assert "failed" not in set(finished_after_all.end.trials["status"])


def test_committed_rows_stay_as_they_are(finished_after_all: KilledSweep, harm: Harm) -> None:
    assert len(finished_after_all.snapshots) > harm.kills
    assert finished_after_all.changed == 0


def test_proposals_without_an_end_run_before_new_ones(finished_after_all: KilledSweep) -> None:
    for before, after in pairwise(finished_after_all.snapshots):
        waiting = set(before.proposals["trial"]) - set(before.trials["trial"])
        new = set(after.proposals["trial"]) - set(before.proposals["trial"])
        started = after.trials.set_index("trial")["started"]
        if new:
            # What runs at once when the session ends has started as well.
            assert len(waiting - set(started.index)) <= SLOW["search.concurrency"]
        first, then = (started.reindex(sorted(each)).dropna() for each in (waiting, new))
        # Of those that start at once, any may be the first.
        assert first.empty or (then < first.max()).sum() < SLOW["search.concurrency"]


def test_proposals_are_those_of_an_uninterrupted_sweep(finished_after_all: KilledSweep) -> None:
    space = small_config(SLOW).search_space().distributions
    history = SearchHistory(space, "random", seed=0)
    expected = [history.ask(index) for index in range(SEARCHED)]
    found = finished_after_all.end.trials
    columns = found[found["role"] == "search"][[f"config/{key}" for key in space]]
    assert columns.to_numpy().tolist() == [[each[key] for key in space] for each in expected]


@pytest.fixture
def next_session(finished_after_all: KilledSweep) -> Iterator[Session]:
    """A driver's view of the sweep, rebuilt from Parquet."""
    with holding(finished_after_all.folder) as driver:
        yield Session(read_sweep_file(finished_after_all.folder), driver)


def test_rungs_are_rebuilt_as_the_table_of_trials_has_them(
    finished_after_all: KilledSweep, next_session: Session
) -> None:
    kept = next_session.trials().rungs
    assert kept is not None
    rungs = kept.values
    trials = finished_after_all.end.trials
    searched = trials[trials["role"] == "search"].set_index("trial")
    assert [*rungs] == [2, 4]
    for level, values in rungs.items():
        assert values == searched[f"rung_{level}"].dropna().to_dict()
    for trial, row in searched[searched["status"] == "pruned"].iterrows():
        level = row["edits"]
        others = [value for other, value in rungs[level].items() if other != trial]
        assert row[f"rung_{level}"] < max(others)


def test_the_history_is_rebuilt_as_the_table_of_trials_has_it(
    finished_after_all: KilledSweep, next_session: Session
) -> None:
    trials = finished_after_all.end.trials
    searched = trials[trials["role"] == "search"]
    told = next_session.earlier.history().trials
    assert len(told) == len(searched)
    names = {"COMPLETE": "completed", "PRUNED": "pruned", "FAIL": "failed"}
    for known, (_, row) in zip(told, searched.iterrows(), strict=True):
        rungs = {level: row[f"rung_{level}"] for level in (2, 4)}
        assert names[known.state.name] == row["status"]
        assert known.intermediate_values == {k: v for k, v in rungs.items() if not pd.isna(v)}
        assert known.value == (row["composite"] if row["status"] == "completed" else None)
        for key, value in known.params.items():
            assert value == row[f"config/{key}"]


def test_the_second_driver_is_told_who_was_first_and_the_first_stops_when_its_lock_goes(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "shared"
    sweep = KilledSweep(folder, SLOW, seed=0, in_process=True)
    with driver(*sweep.next_command()) as process:
        wait_for_trials(folder, 1, process)
        second = ratchet("resume", str(folder))
        assert second.returncode == 4
        who = f"in use by process {process.pid} on {re.escape(os.uname().nodename)}"
        assert re.search(rf"{who}, last sign of life \d+ s ago", second.stderr)

        said = json.loads((folder / LOCK).read_text())
        taken = json.dumps({**said, "host": "node3", "token": "another"})
        (folder / "taken").write_text(taken)
        os.replace(folder / "taken", folder / LOCK)
        before = analysis.load(folder)
        since = time.monotonic()
        _, err = process.communicate()
    assert (process.returncode, time.monotonic() - since < 2 * PATIENCE) == (4, True)
    assert f"taken over by process {process.pid} on node3; nothing more is written" in err
    assert "Traceback" not in err
    after = analysis.load(folder)
    for table in ("trials", "steps", "records", "proposals"):
        pd.testing.assert_frame_equal(getattr(before, table), getattr(after, table))
    assert (folder / LOCK).read_text() == taken

    kept_out = ratchet("resume", str(folder))  # another host's lock, of which only the age is known
    assert (kept_out.returncode, "on node3, last sign of life" in kept_out.stderr) == (4, True)


def test_a_driver_whose_lock_goes_while_it_prepares_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "unborn"
    sweep = KilledSweep(folder, SLOW, seed=0, in_process=True)
    with driver(*sweep.next_command()) as process:
        wait_until((folder / LOCK).exists, process)
        (folder / "taken").write_text(json.dumps({"host": "node3", "token": "another"}))
        os.replace(folder / "taken", folder / LOCK)
        process.communicate()
    assert process.returncode == 4
    assert [each.name for each in folder.iterdir()] == [LOCK]


def test_a_sweep_that_is_stopped_while_it_prepares_leaves_no_folder_and_a_second_signal_no_wait(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "unborn"
    sweep = KilledSweep(folder, SLOW, seed=0)
    with driver(*sweep.next_command()) as process:
        wait_until((folder / LOCK).exists, process)
        found = stop(process, folder, signal.SIGTERM)
    assert (found.code, found.left, folder.exists()) == (143, [], False)
    with driver(*sweep.next_command()) as process:
        # Ray is starting, which a signal does not cut short; before that, one would do.
        wait_until(lambda: len(session_of(process.pid)) > 1, process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        second = stop(process, folder, signal.SIGINT)
    # 130 to a shell, either way; the first one may have been enough.
    assert (second.code in (-signal.SIGINT, 130), second.left) == (True, [])
    assert second.seconds < PATIENCE  # a first signal alone may take as long


def test_resuming_a_finished_sweep_changes_no_file(
    folder: Path, finished_after_all: KilledSweep
) -> None:
    before = {each: each.stat().st_mtime_ns for each in folder.rglob("*") if each.is_file()}
    done = ratchet("resume", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert {each: each.stat().st_mtime_ns for each in folder.rglob("*") if each.is_file()} == before


def test_a_name_that_is_taken_is_refused_with_the_way_on(
    folder: Path, finished_after_all: KilledSweep
) -> None:
    done = ratchet("run", "--results", str(folder.parent), "--name", folder.name)
    assert done.returncode == 2
    assert f"{folder} exists; to go on with it: ratchet resume {folder}" in done.stderr
