"""Rungs and step positions of a whole sweep: over all settings that its trials may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import CategoricalDistribution, IntDistribution

from search.config.baselines import baselines
from search.config.settings import SweepConfig
from search.sweep.rungs import rung_levels
from spaces import SearchSpace, decode


def trial_rungs(config: SweepConfig) -> tuple[int, ...]:
    """The amounts of the resource at which a trial of this configuration reports."""
    search, edit = config.search, config.edit
    grace = search.grace or (edit.batch_size if search.sequences == 1 else edit.edits)
    if search.resource == "steps":
        return rung_levels(grace, search.reduction_factor, most_steps(config))

    def end_of_batch(edits: int) -> int:
        before, rest = divmod(edits, edit.edits)
        done = -(-rest // edit.batch_size) * edit.batch_size
        return before * edit.edits + min(done, edit.edits)

    return rung_levels(grace, search.reduction_factor, edit.edits * search.sequences, end_of_batch)


def most_steps(config: SweepConfig) -> int:
    """The most steps that a trial of this configuration can take."""
    layers = len(config.edit.layers or (0,))
    return config.search.sequences * config.edit.batches * layers * config.edit.greedy.steps


def sweep_rungs(config: SweepConfig, space: SearchSpace) -> tuple[int, ...]:
    """Every amount at which some trial of the sweep may report."""
    steps = largest_steps(config, space)
    layers = max(_values(config, space, "layers"), key=len)
    levels: set[int] = set()
    for batch_size in _values(config, space, "batch_size"):
        changes = {"greedy.steps": steps, "layers": layers, "batch_size": batch_size}
        if config.edit.greedy.max_probes is not None:
            changes["greedy.max_probes"] = None
        levels.update(trial_rungs(config.with_values({**changes, "greedy.layers": None})))
    return tuple(sorted(levels))


def largest_steps(config: SweepConfig, space: SearchSpace) -> int:
    """The most steps of one greedy loop in any trial of the sweep, baselines included."""
    searched = _values(config, space, "greedy.steps")
    given = [changes["greedy.steps"] for changes in baselines(config.flat()).values()]
    most: int = max([*searched, *given])
    return most


def _values(config: SweepConfig, space: SearchSpace, key: str) -> list[Any]:
    """The values that a setting can take: all choices, or both ends of a range."""
    distribution = space.distributions.get(key)
    if isinstance(distribution, CategoricalDistribution):
        return [decode({key: choice})[key] for choice in distribution.choices]
    if isinstance(distribution, IntDistribution):
        return [distribution.low, distribution.high]
    fixed: Mapping[str, Any] = space.fixed
    return [fixed.get(key, config.flat()[key])]
