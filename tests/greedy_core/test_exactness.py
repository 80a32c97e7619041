"""What is stored is what would be computed, to the bit, whoever walked there and by which way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from greedy_core.model.language_model import LanguageModel
from greedy_core.progress import Progress
from greedy_core.settings import EditSettings
from greedy_core.states.preparation import prepare_states
from greedy_core.store.artefacts import Artefact, MemoryStore
from greedy_core.walk.greedy import GreedyRun
from tests.greedy_core.tiny_plans import open_tiny, settings

GREEDY: list[dict[str, Any]] = [
    {"steps": 1},
    {"steps": 3, "patience": 1},
    {"steps": 4, "min_improvement": 0.02, "step_rule": "backtrack"},
    {"steps": 4, "max_probes": 1, "signal": "success", "patience": 3},
    {"steps": 2, "accept_by": "always"},
]
PLANS: list[dict[str, Any]] = [
    {},
    {"layers": (0, 1)},
    {"layers": (0, 2)},
    {"layers": (1, 2)},
    {"rank": 1},
    {"rank": 3},
    {"mu": 3.0},
    {"targets": "current"},
]
BY_DAY_AND_NIGHT = [
    plan if number % 2 == 0 or "targets" in plan else pytest.param(plan, marks=pytest.mark.nightly)
    for number, plan in enumerate(PLANS)
]
SCALED = {"enabled": True, "threshold": 0.9, "action": "scale", "scale": 0.5}


def walked(model: LanguageModel, chosen: EditSettings, store: MemoryStore) -> GreedyRun:
    """A walk to the end, with held-out scores after every batch."""
    run = GreedyRun(open_tiny(model, chosen, store), chosen)
    while not run.done:
        before = run.batch
        run.step()
        if run.batch > before:
            run.evaluate()
    return run


def same(one: Artefact, other: Artefact) -> bool:
    return set(one) == set(other) and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name])
        for name in one
    )


@pytest.mark.parametrize("plan", BY_DAY_AND_NIGHT, ids=str)
def test_every_state_that_walks_share_is_what_each_would_have_computed(
    model: LanguageModel, plan: dict[str, Any]
) -> None:
    shared = MemoryStore()
    for order in (GREEDY, GREEDY[::-1]):
        for greedy in order:
            walked(model, settings(greedy=greedy, **plan), shared)
    states = 0
    for greedy in GREEDY:
        alone = MemoryStore()
        walked(model, settings(greedy=greedy, **plan), alone)
        for key, artefact in alone.artefacts.items():
            assert same(shared.artefacts[key], artefact), key
            states += key.startswith("scores")
    assert states > 20


@pytest.mark.parametrize(
    "plans", [PLANS[::6], pytest.param(PLANS, marks=pytest.mark.nightly)], ids=len
)
def test_keys_of_different_plans_and_scalings_never_collide(
    gpt2: LanguageModel, plans: list[dict[str, Any]]
) -> None:
    """One store for all: under one key nothing else is ever computed."""
    kept: dict[str, Artefact] = {}
    for plan in plans:
        for trust in ({}, SCALED):
            for greedy in GREEDY:
                if greedy.get("accept_by") == "always" and trust:
                    continue  # the gate has nothing to say there
                alone = MemoryStore()
                walked(gpt2, settings(greedy=greedy, trust=trust, **plan), alone)
                for key, artefact in alone.artefacts.items():
                    assert same(kept.setdefault(key, artefact), artefact), key
    assert sum(key.startswith("scores") for key in kept) > (200 if plans == PLANS else 25)


@pytest.mark.parametrize("limit", [0, 20_000, 10**9])
def test_prepared_memory_changes_no_bit(model: LanguageModel, limit: float) -> None:
    chosen = settings(greedy={"steps": 3}, layers=(1, 2))
    plain, prepared = MemoryStore(), MemoryStore()
    walked(model, chosen, plain)
    told: list[Progress] = []
    scores = open_tiny(model, chosen, prepared, memory=prepared)
    prepare_states(scores, limit, told.append)
    run = GreedyRun(scores, chosen)
    while not run.done:
        run.step()
    run.evaluate()
    for key, artefact in plain.artefacts.items():
        if key in prepared.artefacts:
            assert same(prepared.artefacts[key], artefact)
    parts = {progress.part for progress in told}
    assert {"covariance", "target values", "hidden states of batch"} <= parts
    assert all(progress.done <= progress.total for progress in told)


def test_how_much_hidden_state_is_kept_follows_from_the_limit(model: LanguageModel) -> None:
    held = []
    for limit in (0, 20_000, 10**9):
        memory = MemoryStore()
        prepare_states(open_tiny(model, memory=memory), limit)
        held.append(sum(array.nbytes for a in memory.artefacts.values() for array in a.values()))
        assert held[-1] <= limit
    assert held[0] == 0 < held[1] < held[2]
