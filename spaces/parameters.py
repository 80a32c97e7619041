"""What may be searched: the settings that a trial can choose without changing what is measured.

Model, dataset, records, weights of the objective and seeds are not here: trials that differ in them
could not be compared. The bounds repeat those of the settings themselves, since nothing of the
editing code is imported here; a test holds the two together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spaces.document import nearest
from spaces.values import conform, shown, wanted

MAX_PLAN_CHOICES = 4
MOST = 1e9
"""Largest damping, rate or weight."""
MOST_COUNT = 1_000_000
"""Largest number of records, or what goes with it."""

_FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


@dataclass(frozen=True)
class Parameter:
    """A setting that may be searched, and the values that it can take."""

    annotation: Any
    """Its type, as the settings declare it."""
    low: float = -math.inf
    """Smallest number."""
    high: float = math.inf
    """Largest number."""
    strict: bool = False
    """Whether `low` and `high` themselves are excluded."""
    plan: bool = False
    """Whether it fixes what the model's states mean, so that each value has to be prepared for."""

    module_function: bool = False
    """Whether it names a function."""

    @property
    def is_int(self) -> bool:
        """Whether `{int: [low, high]}` can describe it."""
        return self.annotation in (int, int | None)

    @property
    def is_float(self) -> bool:
        """Whether `{float: [low, high]}` can describe it."""
        return self.annotation in (float, float | None)

    def conform(self, value: object) -> Any:
        """`value` as the setting takes it.

        Raises:
            ValueError: It does not take it; the text goes on after the setting's name.
        """
        value = conform(value, self.annotation)
        if isinstance(value, int | float) and not isinstance(value, bool):
            inside = self.low <= value <= self.high
            if not inside or (self.strict and value in (self.low, self.high)):
                raise ValueError(f"must be {self.range_in_words}, but got {shown(value)}")
        if isinstance(value, tuple) and (
            not value or value[0] < 0 or list(value) != sorted(set(value))
        ):
            raise ValueError(f"must rise from 0 or above without repeats, but got {shown(value)}")
        if isinstance(value, str) and self.module_function and not _FUNCTION.fullmatch(value):
            raise ValueError(f"must be of the form module:function, but got {shown(value)}")
        return value

    @property
    def range_in_words(self) -> str:
        """The numbers that it takes."""
        low = f"above {self.low:g}" if self.strict else f"{self.low:g} or more"
        if self.high == math.inf:
            return low
        return f"{low} and {'below ' if self.strict else 'at most '}{self.high:g}"

    def __str__(self) -> str:
        return wanted(self.annotation)


Layers = tuple[int, ...] | None

PARAMETERS: Mapping[str, Parameter] = {
    "greedy.steps": Parameter(int, low=1, high=256),
    "greedy.min_improvement": Parameter(float, low=0, high=1),
    "greedy.patience": Parameter(int, low=0, high=MOST_COUNT),
    "greedy.max_probes": Parameter(int | None, low=1),
    "greedy.step_rule": Parameter(Literal["advance", "backtrack", "repeat"]),
    "greedy.signal": Parameter(Literal["margin", "success"]),
    "greedy.accept_by": Parameter(Literal["probes", "distance", "always"]),
    "greedy.max_norm_ratio": Parameter(float | None, low=0, high=MOST, strict=True),
    "greedy.metric": Parameter(str | None, module_function=True),
    "greedy.layers": Parameter(Layers),
    "trust.enabled": Parameter(bool),
    "trust.threshold": Parameter(float, low=0, high=1),
    "trust.action": Parameter(Literal["rollback", "scale"]),
    "trust.scale": Parameter(float, low=0, high=1, strict=True),
    "trust.harm_scale": Parameter(float, low=0, high=MOST, strict=True),
    "batch_size": Parameter(int, low=1, high=MOST_COUNT, plan=True),
    "layers": Parameter(Layers, plan=True),
    "targets": Parameter(Literal["base", "current"], plan=True),
    "mu": Parameter(float | None, low=0, high=MOST, plan=True),
    "rank": Parameter(int | None, low=1, high=MOST_COUNT, plan=True),
    "values.steps": Parameter(int | None, low=1, high=10_000, plan=True),
    "values.lr": Parameter(float | None, low=0, high=MOST, strict=True, plan=True),
    "values.clamp": Parameter(float | None, low=0, high=MOST, strict=True, plan=True),
    "values.weight_decay": Parameter(float | None, low=0, high=MOST, plan=True),
    "values.kl": Parameter(float, low=0, high=MOST, plan=True),
    "covariance.ridge": Parameter(float | None, low=0, high=MOST, plan=True),
}


def unsearchable(key: str) -> str:
    """Why a key cannot be searched, with the nearest one that can."""
    return f"cannot be searched{nearest(key, PARAMETERS)}"


def fault_of(key: str, value: object) -> Iterator[tuple[str, str]]:
    """(key, fault) where `value` is none that the setting takes."""
    if key not in PARAMETERS:
        yield key, unsearchable(key)
        return
    try:
        PARAMETERS[key].conform(value)
    except ValueError as error:
        yield key, str(error)
