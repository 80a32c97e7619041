"""What may be searched: the settings that a trial can choose without changing what is measured.

Model, dataset, records, weights of the objective and seeds are not here: trials that differ in them
could not be compared. Types and bounds are read off the settings' declarations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from greedy_core.declarations import Declaration, Plan, declarations
from greedy_core.ranges import Range, fault, in_words
from greedy_core.settings import EditSettings
from greedy_core.typed_values import conform, shown, wanted
from spaces.document import nearest

MAX_PLAN_CHOICES = 4


@dataclass(frozen=True)
class Parameter:
    """A setting that may be searched, and the values that it can take."""

    annotation: Any
    """Its type, as the settings declare it."""
    plan: bool
    """Whether it fixes what the model's states mean, so that each value has to be prepared for."""
    ranges: tuple[Range, ...]
    """Conditions that its values keep."""

    @classmethod
    def of(cls, declared: Declaration) -> Parameter:
        """The parameter that a setting is, by its declaration."""
        return cls(declared.annotation, isinstance(declared.role, Plan), declared.ranges)

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
            ValueError: It does not take it; the message is worded to follow the setting's name.
        """
        value = conform(value, self.annotation)
        if value is not None and any(fault("", value, each) for each in self.ranges):
            must = " and ".join(map(in_words, self.ranges))
            raise ValueError(f"must be {must}, but got {shown(value)}")
        return value

    def __str__(self) -> str:
        return wanted(self.annotation)


PARAMETERS: Mapping[str, Parameter] = {
    key: Parameter.of(declared)
    for key, declared in declarations(EditSettings).items()
    if declared.is_searchable
}


def unsearchable(key: str) -> str:
    """Why a key cannot be searched, with the nearest one that can."""
    return f"cannot be searched{nearest(key, PARAMETERS)}"


def fault_of(key: str, value: object) -> Iterator[tuple[str, str]]:
    """(key, fault), if `value` is not one that the setting takes."""
    if key not in PARAMETERS:
        yield key, unsearchable(key)
        return
    try:
        PARAMETERS[key].conform(value)
    except ValueError as error:
        yield key, str(error)
