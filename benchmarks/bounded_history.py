"""What TPE loses because its history is cut: long searches on factworld, with and without the cut.

    python -m benchmarks.bounded_history --trials 1500 --seeds 0 1 2 3

Proposals are walked in this process on a warm store, one at a time, without stopping any. A line
for each seed: the best composite, the mean of the last 200 trials, and what a proposal took at the
end of the search.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from statistics import mean, median
from unittest.mock import patch

import optuna

import search.sweep.history
from benchmarks.sweeps import config_of
from greedy_core.walk.greedy import GreedyRun
from search.config.settings import SweepConfig
from search.sweep.history import Ended, SearchHistory
from search.worker.walk_context import WalkContext

LAST = 200
"""Trials at the end of a search over which its quality and its cost are averaged."""


def search_for(
    config: SweepConfig, context: WalkContext, trials: int, seed: int
) -> tuple[float, float, float]:
    """Best composite, mean of the last trials, and milliseconds of a proposal among them."""
    history = SearchHistory(config.search_space().distributions, "tpe", seed)
    values, seconds = [], []
    for index in range(trials):
        started = time.perf_counter()
        proposed = history.ask(index)
        seconds.append(time.perf_counter() - started)
        scores, settings = context.open(config.with_values(proposed).edit)
        walk = GreedyRun(scores, settings)
        while not walk.done:
            walk.step()
        values.append(float(walk.evaluate().held_out.composite))
        history.tell(index, Ended.of("completed", values[-1], {}))
    return max(values), mean(values[-LAST:]), 1000 * median(seconds[-LAST:])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=1500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--space", default="core")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as cache:
        config = config_of({"cache.dir": cache, "search.space": arguments.space})
        context = WalkContext.alone(config.edit, config.cache)
        for name, limit in (("cut", search.sweep.history.CUT_AT), ("whole", sys.maxsize)):
            with patch.object(search.sweep.history, "CUT_AT", limit):
                found = [
                    search_for(config, context, arguments.trials, seed) for seed in arguments.seeds
                ]
            for seed, (best, late, ms) in zip(arguments.seeds, found, strict=True):
                print(f"{name:5} seed {seed}: best {best:.4f}, last {late:.4f}, {ms:.1f} ms")
            best, late, ms = (mean(column) for column in zip(*found, strict=True))
            print(f"{name:5} mean  : best {best:.4f}, last {late:.4f}, {ms:.1f} ms", flush=True)


if __name__ == "__main__":
    main()
