"""What a search is worth: the best of a `core` sweep against plain EMMET, over search seeds.

    .venv/bin/python benchmarks/gain.py --trials 64 --seeds 0 1 2 3 4

Runs `ratchet run` once for each seed and prints a line each and the median. Settings after `--`
are handed on: `... -- edits=40 values.clamp=2`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

RATCHET = Path(sys.executable).with_name("ratchet")


def best_of_sweep(seed: int, trials: int, results: Path, settings: list[str]) -> dict[str, float]:
    """Run one sweep; the held-out composites of its best trial, plain EMMET and the base model."""
    name = f"seed-{seed}"
    sweep = [f"search.seed={seed}", f"search.trials={trials}", *settings]
    subprocess.run(
        [RATCHET, "run", *sweep, "--results", results, "--name", name],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shown = subprocess.run(
        [RATCHET, "best", results / name, "--json"], check=True, capture_output=True, text=True
    )
    verdict = json.loads(shown.stdout)
    return {
        "best": verdict["metrics"]["composite"],
        "plain EMMET": verdict["baselines"]["baseline_full"]["composite"],
        "default": verdict["baselines"]["baseline_default"]["composite"],
        "unedited": verdict["unedited"]["composite"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("settings", nargs="*", help="key=value, after --")
    arguments = parser.parse_args()
    leads = []
    with tempfile.TemporaryDirectory() as results:
        for seed in arguments.seeds:
            row = best_of_sweep(seed, arguments.trials, Path(results), arguments.settings)
            leads.append(row["best"] - row["plain EMMET"])
            values = ", ".join(f"{name} {value:.3f}" for name, value in row.items())
            print(
                f"search seed {seed}: {values}, lead over plain EMMET {leads[-1]:+.3f}", flush=True
            )
    print(f"median lead over plain EMMET: {median(leads):+.3f} ({len(leads)} search seeds)")


if __name__ == "__main__":
    main()
