"""Two spaces differ in settings, and each is named with what it was and what it is."""

from __future__ import annotations

import pytest

from spaces.differences import differences
from spaces.frozen import frozen

STEPS = {"greedy.steps": {"int": [1, 4]}}


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("core", "core", []),
        ("core", "extended", [("", "'core'", "'extended'")]),
        (STEPS, {"greedy": {"steps": {"int": (1, 4)}}}, []),
        (
            {**STEPS, "mu": {"choices": [1.0]}},
            {"greedy.steps": {"int": [1, 3]}, "mu": {"choices": [1.0]}},
            [("greedy.steps", "{'int': [1, 4]}", "{'int': [1, 3]}")],
        ),
        (
            {"name": "a", **STEPS},
            {"name": "b", "fixed": {"mu": 10.0}},
            [
                ("name", "'a'", "'b'"),
                ("greedy.steps", "{'int': [1, 4]}", "not there"),
                ("fixed.mu", "not there", "10.0"),
            ],
        ),
    ],
)
def test_each_setting_that_differs_is_named(
    was: object, now: object, told: list[tuple[str, str, str]]
) -> None:
    assert list(differences(frozen(was), frozen(now))) == told
