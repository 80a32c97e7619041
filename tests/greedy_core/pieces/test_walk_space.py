"""Spaces of walk settings: what they hold, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from greedy_core.errors import SettingsError
from greedy_core.pieces.walk_space import DISCRETE, WalkSpace
from tests.greedy_core.tiny_plans import settings


def test_discrete_settings_of_the_walk() -> None:
    assert {
        *("greedy.steps", "greedy.patience", "greedy.max_probes", "greedy.step_rule"),
        *("greedy.signal", "greedy.accept_by", "greedy.metric", "greedy.layers"),
        *("trust.enabled", "trust.action"),
    } == DISCRETE


def test_a_product_has_all_combinations() -> None:
    space = WalkSpace.product({"greedy.steps": [1, 2], "trust.enabled": [False, True]}, 0.0, 0.05)
    assert space.assignments == ((1, False), (1, True), (2, False), (2, True))


def test_settings_of_a_walk() -> None:
    space = WalkSpace.product({"greedy.steps": [3], "trust.action": ["scale"]})
    common = settings({"patience": 3}, {"enabled": True})
    chosen = space.settings(common, space.assignments[0], 0.25)
    assert chosen == settings(
        {"patience": 3, "steps": 3, "min_improvement": 0.25}, {"enabled": True, "action": "scale"}
    )


@pytest.mark.parametrize(
    ("keys", "assignments", "ends", "message"),
    [
        (("trust.threshold",), ((0.1,),), (0, 1), "discrete settings of the walk.*trust.threshold"),
        (("greedy.max_norm_ratio",), ((0.1,),), (0, 1), "greedy.max_norm_ratio"),
        (("greedy.min_improvement",), ((0.1,),), (0, 1), "as an interval"),
        (("mu",), ((0.1,),), (0, 1), "others=\\['mu'\\]"),
        (("greedy.steps",), ((1, 2),), (0, 1), "one value for each key"),
        (("greedy.steps", "greedy.steps"), ((1, 2),), (0, 1), "one value for each key"),
        (("greedy.steps",), (), (0, 1), "assignments=0"),
        (("greedy.steps",), ((1,), (1,)), (0, 1), "assignments=2, different=1"),
        (("greedy.steps",), ((1,),), (0.1, 0.0), "0 <= low <= high <= 1"),
        (("greedy.steps",), ((1,),), (-0.1, 0.0), "low=-0.1"),
        (("greedy.steps",), ((1,),), (0.0, float("nan")), "high=nan"),
    ],
)
def test_what_is_refused(
    keys: Any, assignments: Any, ends: tuple[float, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        WalkSpace(keys, assignments, *ends)


def test_an_assignment_that_breaks_a_condition_is_refused() -> None:
    space = WalkSpace.product({"greedy.max_probes": [9]})
    with pytest.raises(SettingsError, match=r"greedy\.max_probes <= batch_size"):
        space.settings(settings(), (9,), 0.0)
