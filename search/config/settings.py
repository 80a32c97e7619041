"""The configuration of a sweep: what is edited, what is searched, how, and on which machines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import yaml
from annotated_types import Ge, Gt, Interval, Le

from analysis.tables.paths import local_path
from greedy_core.declarations import Declaration, Sweep, broken, declarations, settle
from greedy_core.errors import SettingsError, require
from greedy_core.ranges import NOT_EMPTY, Text, ZeroOr
from greedy_core.settings import EditSettings
from greedy_core.typed_values import LARGEST_INT, shown
from search.config.keys import assemble, conformed, flat_values
from search.config.space_parts import SPACE, folded
from spaces import SearchSpace, SpaceError, load_space
from spaces.frozen import frozen, plain
from spaces.scalars import PlainDumper

MOST_TRIALS = 1_000_000
"""A driver keeps some kilobytes of each trial, and every look at the sweep reads all of them."""
MOST_SECONDS = 365 * 24 * 3600.0
"""Timers of the operating system end not far above."""
MOST_SEQUENCES = 1000
"""Far more than tell two settings apart, and every one has to be prepared."""
MOST_UNITS = 1_000_000_000
"""More than all greedy steps of a sweep's most edits."""
LEAST_SHARE = 0.0001
"""The smallest share of a CPU or GPU that Ray knows."""
MOST_SHARE = 1e6
"""More CPUs or GPUs than any cluster has."""

Sampler = Literal["tpe", "random", "qmc"]
Scheduler = Literal["asha", "none"]
Resource = Literal["edits", "steps"]

IN_AN_EXTENSION = Sweep("in an extension")
BY_HAND = Sweep("by hand")
SHARE = Interval(ge=LEAST_SHARE, le=MOST_SHARE)
FOLDER = Text(NOT_EMPTY, "must be a folder or null")
ADDRESS = Text(re.compile(r"auto|[^/\s]+:[0-9]{1,5}"), "must be host:port, auto or null")


@dataclass(frozen=True)
class SearchSettings:
    """Which settings are tried, and how long each of them may run."""

    trials: Annotated[int, Ge(1), Le(MOST_TRIALS), Sweep("by raising it")] = 64
    """Number of settings to try, not counting the baselines."""
    space: Annotated[str | Mapping[str, Any], IN_AN_EXTENSION] = "core"
    """What is searched: a preset (core, extended), the path of a .yaml file, or the space
    itself."""
    sampler: Annotated[Sampler, IN_AN_EXTENSION] = "tpe"
    """What proposes settings: tpe learns from results; random and qmc (quasi-random) do not."""
    seed: Annotated[int | None, Ge(0), Le(LARGEST_INT), IN_AN_EXTENSION] = None
    """Seed for the proposals; None: the same as seed."""
    scheduler: Annotated[Scheduler, IN_AN_EXTENSION] = "asha"
    """What stops trials early: asha stops those that are behind at a rung; none stops nothing."""
    sequences: Annotated[int, Ge(1), Le(MOST_SEQUENCES), Sweep()] = 1
    """Number of edit sequences that each trial walks, each with records of its own; a trial's value
    is their mean."""
    resource: Annotated[Resource, Sweep()] = "edits"
    """Unit of the rungs: edits done, or greedy steps (unfair to settings with many steps)."""
    grace: Annotated[int | None, Ge(1), Le(MOST_UNITS), Sweep()] = None
    """Position of the first rung, in units of search.resource; None: one batch, or one sequence
    where there are several."""
    reduction_factor: Annotated[int, Ge(2), Le(MOST_TRIALS), Sweep()] = 2
    """Factor between one rung and the next; each rung keeps one in this many trials."""
    concurrency: Annotated[int | None, Ge(1), Le(MOST_TRIALS), BY_HAND] = None
    """Maximum number of trials at a time; None: as many as the CPUs allow."""
    max_failures: Annotated[int, Ge(0), Le(MOST_TRIALS), BY_HAND] = 2
    """Number of times a trial is tried again after an error."""
    max_failed: Annotated[int | None, Ge(1), Le(MOST_TRIALS), BY_HAND] = 10
    """Number of failed search trials after which a session stops if all have failed; None: no
    limit."""
    trial_timeout: Annotated[float, Gt(0), Le(MOST_SECONDS), BY_HAND] = 600.0
    """Seconds without a sign of life after which a trial counts as hung, not counting loading."""
    audit: Annotated[int, Ge(0), Le(MOST_TRIALS), IN_AN_EXTENSION] = 0
    """Number of trials that are never stopped early, to measure what stopping costs."""

    def __post_init__(self) -> None:
        # The caller may go on to change what was given; the settings are a value.
        object.__setattr__(self, "space", frozen(self.space))
        settle(self)
        require(
            *broken(self),
            (
                self.audit <= self.trials,
                f"`audit <= trials` must hold, but got (audit={self.audit}, trials={self.trials})",
            ),
        )


@dataclass(frozen=True)
class CacheSettings:
    """The store of computed states that trials and sweeps share."""

    enabled: Annotated[bool, BY_HAND] = True
    """Whether computed states are stored."""
    dir: Annotated[str | None, FOLDER, BY_HAND] = None
    """Folder of the store, which processes and machines may share, or s3://bucket/prefix; None: the
    user's cache folder."""
    limit_gb: Annotated[float, Interval(gt=0, le=1e9), BY_HAND] = 10.0
    """Maximum size of the store's folder in GB; beyond it, the least recently used files are
    removed."""
    worker_mb: Annotated[float, Ge(0), Le(1e12), BY_HAND] = 64.0
    """MB of memory per worker for states, and as much again for hidden states not prepared in
    advance."""
    prepared_mb: Annotated[float, Ge(0), Le(1e12), BY_HAND] = 1024.0
    """MB of memory per node for prepared hidden states, which all of its workers share."""

    def __post_init__(self) -> None:
        settle(self)
        require(*broken(self))


@dataclass(frozen=True)
class RaySettings:
    """The machines that trials run on."""

    address: Annotated[str | None, ADDRESS, BY_HAND] = None
    """host:port of a running cluster, or auto for the one that this machine is part of; None: Ray
    is started on this machine."""
    cpus_per_trial: Annotated[float, Ge(LEAST_SHARE), Le(MOST_SHARE), BY_HAND] = 1.0
    """Number of CPUs that each trial reserves."""
    gpus_per_trial: Annotated[float, ZeroOr(SHARE), BY_HAND] = 0.0
    """Number of GPUs that each trial reserves; with a fraction, trials share one."""

    def __post_init__(self) -> None:
        settle(self)
        require(*broken(self))


@dataclass(frozen=True)
class VerdictSettings:
    """How results are judged."""

    margin: Annotated[float, Interval(ge=0, le=1), BY_HAND] = 0.01
    """Lead in composite up to which two settings are equally good in practice."""

    def __post_init__(self) -> None:
        settle(self)
        require(*broken(self))


@dataclass(frozen=True)
class SweepConfig:
    """Everything that a sweep depends on."""

    edit: EditSettings = field(default_factory=EditSettings, metadata={"inline": True})
    """What one edit computes; its keys stand at the top level."""
    search: SearchSettings = field(default_factory=SearchSettings)
    """The search."""
    cache: CacheSettings = field(default_factory=CacheSettings)
    """The store."""
    ray: RaySettings = field(default_factory=RaySettings)
    """The machines."""
    verdict: VerdictSettings = field(default_factory=VerdictSettings)
    """The verdict."""

    def __post_init__(self) -> None:
        settle(self)
        grace, edits, sequences = self.search.grace, self.edit.edits, self.search.sequences
        require(
            (
                grace is None or self.search.resource != "edits" or grace <= edits * sequences,
                "`search.grace <= edits * search.sequences` must hold where search.resource is "
                f"edits, but got (search.grace={grace}, edits={edits}, "
                f"search.sequences={sequences})",
            ),
        )

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> SweepConfig:
        """A configuration with values under some dotted keys, and defaults for the rest.

        Raises:
            SettingsError: An unknown key, a wrong type, or a broken condition; all faults together.

        Example:
            >>> ratchet.Config.from_values({"greedy.steps": 4, "search.trials": 8}).search.trials
            8
        """
        return cls().with_values(values)

    def flat(self) -> dict[str, object]:
        """Dotted key (`model`, `greedy.steps`, `search.trials`) -> value, as declared."""
        return flat_values(self)

    def with_values(self, values: Mapping[str, object]) -> SweepConfig:
        """The same configuration with other values under some dotted keys.

        `search.space.greedy.steps` changes that setting of the space alone, as `key=value` does.

        Raises:
            SettingsError: An unknown key, a wrong type, or a broken condition; all faults together.
        """
        if not isinstance(values, Mapping):
            raise SettingsError(
                f"settings must be a mapping of dotted keys to values, but got {shown(values)}"
            )
        given = {str(key): value for key, value in values.items()}
        right, faults = conformed(folded(given, self.search.space), KEYS)
        config, broken = assemble(SweepConfig, {**self.flat(), **right})
        if faults or broken:
            raise SettingsError([text for _, text in faults + broken])
        return config

    def search_space(self) -> SearchSpace:
        """The space that is searched, checked against everything else here.

        Raises:
            SettingsError: The space is wrong, or does not fit the other settings.
        """
        try:
            return load_space(self.search.space, self.flat(), local_path)
        except SpaceError as error:
            raise SettingsError([f"search.space: {fault}" for fault in error.faults]) from None

    def self_contained(self) -> SweepConfig:
        """The same configuration with its space written out, independent of presets and files."""
        return self.with_values({SPACE: self.search_space().to_dict()})

    def to_yaml(self) -> str:
        """The whole configuration as a file that `read_config` reads back."""
        nested: dict[str, Any] = {}
        for key, value in self.flat().items():
            group, _, name = key.rpartition(".")
            (nested.setdefault(group, {}) if group else nested)[name] = value
        # Escaped where a terminal would obey it, readable everywhere else.
        printable = all(text.isprintable() for text in _texts(nested))
        return yaml.dump(
            plain(nested), Dumper=_ListsInline, sort_keys=False, allow_unicode=printable
        )


def edit_settings(values: Mapping[str, object]) -> EditSettings:
    """The settings of one edit from dotted keys; what is missing takes its default.

    Keys of `search`, `cache`, `ray` and `verdict` are passed over, so a whole flat configuration
    will do.

    Raises:
        SettingsError: An unknown key, a wrong type, or a broken condition; all faults together.
    """
    own = {k: v for k, v in values.items() if k in EDIT_KEYS or k not in KEYS}
    right, faults = conformed(own, EDIT_KEYS)
    settings, broken = assemble(EditSettings, right)
    if faults or broken:
        raise SettingsError([text for _, text in faults + broken])
    return settings


class _ListsInline(PlainDumper):
    """Mappings in blocks, lists on one line, and no aliases: `read_config` refuses them."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_inline(self, data: list[object]) -> yaml.Node:
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)


_ListsInline.add_representer(list, _ListsInline.represent_inline)


def _texts(value: object) -> Iterator[str]:
    """All text in a nested value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from (*_texts(key), *_texts(each))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


DECLARED: Mapping[str, Declaration] = declarations(SweepConfig)
"""Dotted key -> declaration of every setting."""
EDIT_DECLARED: Mapping[str, Declaration] = declarations(EditSettings)
"""Those of an edit alone."""
KEYS: Mapping[str, Any] = {key: each.annotation for key, each in DECLARED.items()}
"""Dotted key -> type of every setting."""
EDIT_KEYS: Mapping[str, Any] = {key: each.annotation for key, each in EDIT_DECLARED.items()}
"""Dotted key -> type of every setting of an edit."""
