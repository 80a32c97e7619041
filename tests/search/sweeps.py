"""Small sweeps on factworld: in this process, or as the command that users run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import yaml

import analysis
from analysis.tables.address import Address
from analysis.tables.committed import committed
from analysis.tables.joined import read_table
from search.cluster.interrupts import Interrupts
from search.cluster.retrying import Retrying
from search.config.arguments import resolved_config
from search.config.settings import SweepConfig
from search.results.commits import Commits, NewPart
from search.results.lock import SweepLock
from search.results.parts import LocalFolder
from search.session.driver import AS_USUAL, Driver, Options
from search.session.run import Outcome, run_sweep
from search.session.watch import Watch
from tests.search.forked import Command

ROOT = Path(__file__).parents[2]

HERE = Options(in_process=True)
"""Without Ray, for what is not about it."""

SMALL: dict[str, Any] = {
    "edits": 8,
    "batch_size": 2,
    "values.steps": 3,
    "search.trials": 3,
    "search.concurrency": 1,
    "search.max_failures": 0,
}


SECRETS = {
    name: f"canary-{number}-{name.lower()}"
    for number, name in enumerate(("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"))
}
"""Environment variables that a sweep runs with and that nothing it writes may hold."""


def overrides(changes: Mapping[str, Any]) -> list[str]:
    """`key=value` for a small sweep with some settings changed."""
    return [f"{key}={value}" for key, value in {**SMALL, **changes}.items()]


def small_config(changes: Mapping[str, Any]) -> SweepConfig:
    """A small sweep's configuration, as `ratchet run` resolves it."""
    return resolved_config(None, overrides(changes))


def sweep(folder: Address, changes: Mapping[str, Any], *, in_process: bool = False) -> Outcome:
    """Run a small sweep, with Ray or in this process."""
    return run_sweep(small_config(changes), folder, Options(in_process=in_process))


def ratchet(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, in a process of its own."""
    running = Command(arguments, cwd)
    out, err = running.communicate()
    return subprocess.CompletedProcess(arguments, running.wait(), out, err)


def command(*arguments: str) -> list[str]:
    """The command line of `ratchet`, for a new interpreter."""
    return [sys.executable, "-c", "from search.cli.app import main; main()", *arguments]


@contextmanager
def driver(*arguments: str) -> Iterator[Command]:
    """The command running in a session of its own; whatever is left of it is killed at the end."""
    process = Command(arguments, ROOT)
    try:
        yield process
    finally:
        kill_session(process)


def kill_session(process: Command) -> None:
    """SIGKILL to the driver and to everything in its session, and wait until all are gone."""
    for pid in [process.pid, *session_of(process.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()
    while session_of(process.pid):
        time.sleep(0.05)


def progress(folder: Path) -> dict[str, Any]:
    """What progress.json says; nothing if it is not there."""
    try:
        return dict(json.loads((folder / "progress.json").read_text()))
    except FileNotFoundError:
        return {}


def wait_until(condition: Callable[[], object], process: Command, seconds: float = 120.0) -> None:
    """Return as soon as something holds while a driver runs; it must within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            kill_session(process)
            out, err = process.communicate()
            raise AssertionError(f"ended with {process.returncode} before: {out}{err}")
        time.sleep(0.02)


def wait_for_session(folder: Path, process: Command, running: bool) -> None:
    """Return when a driver that was just started has the sweep, or has a trial running."""
    since = time.time()

    def there() -> bool:
        said = progress(folder)
        return said.get("updated", 0) > since and bool(said["running"] or not running)

    wait_until(there, process)


def wait_for_trials(folder: Address, count: int, process: Command) -> analysis.Sweep:
    """The sweep as soon as so many trials have been committed by a driver that still runs."""
    while process.poll() is None:
        try:
            found = analysis.load(folder)
        except analysis.ResultsError:
            found = None
        if found is not None and len(found.trials) >= count:
            return found
        time.sleep(0.1)
    out, err = process.communicate()
    raise AssertionError(f"ended with {process.returncode} before {count} trials: {out}{err}")


def session_of(leader: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # gone in the meantime
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(folder.name))
    return found


def recommit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Make a sweep one that was started with another sweep.yaml."""
    results = LocalFolder(folder)
    content = yaml.safe_load(committed(results.reading).sweep or "")
    change(content)
    Commits(results, sweep=yaml.safe_dump(content, sort_keys=False))


def recommit_rows(folder: Path, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Make a sweep one that has written other rows."""
    results = LocalFolder(folder)
    commits = Commits(results)
    for part in commits.head.of(table):
        rows = read_table(results.reading, table, [part])
        assert rows is not None
        stem = re.sub(r"-\d{6}-[0-9a-f]{8}\.parquet$", "", part.name)
        new = NewPart.of(commits.name(stem), change(rows))
        commits.write({table: new}, {table: (part.name,)})


@contextmanager
def holding(folder: Path) -> Iterator[Driver]:
    """A driver that waits for nothing and tells nobody."""
    results, interrupts = LocalFolder(folder), Interrupts()
    with SweepLock(results) as lock:
        yield Driver(results, lock, interrupts, Retrying(0, interrupts), AS_USUAL)


def unlocked(watch: Watch | None = None, retrying: Retrying | None = None) -> Driver:
    """A driver for what needs no lock."""
    interrupts = Interrupts()
    results = lock = cast(Any, None)
    options = Options(watch or Watch())
    return Driver(results, lock, interrupts, retrying or Retrying(0, interrupts), options)
