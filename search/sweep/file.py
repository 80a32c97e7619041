"""sweep.yaml: what a sweep was started with, readable by people and by `resume`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, get_type_hints

import yaml

from analysis.errors import ResultsError
from analysis.tables.address import Address
from analysis.tables.commits import digest_of, head
from analysis.tables.folder import SweepFolder, way_out
from analysis.tables.plain_yaml import WRITTEN
from greedy_core.errors import SettingsError
from greedy_core.inputs.model_presets import PRESET
from search.config.later_settings import LATER, with_later
from search.config.settings import KEYS, SweepConfig
from search.sweep.distributions import parsed, texts, united
from search.sweep.file_edits import accept_edits
from search.worker.import_places import import_roots
from spaces.document import parse_document
from spaces.errors import DocumentError
from spaces.scalars import PlainDumper
from spaces.values import conform, inert

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
    distributions: Mapping[str, str] = field(default_factory=dict)
    """Optuna's JSON of all that was searched in any generation, by dotted key; what the
    configuration searches is added."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Settings that are absolute paths here, by key, as they were given."""
    import_roots: tuple[str, ...] = ()
    """Folders that the modules of metric functions lie in."""

    def __post_init__(self) -> None:
        earlier = {key: parsed(key, text) for key, text in self.distributions.items()}
        everything = united(earlier, self.config.search_space().distributions)
        object.__setattr__(self, "distributions", texts(everything))

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

    @classmethod
    def read(cls, address: Address) -> SweepFile:
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
                raise ResultsError(f"{path}: is missing, although there are rows of a sweep")
            return cls.parse(text, path)
        committed = cls.parse(commit.sweep, path)
        if text is None or text == commit.sweep or digest_of(text.encode()) in commit.earlier:
            return committed  # an earlier text may be shown by a driver that woke up late
        try:
            found = cls.parse(text, path)
            committed.require_same_origin(found, path)
        except ResultsError as error:
            raise ResultsError([*error.faults, way_out(folder.address)]) from None
        accept_edits(committed.config, found.config)
        return found

    @classmethod
    def parse(cls, text: str, path: str) -> SweepFile:
        """What the text of such a file says.

        Raises:
            ResultsError: it is damaged; `path` is named.
        """
        return _parsed(text, path)

    @classmethod
    def _of_text(cls, text: str, path: str) -> SweepFile:
        try:
            document = parse_document(text, path, WRITTEN)
        except DocumentError as error:
            raise ResultsError(error.faults) from None
        values, faults = _head(document.values)
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
        try:
            return cls(**values, config=config, distributions=searched)
        except ValueError as error:
            raise ResultsError(f"{path}: distributions: {error}") from None

    def require_same_origin(self, found: SweepFile, path: str) -> None:
        """Compare all but the configuration with what is in the file.

        Raises:
            ResultsError: a line for each entry that is not what the sweep has written.
        """
        faults = [
            f"{path}: {each.name} is not what the sweep has written"
            for each in fields(self)
            if each.name not in ("config", "distributions")
            and getattr(self, each.name) != getattr(found, each.name)
        ]
        if faults:
            raise ResultsError(faults)


@lru_cache(maxsize=4)  # a command looks at the file before and after it has the lock
def _parsed(text: str, path: str) -> SweepFile:
    return SweepFile._of_text(text, path)


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
    text = json.dumps(config.search.space, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()


def _head(content: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """Everything but the configuration, and what is wrong with it."""
    values: dict[str, Any] = {}
    faults = []
    for name, kind in _HEAD.items():
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
        if not isinstance(holder, Mapping) or (name not in holder and key not in LATER):
            raise ValueError(f"config: {key} is missing")
        if holder.get(name) is None and key in PRESET:
            raise ValueError(f"config: {key} must have a value")
        values[key] = holder.get(name)
    return with_later(values)


_LATER = ("given", "import_roots")
"""What the first sweeps do not have."""

_HEAD: Mapping[str, Any] = {
    name: hint
    for name, hint in get_type_hints(SweepFile).items()
    if name not in ("config", "distributions")
}
"""Names and types of everything but the configuration."""
