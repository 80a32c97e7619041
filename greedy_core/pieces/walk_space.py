"""A space of walk settings: combinations of discrete ones, and an interval of min_improvement."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from greedy_core.declarations import Declaration, Walk, declarations
from greedy_core.settings import EditSettings

INTERVAL = "greedy.min_improvement"
"""The setting that takes all values of an interval."""

_GROUPS = ("greedy", "trust")

Assignment = tuple[Any, ...]
"""Values of a space's discrete settings, in the order of its keys."""


def _is_discrete(declared: Declaration) -> bool:
    return isinstance(declared.role, Walk) and declared.annotation not in (float, float | None)


DISCRETE = frozenset(
    key for key, declared in declarations(EditSettings).items() if _is_discrete(declared)
)
"""Settings of the walk whose values can be listed."""


@dataclass(frozen=True)
class WalkSpace:
    """Settings that walks of one plan may have; everything else is the same for all."""

    keys: tuple[str, ...]
    """Dotted keys of the discrete settings that are searched."""
    assignments: tuple[Assignment, ...]
    """Combinations of their values, each different from the others."""
    low: float = 0.0
    """Smallest greedy.min_improvement, included."""
    high: float = 1.0
    """Largest greedy.min_improvement, included."""

    def __post_init__(self) -> None:
        if others := sorted({*self.keys} - DISCRETE):
            raise ValueError(
                f"`keys <= discrete settings of the walk` must hold, but got ({others=}); of the "
                f"continuous ones only {INTERVAL} can be searched, as an interval"
            )
        lengths = {len(self.keys), *map(len, self.assignments)}
        if lengths != {len({*self.keys})}:
            raise ValueError(
                "`each assignment has one value for each key` must hold, but got "
                f"(keys={self.keys}, lengths={sorted(lengths)})"
            )
        if not 0 < len(self.assignments) == len({*self.assignments}):
            raise ValueError(
                "`assignments differ, and there is one` must hold, but got "
                f"(assignments={len(self.assignments)}, different={len({*self.assignments})})"
            )
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(
                f"`0 <= low <= high <= 1` must hold, but got (low={self.low}, high={self.high})"
            )

    @classmethod
    def product(
        cls, values: Mapping[str, Iterable[Any]], low: float = 0.0, high: float = 1.0
    ) -> WalkSpace:
        """All combinations of some values.

        Args:
            values: of each discrete setting, by its dotted key.
            low: smallest greedy.min_improvement.
            high: largest greedy.min_improvement.

        Raises:
            ValueError: a setting is not a discrete one of the walk, or a range is empty.
        """
        return cls(tuple(values), tuple(itertools.product(*values.values())), low, high)

    def settings(
        self, common: EditSettings, assignment: Sequence[Any], min_improvement: float
    ) -> EditSettings:
        """The settings of one walk.

        Args:
            common: what all walks have in common.
            assignment: values of the discrete settings.
            min_improvement: the smallest improvement.

        Raises:
            SettingsError: the values break a condition.
        """
        values = dict(zip(self.keys, assignment, strict=True)) | {INTERVAL: min_improvement}
        changed: dict[str, Any] = {
            group: replace(
                getattr(common, group),
                **{key[len(group) + 1 :]: values[key] for key in values if key.startswith(group)},
            )
            for group in _GROUPS
        }
        return replace(common, **changed)
