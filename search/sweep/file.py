"""sweep.yaml: what a sweep was started with, readable by people and by `resume`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cached_property

import yaml

from analysis.errors import ResultsError
from search.config.settings import SweepConfig
from search.sweep.distributions import parsed, texts, united
from search.worker.import_places import import_roots
from spaces.frozen import plain
from spaces.scalars import PlainDumper

SWEEP_FILE = "sweep.yaml"


@dataclass(frozen=True)
class SweepFile:
    """A sweep's origin and resolved configuration."""

    sweep_id: str
    """Tells this sweep from every other one."""
    name: str
    """What people call it."""
    started: str
    """When, in UTC."""
    generation: int
    """0, and one more whenever the sweep was extended or other versions were accepted."""
    generations: Mapping[str, str]
    """What each generation, by its number, set out to do, in one line."""
    versions: Mapping[str, str]
    """Python's, the tables' and the packages' versions, of this generation."""
    earlier_versions: Mapping[str, str]
    """The same of each earlier generation, by its number, as one text."""
    git_sha: str | None
    """Commit of the working directory, where it is a git checkout."""
    digests: Mapping[str, str]
    """Digests of model, dataset, corpus and space."""
    config: SweepConfig
    """Resolved and self-contained."""
    searched_before: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Optuna's JSON of what earlier generations have searched, by dotted key."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Settings that are absolute paths here, by key, as they were given."""
    import_roots: tuple[str, ...] = ()
    """Folders that the modules of metric functions lie in."""

    @cached_property
    def distributions(self) -> Mapping[str, str]:
        """Optuna's JSON of all that was searched in any generation, by dotted key."""
        return self.distributions_with(self.config)

    def distributions_with(self, config: SweepConfig) -> Mapping[str, str]:
        """The same, once the sweep goes on with a configuration.

        Raises:
            ValueError: a setting is a range in one and a choice, or of another type, in another.
        """
        earlier = {key: parsed(key, text) for key, text in self.searched_before.items()}
        if config is not self.config:
            earlier = united(earlier, self.config.search_space().distributions)
        return texts(united(earlier, config.search_space().distributions))

    def next_generation(
        self, config: SweepConfig, found: Mapping[str, str], sha: str | None
    ) -> SweepFile:
        """The same sweep, going on with a configuration, and with the versions that were found."""
        text = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        number = self.generation + 1
        was, now = self.config.flat(), config.flat()
        roots = import_roots(config.edit.greedy.metric, config.search_space())
        return replace(
            self,
            searched_before=self.distributions,
            given={key: text for key, text in self.given.items() if was[key] == now[key]},
            import_roots=tuple(dict.fromkeys([*self.import_roots, *roots])),
            generation=number,
            generations={**self.generations, str(number): purpose(config)},
            versions=found,
            earlier_versions={**self.earlier_versions, str(self.generation): text},
            git_sha=sha,
            digests={**self.digests, "space": space_digest(config)},
            config=config,
        )

    def versions_of(self, generation: int) -> Mapping[str, str]:
        """The versions that a generation ran with."""
        if generation == self.generation or str(generation) not in self.earlier_versions:
            return self.versions
        text = self.earlier_versions[str(generation)]
        return {name: version for name, _, version in (e.partition(" ") for e in text.split(", "))}

    def text(self) -> str:
        """The content of the file."""
        content = {
            "sweep_id": self.sweep_id,
            "name": self.name,
            "started": self.started,
            "generation": self.generation,
            "generations": dict(self.generations),
            "versions": dict(self.versions),
            "earlier_versions": dict(self.earlier_versions),
            "git_sha": self.git_sha,
            "digests": dict(self.digests),
            "distributions": dict(self.distributions),
            "given": dict(self.given),
            "import_roots": list(self.import_roots),
        }
        head = yaml.dump(content, Dumper=PlainDumper, sort_keys=False, allow_unicode=True)
        config = "".join(f"  {line}\n" for line in self.config.to_yaml().splitlines())
        return f"{head}config:\n{config}"

    def require_same_origin(self, found: SweepFile, path: str) -> None:
        """Compare all but the configuration with what is in the file.

        Raises:
            ResultsError: a line for each entry that is not what the sweep has written.
        """
        faults = [
            f"{path}: {_ENTRIES.get(each.name, each.name)} is not what the sweep has written"
            for each in fields(self)
            if each.name != "config" and getattr(self, each.name) != getattr(found, each.name)
        ]
        if faults:
            raise ResultsError(faults)


_ENTRIES = {"searched_before": "distributions"}
"""What a field is called in the file, where that is something else."""


def purpose(config: SweepConfig) -> str:
    """What a generation sets out to do, in one line."""
    search = config.search
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return (
        f"{started}: {search.trials} search trials in all, sampler {search.sampler}, "
        f"scheduler {search.scheduler}, space {space_digest(config)[:12]}"
    )


def space_digest(config: SweepConfig) -> str:
    """Digest of a self-contained configuration's search space."""
    text = json.dumps(plain(config.search.space), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
