"""A configuration from a YAML file and `key=value` overrides: defaults < file < overrides.

Nothing is created and nothing heavy is imported before the whole of it is known to be right; all
faults are reported together, each with its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.tables.paths import local_path
from greedy_core.errors import SettingsError
from greedy_core.typed_values import shown
from search.config.keys import assemble, conformed, with_dotted_names
from search.config.places import PLACES, fault_of_place
from search.config.settings import KEYS, SweepConfig
from search.config.space_parts import BELOW, SPACE, folded
from spaces import DocumentError, SpaceError, load_space
from spaces.definitions import is_definition
from spaces.document import flatten, parse_value, read_document

GROUPS = {key.rpartition(".")[0] for key in KEYS} - {""}


class ConfigError(SettingsError):
    """A configuration is wrong; each fault begins with the file and line, or the override."""


@dataclass
class _Given:
    """What the user set, and where."""

    values: dict[str, object] = field(default_factory=dict)
    """Dotted key -> value as it was written."""
    places: dict[str, str] = field(default_factory=dict)
    """Dotted key -> file and line, or override; for the parts of a space, too."""
    faults: list[str] = field(default_factory=list)
    """Lines of the final error."""

    def report(self, keys: Iterable[str], text: str) -> None:
        """Add one fault with the places of those of these keys that the user set."""
        places = dict.fromkeys(self.places[key] for key in keys if key in self.places)
        self.faults.append(f"{'; '.join(places)}: {text}" if places else text)


def read_config(
    path: Path | None,
    overrides: Sequence[str] = (),
    *,
    space: bool = True,
    base: SweepConfig | None = None,
) -> SweepConfig:
    """Read a configuration.

    Args:
        path: A YAML file with nested or dotted keys; None takes the defaults.
        overrides: `key=value` each, the value in YAML; of two for one key the later one counts.
        space: Whether the search space has to fit the rest; a single edit does not need one.
        base: A configuration in place of the defaults.

    Raises:
        ConfigError: Something is wrong; all faults together.
    """
    given = _Given() if base is None else _Given(dict(base.flat()))
    if path is not None:
        _take_file(given, path)
    _take_overrides(given, overrides)
    values, faults = conformed(given.values, KEYS)
    faults += [
        (key, f"{key} {text}") for key in PLACES if (text := fault_of_place(key, values.get(key)))
    ]
    for key, text in faults:
        given.report([key], text)
    doubtful = {key for key, _ in faults}
    config, broken = assemble(SweepConfig, values)
    for prefix, text in broken:
        names = with_dotted_names(text, prefix, KEYS)[1]
        if doubtful.isdisjoint(names):
            given.report(names, text)
            doubtful |= set(names) & given.places.keys()
    if space and SPACE not in doubtful:
        _check_space(given, {**SweepConfig().flat(), **values}, doubtful)
    if given.faults:
        raise ConfigError(given.faults)
    return config


def _take_file(given: _Given, path: Path) -> None:
    try:
        document = read_document(path)
    except DocumentError as error:
        given.faults += error.faults
        return
    given.faults += document.faults
    pairs: dict[str, object] = {}
    for key, value in flatten(document.values, _is_value):
        if key in pairs:
            given.faults.append(f"{document.where(key)}: {shown(key)} is set a second time")
        pairs[key] = value
    _take(given, pairs, {key: document.where(key) for key in document.lines})


def _take_overrides(given: _Given, overrides: Sequence[str]) -> None:
    """Take all of them together, since a setting of the space changes the one given beside it."""
    pairs: dict[str, object] = {}
    places: dict[str, str] = {}
    for override in overrides:
        place = f"override {shown(override)}"
        key, equals, text = override.partition("=")
        key = key.strip()
        if not equals or not key:
            given.faults.append(f"{place}: must be of the form key=value")
            continue
        try:
            own = dict(flatten({key: parse_value(text, place)}, _is_value))
        except DocumentError as error:
            given.faults += error.faults
            continue
        pairs |= own
        places |= dict.fromkeys([key, *own], place)
    _take(given, pairs, places)


def _take(given: _Given, pairs: Mapping[str, object], places: Mapping[str, str]) -> None:
    given.places.update(places)
    values = {key: value for key, value in pairs.items() if not _is_empty_group(key, value)}
    given.values.update(folded(values, given.values.get(SPACE, "core")))


def _is_empty_group(key: str, value: object) -> bool:
    """Whether a key is a group whose settings are all commented out."""
    return key in GROUPS and value in (None, {})


def _is_value(key: str, value: object) -> bool:
    return key in KEYS or (key.startswith(BELOW) and is_definition(value))


def _check_space(given: _Given, values: Mapping[str, Any], doubtful: set[str]) -> None:
    try:
        load_space(values[SPACE], values, local_path)
    except SpaceError as error:
        for text in error.faults:
            key, _, condition = text.partition(": ")
            own = given.places.keys() & {f"{SPACE}.{key}", f"{SPACE}.fixed.{key}"}
            names = with_dotted_names(condition, "", KEYS)[1]
            if own or doubtful.isdisjoint(names):
                given.report(own or (SPACE, *names), f"{SPACE}: {text}")
