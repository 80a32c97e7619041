"""Which trials a sweep never stops, so that what stopping costs can be told."""

from __future__ import annotations

from hashlib import sha256


def audited_trials(trials: int, audit: int, seed: int) -> frozenset[int]:
    """Search trials, counted from 0, that are never stopped early: the first by a seeded hash.

    Args:
        trials: search trials of the sweep.
        audit: how many are never stopped.
        seed: of the search.
    """
    order = sorted(range(trials), key=lambda i: sha256(f"audit:{seed}:{i}".encode()).digest())
    return frozenset(order[:audit])
