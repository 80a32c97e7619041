"""Row resume: what it takes to find that a sweep of 20,000 trials has nothing left to do."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa

from analysis.tables.committed import read_tables
from analysis.tables.schema import TABLES
from benchmarks.rows import Row, Work
from benchmarks.sweeps import config_of
from search.results.commits import Commits, NewPart
from search.results.parts import LocalFolder
from search.session.driver import Options
from search.session.run import run_sweep
from search.sweep.file_reader import read_sweep_file

TRIALS, BASELINES = 20_000, 3
REAL = 8


def measure() -> list[Row]:
    """`ratchet resume` of a finished sweep, as a command of its own."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "large"
        settings = {"edits": 8, "values.steps": 3, "cache.dir": Path(temporary) / "cache"}
        config = config_of({**settings, "search.trials": REAL})
        run_sweep(config, folder, Options(in_process=True))
        grown(folder)
        _seconds(folder)  # the first driver finds what was made here, and begins a term of its own
        seconds = _seconds(folder)
    return [
        Row(
            row="resume",
            ratio=seconds,
            target=2.0,
            better="less",
            unit=f"CPU s, `ratchet resume` of a finished sweep of {TRIALS:,} trials",
            note="its imports included",
            work=Work(trials=TRIALS),
        )
    ]


def grown(folder: Path) -> None:
    """Make a small finished sweep a large one, whose trials repeat those of the small one."""
    results = LocalFolder(folder)
    _, tables = read_tables(results.reading, TABLES)
    text = read_sweep_file(folder).text()
    commits = Commits(results, sweep=re.sub(r"(?m)^(\s+trials): \d+$", rf"\1: {TRIALS}", text))
    for table, rows in tables.items():
        small = commits.head.of(table)
        new = NewPart.of(commits.name("part"), _repeated(rows))
        commits.write({table: new}, {table: tuple(part.name for part in small)})
    commits.rewrite(commits.head.sweep or "")


def _repeated(rows: pa.Table) -> pa.Table:
    """The baselines once, and the search's trials again and again under numbers of their own."""
    of_trial: dict[int, list[int]] = {}
    for position, trial in enumerate(rows["trial"].to_pylist()):
        of_trial.setdefault(trial, []).append(position)
    sources = [*range(BASELINES), *(BASELINES + n % REAL for n in range(TRIALS))]
    taken = [(new, position) for new, old in enumerate(sources) for position in of_trial[old]]
    numbers, positions = zip(*taken, strict=True)
    column = rows.schema.get_field_index("trial")
    trials = pa.array(numbers, rows.schema.field("trial").type)
    return rows.take(pa.array(positions)).set_column(column, "trial", trials)


def _seconds(folder: Path) -> float:
    """CPU seconds of the command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "ratchet", "resume", str(folder), "--in-process"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    for each in measure():
        print(each)
