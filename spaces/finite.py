"""Spaces of finitely many settings: how many there are, which are tried, and one that is not.

Settings that differ only in what a walk with them does not read are one and the same: with the
trust gate off, all of its thresholds are one setting.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from spaces.conditions import DECIDING, unread
from spaces.definitions import values_of
from spaces.parameters import PARAMETERS
from spaces.space import SearchSpace

Identity = tuple[tuple[str, int], ...]
"""Searched settings that a walk reads, each with the place of its value among all of its values."""

DRAWS = 256
"""Settings drawn before all are gone through: if so many have all been tried, few are left."""


@dataclass(frozen=True)
class FiniteSpace:
    """A space of finitely many settings, under one configuration."""

    values: Mapping[str, _Choices | _Steps]
    """The values of each searched setting."""
    fixed: Mapping[str, Any]
    """All other settings that could be searched, with their values."""

    @classmethod
    def of(cls, space: SearchSpace, config: Mapping[str, Any]) -> FiniteSpace | None:
        """The space, where it is finite.

        Args:
            space: what is searched.
            config: all settings, flat.
        """
        values = {key: _values(key, each) for key, each in space.distributions.items()}
        finite = {key: each for key, each in values.items() if each is not None}
        if len(finite) < len(values):
            return None
        everything = {**config, **space.fixed}
        return cls(finite, {key: everything[key] for key in PARAMETERS if key not in finite})

    @property
    def total(self) -> int:
        """How many different settings there are."""
        deciding = [key for key in DECIDING if isinstance(self.values.get(key), _Choices)]
        total, seen = 0, set()
        for choice in itertools.product(*(self.values[key].each() for key in deciding)):
            chosen = dict(zip(deciding, choice, strict=True))
            read = self._read({**self._first(), **chosen})
            branch = tuple((key, chosen[key]) for key in deciding if key in read)
            if branch not in seen:
                seen.add(branch)
                total += math.prod(self.values[key].count for key in read - {*deciding})
        return total

    def identity(self, settings: Mapping[str, Any]) -> Identity | None:
        """What tells a setting from the others of the space; None if it is none of them.

        Args:
            settings: all settings, flat, or those that are searched; the others are then fixed.
        """
        everything = {**self.fixed, **settings}
        passed_over = unread(everything)
        found = []
        for key in PARAMETERS:
            if key in passed_over:
                continue
            if key not in self.values:
                if everything[key] != self.fixed[key]:
                    return None
                continue
            place = self.values[key].place(everything[key])
            if place is None:
                return None
            found.append((key, place))
        return tuple(found)

    def untried(self, tried: Collection[Identity], seed: int) -> dict[str, Any] | None:
        """The searched part of a setting that is not tried; None if all are.

        Args:
            tried: identities; a set.
            seed: of the choice; all settings are equally likely as long as many are left.
        """
        draw = random.Random(seed)
        for _ in range(DRAWS):
            drawn = {key: each.at(draw.randrange(each.count)) for key, each in self.values.items()}
            if self.identity(drawn) not in tried:
                return drawn
        starts = {key: draw.randrange(each.count) for key, each in self.values.items()}
        for places in itertools.product(*(range(each.count) for each in self.values.values())):
            there = {
                key: each.at((starts[key] + place) % each.count)
                for (key, each), place in zip(self.values.items(), places, strict=True)
            }
            if self.identity(there) not in tried:
                return there
        return None

    def _first(self) -> dict[str, Any]:
        return {**self.fixed, **{key: each.at(0) for key, each in self.values.items()}}

    def _read(self, settings: Mapping[str, Any]) -> set[str]:
        return self.values.keys() - unread(settings)


@dataclass(frozen=True)
class _Choices:
    """The values of a categorical setting."""

    choices: tuple[Any, ...]
    """In the order of the space."""

    @property
    def count(self) -> int:
        return len(self.choices)

    def at(self, place: int) -> Any:
        return self.choices[place]

    def place(self, value: Any) -> int | None:
        return self.choices.index(value) if value in self.choices else None

    def each(self) -> Iterator[Any]:
        return iter(self.choices)


@dataclass(frozen=True)
class _Steps:
    """The values of a range that goes up in steps."""

    low: float
    """The first of them."""
    high: float
    """The last one."""
    step: float
    """From one to the next."""
    count: int
    """How many there are."""
    whole: bool
    """Whether they are ints."""

    def at(self, place: int) -> float:
        # As Optuna makes them, so that equal places are equal numbers.
        return min(self.low + place * self.step, self.high)

    def place(self, value: Any) -> int | None:
        if not isinstance(value, int | float):
            return None
        place = (value - self.low) // self.step if self.whole else (value - self.low) / self.step
        nearest = round(place)
        near = self.at(nearest) == value if self.whole else abs(place - nearest) < 1e-8
        return nearest if near and 0 <= nearest < self.count else None

    def each(self) -> Iterator[float]:
        return (self.at(place) for place in range(self.count))


def _values(key: str, distribution: BaseDistribution) -> _Choices | _Steps | None:
    """All values of a distribution; None if it has infinitely many."""
    if isinstance(distribution, CategoricalDistribution):
        return _Choices(values_of(key, distribution))
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if low == high:
        return _Choices((low,))
    if step is None:
        return None
    whole = isinstance(distribution, IntDistribution)
    count = (high - low) // step if whole else round((high - low) / step)
    return _Steps(low, high, step, int(count) + 1, whole)
