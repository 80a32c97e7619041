"""Every walk of a `core` space on factworld: what it costs to find them all, and what it finds.

python -m benchmarks.pieces [--edits 20] [--seeds 0 1 2]

Processor seconds, with what is prepared once (targets, covariance, hidden states) left out. A
second round finds the same pieces with every score in memory: the work that is not the model's.
"""

from __future__ import annotations

import argparse
import math
import time

import torch

from benchmarks.sweeps import config_of
from greedy_core.inputs.edit_inputs import read_inputs
from greedy_core.model.loading import load_model
from greedy_core.pieces.find import find_pieces
from greedy_core.pieces.piece import Pieces
from greedy_core.pieces.walk_space import INTERVAL, WalkSpace
from greedy_core.progress import Progress
from greedy_core.states.preparation import prepare_states
from greedy_core.store.artefacts import MemoryStore
from greedy_core.walk.edit import open_states
from search.config.settings import SweepConfig
from spaces.definitions import values_of


def core_space(config: SweepConfig) -> WalkSpace:
    """The space that a `core` sweep searches."""
    distributions = dict(config.search_space().distributions)
    low, high = values_of(INTERVAL, distributions.pop(INTERVAL))
    ends = {key: values_of(key, each) for key, each in distributions.items()}
    return WalkSpace.product(
        {key: range(first, last + 1) for key, (first, last) in ends.items()}, low, high
    )


class Rounds:
    """Finds the pieces of a plan, once with nothing scored and once with everything."""

    def __init__(self, settings: dict[str, object]) -> None:
        config = config_of({**settings, "device": "cpu"})
        self.space = core_space(config)
        model = load_model(config.edit.model, device="cpu")
        inputs = read_inputs(config.edit, model.config.to_dict())
        self._settings = inputs.settings
        self._scores = open_states(inputs, model, MemoryStore(math.inf))
        prepare_states(self._scores, math.inf)
        self._evaluating: float | None = None

    def run(self) -> tuple[Pieces, float, float]:
        """The pieces, and the seconds that finding them and evaluating their ends took."""
        self._evaluating = None
        started = time.process_time()
        found = find_pieces(self._scores, self._settings, self.space, on_progress=self._note)
        assert self._evaluating is not None
        return found, self._evaluating - started, time.process_time() - self._evaluating

    def _note(self, progress: Progress) -> None:
        if self._evaluating is None and progress.part == "end states evaluated":
            self._evaluating = time.process_time()


def line(rounds: Rounds) -> str:
    """One plan's figures."""
    found, finding, evaluating = rounds.run()
    again, *warm = rounds.run()
    assert again == found
    best = max(float(each.held_out.composite) for each in found.evaluations.values())
    return (
        f"{len(rounds.space.assignments)} assignments, {len(found.pieces)} pieces, "
        f"{len(found.states)} end states (best composite {best:.4f}): {found.solves} solves, "
        f"{found.scorings} probe scorings; found in {finding:.1f} s, evaluated in "
        f"{evaluating:.1f} s; again with all scores in memory {sum(warm):.1f} s"
    )


def main() -> None:
    """Print a line for each seed, which selects other records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for seed in asked.seeds:
        print(f"seed {seed}: {line(Rounds({'edits': asked.edits, 'seed': seed}))}", flush=True)


if __name__ == "__main__":
    main()
