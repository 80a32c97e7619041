"""A search space: the settings that a trial chooses, from what, and those fixed beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from spaces.conditions import Fault, Possibilities, faults_of
from spaces.definitions import (
    distribution_fault,
    read_definition,
    values_of,
    write_definition,
)
from spaces.errors import SpaceError
from spaces.parameters import PARAMETERS, fault_of, unsearchable
from spaces.values import as_choice, from_choice, inert

EMPTY: Fault = ("", "a search space must search at least 1 setting")


@dataclass(frozen=True)
class SearchSpace:
    """What a search chooses from.

    Raises:
        SpaceError: A setting cannot be searched, or not in this way; all faults together.
    """

    name: str
    """What the space is called in results."""
    distributions: dict[str, BaseDistribution]
    """Dotted key of each searched setting -> its distribution; lists are stored as their text."""
    fixed: dict[str, Any] = field(default_factory=dict)
    """Dotted key -> value, for all trials of the search, whatever the configuration says."""

    def __post_init__(self) -> None:
        empty = [] if self.distributions else [EMPTY]
        raise_if_any([*empty, *structure_faults(self.distributions, self.fixed)])

    @property
    def columns(self) -> tuple[str, ...]:
        """The searched settings' columns in the table of trials."""
        return tuple(f"config/{key}" for key in self.distributions)

    def check(self, config: Mapping[str, object]) -> None:
        """Refuse combinations with the resolved configuration that cannot work or cannot matter.

        Args:
            config: All settings, flat: dotted key -> value.

        Raises:
            SpaceError: Some condition is broken; all of them together.
        """
        raise_if_any(faults_of(Possibilities(self.distributions, self.fixed, config)))

    def settings(self, params: Mapping[str, object]) -> dict[str, Any]:
        """What a trial changes in the configuration: the fixed values and the suggested ones."""
        return {**self.fixed, **decode(params)}

    def narrowed(
        self, definitions: Mapping[str, object], config: Mapping[str, object]
    ) -> SearchSpace:
        """The same space with some settings searched in less of their range.

        Args:
            definitions: Dotted key of a searched setting -> its new definition, as in YAML.
            config: All settings, flat.

        Raises:
            SpaceError: A definition is wrong, or reaches beyond the present one.
        """
        possible = Possibilities(self.distributions, self.fixed, config)
        narrower, faults = read_definitions(definitions, possible.smallest)
        for key, distribution in narrower.items():
            if key not in self.distributions:
                faults.append((key, f"is not searched in the space {self.name}"))
            elif not _within(key, distribution, self.distributions[key]):
                faults.append((key, "must lie within what the space searches now"))
        raise_if_any(faults)
        space = replace(self, distributions={**self.distributions, **narrower})
        space.check(config)
        return space

    def to_dict(self) -> dict[str, Any]:
        """The space as it is written in YAML; `load_space` makes an equal one of it."""
        written: dict[str, Any] = {"name": self.name}
        for key, distribution in self.distributions.items():
            written[key] = write_definition(key, distribution)
        if self.fixed:
            written["fixed"] = {
                k: list(v) if isinstance(v, tuple) else v for k, v in self.fixed.items()
            }
        return written


def decode(params: Mapping[str, object]) -> dict[str, Any]:
    """Suggested values as the settings take them: the text of a list becomes a tuple."""
    return {key: from_choice(value, PARAMETERS[key].annotation) for key, value in params.items()}


def encode(settings: Mapping[str, object]) -> dict[str, Any]:
    """The reverse of `decode`: values as Optuna stores them."""
    return {key: as_choice(value) for key, value in settings.items()}


def read_definitions(
    definitions: Mapping[str, object], resolve: Callable[[str], int]
) -> tuple[dict[str, BaseDistribution], list[Fault]]:
    """The distributions of all definitions that are right, and the faults of the others."""
    distributions: dict[str, BaseDistribution] = {}
    faults: list[Fault] = []
    for key, definition in definitions.items():
        if key not in PARAMETERS:
            faults.append((key, unsearchable(key)))
            continue
        try:
            distributions[key] = read_definition(key, definition, resolve)
        except ValueError as error:
            faults.append((key, str(error)))
    return distributions, faults


def structure_faults(
    distributions: Mapping[str, BaseDistribution], fixed: Mapping[str, object]
) -> Iterator[Fault]:
    """What is wrong with a space whatever the configuration says."""
    for key, distribution in distributions.items():
        fault = distribution_fault(key, distribution) if key in PARAMETERS else unsearchable(key)
        if fault:
            yield key, fault
        if key in fixed:
            yield key, "is both searched and fixed"
    for key, value in fixed.items():
        yield from fault_of(key, value)


def raise_if_any(faults: Iterable[Fault], places: Mapping[str, str] | None = None) -> None:
    """Raise one `SpaceError` with a line for each fault: its place where it has one, key, text."""
    lines = []
    for key, text in faults:
        place = (places or {}).get(key)
        named = f"{inert(key[:80])}: {text}" if key else text
        lines.append(f"{place}: {named}" if place else named)
    if lines:
        raise SpaceError(lines)


def _within(key: str, narrow: BaseDistribution, wide: BaseDistribution) -> bool:
    values, allowed = values_of(key, narrow), values_of(key, wide)
    if isinstance(wide, CategoricalDistribution):
        return isinstance(narrow, CategoricalDistribution) and set(values) <= set(allowed)
    return all(
        type(value) in (int, float) and allowed[0] <= value <= allowed[1] for value in values
    )
