"""Reads sweep.yaml: what the driver has committed, and what a person has changed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, get_type_hints

from analysis.errors import ResultsError
from analysis.tables.address import Address
from analysis.tables.commits import digest_of, head
from analysis.tables.folder import SweepFolder, way_out
from analysis.tables.plain_yaml import WRITTEN
from greedy_core.errors import SettingsError
from greedy_core.inputs.model_presets import PRESET
from greedy_core.typed_values import conform, shown
from search.config.later_settings import LATER, with_later
from search.config.settings import KEYS, SweepConfig
from search.sweep.distributions import parsed
from search.sweep.file import SWEEP_FILE, SweepFile
from search.sweep.file_edits import accept_edits
from spaces.document import nearest, parse_document
from spaces.errors import DocumentError
from spaces.values import inert


def read_sweep_file(address: Address) -> SweepFile:
    """Read the file of the sweep in a folder.

    What counts is the text that was committed last, which the file in the folder shows.

    Raises:
        SweepNotFound: there is no sweep.
        ResultsError: it is missing, or not what the sweep has written.
        InputError: a line for each setting that was changed in it by hand and may not be.
        StorageError: the store cannot be used.
    """
    folder = SweepFolder.at(address)
    folder.require()
    path, text, commit = inert(folder.path(SWEEP_FILE)), folder.text(SWEEP_FILE), head(folder)
    if commit is None or commit.sweep is None:
        if text is None:
            fault = f"{path}: is missing, although there are rows of a sweep"
            raise ResultsError([fault, way_out(folder.address)])
        return parse_sweep_file(text, path)
    if text is None or text == commit.sweep or digest_of(text.encode()) in commit.earlier:
        # An earlier text may be shown by a driver that woke up late.
        return parse_sweep_file(commit.sweep, path)
    return _edited(commit.sweep, text, path, folder.address)


@lru_cache(maxsize=4)  # a command looks several times, and tells once what a hand has changed
def _edited(committed: str, text: str, path: str, address: str) -> SweepFile:
    """What a file says that a hand has changed; what was changed is told.

    Raises:
        ResultsError, InputError: as `read_sweep_file` does.
    """
    was = parse_sweep_file(committed, path)
    try:
        found = parse_sweep_file(text, path)
        was.require_same_origin(found, path)
        _require_no_more(committed, text, path)
    except ResultsError as error:
        raise ResultsError([*error.faults, way_out(address)]) from None
    accept_edits(was.config, found.config)
    return found


def _require_no_more(committed: str, text: str, path: str) -> None:
    """Find entries that a person has added, such as a setting whose name is misspelled.

    Raises:
        ResultsError: a line for each.
    """
    more = _entries(text, path) - _entries(committed, path) - LATER.keys()
    if more:
        raise ResultsError(
            [f"{path}: {shown(key)} is not an entry{nearest(key, KEYS)}" for key in sorted(more)]
        )


def _entries(text: str, path: str) -> set[str]:
    """The names in a file, those of settings dotted; what a space searches is none."""
    document: Mapping[str, object] = parse_document(text, path, WRITTEN).values
    config = document.get("config")
    found = {str(name) for name in document}
    for group, below in config.items() if isinstance(config, Mapping) else ():
        dotted = isinstance(below, Mapping) and group not in KEYS
        found |= {f"{group}.{name}" for name in below} if dotted else {str(group)}
    return found


@lru_cache(maxsize=4)  # a command looks at the file before and after it has the lock
def parse_sweep_file(text: str, path: str) -> SweepFile:
    """What the text of such a file says.

    Raises:
        ResultsError: a line for each fault, which begins with `path`.
    """
    try:
        document = parse_document(text, path, WRITTEN)
    except DocumentError as error:
        raise ResultsError(error.faults) from None
    values, faults = _origin(document.values)
    faults = [f"{path}: {fault}" for fault in faults] + list(document.faults)
    try:
        config = SweepConfig().with_values(_dotted(document.values.get("config")))
        config.search_space()
    except SettingsError as error:
        faults += [f"{path}: config: {fault}" for fault in error.faults]
    except ValueError as error:
        faults.append(f"{path}: {error}")
    searched, wrong = _searched(document.values.get("distributions", {}))
    faults += [f"{path}: distributions: {fault}" for fault in wrong]
    if faults:
        raise ResultsError(faults)
    file = SweepFile(**values, config=config, searched_before=searched)
    try:
        _ = file.distributions  # computed once; generations that do not fit together are told
    except ValueError as error:
        raise ResultsError(f"{path}: distributions: {error}") from None
    return file


def _origin(content: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """Everything but the configuration, and what is wrong with it."""
    values: dict[str, Any] = {}
    faults = []
    for name, kind in _ORIGIN.items():
        try:
            if name not in content:
                if name in _LATER:
                    continue
                raise ValueError("is missing")
            values[name] = conform(content[name], kind)
            if isinstance(values[name], Mapping):
                values[name] = {key: conform(each, str) for key, each in values[name].items()}
        except ValueError as error:
            faults.append(f"{name} {error}")
    return values, faults


def _searched(content: object) -> tuple[dict[str, str], list[str]]:
    """The distributions, and what is wrong with them; sweeps of one space may be without."""
    if not isinstance(content, Mapping):
        return {}, ["must be a mapping"]
    faults = []
    for key, text in content.items():
        try:
            parsed(key, conform(text, str))
        except ValueError as error:
            faults.append(f"{inert(str(key)[:80])}: {error}")
    return dict(content), faults


def _dotted(nested: object) -> dict[str, Any]:
    """The configuration's values under their dotted keys.

    Raises:
        ValueError: a key is missing, or left open that a sweep has resolved.
    """
    values: dict[str, Any] = {}
    for key in KEYS:
        group, _, name = key.rpartition(".")
        holder = nested.get(group) if group and isinstance(nested, Mapping) else nested
        if holder is None and key in LATER:
            holder = {}  # a group that came later
        if not isinstance(holder, Mapping) or (name not in holder and key not in LATER):
            raise ValueError(f"config: {key} is missing")
        if holder.get(name) is None and key in PRESET:
            raise ValueError(f"config: {key} must have a value")
        values[key] = holder.get(name)
    return with_later(values)


_LATER = ("given", "import_roots")
"""What the first sweeps do not have."""

_ORIGIN: Mapping[str, Any] = {
    name: hint
    for name, hint in get_type_hints(SweepFile).items()
    if name not in ("config", "searched_before")
}
"""Names and types of everything but the configuration and what was searched."""
