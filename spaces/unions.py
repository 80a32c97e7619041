"""Distributions that cover everything that several spaces search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)


def united(*spaces: Mapping[str, BaseDistribution]) -> dict[str, BaseDistribution]:
    """Every setting of any of the spaces, with a distribution that contains all of its values.

    Ranges of one kind become the widest range; a range and a list of choices cannot be one
    distribution, and the later one's kind counts.
    """
    found: dict[str, BaseDistribution] = {}
    for space in spaces:
        for key, distribution in space.items():
            found[key] = _union(found[key], distribution) if key in found else distribution
    return found


def _union(one: BaseDistribution, two: BaseDistribution) -> BaseDistribution:
    if isinstance(one, CategoricalDistribution) and isinstance(two, CategoricalDistribution):
        return CategoricalDistribution(tuple(dict.fromkeys([*one.choices, *two.choices])))
    for kind in (IntDistribution, FloatDistribution):
        if isinstance(one, kind) and isinstance(two, kind):
            step: Any = one.step if one.step == two.step and one.low == two.low else None
            if kind is IntDistribution:
                step = step or 1
            low, high = min(one.low, two.low), max(one.high, two.high)
            log = one.log and two.log
            return kind(low, high, log=log, step=step)
    return two
