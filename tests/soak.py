"""Kills one sweep many times, and prints what came of it.

    python -m tests.soak --kills 100 --seed 0

Ends with 1 if a trial was lost or doubled, or a row that was committed has changed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.search.kill_sweep import KilledSweep


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=12.0, help="seconds to a kill at most")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ratchet-soak-") as place:
        os.environ["XDG_CACHE_HOME"] = str(Path(place) / "cache")
        changes = {
            "edits": 20,
            "search.trials": 30 * asked.kills,  # so that some are left to the last kill
            "search.concurrency": 2,
            "search.sampler": "random",  # which needs no longer for its thousandth trial
        }
        sweep = KilledSweep(Path(place) / "soak", changes, asked.seed, asked.longest)
        started = time.monotonic()
        for number in range(asked.kills):
            if not sweep.kill():
                print(f"the sweep had ended before kill {number + 1}", file=sys.stderr)
                return 1
            ended = len(sweep.end.trials) if sweep.snapshots else 0
            print(f"kill {number + 1}: {ended} trials have ended", file=sys.stderr, flush=True)
        done = sweep.finish()
        if done.returncode != 0:
            print(done.stderr, file=sys.stderr)
            return 1
        _print(asked.kills, sweep, time.monotonic() - started)
        return int(sweep.lost + sweep.doubled + sweep.changed > 0)


def _print(kills: int, sweep: KilledSweep, seconds: float) -> None:
    figures = {
        "kills": kills,
        "trials": len(sweep.end.trials),
        "trials lost": sweep.lost,
        "trials doubled": sweep.doubled,
        "rows changed": sweep.changed,
        "seconds redone": round(sweep.seconds_redone),
        "seconds in all": round(seconds),
    }
    table = Table(*figures)
    table.add_row(*map(str, figures.values()))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
