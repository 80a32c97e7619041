from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greedy_core.typed_values import conform, shown

Rule = Literal["advance", "repeat"]


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (4, int, 4),
        (4, float, 4.0),
        (True, bool, True),
        (None, int | None, None),
        ("advance", Rule, "advance"),
        ([0, 1], tuple[int, ...] | None, (0, 1)),
        ((), tuple[int, ...], ()),
        ([1, 1.5, 3e0], tuple[float, float, float], (1.0, 1.5, 3.0)),
        ("null", str | None, "null"),
        ({"a": 1}, str | Mapping[str, Any], {"a": 1}),
        (np.int64(4), int, 4),
        (np.float32(0.5), float | None, 0.5),
        (np.bool_(True), bool, True),
        ([np.int64(0), 1], tuple[int, ...], (0, 1)),
    ],
)
def test_a_value_takes_the_type_of_its_setting(
    value: object, annotation: Any, expected: object
) -> None:
    result = conform(value, annotation)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "annotation", "fault"),
    [
        (True, int, "must be a whole number, but got true"),
        (4.0, int, "must be a whole number, but got 4.0"),
        ("4", int, "must be a whole number, but got '4'"),
        (2**63, int, "must be a whole number, but got a whole number beyond 64 bits"),
        (10**400, float, "must be a number, but got a whole number beyond 64 bits"),
        (float("nan"), float, "must be a number, but got nan"),
        (float("inf"), float | None, "must be a number or null, but got inf"),
        ("0.5", float, "must be a number, but got '0.5'"),
        ("1e-3", float | None, "must be a number or null, but got '1e-3'"),
        (
            [1, "1", 1],
            tuple[float, float, float],
            "must be a list of 3 numbers, but got [1, '1', 1]",
        ),
        (False, float, "must be a number, but got false"),
        (None, float, "must be a number, but got null"),
        (1, bool, "must be true or false, but got 1"),
        (2024, str, "must be text, but got 2024"),
        ("advanced", Rule, "must be one of advance, repeat, but got 'advanced'"),
        ([], Rule, "must be one of advance, repeat, but got []"),
        ([0, True], tuple[int, ...], "must be a list of whole numbers, but got [0, true]"),
        (3, tuple[int, ...] | None, "must be a list of whole numbers or null, but got 3"),
        ([1, 2], tuple[float, float, float], "must be a list of 3 numbers, but got [1, 2]"),
        ([], str | Mapping[str, Any], "must be text or a mapping, but got []"),
    ],
)
def test_any_other_value_is_refused(value: object, annotation: Any, fault: str) -> None:
    with pytest.raises(ValueError) as caught:
        conform(value, annotation)
    assert str(caught.value) == fault


@given(st.recursive(st.text() | st.integers() | st.floats() | st.none(), st.lists))
def test_what_is_shown_is_one_short_printable_line(value: object) -> None:
    text = shown(value)
    assert text.isprintable()
    assert len(text) <= 60
