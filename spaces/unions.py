"""Distributions that cover everything that several spaces search."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from spaces.errors import SpaceError


def united(*spaces: Mapping[str, BaseDistribution]) -> dict[str, BaseDistribution]:
    """Every setting of any of the spaces, with a distribution that contains all of its values.

    Ranges become the widest range, without steps, since two grids need not fit; choices are added.

    Raises:
        SpaceError: a setting has a range in one space and choices, or another kind of range, in
            another; no distribution covers both.
    """
    found: dict[str, BaseDistribution] = {}
    for space in spaces:
        for key, distribution in space.items():
            if key not in found:
                found[key] = distribution
            elif type(found[key]) is type(distribution):
                found[key] = _union(found[key], distribution)
            else:
                was, now = (type(each).__name__ for each in (found[key], distribution))
                raise SpaceError([f"{key}: must stay a {was}, but got a {now}"])
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
    raise AssertionError(f"no kind of distribution that a space has: {one}")
