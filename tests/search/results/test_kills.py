"""Whatever the instant of a kill: what was committed is there once, what was not is not there."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

import analysis
from analysis.tables.schema import TABLES
from search.results.log import SweepLog
from search.results.parts import LocalFolder, ResultsFolder
from search.results.places import results_folder
from search.results.recovery import FolderState
from tests.search.results.files import content, load, names, newest, plain, recover, rows_of
from tests.search.results.killing import SCENARIOS
from tests.search.results.rows import end_trial, fill, run_trial, schemas, write_sweep

ROOT = Path(__file__).parents[3]


KILLS = [17, pytest.param(1, marks=pytest.mark.nightly)]
"""Killed at every 17th operation; at night, at every one."""


def copies_killed_in(
    scenario: str, start: Path, out: Path, stride: int
) -> list[tuple[Path, set[int]]]:
    """Folders left by each kill, and the trials whose flush had returned."""
    out.mkdir()
    module = [sys.executable, "-m", "tests.search.results.killing"]
    subprocess.run([*module, scenario, str(start), str(out), str(stride)], cwd=ROOT, check=True)
    copies = sorted(each for each in out.iterdir() if each.is_dir())
    assert len(copies) > 40 // stride
    noted = [copy.with_suffix(".acknowledged").read_text().split() for copy in copies]
    return [(copy, set(map(int, trials))) for copy, trials in zip(copies, noted, strict=True)]


def assert_exactly(folder: ResultsFolder, trials: set[int]) -> analysis.Sweep:
    """Every table has the rows of these trials, each once."""
    sweep = load(folder)
    assert sorted(sweep.trials["trial"]) == sorted(trials)
    assert sorted(sweep.steps["trial"]) == sorted([*trials] * 4)
    assert sorted(sweep.records["trial"]) == sorted([*trials] * 3)
    assert set(sweep.proposals["trial"]) >= trials
    assert sweep.proposals["trial"].is_unique
    return sweep


def assert_clean(folder: ResultsFolder, trials: set[int]) -> None:
    """The same for readers that know nothing of flushes and journals, and no remains."""
    sweep = assert_exactly(folder, trials)
    for table in ("trials", "steps", "records", "proposals"):
        rows = plain(folder, table, columns=["trial"])
        assert sorted(rows["trial"]) == sorted(getattr(sweep, table)["trial"])
    assert [name for name in names(folder) if "/." in f"/{name}"] == []


def committed_trials(folder: ResultsFolder) -> set[int]:
    """What counts before anybody has tidied up."""
    try:
        return set(load(folder).trials["trial"])
    except analysis.SweepNotFound:
        return set()


@pytest.mark.parametrize("stride", KILLS)
def test_a_kill_during_a_commit_leaves_whole_trials_and_open_ones(
    tmp_path: Path, stride: int
) -> None:
    start = write_sweep(tmp_path / "start", flushes=2).path
    for copy, acknowledged in copies_killed_in("commit", start, tmp_path / "out", stride):
        committed = committed_trials(LocalFolder(copy))
        assert {0, 1, 2, 3} | acknowledged <= committed <= {0, 1, 2, 3, 100, 102}
        recover(LocalFolder(copy))
        assert_clean(LocalFolder(copy), committed)

        log = SweepLog(LocalFolder(copy), schemas())
        pending = [each.trial for each in FolderState.read(LocalFolder(copy)).pending]
        for trial in pending:
            end_trial(log, trial)
        log.close()
        assert_clean(LocalFolder(copy), committed | set(pending))


@pytest.mark.parametrize("stride", KILLS)
def test_a_kill_at_the_very_beginning_leaves_a_folder_that_can_be_opened(
    tmp_path: Path, stride: int
) -> None:
    start = tmp_path / "start"
    start.mkdir()
    for copy, acknowledged in copies_killed_in("commit", start, tmp_path / "out", stride):
        committed = committed_trials(LocalFolder(copy))
        assert acknowledged <= committed
        log = SweepLog(LocalFolder(copy), schemas())
        assert_clean(LocalFolder(copy), committed)
        run_trial(log, 200)
        log.close()
        assert_clean(LocalFolder(copy), committed | {200})


@pytest.mark.parametrize("stride", KILLS)
def test_a_kill_during_compaction_leaves_the_old_parts_or_the_new(
    tmp_path: Path, stride: int
) -> None:
    start, trials = write_sweep(tmp_path / "start", flushes=2).path, set(range(4))
    old = {each.name for each in (start / "trials").iterdir()}
    halfway: dict[int, Path] = {}
    outcomes = set()
    for copy, _ in copies_killed_in("compact_at_close", start, tmp_path / "out", stride):
        assert_exactly(LocalFolder(copy), trials)  # while it lies there half done
        if len(newest(LocalFolder(copy)).of("trials")) == 1:
            unnamed = len([*copy.glob("*/.part-*.parquet")])
            half = tmp_path / f"half-{copy.name}"
            halfway.setdefault(unnamed, shutil.copytree(copy, half))
        recover(LocalFolder(copy))
        assert_clean(LocalFolder(copy), trials)
        names = {each.name for each in (copy / "trials").iterdir()}
        assert names == old or (len(names) == 1 and not names & old)
        outcomes.add(len(names))
    assert outcomes == {1, len(old)}

    # New parts that had not got their names.
    for unnamed in (4, 2, 0) if stride == 1 else (max(halfway),):
        out = tmp_path / f"again-{unnamed}"
        for copy, _ in copies_killed_in("recover_again", halfway[unnamed], out, stride):
            assert_exactly(LocalFolder(copy), trials)
            recover(LocalFolder(copy))
            assert_clean(LocalFolder(copy), trials)


WRITES = ("PutObject", "CopyObject", "DeleteObject", "DeleteObjects")


class CutOff(BaseException):
    """What a driver meets in place of its n-th request, and of every one after that."""


@contextmanager
def cut_off_at(n: int) -> Iterator[None]:
    left, send = itertools.count(n - 1, -1), BaseClient._make_api_call

    def sent(client: BaseClient, operation: str, given: dict[str, Any]) -> Any:
        if operation in WRITES and next(left) <= 0:
            raise CutOff
        return send(client, operation, given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", sent)
        yield


STRIDES = [23, pytest.param(1, marks=pytest.mark.nightly)]
"""Cut off at every 23rd request; at night, at every one."""


def copies_cut_off_in(
    action: Callable[[str], None], start: ResultsFolder, stride: int
) -> Iterator[ResultsFolder]:
    """Copies of a folder on which the action got no further than its n-th writing request."""
    files = content(start)
    for n in itertools.count(1, stride):
        copy = results_folder(f"{start.reading.address}-{uuid.uuid4().hex}")
        for name, data in files.items():
            copy.put(name, data)
        try:
            with cut_off_at(n):
                action(copy.reading.address)
        except CutOff:
            yield copy
        else:
            assert n > 5
            return


@pytest.mark.parametrize("stride", STRIDES)
def test_a_driver_cut_off_from_its_store_leaves_whole_trials_and_open_ones(
    remote: ResultsFolder, stride: int
) -> None:
    fill(remote, flushes=1)
    acknowledged: set[int] = set()

    def commit(address: str) -> None:
        acknowledged.clear()
        SCENARIOS["commit"](address, acknowledged.add)

    for copy in copies_cut_off_in(commit, remote, stride):
        committed = committed_trials(copy)
        assert {0, 1} | acknowledged <= committed <= {0, 1, 100, 102}
        recover(copy)
        assert_clean(copy, committed)


@pytest.mark.nightly
def test_a_compaction_cut_off_from_its_store_leaves_the_old_parts_or_the_new(
    remote: ResultsFolder,
) -> None:
    fill(remote, flushes=1)
    old, halfway, outcomes = {*rows_of(remote)}, 0, set()

    def close(address: str) -> None:
        SCENARIOS["compact_at_close"](address, lambda trial: None)

    for copy in copies_cut_off_in(close, remote, stride=1):
        halfway += len(newest(copy).of("trials")) == 1
        assert_exactly(copy, {0, 1})  # while it lies there half done
        recover(copy)
        left = {*rows_of(copy)}
        merged = len(left) == len(TABLES) == len({name.partition("/")[0] for name in left})
        assert left == old or merged
        outcomes.add(len(left))
    assert_clean(copy, {0, 1})
    assert outcomes == {len(old), len(TABLES)}
    # a copy for each table, then the staged ones, the old ones and the commit before, at once
    assert halfway >= 4 + 2
