"""The configuration of a sweep: what is edited, what is searched, how, and on which machines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from analysis.tables.paths import local_path
from greedy_core.errors import SettingsError, require
from greedy_core.settings import EditSettings
from search.config.keys import annotations_of, assemble, conformed, flat_values
from spaces import SearchSpace, SpaceError, load_space
from spaces.scalars import PlainDumper

MOST_TRIALS = 1_000_000
"""A driver keeps some kilobytes of each trial, and every look at the sweep reads all of them."""
MOST_SECONDS = 365 * 24 * 3600.0
"""Timers of the operating system end not far above."""
LEAST_SHARE = 0.0001
"""The smallest share of a CPU or GPU that Ray knows."""

Sampler = Literal["tpe", "random", "qmc"]
Scheduler = Literal["asha", "none"]
Resource = Literal["edits", "steps"]


@dataclass(frozen=True)
class SearchSettings:
    """Which settings are tried, and how long each of them may run."""

    trials: int = 64
    """Settings to try; the baselines run beside them and do not count."""
    space: str | Mapping[str, Any] = "core"
    """A preset (core, extended), the path of a .yaml file, or the space itself."""
    sampler: Sampler = "tpe"
    """What proposes settings: TPE learns from results; random and qmc (quasi-random) do not."""
    seed: int | None = None
    """Seed of the proposals; None takes the edit's seed."""
    scheduler: Scheduler = "asha"
    """asha stops trials that are behind at a rung; none runs them all to the end."""
    resource: Resource = "edits"
    """What rungs count: edits done, or greedy steps (unfair to settings with many of them)."""
    grace: int | None = None
    """The first rung, in units of the resource; None: one batch."""
    reduction_factor: int = 2
    """Every rung is this many times the one before, and keeps one in this many trials."""
    concurrency: int | None = None
    """Trials at once; None: as many as the CPUs allow."""
    max_failures: int = 2
    """How often a trial is tried again after an error."""
    max_failed: int | None = 10
    """Failed search trials that stop a session if none has ended otherwise; None: it goes on."""
    trial_timeout: float = 600.0
    """Seconds without a sign of life after which a trial counts as hung; loading is not counted."""
    audit: int = 0
    """Trials that are never stopped early, to measure what stopping costs."""

    def __post_init__(self) -> None:
        require(
            (self.trials >= 1, f"`trials >= 1` must hold, but got (trials={self.trials})"),
            (self.seed is None or self.seed >= 0, _at_least("seed", 0, self.seed)),
            (self.grace is None or self.grace >= 1, _at_least("grace", 1, self.grace)),
            (
                self.reduction_factor >= 2,
                _at_least("reduction_factor", 2, self.reduction_factor),
            ),
            (
                self.concurrency is None or self.concurrency >= 1,
                _at_least("concurrency", 1, self.concurrency),
            ),
            (self.max_failures >= 0, _at_least("max_failures", 0, self.max_failures)),
            (
                self.max_failed is None or self.max_failed >= 1,
                _at_least("max_failed", 1, self.max_failed),
            ),
            (
                self.trial_timeout > 0,
                f"`trial_timeout > 0` must hold, but got (trial_timeout={self.trial_timeout})",
            ),
            (
                0 <= self.audit <= self.trials,
                "`0 <= audit <= trials` must hold, but got "
                f"(audit={self.audit}, trials={self.trials})",
            ),
            *_at_most(
                MOST_TRIALS,
                trials=self.trials,
                concurrency=self.concurrency,
                max_failures=self.max_failures,
            ),
            *_at_most(MOST_SECONDS, trial_timeout=self.trial_timeout),
        )


@dataclass(frozen=True)
class CacheSettings:
    """The store of computed states that trials and sweeps share."""

    enabled: bool = True
    """Whether anything is stored."""
    dir: str | None = None
    """Its folder, or s3://bucket/prefix; None: the user's cache folder."""
    limit_gb: float = 10.0
    """Size of a folder above which what was not used for longest is removed."""
    worker_mb: float = 64.0
    """Memory of one worker for states, and as much for hidden states that were not prepared."""
    prepared_mb: float = 1024.0
    """Memory of a node for prepared hidden states, which all of its workers share."""

    def __post_init__(self) -> None:
        require(
            (self.dir != "", "dir must be a folder or null, but got (dir='')"),
            (
                0 < self.limit_gb <= 1e9,
                f"`0 < limit_gb <= 1e9` must hold, but got (limit_gb={self.limit_gb})",
            ),
            (self.worker_mb >= 0, _at_least("worker_mb", 0, self.worker_mb)),
            (self.prepared_mb >= 0, _at_least("prepared_mb", 0, self.prepared_mb)),
            *_at_most(1e12, worker_mb=self.worker_mb, prepared_mb=self.prepared_mb),
        )


@dataclass(frozen=True)
class RaySettings:
    """The machines that trials run on."""

    address: str | None = None
    """A running cluster's host:port, or auto for the one that this machine is part of; None starts
    Ray on this machine."""
    cpus_per_trial: float = 1.0
    """CPUs that a trial reserves."""
    gpus_per_trial: float = 0.0
    """GPUs that a trial reserves; fractions share one."""

    def __post_init__(self) -> None:
        require(
            (
                self.cpus_per_trial > 0,
                f"`cpus_per_trial > 0` must hold, but got (cpus_per_trial={self.cpus_per_trial})",
            ),
            (self.gpus_per_trial >= 0, _at_least("gpus_per_trial", 0, self.gpus_per_trial)),
            *(
                (
                    not 0 < value < LEAST_SHARE,
                    f"`{name} >= {LEAST_SHARE}` must hold, but got ({name}={value})",
                )
                for name, value in (
                    ("cpus_per_trial", self.cpus_per_trial),
                    ("gpus_per_trial", self.gpus_per_trial),
                )
            ),
            (
                self.address is None
                or self.address == "auto"
                or re.fullmatch(r"[^/\s]+:\d{1,5}", self.address) is not None,
                f"`address` must be host:port, auto or null, but got (address={self.address!r})",
            ),
        )


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

    def __post_init__(self) -> None:
        grace, edits = self.search.grace, self.edit.edits
        require(
            (
                grace is None or self.search.resource != "edits" or grace <= edits,
                "`search.grace <= edits` must hold where search.resource is edits, but got "
                f"(search.grace={grace}, edits={edits})",
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

        Raises:
            SettingsError: An unknown key, a wrong type, or a broken condition; all faults together.
        """
        right, faults = conformed(values, KEYS)
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
        return self.with_values({"search.space": self.search_space().to_dict()})

    def to_yaml(self) -> str:
        """The whole configuration as a file that `read_config` reads back."""
        nested: dict[str, Any] = {}
        for key, value in self.flat().items():
            group, _, name = key.rpartition(".")
            (nested.setdefault(group, {}) if group else nested)[name] = value
        # Escaped where a terminal would obey it, readable everywhere else.
        plain = all(text.isprintable() for text in _texts(nested))
        return yaml.dump(nested, Dumper=_ListsInline, sort_keys=False, allow_unicode=plain)


def edit_settings(values: Mapping[str, object]) -> EditSettings:
    """The settings of one edit from dotted keys; what is missing takes its default.

    Keys of `search`, `cache` and `ray` are passed over, so a whole flat configuration will do.

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

    def represent_inline(self, data: list[object] | tuple[object, ...]) -> yaml.Node:
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)


_ListsInline.add_representer(list, _ListsInline.represent_inline)
_ListsInline.add_representer(tuple, _ListsInline.represent_inline)


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


def _at_most(most: float, **values: float | None) -> list[tuple[bool, str]]:
    return [
        (
            value is None or not value > most,
            f"`{name} <= {most:.0f}` must hold, but got ({name}={value})",
        )
        for name, value in values.items()
    ]


def _at_least(name: str, least: int, value: object) -> str:
    return f"`{name} >= {least}` must hold, but got ({name}={value})"


EDIT_KEYS: Mapping[str, Any] = annotations_of(EditSettings)
"""Dotted key -> type of every setting of an edit."""
KEYS: Mapping[str, Any] = annotations_of(SweepConfig)
"""Dotted key -> type of every setting."""
