"""One worker over many trials: it keeps what it needs and not more."""

from __future__ import annotations

from pathlib import Path

from search.tune.trainable import GreedyEditTrainable

TRIALS = 500


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def test_memory_stays_flat_over_500_trials(cache_folder: Path) -> None:
    trainable = GreedyEditTrainable()
    trainable.setup({})
    held = {}
    for trial in range(TRIALS):
        changes = {
            "edits": 8,
            "batch_size": 2,
            "values.steps": 3,
            "cache.worker_mb": 4,
            "greedy.steps": 1 + trial % 8,
            "greedy.patience": 1 + trial // 8 % 3,
            "greedy.min_improvement": (trial // 24) / 400,
        }
        trainable.reset_config(changes)
        report = {"done": False}
        while not report["done"]:
            report = trainable.step()
        held[trial + 1] = resident_mb()
    assert held[TRIALS] - held[100] < 8, {n: round(mb) for n, mb in held.items() if n % 50 == 0}
