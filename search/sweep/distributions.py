"""What a sweep has searched in all of its generations, as Optuna's own text in sweep.yaml."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)

from spaces.parameters import PARAMETERS, unsearchable


def texts(distributions: Mapping[str, BaseDistribution]) -> dict[str, str]:
    """Optuna's JSON of each distribution, by dotted key."""
    return {key: distribution_to_json(each) for key, each in distributions.items()}


def parsed(key: str, text: str) -> BaseDistribution:
    """The distribution of a setting.

    Raises:
        ValueError: the setting cannot be searched, or the text is no distribution.
    """
    if key not in PARAMETERS:
        raise ValueError(unsearchable(key))
    try:
        return json_to_distribution(text)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("must be Optuna's JSON of a distribution") from error


def united(
    earlier: Mapping[str, BaseDistribution], later: Mapping[str, BaseDistribution]
) -> dict[str, BaseDistribution]:
    """What either searches: the wider range, or all choices, those of `earlier` first.

    Raises:
        ValueError: a setting is a range in one and a choice, or of another type, in the other.
    """
    both = dict(earlier)
    for key, distribution in later.items():
        both[key] = _wider(key, both[key], distribution) if key in both else distribution
    return both


def _wider(key: str, one: BaseDistribution, other: BaseDistribution) -> BaseDistribution:
    if one == other:
        return one
    if isinstance(one, CategoricalDistribution) and isinstance(other, CategoricalDistribution):
        return CategoricalDistribution(tuple(dict.fromkeys([*one.choices, *other.choices])))
    if isinstance(one, IntDistribution) and isinstance(other, IntDistribution):
        log = one.log and other.log
        return IntDistribution(min(one.low, other.low), max(one.high, other.high), log=log)
    if isinstance(one, FloatDistribution) and isinstance(other, FloatDistribution):
        log = one.log and other.log
        return FloatDistribution(min(one.low, other.low), max(one.high, other.high), log=log)
    raise ValueError(
        f"`search.space.{key}` must be of one kind in all generations, but got "
        f"({_kind(one)} and {_kind(other)})"
    )


def _kind(distribution: BaseDistribution) -> str:
    if isinstance(distribution, CategoricalDistribution):
        return "choices"
    return "a range of ints" if isinstance(distribution, IntDistribution) else "a range of floats"
