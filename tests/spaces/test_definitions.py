from __future__ import annotations

from typing import Any

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from spaces.definitions import distribution_fault, read_definition, write_definition

FORMS = "{int: [low, high]}, {float: [low, high]} or {choices: [...]}"


def size(name: str) -> int:
    if name != "batch_size":
        raise ValueError(f"{name} is unknown")
    return 4


@pytest.mark.parametrize(
    ("key", "definition", "distribution"),
    [
        ("greedy.steps", {"int": [1, 8]}, IntDistribution(1, 8)),
        ("greedy.steps", {"int": [1, 9], "step": 2}, IntDistribution(1, 9, step=2)),
        ("greedy.steps", {"int": [1, 8], "log": True}, IntDistribution(1, 8, log=True)),
        ("trust.threshold", {"float": [0, 0.5]}, FloatDistribution(0.0, 0.5)),
        ("trust.threshold", {"float": [0, 0.3], "step": 0.1}, FloatDistribution(0, 0.3, step=0.1)),
        ("trust.threshold", {"float": [1e-3, 1], "log": True}, FloatDistribution(1e-3, 1, True)),
        ("trust.enabled", {"choices": [True, False]}, CategoricalDistribution([True, False])),
        ("mu", {"choices": [0, 1e-1]}, CategoricalDistribution([0.0, 0.1])),
        ("rank", {"choices": [None, 8]}, CategoricalDistribution([None, 8])),
        ("layers", {"choices": [[0], [0, 1]]}, CategoricalDistribution(["[0]", "[0, 1]"])),
    ],
)
def test_a_definition_and_its_distribution(
    key: str, definition: dict[str, Any], distribution: BaseDistribution
) -> None:
    assert read_definition(key, definition, size) == distribution
    assert read_definition(key, write_definition(key, distribution), size) == distribution


def test_an_end_may_be_another_setting() -> None:
    read = read_definition("greedy.max_probes", {"int": [1, "batch_size"]}, size)
    assert read == IntDistribution(1, 4)


@pytest.mark.parametrize(
    ("key", "definition", "fault"),
    [
        (
            "greedy.steps",
            4,
            f"must be {FORMS}, but got 4 (to give it a single value, put it under `fixed`)",
        ),
        ("greedy.steps", {}, f"must be one of {FORMS}, but got none of them"),
        (
            "greedy.steps",
            {"int": [1, 2], "choices": [1]},
            f"must be one of {FORMS}, but got int and choices",
        ),
        (
            "greedy.steps",
            {"int": [1, 2], "setp": 1},
            "'setp' is no option (did you mean `step`?)",
        ),
        ("greedy.steps", {"int": [1]}, "int must be [low, high], but got [1]"),
        ("greedy.steps", {"int": 8}, "int must be [low, high], but got 8"),
        (
            "greedy.steps",
            {"int": [1, 2.5]},
            "low and high must be a whole number, but got 2.5",
        ),
        ("greedy.steps", {"int": [1, "batch_sise"]}, "batch_sise is unknown"),
        ("greedy.steps", {"int": [3, 2]}, "`low <= high` must hold, but got (low=3, high=2)"),
        (
            "greedy.steps",
            {"int": [5, "batch_size"]},
            "`low <= high` must hold, but got (low=5, high=4, batch_size=4)",
        ),
        (
            "greedy.steps",
            {"int": [1, 4], "step": 0},
            "`step > 0` must hold, but got (low=1, high=4, step=0)",
        ),
        (
            "greedy.min_improvement",
            {"float": [0, 1], "step": 1e-300},
            "`(high - low) / step <= 1e+09` must hold, but got (low=0.0, high=1.0, step=1e-300)",
        ),
        (
            "greedy.steps",
            {"int": [1, 4], "step": 2},
            "`high` must be `low` plus a multiple of `step`, but got (low=1, high=4, step=2)",
        ),
        (
            "greedy.steps",
            {"int": [1, 4], "step": 1, "log": True},
            "`step` must be left out where log is true, but got (low=1, high=4, step=1)",
        ),
        (
            "trust.threshold",
            {"float": [0, 1], "log": True},
            "`low > 0` must hold where log is true, but got (low=0.0, high=1.0)",
        ),
        (
            "trust.threshold",
            {"float": [0, float("nan")]},
            "low and high must be a number, but got nan",
        ),
        (
            "trust.threshold",
            {"float": [0, 1], "log": "yes"},
            "log must be true or false, but got 'yes'",
        ),
        ("mu", {"choices": []}, "choices must be a list of at least 1 value, but got []"),
        ("mu", {"choices": 3}, "choices must be a list of at least 1 value, but got 3"),
        ("mu", {"choices": [1, 1.0]}, "choices must differ from each other, but got 1.0 twice"),
        ("mu", {"choices": [1], "log": True}, "log and step describe a range, not choices"),
        ("layers", {"choices": [0]}, "must be a list of whole numbers or null, but got 0"),
        (
            "greedy.signal",
            {"choices": ["margins"]},
            "must be one of margin, success, but got 'margins'",
        ),
    ],
)
def test_a_definition_that_describes_nothing(key: str, definition: object, fault: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_definition(key, definition, size)
    assert str(caught.value) == fault


PLAN = "must be {choices: [...]} of 4 values at most: every value is prepared for on its own"


@pytest.mark.parametrize(
    ("key", "distribution", "fault"),
    [
        ("greedy.steps", IntDistribution(1, 8), None),
        ("greedy.steps", IntDistribution(0, 8), "must be at least 1 and at most 256, but got 0"),
        (
            "greedy.steps",
            FloatDistribution(1, 8),
            "takes a whole number, which {float: ...} does not describe",
        ),
        (
            "trust.threshold",
            IntDistribution(0, 1),
            "takes a number, which {int: ...} does not describe",
        ),
        (
            "greedy.signal",
            IntDistribution(0, 1),
            "takes one of margin, success, which {int: ...} does not describe",
        ),
        ("mu", FloatDistribution(0, 1), PLAN),
        ("rank", IntDistribution(1, 8), PLAN),
        ("rank", CategoricalDistribution([1, 2, 3, 4, 5]), PLAN),
        ("rank", CategoricalDistribution([1, 2, 3, 4]), None),
        ("layers", CategoricalDistribution(["[0"]), "Expecting ',' delimiter"),
    ],
)
def test_a_distribution_has_to_suit_its_setting(
    key: str, distribution: BaseDistribution, fault: str | None
) -> None:
    found = distribution_fault(key, distribution)
    assert found == fault if fault is None else found is not None and found.startswith(fault)
