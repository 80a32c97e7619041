from __future__ import annotations

from typing import Any

import pytest

from spaces.values import as_choice, from_choice


@pytest.mark.parametrize("value", [None, True, 3, 0.5, "margin", (0, 1), ()])
def test_a_choice_gives_its_value_back(value: Any) -> None:
    annotation = tuple[int, ...] | None if isinstance(value, tuple) else Any
    assert from_choice(as_choice(value), annotation) == value


def test_the_choice_of_a_list_is_its_yaml_text() -> None:
    assert as_choice((0, 1)) == "[0, 1]"
