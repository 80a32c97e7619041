"""Every setting of a space is in the piece of its walk: on small random models, with all rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from greedy_core.pieces.find import find_pieces
from greedy_core.pieces.walk_space import WalkSpace
from tests.greedy_core.pieces.walks import Comparison
from tests.greedy_core.tiny_models import tiny_model
from tests.greedy_core.tiny_plans import open_tiny, settings


@dataclass(frozen=True)
class Case:
    """A space, and the plan that it is searched on."""

    searched: dict[str, Any]
    """Values of discrete settings."""
    greedy: dict[str, Any] = field(default_factory=dict)
    """Of the loop, the same for all."""
    trust: dict[str, Any] = field(default_factory=dict)
    """Of the gate, the same for all."""
    plan: dict[str, Any] = field(default_factory=dict)
    """Of the plan."""
    ends: tuple[float, float] = (0.0, 0.05)
    """Of the interval."""
    family: str = "gpt2"
    """Of the model."""
    most_alike: bool = False
    """Whether it is about walks that hardly differ."""


RULES = ["advance", "backtrack", "repeat"]
CASES = {
    "core": Case(
        {
            "greedy.steps": [1, 2, 4],
            "greedy.patience": [1, 2],
            "greedy.max_probes": [1, 2],
        }
    ),
    "rules, no limits": Case(
        {
            "greedy.step_rule": RULES,
            "greedy.patience": [0, 2],
            "greedy.max_probes": [None, 1],
        },
        {"steps": 3},
    ),
    "signals": Case(
        {"greedy.signal": ["margin", "success"], "greedy.steps": [2, 5]},
        {"step_rule": "backtrack"},
        ends=(0.0, 1.0),
    ),
    "layers": Case(
        {"greedy.layers": [None, (2,)], "greedy.steps": [1, 3], "greedy.patience": [1, 0]},
        plan={"layers": (0, 2)},
    ),
    "gate": Case(
        {
            "trust.enabled": [False, True],
            "trust.action": ["rollback", "scale"],
            "greedy.steps": [2, 4],
        },
        {"step_rule": "backtrack"},
        {"threshold": 0.3, "scale": 0.3},
    ),
    "who accepts": Case(
        {"greedy.accept_by": ["probes", "distance"], "greedy.steps": [2, 4]},
        {},
        {"enabled": True, "threshold": 0.2, "action": "scale"},
    ),
    "norm guard and rank": Case(
        {"greedy.steps": [2, 4], "greedy.step_rule": RULES},
        {"max_norm_ratio": 0.4},
        plan={"rank": 2},
    ),
    "llama, a smaller last batch": Case(
        {"greedy.steps": [2, 3], "greedy.max_probes": [None, 1, 2]},
        plan={"edits": 3},
        family="llama",
    ),
    "targets of its own": Case(
        {"greedy.steps": [2, 5]}, plan={"targets": "current"}, ends=(0.0, 1.0)
    ),
    "one threshold": Case({"greedy.steps": [1, 2, 3]}, ends=(0.01, 0.01), most_alike=True),
    "part of the interval": Case({"greedy.steps": [2, 4]}, ends=(0.003, 0.02), most_alike=True),
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(scope="module")
def compared(case: Case) -> Comparison:
    common = settings(case.greedy, case.trust, **case.plan)
    model = tiny_model(case.family)
    space = WalkSpace.product(case.searched, *case.ends)
    found = find_pieces(open_tiny(model, common), common, space)
    return Comparison(found, open_tiny(model, common), common)


def test_pieces_cover_the_space_and_do_not_overlap(compared: Comparison, case: Case) -> None:
    compared.check_cover()
    pieces, assignments = compared.pieces.pieces, compared.pieces.space.assignments
    assert case.most_alike or len(pieces) >= 2 * len(assignments)


def test_walks_at_the_ends_of_a_piece_and_next_to_it(compared: Comparison) -> None:
    compared.check_ends(Random(0))


def test_drawn_settings_are_in_the_piece_of_their_walk(compared: Comparison) -> None:
    compared.check_drawn(Random(1), 40)


def test_nothing_is_evaluated_that_no_walk_ends_in(compared: Comparison) -> None:
    pieces = compared.pieces
    ends = {piece.end for piece in pieces.pieces}
    assert ends == set(pieces.states) == set(pieces.evaluations)
    assert all(pieces.states[key].key == key for key in ends)
