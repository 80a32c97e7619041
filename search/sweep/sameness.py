"""What has to be as it was when a sweep goes on: settings, data, versions; and how it differs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from analysis.tables.committed import committed
from analysis.tables.joined import part_schemas
from analysis.tables.schema import SCHEMA_VERSION
from greedy_core.declarations import Sweep
from greedy_core.errors import InputError
from greedy_core.typed_values import shown
from search.config.baselines import baselines
from search.config.settings import DECLARED, SweepConfig
from search.config.space_parts import SPACE
from search.results.parts import ResultsFolder
from search.results.recovery import EndedTrial, FolderState, Proposal
from search.sweep.file import SweepFile, space_digest
from search.sweep.file_edits import is_free
from search.sweep.versions import COMPARED, NUMERICS, SCHEMA
from spaces.differences import differences
from spaces.parameters import PARAMETERS

EXTENDABLE = frozenset(
    key for key, declared in DECLARED.items() if declared.role == Sweep("in an extension")
)
"""Settings that an extension may change, since trials before and after it stay comparable."""

READABLE = tuple(str(version) for version in range(1, SCHEMA_VERSION + 1))
"""Versions of the tables' columns that this program can go on with."""

_NOT_RECORDED = "not recorded"
_TOLD = {SCHEMA: "the tables' format", NUMERICS: "the numerics' version"}
_DIGITS = 12


def read_own(file: SweepFile, folder: ResultsFolder) -> FolderState:
    """What a sweep's folder holds, all of whose parts are the sweep's own.

    Raises:
        ResultsError: the folder is damaged, or has parts of another sweep.
    """
    part_schemas(folder.reading, committed(folder.reading), file.sweep_id)
    return FolderState.read(folder)


def require_same_settings(file: SweepFile, state: FolderState) -> None:
    """Compare sweep.yaml's settings and space with what its trials ran with.

    Raises:
        InputError: a line for each setting that differs.
    """
    settings = {key: value for key, value in file.config.flat().items() if _binding(key)}
    changed_by = baselines(settings)
    space = file.config.search_space()
    searched = {*space.distributions, *space.fixed}
    faults: dict[str, str] = {}
    rows: list[EndedTrial | Proposal] = [*state.ended, *state.pending]
    differing: dict[tuple[str, bool], _Differing] = {}
    for row in rows:
        before = state.generations.get(row.trial, row.generation) < file.generation
        kind = (row.role, before)
        if kind not in differing:
            changed = {*changed_by.get(row.role, searched)}
            changed |= {*EXTENDABLE, *PARAMETERS} if before else set()
            differing[kind] = _Differing({k: v for k, v in settings.items() if k not in changed})
        for key in differing[kind].keys(row.config):
            was, now = shown(row.config[key]), shown(settings[key])
            faults.setdefault(key, _differs(f"{key} in sweep.yaml", was, now))
    lines = [*faults.values(), *_changed(file.digests, {"space": space_digest(file.config)})]
    if lines:
        raise InputError(lines)


class _Differing:
    """Finds what differs from some settings; asked for thousands of rows, few of which do."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._values_of = itemgetter(*settings)
        self._same = self._values_of(settings)

    def keys(self, config: Mapping[str, Any]) -> list[str]:
        """Keys whose values differ; one that a configuration lacks does not."""
        if config.keys() >= self._settings.keys() and self._values_of(config) == self._same:
            return []
        return [k for k, value in self._settings.items() if k in config and config[k] != value]


def require_asked_settings(file: SweepFile, asked: SweepConfig, folder: str) -> None:
    """Compare a sweep's configuration with the one that a command asks for, both self-contained.

    Raises:
        InputError: a line for each setting that differs, whether it was given or left out.
    """
    was, now = file.config.flat(), asked.flat()
    lines = [
        f"{key} must be the sweep's, {shown(was[key])}, but got {shown(now[key])}"
        for key in was
        if key != SPACE and was[key] != now[key]
    ]
    lines += [
        f"{SPACE}.{key} must be the sweep's, {of_sweep}, but got {got}"
        for key, of_sweep, got in differences(was[SPACE], now[SPACE])
    ]
    if lines:
        resume = shlex.join(["ratchet", "resume", folder])
        raise InputError([*lines, f"to go on with the sweep's own settings: {resume}"])


def require_same_data(started_with: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Compare digests of the model, the dataset and the corpus.

    Raises:
        InputError: a line for each that differs.
    """
    if lines := _changed(started_with, found):
        raise InputError(lines)


def differing_versions(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """A line for each version that counts and differs, by its name.

    Args:
        was: the sweep's.
        now: those that are here.
    """
    return {
        name: _differs(_TOLD.get(name, name), was.get(name, _NOT_RECORDED), now[name])
        for name in ("python", SCHEMA, NUMERICS, *COMPARED)
        if _relevant(name, was.get(name)) != _relevant(name, now[name])
    }


def require_versions(was: Mapping[str, str], now: Mapping[str, str], accept: bool) -> bool:
    """Whether all versions that count are the same.

    Args:
        was: the sweep's.
        now: those that are here.
        accept: take others, as far as the tables can hold both.

    Raises:
        InputError: a line for each that differs and is not accepted.
    """
    different = differing_versions(was, now)
    unreadable = was.get(SCHEMA) not in READABLE
    refused = [
        line for name, line in different.items() if not accept or (name == SCHEMA and unreadable)
    ]
    if refused:
        way = "install the sweep's versions"
        if not unreadable:
            way += ", or go on with the installed ones: --accept-versions"
        raise InputError(refused if accept else [*refused, way])
    return not different


def _changed(started_with: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    return [
        _differs(f"the {name}", started_with.get(name, _NOT_RECORDED)[:_DIGITS], digest[:_DIGITS])
        for name, digest in found.items()
        if started_with.get(name) != digest
    ]


def _differs(what: str, was: str, now: str) -> str:
    return f"{what} must be what the sweep started with: was {was}, is {now}"


def _binding(key: str) -> bool:
    return not is_free(key) and key not in (SPACE, "search.trials")


def _relevant(name: str, version: str | None) -> Any:
    """The part of a version that counts: of Python's the first two numbers."""
    return version.split(".")[:2] if version and name == "python" else version
