"""What an extension of a sweep may change, and what has to stay for its trials to be comparable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from greedy_core.errors import InputError
from greedy_core.typed_values import shown
from search.config.arguments import require_count
from search.config.places import PLACES, located
from search.config.reader import read_config
from search.config.settings import SweepConfig
from search.sweep.file import SweepFile
from search.sweep.file_edits import is_free
from search.sweep.sameness import EXTENDABLE


@dataclass(frozen=True)
class Extension:
    """More trials for a sweep, with other settings of the search where they are given."""

    folder: str
    """The sweep's folder, or s3://bucket/prefix/name."""
    trials: int
    """Search trials on top of those that were asked for already."""
    overrides: tuple[str, ...] = ()
    """`key=value` for settings of the search, the cache and Ray."""
    values: Mapping[str, object] = field(default_factory=dict)
    """The same by dotted key, for callers that have values and not text."""

    def __post_init__(self) -> None:
        require_count("--trials", self.trials)

    def config_of(self, file: SweepFile) -> SweepConfig:
        """The sweep's configuration for its next generation, self-contained.

        Raises:
            InputError: something is wrong, or changes what earlier trials could be compared with.
        """
        base = file.config.with_values(self.values)
        config = _located(read_config(None, self.overrides, base=base), file.config)
        faults = _incomparable(file.config, config)
        if faults:
            raise InputError(faults)
        search = replace(config.search, trials=file.config.search.trials + self.trials)
        config = replace(config, search=search).self_contained()
        try:
            file.distributions_with(config)
        except ValueError as error:
            raise InputError(str(error)) from None
        return config


def _located(config: SweepConfig, before: SweepConfig) -> SweepConfig:
    """The configuration with absolute paths, but for those that the sweep has as they are."""
    was, now = before.flat(), config.flat()
    return located(config).with_values({key: was[key] for key in PLACES if was[key] == now[key]})


def _incomparable(before: SweepConfig, after: SweepConfig) -> list[str]:
    """A line for each setting that an extension must not change."""
    was, now = before.flat(), after.flat()
    return [
        f"{key} must stay {shown(was[key])}, but got {shown(now[key])}: {_reason(key)}"
        for key in was
        if was[key] != now[key] and not _may_change(key)
    ]


def _may_change(key: str) -> bool:
    return is_free(key) or key in EXTENDABLE


def _reason(key: str) -> str:
    if key == "search.trials":
        return "an extension says how many trials it adds"
    if key.startswith("search."):
        return "earlier trials were stopped and compared at rungs that depend on it"
    return "trials with another value could not be compared with the sweep's; a search may try it"
