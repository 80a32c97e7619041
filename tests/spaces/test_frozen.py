"""A mapping in a configuration is a value: nobody changes it, and equal ones are the same."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from spaces.frozen import FrozenMapping, frozen, plain

GIVEN = {"name": "small", "greedy.steps": {"int": [1, 4]}, "layers": {"choices": [[0], [0, 1]]}}


def test_what_was_given_may_change_afterwards() -> None:
    given: dict[str, Any] = {"greedy.steps": {"int": [1, 4]}}
    mapping = FrozenMapping(given)
    given["greedy.steps"]["int"].append(8)
    given["name"] = "other"
    assert mapping == {"greedy.steps": {"int": [1, 4]}}


def test_nothing_in_it_can_be_changed() -> None:
    mapping: Any = FrozenMapping(GIVEN)
    for change in (
        lambda: mapping.update(name="other"),
        lambda: mapping.__setitem__("name", "other"),
        lambda: mapping["greedy.steps"].__setitem__("int", [2, 3]),
        lambda: mapping["greedy.steps"]["int"].append(5),
        lambda: setattr(mapping, "name", "other"),
    ):
        with pytest.raises(AttributeError):
            change()
    assert mapping == GIVEN


@pytest.mark.parametrize(
    "other",
    [
        dict(GIVEN),
        dict(reversed(GIVEN.items())),
        FrozenMapping(GIVEN),
        pickle.loads(pickle.dumps(FrozenMapping(GIVEN))),
    ],
)
def test_equal_mappings_are_the_same(other: Any) -> None:
    mapping = FrozenMapping(GIVEN)
    assert mapping == other and other == mapping
    assert hash(mapping) == hash(frozen(other))
    assert repr(mapping) == repr(FrozenMapping(dict(mapping)))


@pytest.mark.parametrize("other", [{**GIVEN, "name": "x"}, {}, {**GIVEN, "mu": {}}, None, "small"])
def test_others_are_not(other: object) -> None:
    assert FrozenMapping(GIVEN) != other


@pytest.mark.parametrize("value", [GIVEN, [1, [2, {"a": [3]}]], "text", None, 1.5])
def test_writers_get_back_what_was_given(value: object) -> None:
    assert plain(frozen(value)) == value
    assert type(plain(frozen(value))) is type(value)
