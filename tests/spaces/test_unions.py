"""What several spaces search, as one distribution for each setting."""

from __future__ import annotations

import pytest
from optuna.distributions import BaseDistribution
from optuna.distributions import CategoricalDistribution as Choices
from optuna.distributions import FloatDistribution as Float
from optuna.distributions import IntDistribution as Int

from spaces.errors import SpaceError
from spaces.unions import united


@pytest.mark.parametrize(
    ("spaces", "covering"),
    [
        pytest.param([{"a": Int(1, 4)}, {"a": Int(2, 9)}], {"a": Int(1, 9)}, id="widest range"),
        pytest.param([{"a": Int(0, 8, step=4)}, {"a": Int(1, 3)}], {"a": Int(0, 8)}, id="no step"),
        pytest.param(
            [{"a": Float(0.1, 1, log=True)}, {"a": Float(0.5, 2)}], {"a": Float(0.1, 2)}, id="scale"
        ),
        pytest.param(
            [{"a": Choices((1, None))}, {"a": Choices((None, "x"))}],
            {"a": Choices((1, None, "x"))},
            id="choices in order",
        ),
        pytest.param(
            [{"a": Int(1, 2)}, {"b": Int(1, 2)}], {"a": Int(1, 2), "b": Int(1, 2)}, id="either"
        ),
    ],
)
def test_a_union_covers_every_space(
    spaces: list[dict[str, BaseDistribution]], covering: dict[str, BaseDistribution]
) -> None:
    assert united(*spaces) == covering


def test_a_range_and_choices_have_no_union() -> None:
    with pytest.raises(SpaceError, match="a: must stay a IntDistribution"):
        united({"a": Int(1, 2)}, {"a": Choices((1, 2))})
