"""sweep.yaml: what a sweep was started with, readable by people and by `resume`."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import yaml

from analysis.errors import ResultsError
from analysis.folder import SweepFolder
from analysis.storage import Address
from search.config import KEYS, SweepConfig
from search.results.parts import ResultsFolder

SWEEP_FILE = "sweep.yaml"

VERSIONED = ("ratchet-tune", "torch", "transformers", "ray", "optuna", "pyarrow", "numpy")
"""Packages whose versions a sweep records."""


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
    """0, and one more for each extension."""
    versions: Mapping[str, str]
    """Python's and the packages' versions."""
    git_sha: str | None
    """Commit of the working directory, where it is a git checkout."""
    digests: Mapping[str, str]
    """Digests of model, dataset and corpus."""
    config: SweepConfig
    """Resolved and self-contained."""

    def write(self, folder: ResultsFolder) -> None:
        """Write the file whole."""
        content = {
            "sweep_id": self.sweep_id,
            "name": self.name,
            "started": self.started,
            "generation": self.generation,
            "versions": dict(self.versions),
            "git_sha": self.git_sha,
            "digests": dict(self.digests),
        }
        head = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        config = "".join(f"  {line}\n" for line in self.config.to_yaml().splitlines())
        folder.put(SWEEP_FILE, f"{head}config:\n{config}".encode())

    @classmethod
    def read(cls, address: Address) -> SweepFile:
        """Read the file of the sweep in a folder.

        Raises:
            ResultsError: if it is missing or damaged.
            StorageError: if the store cannot be used.
        """
        folder = SweepFolder.at(address)
        path, text = folder.path(SWEEP_FILE), folder.text(SWEEP_FILE)
        if text is None:
            folder.require_place()
            raise ResultsError(f"{path}: there is no sweep here")
        try:
            content = yaml.safe_load(text)
            values = {name: content[name] for name in cls.__dataclass_fields__ if name != "config"}
            config = SweepConfig().with_values(_dotted(content["config"]))
        except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            raise ResultsError(f"{path}: cannot be read as a sweep: {error}") from error
        return cls(**values, config=config)


def versions() -> dict[str, str]:
    """Versions of Python and of what results depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in VERSIONED}


def git_sha() -> str | None:
    """The commit of the working directory; None where there is no git or no checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, timeout=10
        )
    except OSError:
        return None
    return done.stdout.strip() or None


def _dotted(nested: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration's values under their dotted keys."""
    values: dict[str, Any] = {}
    for key in KEYS:
        group, _, name = key.rpartition(".")
        values[key] = (nested[group] if group else nested)[name]
    return values
