"""Whatever the instant of a kill: what was committed is there once, what was not is not there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

import analysis
from analysis.folder import JOURNAL
from search.results.log import SweepLog
from search.results.parts import LocalFolder
from search.results.recovery import pending_proposals, recover
from tests.search.results.rows import end_trial, run_trial, schemas, write_sweep

ROOT = Path(__file__).parents[3]


def copies_killed_in(scenario: str, start: Path, out: Path) -> list[tuple[Path, set[int]]]:
    """Folders left by each kill, and the trials whose flush had returned."""
    out.mkdir()
    subprocess.run(
        [sys.executable, "-m", "tests.search.results.killing", scenario, str(start), str(out)],
        cwd=ROOT,
        check=True,
    )
    copies = sorted(each for each in out.iterdir() if each.is_dir())
    assert len(copies) > 5
    noted = [copy.with_suffix(".acknowledged").read_text().split() for copy in copies]
    return [(copy, set(map(int, trials))) for copy, trials in zip(copies, noted, strict=True)]


def assert_exactly(path: Path, trials: set[int]) -> analysis.Sweep:
    """Every table has the rows of these trials, each once."""
    sweep = analysis.load(path)
    assert sorted(sweep.trials["trial"]) == sorted(trials)
    assert sorted(sweep.steps["trial"]) == sorted([*trials] * 4)
    assert sorted(sweep.records["trial"]) == sorted([*trials] * 3)
    assert set(sweep.proposals["trial"]) >= trials
    assert sweep.proposals["trial"].is_unique
    return sweep


def assert_clean(path: Path, trials: set[int]) -> None:
    """The same for readers that know nothing of flushes and journals, and no remains."""
    sweep = assert_exactly(path, trials)
    for table in ("trials", "steps", "records", "proposals"):
        plain = pd.read_parquet(path / table, columns=["trial"])
        assert sorted(plain["trial"]) == sorted(getattr(sweep, table)["trial"])
    assert [each.name for each in path.rglob(".*")] == []


def committed_trials(path: Path) -> set[int]:
    """What counts before anybody has tidied up."""
    try:
        return set(analysis.load(path).trials["trial"])
    except analysis.SweepNotFound:
        return set()


def test_a_kill_during_a_commit_leaves_whole_trials_and_open_ones(tmp_path: Path) -> None:
    start = write_sweep(tmp_path / "start", flushes=2).path
    for copy, acknowledged in copies_killed_in("commit", start, tmp_path / "out"):
        committed = committed_trials(copy)
        assert {0, 1, 2, 3} | acknowledged <= committed <= {0, 1, 2, 3, 100, 102}
        recover(LocalFolder(copy))
        assert_clean(copy, committed)

        log = SweepLog(LocalFolder(copy), schemas())
        pending = [each.trial for each in pending_proposals(LocalFolder(copy))]
        for trial in pending:
            end_trial(log, trial)
        log.close()
        assert_clean(copy, committed | set(pending))


def test_a_kill_at_the_very_beginning_leaves_a_folder_that_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "start").mkdir()
    for copy, acknowledged in copies_killed_in("commit", tmp_path / "start", tmp_path / "out"):
        committed = committed_trials(copy)
        assert acknowledged <= committed
        log = SweepLog(LocalFolder(copy), schemas())
        assert_clean(copy, committed)
        run_trial(log, 200)
        log.close()
        assert_clean(copy, committed | {200})


def test_a_kill_during_compaction_leaves_the_old_parts_or_the_new(tmp_path: Path) -> None:
    start, trials = write_sweep(tmp_path / "start", flushes=2).path, set(range(4))
    old = {each.name for each in (start / "trials").iterdir()}
    halfway: dict[int, Path] = {}
    outcomes = set()
    for copy, _ in copies_killed_in("compact_at_close", start, tmp_path / "out"):
        assert_exactly(copy, trials)  # while it lies there half done
        if (copy / JOURNAL).exists():
            unnamed = len([*copy.glob("*/.part-*.parquet")])
            half = tmp_path / f"half-{copy.name}"
            halfway.setdefault(unnamed, shutil.copytree(copy, half))
        recover(LocalFolder(copy))
        assert_clean(copy, trials)
        names = {each.name for each in (copy / "trials").iterdir()}
        assert names == old or (len(names) == 1 and not names & old)
        outcomes.add(len(names))
    assert outcomes == {1, len(old)}

    for unnamed in (4, 2, 0):  # new parts that had not got their names
        killed = copies_killed_in("recover_again", halfway[unnamed], tmp_path / f"again-{unnamed}")
        for copy, _ in killed:
            assert_exactly(copy, trials)
            recover(LocalFolder(copy))
            assert_clean(copy, trials)
