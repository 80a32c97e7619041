"""Settings that name files or folders: expanded, and independent of the working directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from analysis.tables.paths import S3, absolute_path, local_path
from greedy_core.errors import SettingsError
from search.config.settings import SweepConfig

PLACES = ("model", "dataset", "covariance.corpus", "cache.dir")
"""Settings that may name a place on this machine."""

_NAMES = {"model": "factworld", "dataset": "factworld"}


def fault_of_place(key: str, value: object) -> str | None:
    """Why a value names no place, if its setting wants one; worded to follow the setting's name."""
    if _is_place(key, value):
        try:
            local_path(str(value))
        except ValueError as error:
            return str(error)
    return None


def expanded(config: SweepConfig) -> SweepConfig:
    """The configuration with `~` expanded in every path."""
    return _with_places(config, lambda _, path: local_path(path))


def located(config: SweepConfig) -> SweepConfig:
    """The configuration with absolute paths; a model's name on the hub stays a name.

    Raises:
        SettingsError: the working directory has a name that no text can hold.
    """
    return _with_places(config, _absolute)


def given(config: SweepConfig, other: SweepConfig) -> dict[str, str]:
    """The places of a configuration that differ from another one's, by key."""
    before, after = config.flat(), other.flat()
    return {key: str(before[key]) for key in PLACES if before[key] != after[key]}


def _absolute(key: str, text: str) -> str:
    path = local_path(text)
    if key == "model" and not os.path.isdir(path):
        return path
    return absolute_path(text)


def _with_places(config: SweepConfig, change: Callable[[str, str], str]) -> SweepConfig:
    values: Mapping[str, object] = config.flat()
    changed: dict[str, object] = {}
    for key in PLACES:
        if _is_place(key, values[key]):
            try:
                changed[key] = change(key, str(values[key]))
            except ValueError as error:
                raise SettingsError(f"{key} {error}") from None
    return config.with_values(changed)


def _is_place(key: str, value: object) -> bool:
    if key not in PLACES or not isinstance(value, str) or value == _NAMES.get(key):
        return False
    return key != "cache.dir" or not value.startswith(S3)
