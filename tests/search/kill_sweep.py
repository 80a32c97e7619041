"""Kills a sweep again and again at moments drawn from a seed, and counts what came of it.

A kill is SIGKILL to the driver and to all processes of its session, Ray's among them. Between two
kills the folder is read as any reader would find it, so that every row that was ever committed can
be compared with what is there in the end.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

import analysis
from tests.search.forked import Command
from tests.search.sweeps import driver, kill_session, overrides, progress, ratchet, small_config

BASELINES = 3
ROW_ORDER = ["trial", "edits_done", "case_id", "batch", "layer", "step"]
TABLES = ("proposals", "trials", "steps", "records")


class KilledSweep:
    """A small sweep that is killed as often as is asked for, and then left to finish.

    Args:
        folder: of the sweep; absent.
        changes: settings that differ from those of a small sweep.
        seed: of the moments.
        longest: seconds after which a kill comes at the latest. Two in three wait for a trial to
            start, the others may come while the session still prepares.
        in_process: whether its trials run in the driver, without Ray.
    """

    def __init__(
        self,
        folder: Path,
        changes: Mapping[str, Any],
        seed: int,
        longest: float = 4.0,
        *,
        in_process: bool = False,
    ) -> None:
        self.folder = folder
        self.trials = small_config(changes).search.trials
        self.snapshots: list[analysis.Sweep] = []
        """What was committed after each session that left something."""
        self.seconds_redone = 0.0
        """Time that trials had been running when they were killed."""
        self._changes = changes
        self._moments = random.Random(seed)
        self._longest = longest
        self._more = ["--in-process"] if in_process else []

    def kill(self) -> bool:
        """Let a session run for a while and kill it; whether it had not ended before."""
        during_trials = self._moments.random() < 2 / 3
        wait = self._moments.uniform(0, self._longest)
        with driver(*self.next_command()) as process:
            if during_trials:
                _wait_for_a_trial(self.folder, process)
            try:
                process.wait(wait)
                killed = False
            except subprocess.TimeoutExpired:
                self.seconds_redone += _running_seconds(self.folder)
                killed = True
            kill_session(process)
        self.look()
        return killed

    def finish(self) -> subprocess.CompletedProcess[str]:
        """Let a session run to its end."""
        done = ratchet(*self.next_command())
        self.look()
        return done

    def next_command(self) -> Sequence[str]:
        """Arguments of `ratchet` for the next session."""
        if (self.folder / "sweep.yaml").exists():
            return ["resume", str(self.folder), *self._more]
        results = ["--results", str(self.folder.parent), "--name", self.folder.name]
        return ["run", *overrides(self._changes), *results, *self._more]

    def look(self) -> None:
        """Keep what is committed now."""
        try:
            self.snapshots.append(analysis.load(self.folder))
        except analysis.SweepNotFound:
            return  # killed before there was anything

    @property
    def end(self) -> analysis.Sweep:
        """What is there in the end."""
        return self.snapshots[-1]

    @property
    def lost(self) -> int:
        """Trials that were asked for and have no row."""
        return len(set(range(BASELINES + self.trials)) - set(self.end.trials["trial"]))

    @property
    def doubled(self) -> int:
        """Rows of trials or proposals beyond the first of a number, or beyond what was asked."""
        beyond = 0
        for table in (self.end.trials, self.end.proposals):
            known = table["trial"].between(0, BASELINES + self.trials - 1)
            beyond += int((table["trial"].duplicated() | ~known).sum())
        return beyond

    @property
    def changed(self) -> int:
        """Rows that were committed once and are not there in the end as they were."""
        return sum(rows_changed(before, after) for before, after in pairwise(self.snapshots))


def rows_changed(before: analysis.Sweep, after: analysis.Sweep) -> int:
    """Rows of ended trials, and proposals, that are not there as they were, to the bit."""
    changed = 0
    for table in TABLES:
        old, new = getattr(before, table), getattr(after, table)
        new = new[new["trial"].isin(old["trial"])][list(old.columns)]
        old, new = _sorted(old), _sorted(new)
        if len(old) != len(new):
            changed += abs(len(old) - len(new))
        elif not old.empty:
            # Two nulls are the same; two floats are if no bit differs.
            same = (old == new) | (old.isna() & new.isna())
            changed += int((~same.all(axis=1)).sum())
    return changed


def _wait_for_a_trial(folder: Path, process: Command) -> None:
    """Return when the process has started a trial, or has ended."""
    since = time.time()
    while process.poll() is None:
        said = progress(folder)
        if said.get("updated", 0) > since and said.get("running"):
            return
        time.sleep(0.05)


def _running_seconds(folder: Path) -> float:
    """How long the trials that the last session had running have been running until now."""
    said = progress(folder)
    if said.get("state") != "running":
        return 0.0
    since = time.time() - said["updated"]
    return float(sum(each["seconds"] + since for each in said["running"]))


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values([c for c in ROW_ORDER if c in table]).reset_index(drop=True)
