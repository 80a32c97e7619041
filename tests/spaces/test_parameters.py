"""A searched setting takes what the setting itself takes, and says what it wants."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import pytest
from annotated_types import Gt, Le, Lt

from greedy_core.errors import SettingsError
from greedy_core.ranges import ends_of, number
from search.config.settings import EDIT_KEYS, edit_settings
from spaces.parameters import PARAMETERS, unsearchable

NUMBERS = [key for key, p in PARAMETERS.items() if p.is_int or p.is_float]
LARGE = {"edits": 1_000_000, "batch_size": 1_000_000}


@pytest.mark.parametrize("key", NUMBERS)
def test_bounds_are_those_of_the_settings(key: str) -> None:
    parameter = PARAMETERS[key]
    unit = 1 if parameter.is_int else 1e-6
    inside, outside = [], []
    for end in (end for each in parameter.ranges for end in ends_of(each)):
        at, beyond = number(end), unit if isinstance(end, Le | Lt) else -unit
        (outside if isinstance(end, Gt | Lt) else inside).append(at)
        outside.append(at + beyond)
    assert len(inside) + len(outside) in (2, 3, 4)
    for value in inside:
        assert parameter.conform(value) == value
        edit_settings(LARGE | {key: value})
    for value in outside:
        with pytest.raises(ValueError, match="must be"):
            parameter.conform(value)
        with pytest.raises(SettingsError):
            edit_settings(LARGE | {key: value})


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("greedy.steps", 0, "must be at least 1 and at most 256, but got 0"),
        ("greedy.min_improvement", 1.5, "must be at least 0 and at most 1, but got 1.5"),
        ("trust.scale", 1.0, "must be above 0 and below 1, but got 1.0"),
        ("layers", [1, 0], "must be rising from 0 or above without repeats, but got [1, 0]"),
        ("layers", [], "must be rising from 0 or above without repeats, but got []"),
        ("greedy.layers", [-1], "must be rising from 0 or above without repeats, but got [-1]"),
        ("rank", 2.0, "must be a whole number or null, but got 2.0"),
        (
            "greedy.metric",
            "foo",
            "must be of the form module:function, at most 250 characters, but got 'foo'",
        ),
    ],
)
def test_a_value_that_the_setting_does_not_take(key: str, value: Any, fault: str) -> None:
    with pytest.raises(ValueError) as caught:
        PARAMETERS[key].conform(value)
    assert str(caught.value) == fault


def test_whatever_is_named_can_be_searched_by_all_its_names() -> None:
    for key, parameter in PARAMETERS.items():
        if get_origin(parameter.annotation) is Literal:
            for name in get_args(parameter.annotation):
                assert parameter.conform(name) == name, key


@pytest.mark.parametrize(
    "key", ["model", "dataset", "edits", "conflicts", "seed", "composite_weights"]
)
def test_what_would_make_trials_incomparable_cannot_be_searched(key: str) -> None:
    assert key in EDIT_KEYS
    assert key not in PARAMETERS


def test_a_typo_is_answered_with_the_nearest_name() -> None:
    assert unsearchable("greedy.stepz") == "cannot be searched (did you mean `greedy.steps`?)"
