"""One worker over many trials: it keeps what it needs and not more."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

import pytest

from search.tune.trainable import GreedyEditTrainable

SETTINGS = 96
TRIALS = 5 * SETTINGS


def resident_mb() -> float:
    """What the process holds, without what it has freed and not given back."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@pytest.mark.nightly
def test_memory_stays_flat_once_all_states_have_been_met(cache_folder: Path) -> None:
    """What a walk leaves is what its new states take, within the caches' bounds."""
    trainable = GreedyEditTrainable()
    trainable.setup({})
    held = []
    for trial in range(TRIALS):
        setting = trial % SETTINGS
        changes = {
            "edits": 8,
            "batch_size": 2,
            "values.steps": 3,
            "cache.worker_mb": 4,
            "greedy.steps": 1 + setting % 8,
            "greedy.patience": 1 + setting // 8 % 3,
            "greedy.min_improvement": (setting // 24) / 400,
        }
        trainable.reset_config(changes)
        report = {"done": False}
        while not report["done"]:
            report = trainable.step()
        if trial % SETTINGS == SETTINGS - 1:
            held.append(resident_mb())
    assert held[-1] - held[0] < 1, held
