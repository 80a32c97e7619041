"""Flips one bit after the other in a sweep's files, and looks whether anybody notices.

    python -m tests.flips --flips 3000 --seed 0

For each flip a file is drawn, then a bit of it. What is read must be what the sweep has written, or
be refused. A setting in sweep.yaml that no result depends on may be changed by hand, so a flip may
change it, too: `told` counts those that a message names. `different` counts everything else. Ends
with 1 if there is any.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

import analysis
from analysis.tables.confirm_schema import CONFIRM_TABLES, confirm_schemas
from analysis.tables.schema import TABLES
from greedy_core.errors import InputError
from search.results.confirm_log import ConfirmLog
from search.results.parts import LocalFolder
from search.results.progress import require_valid
from search.sweep import file_edits
from search.sweep.file import SweepFile
from search.sweep.file_reader import read_sweep_file
from tests.search.results.rows import confirmed_walk
from tests.search.test_bad_results import write_results


@dataclass(frozen=True)
class Reading:
    """All that commands read of a sweep before they decide anything."""

    sweep: analysis.Sweep
    """Its tables, and sweep.yaml as analysis has it."""
    file: SweepFile
    """sweep.yaml as the commands have it."""

    def same_as(self, other: Reading) -> bool:
        """Whether no bit of any value differs."""
        tables = (*TABLES, *CONFIRM_TABLES)
        mine, theirs = ([getattr(each.sweep, t) for t in tables] for each in (self, other))
        return (
            all(_same(a, b) for a, b in zip(mine, theirs, strict=True))
            and self.sweep.config == other.sweep.config
            and (self.sweep.invalid, self.sweep.unchecked)
            == (other.sweep.invalid, other.sweep.unchecked)
            and self.file == other.file
        )


def small_sweep(path: Path) -> Path:
    """A sweep in several flushes, partly confirmed."""
    write_results(path, statuses=("completed", "pruned", "completed", "failed"))
    log = ConfirmLog(
        LocalFolder(path), confirm_schemas(sweep_id="a1", sweep_name=path.name, facts={})
    )
    log.open()
    for sequence in range(2):
        log.write(*confirmed_walk(3, sequence))
    return path


def reading(path: Path) -> Reading:
    """Read it all."""
    folder = LocalFolder(path).reading
    require_valid(folder)
    return Reading(analysis.load(path), read_sweep_file(path))


def flipped(path: Path, whole: Reading, moments: random.Random) -> tuple[str, str]:
    """Flip a bit, and put it back: in which file, and what came of it."""
    files = sorted(each for each in path.rglob("*") if each.is_file())
    kinds = sorted({_kind(path, each) for each in files})
    kind = moments.choice(kinds)
    file = moments.choice([each for each in files if _kind(path, each) == kind])
    data = file.read_bytes()
    place, bit = moments.randrange(len(data)), moments.randrange(8)
    file.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
    try:
        with _told() as messages:
            found = reading(path)
    except (analysis.ResultsError, InputError):
        return kind, "refused"
    finally:
        file.write_bytes(data)
    if found.same_as(whole):
        return kind, "the same"
    as_told = replace(whole, file=replace(whole.file, config=found.file.config))
    named = messages and found.same_as(as_told)
    return kind, "told" if named else "different"


@contextmanager
def _told() -> Iterator[list[logging.LogRecord]]:
    """What is told inside of settings that were changed by hand; it is not shown."""
    messages: list[logging.LogRecord] = []

    def keep(record: logging.LogRecord) -> bool:
        messages.append(record)
        return False

    teller = logging.getLogger(file_edits.__name__)
    teller.addFilter(keep)
    try:
        yield messages
    finally:
        teller.removeFilter(keep)


def count(path: Path, flips: int, seed: int) -> Counter[tuple[str, str]]:
    """What came of so many flips, by kind of file."""
    whole, moments = reading(path), random.Random(seed)
    return Counter(flipped(path, whole, moments) for _ in range(flips))


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ratchet-flips-") as place:
        counts = count(small_sweep(Path(place) / "sweep"), asked.flips, asked.seed)
    outcomes = ("refused", "the same", "told", "different")
    table = Table("file", "flips", *outcomes)
    for kind in sorted({kind for kind, _ in counts}):
        row = [counts[kind, outcome] for outcome in outcomes]
        table.add_row(kind, *map(str, (sum(row), *row)))
    Console().print(table)
    return int(any(counts[key] for key in counts if key[1] == "different"))


def _kind(path: Path, file: Path) -> str:
    return file.relative_to(path).parts[0]


def _same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return one.equals(other) and list(one.columns) == list(other.columns)


if __name__ == "__main__":
    sys.exit(main())
