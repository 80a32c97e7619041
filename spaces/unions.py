"""Distributions that cover everything that several spaces search."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)


def united(*spaces: Mapping[str, BaseDistribution]) -> dict[str, BaseDistribution]:
    """Every setting of any of the spaces, with a distribution that contains all of its values.

    Ranges become the widest range, without steps, since two grids need not fit; choices are added.
    A range and a list of choices cannot be one distribution, so there the later one counts alone.
    """
    found: dict[str, BaseDistribution] = {}
    for space in spaces:
        for key, distribution in space.items():
            found[key] = _union(found[key], distribution) if key in found else distribution
    return found


def _union(one: BaseDistribution, two: BaseDistribution) -> BaseDistribution:
    if isinstance(one, CategoricalDistribution) and isinstance(two, CategoricalDistribution):
        return CategoricalDistribution(tuple(dict.fromkeys([*one.choices, *two.choices])))
    if isinstance(one, IntDistribution) and isinstance(two, IntDistribution):
        low, high = min(one.low, two.low), max(one.high, two.high)
        return IntDistribution(low, high, log=one.log and two.log)
    if isinstance(one, FloatDistribution) and isinstance(two, FloatDistribution):
        low_f, high_f = min(one.low, two.low), max(one.high, two.high)
        return FloatDistribution(low_f, high_f, log=one.log and two.log)
    return two
