"""Finite spaces are counted by what a walk reads, and gone through without a repeat."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from search.config.settings import SweepConfig
from spaces import load_space
from spaces.finite import FiniteSpace, Identity

STEPS = {"greedy.steps": {"int": [1, 3]}}
GATE = {"trust.enabled": {"choices": [True, False]}, "trust.threshold": {"choices": [0.1, 0.2]}}
LOG = {"greedy.patience": {"int": [1, 4], "log": True}}


def finite(definitions: dict[str, Any], **config: object) -> FiniteSpace | None:
    values = SweepConfig().flat() | {k.replace("__", "."): v for k, v in config.items()}
    return FiniteSpace.of(load_space(definitions, values), values)


def whole(definitions: dict[str, Any], **config: object) -> FiniteSpace:
    space = finite(definitions, **config)
    assert space is not None
    return space


@pytest.mark.parametrize(
    ("definitions", "total"),
    [
        pytest.param(STEPS, 3, id="a range of whole numbers"),
        pytest.param({"greedy.steps": {"int": [1, 7], "step": 3}}, 3, id="in steps"),
        pytest.param(LOG, 4, id="log"),
        pytest.param({"greedy.steps": {"int": [2, 2]}}, 1, id="one value"),
        pytest.param(
            {**GATE, "trust.threshold": {"float": [0.1, 0.1]}}, 2, id="a float of width 0"
        ),
        pytest.param(
            {"greedy.min_improvement": {"float": [0, 0.3], "step": 0.1}}, 4, id="floats in steps"
        ),
        pytest.param({"greedy.signal": {"choices": ["margin"]}}, 1, id="one choice"),
        pytest.param({**STEPS, "greedy.patience": {"choices": [1, 2]}}, 6, id="a product"),
        pytest.param(GATE, 3, id="without the gate its threshold is not read"),
        pytest.param(
            {
                "fixed": {"trust.enabled": True},
                "trust.action": {"choices": ["rollback", "scale"]},
                "trust.scale": {"choices": [0.25, 0.5]},
            },
            3,
            id="a scale is read only where it scales",
        ),
        pytest.param(
            {"greedy.accept_by": {"choices": ["always", "probes"]}, **STEPS},
            4,
            id="where nothing is rejected steps are not read",
        ),
        pytest.param(
            {
                "greedy.accept_by": {"choices": ["always", "probes"]},
                "greedy.max_norm_ratio": {"choices": [None, 5.0]},
                **STEPS,
            },
            1 + 3 + 6,
            id="but under a limit on the norm they are",
        ),
        pytest.param({"layers": {"choices": [[0], [0, 1]]}}, 2, id="lists"),
    ],
)
def test_how_many_settings_there_are(definitions: dict[str, Any], total: int) -> None:
    space = whole(definitions)
    assert space.total == total
    every = itertools.product(*(each.each() for each in space.values.values()))
    identities = {space.identity(dict(zip(space.values, values, strict=True))) for values in every}
    assert len(identities) == total
    assert None not in identities


@pytest.mark.parametrize(
    "definitions",
    [
        {"greedy.min_improvement": {"float": [0, 0.05]}},
        {**STEPS, "greedy.min_improvement": {"float": [0.001, 0.05], "log": True}},
    ],
)
def test_a_continuous_setting_makes_a_space_infinite(definitions: dict[str, Any]) -> None:
    assert finite(definitions) is None


def test_what_lies_outside_or_differs_elsewhere_is_no_setting_of_the_space() -> None:
    space = whole(STEPS)
    here = SweepConfig().flat()
    assert space.identity({**here, "greedy.steps": 2}) == space.identity({"greedy.steps": 2})
    assert space.identity({**here, "greedy.steps": 9}) is None
    assert space.identity({**here, "greedy.steps": 2, "mu": 7.0}) is None
    assert space.identity({**here, "greedy.steps": 2, "trust.scale": 0.3}) is not None, "not read"


@pytest.mark.parametrize("definitions", [STEPS, GATE, {**STEPS, **LOG, **GATE}])
def test_all_settings_are_found_and_none_twice(definitions: dict[str, Any]) -> None:
    space = whole(definitions)
    tried: set[Identity] = set()
    for number in range(space.total):
        found = space.untried(tried, seed=number)
        assert found is not None
        assert found == space.untried(tried, seed=number), "the seed decides"
        identity = space.identity(found)
        assert identity is not None
        tried.add(identity)
    assert len(tried) == space.total
    assert space.untried(tried, seed=0) is None


def test_the_last_setting_of_many_is_found() -> None:
    space = whole({"greedy.patience": {"int": [1, 5000]}})
    tried = {
        identity for n in range(2, 5001) if (identity := space.identity({"greedy.patience": n}))
    }
    assert space.untried(tried, seed=3) == {"greedy.patience": 1}
